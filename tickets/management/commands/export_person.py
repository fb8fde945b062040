"""Export what is stored about a person."""

import json
import os
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from tickets.data import export

EXAMPLES = """
Examples:
  manage.py export_person --email ann@example.com --output ann.json
  manage.py export_person --email ann@example.com | less

Notes of agents are in it: look through the file before it leaves the house.
"""


class Command(BaseCommand):
    help = (
        "Write everything that is stored about a person as JSON: what they wrote, what was "
        "answered, predicted and decided. Changes nothing; `erase` erases."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", required=True)
        parser.add_argument("--output", type=Path, help="a new file; default: the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        found = export.person(options["email"])
        if found is None:
            raise CommandError("Nobody with this address is known.")
        text = json.dumps(found, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder)
        path = options["output"]
        if path is None:
            self.stdout.write(text)
            return
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}.") from error
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        self.stdout.write(f"{len(found['tickets'])} tickets written to {path}.")
