"""Verify, export and replay the record."""

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from decisions.trials.replay import replay
from tickets.history import verify
from tickets.history.heads import HeadsUnreadable

EXAMPLES = """
Examples:
  manage.py audit verify
  manage.py audit export --output chain.jsonl      then: python3 docs/verify_audit.py chain.jsonl
  manage.py audit replay
"""
SHOWN = 10


class Command(BaseCommand):
    help = "Check that the audit chain is whole, write it to a file, or replay all decisions."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["verify", "export", "replay"])
        parser.add_argument("--output", type=Path, help="file of the export; default: the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            {"verify": self._verify, "export": self._export, "replay": self._replay}[
                options["what"]
            ](options)
        except (HeadsUnreadable, OSError) as error:
            raise CommandError(str(error)) from error

    def _verify(self, options: dict[str, Any]) -> None:
        found = verify.verify()
        if found.finding is not None:
            raise CommandError(f"The chain is not sound. {str(found.finding).capitalize()}.")
        self.stdout.write(f"{found.records} records, each follows from the one before it.")
        if found.signed_up_to:
            self.stdout.write(f"Signed up to record {found.signed_up_to}.")
        else:
            self.stdout.write("No head is signed yet; the worker signs every minute.")

    def _export(self, options: dict[str, Any]) -> None:
        if options["output"] is None:
            verify.export(sys.stdout)
            return
        with options["output"].open("w", encoding="utf-8") as file:
            written = verify.export(file)
        self.stdout.write(f"{written} records written to {options['output']}.")

    def _replay(self, options: dict[str, Any]) -> None:
        kinds: Counter[bool] = Counter()
        problems: list[str] = []
        number = 0
        for found in replay():
            kinds[found.exact] += 1
            if found.problem:
                number += 1
                problems = [*problems, f"decision {found.decision_id}: {found.problem}"][:SHOWN]
        self.stdout.write(
            f"{kinds.total()} decisions replayed, {kinds[True]} of them with this engine version."
        )
        for line in problems:
            self.stderr.write(line)
        if number:
            raise CommandError(f"{number} did not come out as recorded.")
        self.stdout.write("All came out as recorded.")
