from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from supportops.operations import doctor
from supportops.operations.doctor import Finding, Level


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Looks at database, history, classifier, worker and disk and says what to do. Changes "
        "nothing. Ends with code 1 when something must be mended. Example: manage.py doctor"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        found = []
        for finding in doctor.examine(timezone.now()):
            self.show(finding)
            found.append(finding.level)
        if Level.FAIL in found:
            raise CommandError(f"{found.count(Level.FAIL)} must be mended.")

    def show(self, finding: Finding) -> None:
        style = {
            Level.OK: self.style.SUCCESS,
            Level.WARN: self.style.WARNING,
            Level.FAIL: self.style.ERROR,
        }[finding.level]
        self.stdout.write(f"{style(f'{finding.level:<4}')}  {finding.subject:<11} {finding.words}")
        if finding.remedy:
            self.stdout.write(f"      {'':<11} -> {finding.remedy}")
