"""Index the words of all tickets again."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from tickets.models import Ticket
from tickets.search import index

EXAMPLES = """
Examples:
  manage.py rebuild_search
  manage.py rebuild_search --resume
  manage.py rebuild_search --dry-run
"""
EVERY = 10_000  # tickets between two lines of progress


class Command(BaseCommand):
    help = (
        "Index the words of all tickets again, beside everything else that runs. Needed only after "
        "rows were written past the service."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", type=int, default=500, help="tickets a transaction")
        parser.add_argument("--resume", action="store_true", help="go on where the last stopped")
        parser.add_argument("--dry-run", action="store_true", help="only say how many")

    @property
    def _place(self) -> Path:
        return settings.DATA_DIR / "rebuild_search.txt"

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        after_id = self._resumed() if options["resume"] else 0
        total = Ticket.objects.filter(pk__gt=after_id).count()
        self.stdout.write(f"{total} tickets.")
        if options["dry_run"]:
            self.stdout.write("Dry run: nothing was written.")
            return
        done = self._rebuild(after_id, options["batch"], total)
        self._place.unlink(missing_ok=True)
        index.purge()
        self.stdout.write(f"{done} tickets can be found by their words.")

    def _rebuild(self, after_id: int, size: int, total: int) -> int:
        done = 0
        try:
            for batch in index.rebuild(after_id=after_id, size=size):
                self._place.write_text(str(batch.last_id))
                if (done + batch.tickets) // EVERY > done // EVERY:
                    self.stdout.write(f"  {done + batch.tickets} of {total}")
                done += batch.tickets
        except KeyboardInterrupt:
            raise CommandError("Stopped. --resume goes on from here.") from None
        return done

    def _resumed(self) -> int:
        try:
            return int(self._place.read_text())
        except (OSError, ValueError) as error:
            raise CommandError("There is no stopped run to resume.") from error
