from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportops.background import worker


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Runs the periodic jobs: delivers mail, decides what a crash left undecided, tidies up. "
        "Example: manage.py worker   or, from cron: manage.py worker --once"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="run what is due now, then leave")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["once"]:
            ran = worker.run_once()
            for job in ran:
                self.stdout.write(f"{job.name}: {job.error or job.done}")
            if any(job.error for job in ran):
                raise CommandError("A job failed; the log says why.")
            return
        stop = worker.Stop()
        worker.stop_on_signals(stop)
        self.stdout.write("The worker runs.")
        if not worker.run_forever(stop):
            raise CommandError("The worker broke; the log says why.")
        self.stdout.write("The worker has stopped.")
