"""Import tickets of another system."""

import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tickets.codes import TicketStatus
from tickets.data import import_files, import_tickets
from tickets.data.import_files import FileUnusable, Reading
from tickets.data.import_rejects import Rejects
from tickets.data.import_tickets import Batch, Tally
from tickets.management import import_report

EXAMPLES = """
Examples:
  manage.py import_tickets helpdesk.csv --dry-run
  manage.py import_tickets helpdesk.csv --map message=body --map external_id="Ticket ID"
  manage.py import_tickets open.jsonl --status open --source helpdesk
  manage.py import_tickets --summary --source helpdesk

Values: message (needed), email, name, subject, external_id, created_at, status, intent. Usual names
are found by themselves. Run it again after a stop or when the file grew: what is there is left
alone. Lines that cannot be used go into FILE.rejects with the reason; mend them there and import
that file under the same --source.
"""
SHOW_EVERY = 2.0  # seconds


class Command(BaseCommand):
    help = (
        "Take over tickets from a CSV or JSON Lines file: each is predicted and decided on for the "
        "record, and nobody gets any mail. At the end it says what the policy in force would have "
        "answered by machine."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?")
        parser.add_argument("--map", action="append", default=[], metavar="OURS=THEIRS")
        parser.add_argument("--source", help="whose ids these are; the file's name if not given")
        parser.add_argument(
            "--status",
            choices=["closed", "open"],
            default="closed",
            help="of lines that say none: history, or work that waits for your team",
        )
        parser.add_argument("--email", help="address for lines that name none")
        parser.add_argument("--rejects", type=Path, help="where bad lines go")
        parser.add_argument("--dry-run", action="store_true", help="read and check, write nothing")
        parser.add_argument("--summary", action="store_true", help="only what came from --source")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["file"]
        if options["summary"]:
            self._summarise(options["source"] or (path.stem if path else ""))
            return
        if path is None or not path.is_file():
            raise CommandError(f"There is no file {path}." if path else "Name a file to import.")
        source = options["source"] or path.stem.removesuffix(".rejects")
        try:
            reading = self._reading(path, options)
            self._import(path, source, reading, options)
        except FileUnusable as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("Stopped. The same command goes on from here.") from None

    def _reading(self, path: Path, options: dict[str, Any]) -> Reading:
        given = dict(part.partition("=")[::2] for part in options["map"])
        if not all(given.values()):
            raise CommandError('--map is written as --map message="Their name".')
        names = import_files.names_in(path)
        columns = import_files.columns_of(names, given)
        for ours, theirs in columns.items():
            self.stdout.write(f"  {ours:<12} from {theirs}")
        unused = [name for name in names if name not in columns.values()]
        if unused:
            self.stdout.write(f"  not used     {', '.join(unused)}")
        return Reading(
            columns=columns,
            status=TicketStatus(options["status"]),
            zone=timezone.get_current_timezone(),
            now=timezone.now(),
            email=options["email"],
        )

    def _import(self, path: Path, source: str, reading: Reading, options: dict[str, Any]) -> None:
        dry_run = options["dry_run"]
        place = options["rejects"] or path.with_name(f"{path.stem}.rejects{path.suffix}")
        if place.resolve() == path.resolve():
            raise CommandError("--rejects must be another file than the one that is imported.")
        done, names = Tally(), import_files.names_in(path)
        kept = Rejects(place, path, names=names, dry_run=dry_run)
        with import_files.open_file(path) as file, kept as rejects:
            for batch in self._batches(path, file, source, reading, dry_run=dry_run):
                rejects.add(batch.bad)
                done.add(batch)
        verb = "would be imported" if dry_run else "imported"
        self.stdout.write(
            f"{done.lines} lines: {done.imported} {verb}, {done.known} there already, "
            f"{done.rejected} rejected."
        )
        for bad in rejects.first:
            self.stdout.write(f"  line {bad.line.number}: {bad.problem}")
        if done.rejected and not dry_run:
            self.stdout.write(f"The rejected lines are in {place}.")
        if dry_run:
            self.stdout.write("Dry run: nothing was written.")
        else:
            self._summarise(source)

    def _batches(
        self, path: Path, file: Any, source: str, reading: Reading, *, dry_run: bool
    ) -> Iterator[Batch]:
        now = timezone.now()
        key = (
            import_tickets.find_source(source)
            if dry_run
            else import_tickets.source_named(source, now=now)
        )
        lines = import_files.checked(import_files.lines_of(path, file), reading)
        size, shown, total = max(path.stat().st_size, 1), time.monotonic(), 0
        for batch in import_tickets.batches(lines, key, now=now, dry_run=dry_run):
            yield batch
            total += batch.lines
            if time.monotonic() - shown > SHOW_EVERY:
                shown = time.monotonic()
                share = min(file.buffer.tell() / size, 1.0)
                self.stdout.write(f"  {share:4.0%}  {total} lines")

    def _summarise(self, source: str) -> None:
        key = import_tickets.find_source(source)
        if key is None:
            raise CommandError(f"Nothing was imported from {source!r} yet.")
        for line in import_report.words(import_report.summary(key), now=timezone.now()):
            self.stdout.write(line)
