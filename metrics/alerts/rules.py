"""When facts are worth an alert. Pure: no Django, facts in, findings out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tickets.codes import AlertKind, Severity

UNDECIDED_LATE, UNDECIDED_GRAVE = timedelta(minutes=2), timedelta(minutes=15)
UNTRIED_LATE = timedelta(minutes=15)  # due, and nobody has tried
OUTBOX_LATE, OUTBOX_GRAVE = timedelta(minutes=30), timedelta(hours=2)
FAILURES, FAILING, FAILING_GRAVELY = 3, 0.2, 0.5  # number and shares of an hour's predictions
LITTLE_SPACE, NO_SPACE = 2_000, 200  # megabytes


@dataclass(frozen=True, slots=True)
class Finding:
    """Something is the case that somebody should look at. Facts are codes and numbers."""

    kind: AlertKind
    severity: Severity
    subject: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Promises:
    """Promises of one queue that are nearly or already missed."""

    queue: str
    number: int
    next_due: datetime


def promises_at_risk(queues: Iterable[Promises], now: datetime) -> list[Finding]:
    return [
        Finding(
            AlertKind.SERVICE_LEVEL_WARNING,
            Severity.WARNING,
            each.queue,
            {"tickets": each.number, "minutes": _minutes(each.next_due - now)},
        )
        for each in queues
    ]


def promises_missed(queues: Iterable[Promises], now: datetime) -> list[Finding]:
    return [
        Finding(
            AlertKind.SERVICE_LEVEL_BREACHED,
            Severity.WARNING,
            each.queue,
            {"tickets": each.number, "minutes": _minutes(now - each.next_due)},
        )
        for each in queues
    ]


def undecided(oldest: datetime | None, number: int, now: datetime) -> list[Finding]:
    """Tickets that wait for their decision."""
    if oldest is None or now - oldest <= UNDECIDED_LATE:
        return []
    grave = now - oldest > UNDECIDED_GRAVE
    facts = {"tickets": number, "minutes": _minutes(now - oldest)}
    return [Finding(AlertKind.TICKETS_UNDECIDED, _grave(grave), "", facts)]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What lies in the outbox. Times are those of the oldest row."""

    untried_since: datetime | None  # due, and not tried yet
    retried_since: datetime | None  # tried in vain, queued then
    pending: int
    failed: int  # given up within a day


def outbox(waiting: Waiting, now: datetime) -> list[Finding]:
    """Mail and webhooks that do not get out."""
    untried = _age(waiting.untried_since, now)
    retried = _age(waiting.retried_since, now)
    stuck = untried > UNTRIED_LATE or retried > OUTBOX_LATE
    if not stuck and not waiting.failed:
        return []
    oldest = max(untried if untried > UNTRIED_LATE else timedelta(), retried)
    facts = {
        "pending": waiting.pending,
        "failed": waiting.failed,
        "minutes": _minutes(oldest),
    }
    return [Finding(AlertKind.OUTBOX_STUCK, _grave(oldest > OUTBOX_GRAVE), "", facts)]


def classifier_failing(which: str, failed: int, asked: int) -> list[Finding]:
    """Of an hour's answers too many were failures; their tickets went to people."""
    if failed < FAILURES or failed < FAILING * asked:
        return []
    grave = failed >= FAILING_GRAVELY * asked and not which
    facts = {"failed": failed, "asked": asked}
    return [Finding(AlertKind.CLASSIFIER_FAILING, _grave(grave), which, facts)]


def classifier_absent(serving: str | None, promoted: str | None) -> list[Finding]:
    """The promoted model is not the one that serves, or none does."""
    if serving is not None and serving == promoted:
        return []
    if serving is not None and promoted is None:
        return []  # nothing was ever put in force; the keyword list is all there is
    facts = {"serving": serving or "", "promoted": promoted or ""}
    return [Finding(AlertKind.CLASSIFIER_ABSENT, _grave(serving is None), "", facts)]


def disk(free_megabytes: int) -> list[Finding]:
    if free_megabytes >= LITTLE_SPACE:
        return []
    grave = free_megabytes < NO_SPACE
    return [Finding(AlertKind.DISK_LOW, _grave(grave), "", {"megabytes": free_megabytes})]


def backup(newest: datetime | None, most_hours: int, now: datetime) -> list[Finding]:
    """The newest backup is too old, or there is none. Zero hours: not watched."""
    if not most_hours:
        return []
    if newest is None:
        return [Finding(AlertKind.BACKUP_OLD, Severity.WARNING, "", {"hours": None})]
    hours = int((now - newest) / timedelta(hours=1))
    if now - newest <= timedelta(hours=most_hours):
        return []
    grave = now - newest > 3 * timedelta(hours=most_hours)
    return [Finding(AlertKind.BACKUP_OLD, _grave(grave), "", {"hours": hours})]


def audit(broken_at: int | None, problem: str) -> list[Finding]:
    if broken_at is None:
        return []
    facts = {"record": broken_at, "problem": problem}
    return [Finding(AlertKind.AUDIT_FAILED, Severity.CRITICAL, "", facts)]


def _grave(grave: bool) -> Severity:
    return Severity.CRITICAL if grave else Severity.WARNING


def _age(since: datetime | None, now: datetime) -> timedelta:
    return timedelta() if since is None else max(now - since, timedelta())


def _minutes(span: timedelta) -> int:
    return max(0, int(span / timedelta(minutes=1)))
