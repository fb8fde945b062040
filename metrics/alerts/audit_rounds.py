"""Checking the audit chain little by little, again and again, while the business goes on.

A round begins at the first record and takes as long as it takes; when it came to the end, what is
new is checked as it comes, and the next day a new round begins. So a change to any record is found
within a day and the time that a round takes.
"""

from datetime import datetime, timedelta

from metrics.models import AuditCheck
from tickets.history import verify as history_verify
from tickets.history.record import GENESIS

EVERY = timedelta(days=1)
LIMIT = 10_000  # records at a time, a second or two


def verify(now: datetime, *, limit: int = LIMIT) -> int:
    """Check the next records; how many. What is broken is looked at again until it is mended."""
    check = AuditCheck.objects.filter(pk=1).first() or _fresh(now)
    if check.whole_at is not None and now - check.round_started_at >= EVERY:
        check.number, check.digest, check.round_started_at = 0, GENESIS, now
        check.whole_at = None
    before = check.number
    stretch = history_verify.verify_stretch(check.number, check.digest, limit)
    check.number, check.digest, check.checked_at = stretch.number, stretch.digest, now
    check.broken_at = stretch.finding.number if stretch.finding else None
    check.problem = stretch.finding.problem[:200] if stretch.finding else ""
    if stretch.ended and stretch.finding is None:
        check.whole_at = now
    check.save()
    return check.number - before


def _fresh(now: datetime) -> AuditCheck:
    return AuditCheck(pk=1, number=0, digest=GENESIS, round_started_at=now, checked_at=now)
