"""`manage.py check_alerts`: look at everything that may be worth an alert, now."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from metrics.alerts import alerts
from metrics.alerts.rules import Finding
from tickets.codes import Severity
from tickets.outbox import alert_words

EPILOG = """examples:
  manage.py check_alerts             look, bring alerts in line, queue mail and webhooks
  manage.py check_alerts --dry-run   look and say what is the case; nothing is written

exit codes: 0 nothing fires, 1 something fires, 2 something could not be looked at"""


class Command(BaseCommand):
    help = "Look at everything that may be worth an alert, as the worker does every minute."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EPILOG
        parser.add_argument("--dry-run", action="store_true", help="Write nothing, tell nobody.")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        now = timezone.now()
        if dry_run:
            found, failed = alerts.look(now)
        else:
            checked = alerts.check(now)
            found, failed = list(checked.firing), checked.failed
        for finding in found:
            self.stdout.write(_line(finding))
        if not found:
            self.stdout.write("Nothing fires.")
        if failed:
            raise CommandError(f"Could not be looked at: {', '.join(failed)}.", returncode=2)
        if found:
            raise SystemExit(1)


def _line(finding: Finding) -> str:
    grave = "CRITICAL" if finding.severity == Severity.CRITICAL else "warning "
    title = alert_words.title(finding.kind, finding.subject)
    return f"{grave}  {title}. {alert_words.sentence(finding.kind, finding.facts)}"
