"""Predict tickets again with the model in force."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date

from classification import services as classification
from tickets.data import reclassify
from tickets.models import Ticket

EXAMPLES = """
Examples:
  manage.py reclassify --dry-run
  manage.py reclassify --since 2026-10-01
  manage.py reclassify --resume
"""
SHOWN = 20


class Command(BaseCommand):
    help = (
        "Write new predictions for stored tickets. Never answers or decides again; changes a "
        "ticket's intent only while it is open and no person corrected it."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count what would change")
        parser.add_argument("--since", help="tickets created from this day on, e.g. 2026-10-01")
        parser.add_argument("--batch", type=int, default=200, help="tickets a transaction")
        parser.add_argument("--resume", action="store_true", help="go on where the last stopped")

    @property
    def _place(self) -> Path:
        return settings.DATA_DIR / "reclassify.json"

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        version = classification.serving_version()
        since = self._since(options["since"])
        after_id = self._resumed(version, options["since"]) if options["resume"] else 0
        total = reclassify.remaining(since=since, after_id=after_id)
        self.stdout.write(f"{total} tickets, model {version}.")
        done = decided = failed = 0
        flips: Counter[tuple[str | None, str | None, bool]] = Counter()
        try:
            for batch in reclassify.batches(
                now=timezone.now(),
                since=since,
                after_id=after_id,
                size=options["batch"],
                dry_run=options["dry_run"],
            ):
                done, decided = done + batch.tickets, decided + batch.decided
                failed += batch.failed
                flips.update((f.before, f.after, f.changes_ticket) for f in batch.flips)
                if not options["dry_run"]:
                    self._keep_place(version, options["since"], batch.last_id)
                self.stdout.write(f"  {done} of {total}")
        except KeyboardInterrupt:
            self._show(flips, done, decided, failed, dry_run=options["dry_run"])
            raise CommandError("Stopped. --resume goes on from here.") from None
        if not options["dry_run"]:
            self._place.unlink(missing_ok=True)
        self._show(flips, done, decided, failed, dry_run=options["dry_run"])

    def _since(self, text: str | None) -> Any:
        if text is None:
            return None
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None:
            raise CommandError(f"{text!r} is not a day such as 2026-10-01.")
        return timezone.make_aware(datetime(day.year, day.month, day.day))  # noqa: DTZ001

    def _resumed(self, version: str | None, since: str | None) -> int:
        try:
            place = json.loads(self._place.read_text())
            stopped, last_id = (place["version"], place["since"]), int(place["last_id"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError("There is no stopped run to resume.") from error
        if stopped != (version, since):
            raise CommandError("The stopped run had another model or --since; start again.")
        if not Ticket.objects.filter(pk=last_id).exists():
            raise CommandError("The stopped run belongs to another database; start again.")
        return last_id

    def _keep_place(self, version: str | None, since: str | None, last_id: int) -> None:
        place = {"version": version, "since": since, "last_id": last_id}
        draft = self._place.with_suffix(".new")
        draft.write_text(json.dumps(place))
        draft.replace(self._place)

    def _show(
        self,
        flips: Counter[tuple[str | None, str | None, bool]],
        done: int,
        decided: int,
        failed: int,
        *,
        dry_run: bool,
    ) -> None:
        self.stdout.write(f"{done} tickets predicted, {decided} decided, {failed} failed.")
        if flips:
            self.stdout.write("  tickets  before                    after                     ")
        for (before, after, changes), number in flips.most_common(SHOWN):
            note = "" if changes else "  (ticket keeps its intent)"
            self.stdout.write(
                f"  {number:>7}  {before or '(none)':<25} {after or '(none)':<25}{note}"
            )
        if dry_run:
            self.stdout.write("Dry run: nothing was written.")
