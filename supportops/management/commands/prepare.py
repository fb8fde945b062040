from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classification.contract import ClassifierUnavailable
from supportops import preparing

ADDRESSES = {
    "Customers write at": "/ui/",
    "The team works at": "/ops/",
    "API documentation": "/docs/",
    "Prometheus metrics": "/metrics",
    "Health": "/health",
}


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Makes the database ready: tables, triggers, roles, starter policy, starter model, first "
        "accounts. Safe to run again. Example: manage.py prepare --demo"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="with demo tickets, where there are none yet"
        )
        parser.add_argument(
            "--no-accounts", action="store_true", help="make no accounts, for example in an image"
        )
        parser.add_argument(
            "--template",
            type=Path,
            help="a data directory prepared before, from which an empty one starts (SQLite)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = preparing.prepare(
                demo=options["demo"],
                accounts=not options["no_accounts"],
                template=options["template"],
                say=self.say,
            )
        except ClassifierUnavailable as error:
            raise CommandError(str(error)) from error
        if made.passwords:
            self.show(made.passwords)
        self.say("Ready.")

    def say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def show(self, passwords: dict[str, str]) -> None:
        """A box with what somebody needs who sees the product for the first time."""
        lines = [f"{words:<20}{settings.PUBLIC_URL}{path}" for words, path in ADDRESSES.items()]
        lines += ["", "Accounts, shown this once (manage.py changepassword makes new ones):"]
        lines += [f"{name:<20}{password}" for name, password in passwords.items()]
        width = max(len(line) for line in lines)
        self.say("┌─" + "─" * width + "─┐")
        for line in lines:
            self.say(f"│ {line:<{width}} │")
        self.say("└─" + "─" * width + "─┘")
