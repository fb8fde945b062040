"""Stop all automation, let it go on, or say how it stands."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from decisions.models import Switch
from decisions.reasons import ReasonMissing
from decisions.stops.kill_switch import set_switch
from tickets.history.record import Actor

EXAMPLES = """
Examples:
  manage.py kill_switch status
  manage.py kill_switch on --reason "Wrong delivery dates are being sent."
  manage.py kill_switch off --reason "The template was mended."
"""


class Command(BaseCommand):
    help = "The kill switch. `on` stops all automation from the next decision on."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("state", choices=["on", "off", "status"])
        parser.add_argument("--reason", default="", help="needed with on and off")
        parser.add_argument("--dry-run", action="store_true", help="say what would change only")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["state"] == "status":
            self._tell()
            return
        on = options["state"] == "on"
        if not options["reason"].strip():
            raise CommandError("Say why with --reason, for those who read this later.")
        if options["dry_run"]:
            self._tell()
            self.stdout.write(f"Would be turned {options['state']}. Nothing was written.")
            return
        try:
            turned = set_switch(on, options["reason"], actor=Actor.machine(), now=timezone.now())
        except ReasonMissing as error:
            raise CommandError(str(error)) from error
        if not turned:
            self.stdout.write("It stood so already. Nothing was changed.")
        self._tell()

    def _tell(self) -> None:
        switch = Switch.objects.first()
        if switch is None:
            self.stdout.write("Automation may run. The switch was never turned.")
            return
        words = "Automation is stopped" if switch.on else "Automation may run"
        since = timezone.localtime(switch.changed_at)
        self.stdout.write(f"{words} since {since:%Y-%m-%d %H:%M:%S %Z}: {switch.reason}")
