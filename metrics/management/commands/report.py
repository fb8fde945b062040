"""Print or write the report of a period."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from metrics.report.page import as_page
from metrics.report.report import report
from metrics.report.text import as_csv, as_text

EXAMPLES = """
Examples:
  manage.py report
  manage.py report --since 2026-10-01 --until 2026-11-01
  manage.py report --format json --output report.json
  manage.py report --format html --output report.html     one page with charts, for screen and paper
"""


def as_json(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2)


FORMATS = {"text": as_text, "json": as_json, "csv": as_csv, "html": as_page}


def moment(text: str) -> datetime:
    """A date or a date with a time, in the business's time zone when it names none."""
    try:
        found = parse_datetime(text) or parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not a date such as 2026-10-01.") from error
    if found is None:
        raise CommandError(f"{text!r} is not a date such as 2026-10-01.")
    if not isinstance(found, datetime):
        found = datetime(found.year, found.month, found.day)  # noqa: DTZ001  made aware below
    return found if timezone.is_aware(found) else timezone.make_aware(found)


class Command(BaseCommand):
    help = "Numbers of a period: how much was automated, why not, and how sure that is."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", help="from, e.g. 2026-10-01; default 30 days ago")
        parser.add_argument("--until", help="until, not included; default now")
        parser.add_argument("--format", choices=list(FORMATS), default="text")
        parser.add_argument("--output", type=Path, help="write to a file")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        until = moment(options["until"]) if options["until"] else now
        since = moment(options["since"]) if options["since"] else until - timedelta(days=30)
        if since >= until:
            raise CommandError("--since must be before --until.")
        content = report(since, until, now, progress=self._progress)
        text = FORMATS[options["format"]](content)
        if options["output"] is None:
            self.stdout.write(text)
            return
        try:
            options["output"].write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{options['output']} cannot be written: {error}") from error
        self.stdout.write(f"Written to {options['output']}.")

    def _progress(self, words: str) -> None:
        """To the terminal only, so that a pipe gets the report and nothing else."""
        if self.stderr.isatty():
            self.stderr.write(f"… {words}")
