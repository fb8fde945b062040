"""Ask the blind reviews for a certificate."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from classification import services as classification
from decisions import certifying
from decisions.certifying import Found
from decisions.services import NoPolicyInForce
from tickets.record import Actor

EXAMPLES = """
Examples:
  manage.py certify --dry-run
  manage.py certify --alpha 0.02
"""


class Command(BaseCommand):
    help = (
        "Judge the model and policy in force on blind reviews of live tickets, and issue a "
        "certificate if one was earned. May be run as often as you like."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--alpha", type=float, default=0.02, help="share that may be wrong")
        parser.add_argument("--delta", type=float, default=0.05, help="doubt that may remain")
        parser.add_argument("--dry-run", action="store_true", help="judge only")

    def handle(self, *args: Any, **options: Any) -> None:
        alpha, delta = options["alpha"], options["delta"]
        if not (0 < alpha < 0.5 and 0 < delta < 0.5):
            raise CommandError("--alpha and --delta must lie between 0 and 0.5.")
        version = classification.serving_version()
        if version is None:
            raise CommandError("No classifier is in force.")
        now = timezone.now()
        try:
            if options["dry_run"]:
                found = certifying.judge(version, alpha=alpha, delta=delta, now=now)
                self._tell(found)
                self.stdout.write("Dry run. Nothing was written.")
                return
            found, certificate = certifying.issue(
                version, alpha=alpha, delta=delta, actor=Actor.machine(), now=now
            )
        except NoPolicyInForce as error:
            raise CommandError(str(error)) from error
        self._tell(found)
        if certificate is not None:
            self.stdout.write(certificate.statement)

    def _tell(self, found: Found) -> None:
        self.stdout.write(
            f"{found.labelled} reviewed tickets count, {found.waiting} drawn ones are open. The "
            f"policy would automate {found.accepted} of them at some threshold; {found.errors} "
            f"of these are wrong."
        )
        if found.quarantined:
            self.stdout.write(f"Shown to be too often wrong: {', '.join(found.quarantined)}.")
        if found.permit is None:
            self.stdout.write(
                f"No certificate. The strictest threshold needs about {found.missing} further "
                f"reviewed tickets that the policy would automate, if none of them is wrong."
            )
            return
        permit = found.permit
        self.stdout.write(
            f"Earned: threshold {permit.threshold:.3f}, {permit.errors} of {permit.rows} wrong, "
            f"{permit.coverage:.1%} of tickets covered."
        )
