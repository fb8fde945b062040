"""Fill an empty install with demo tickets, as if it had been at work for two weeks."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tickets.data import demo
from tickets.models import DemoRun, Ticket

EXAMPLES = """
Examples:
  manage.py seed_demo
  manage.py seed_demo --tickets 500 --days 30
  manage.py seed_demo --dry-run
"""
MOST_TICKETS = 5_000


class Command(BaseCommand):
    help = "Create demo tickets from messages that the starter model has never seen."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tickets", type=int, default=160)
        parser.add_argument("--days", type=int, default=14, help="how far back they reach")
        parser.add_argument("--seed", type=int, default=1, help="other numbers, other tickets")
        parser.add_argument("--force", action="store_true", help="even where tickets exist")
        parser.add_argument("--dry-run", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["tickets"] < 1 or options["days"] < 1:
            raise CommandError("--tickets and --days must be at least 1.")
        if options["tickets"] > MOST_TICKETS:
            raise CommandError(f"--tickets must be at most {MOST_TICKETS}: each one is played.")
        begun = demo.unfinished()
        if begun is not None:
            self._finish(begun, dry_run=options["dry_run"])
            return
        if Ticket.objects.exists() and not options["force"]:
            raise CommandError("There are tickets already. --force adds demo tickets to them.")
        now = timezone.now()
        numbers = {name: options[name] for name in ("tickets", "days", "seed")}
        if options["dry_run"]:
            visits = demo.plan(**numbers, now=now)
            first, last = visits[0].at, visits[-1].at
            self.stdout.write(f"{len(visits)} tickets, {first:%Y-%m-%d} to {last:%Y-%m-%d}.")
            self.stdout.write("Dry run: nothing was written.")
            return
        self._play(DemoRun.objects.create(**numbers, started_at=now))

    def _finish(self, begun: DemoRun, *, dry_run: bool) -> None:
        """What an earlier run began comes first, with the numbers that it began with."""
        self.stdout.write(f"An earlier run was interrupted at {begun}; the rest of it follows.")
        if dry_run:
            self.stdout.write("Dry run: nothing was written.")
            return
        self._play(begun)

    def _play(self, begun: DemoRun) -> None:
        try:
            for done in demo.run(begun):
                if done % 40 == 0 or done == begun.tickets:
                    self.stdout.write(f"  {done} of {begun.tickets} demo tickets")
                    self.stdout.flush()
        except demo.PlayedElsewhere as error:
            raise CommandError(str(error)) from error
