"""Count history again, hour by hour."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metrics.management.commands.report import moment
from metrics.rollup import rebuild

EXAMPLES = """
Examples:
  manage.py rebuild_metrics --dry-run          how many hours are counted otherwise than they should
  manage.py rebuild_metrics                    all of history; goes on where it was stopped
  manage.py rebuild_metrics --since 2026-10-01 --until 2026-11-01

The worker does this by itself for whatever changes. By hand it is needed after rows were changed by
hand, or after another calendar was set for the business hours of the past.
"""


class Command(BaseCommand):
    help = "Count again what reports, pages and /metrics are made of. Safe to run at any time."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--since", help="from this hour on, e.g. 2026-10-01")
        parser.add_argument("--until", help="until before this hour; default now")
        parser.add_argument("--restart", action="store_true", help="begin at the first ticket")
        parser.add_argument("--dry-run", action="store_true", help="compare only, write nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        since = moment(options["since"]) if options["since"] else None
        until = moment(options["until"]) if options["until"] else now
        if since is not None and since >= until:
            raise CommandError("--since must be before --until.")
        dry_run = options["dry_run"]
        hours = different = 0
        for batch in rebuild.rebuild(
            now, since=since, until=until, restart=options["restart"], dry_run=dry_run
        ):
            hours += batch.hours
            different += batch.different
            self.stderr.write(f"{batch.until:%Y-%m-%d %H:%M}  {hours} hours, {different} different")
        verb = "would change" if dry_run else "changed"
        self.stdout.write(f"{hours} hours counted, {different} {verb}.")
