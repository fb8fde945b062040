"""Erase a person."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tickets.data import erase
from tickets.history.record import Actor

EXAMPLES = """
Examples:
  manage.py erase --email ann@example.com --dry-run
  manage.py erase --email ann@example.com
"""


class Command(BaseCommand):
    help = (
        "Erase a person's words, name and address for good. Decisions, numbers and the audit chain "
        "stay, without words. Backups and mail servers are not reached."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--dry-run", action="store_true", help="count only")

    def handle(self, *args: Any, **options: Any) -> None:
        found = erase.count(options["email"])
        if not found.requesters:
            raise CommandError("Nobody with this address is known.")
        if options["dry_run"]:
            self.stdout.write(f"Would erase: {erase.as_words(found)}. Nothing was written.")
            return
        erased = erase.erase(options["email"], actor=Actor.machine(), now=timezone.now())
        self.stdout.write(f"Erased: {erase.as_words(erased)}.")
