"""Looking at everything that may be worth an alert: facts are gathered here, rules judge them."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet

from classification import services as classification
from classification.contract import REMOTE_PREFIX
from classification.models import Prediction, Promotion
from decisions.models import Breaker
from metrics.alerts import hours, rules, spikes
from metrics.alerts.rules import Finding, Promises, Waiting
from metrics.alerts.spikes import Grid
from metrics.models import AuditCheck, DriftLook
from tickets.codes import AlertKind, OutboxState, Severity
from tickets.models import Outbox, Target, Ticket

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SERIES = 2  # volume and escalations
BUDGET = SERIES * spikes.false_alarms_a_year()  # declared false alarms a year of both together
ALL = "all"
SECOND = "second"
DRIFT_COUNTS_FOR = timedelta(days=2)  # a look that is older says nothing about today
NAMED = 3

Watch = Callable[[datetime], list[Finding]]


def promises_at_risk(now: datetime) -> list[Finding]:
    rows = Target.objects.running().filter(
        breached_at__isnull=True, warn_at__lte=now, due_at__gte=now
    )
    return rules.promises_at_risk(_by_queue(rows), now)


def promises_missed(now: datetime) -> list[Finding]:
    """Missed and still not kept: whoever answers ends it."""
    rows = Target.objects.running().filter(due_at__lt=now)
    return rules.promises_missed(_by_queue(rows), now)


def _by_queue(targets: QuerySet[Target]) -> list[Promises]:
    rows = targets.order_by().values_list("ticket__queue__slug")
    found = rows.annotate(n=Count("ticket", distinct=True), due=Min("due_at"))
    return [Promises(queue or "", number, due) for queue, number, due in found]


def undecided(now: datetime) -> list[Finding]:
    rows = Ticket.objects.undecided().aggregate(oldest=Min("updated_at"), number=Count("pk"))
    return rules.undecided(rows["oldest"], rows["number"], now)


def outbox(now: datetime) -> list[Finding]:
    pending = Q(state=OutboxState.PENDING)
    given_up = Q(state=OutboxState.FAILED, next_attempt_at__gt=now - DAY)
    rows = Outbox.objects.filter(pending | given_up).aggregate(
        untried=Min("next_attempt_at", filter=pending & Q(attempts=0)),
        retried=Min("created_at", filter=pending & Q(attempts__gt=0)),
        pending=Count("pk", filter=pending),
        failed=Count("pk", filter=given_up),
    )
    waiting = Waiting(rows["untried"], rows["retried"], rows["pending"], rows["failed"])
    return rules.outbox(waiting, now)


def breakers(now: datetime) -> list[Finding]:
    return [
        Finding(AlertKind.BREAKER_OPEN, Severity.CRITICAL, breaker.intent or ALL, {})
        for breaker in Breaker.objects.filter(open=True)
    ]


def classifier_failing(now: datetime) -> list[Finding]:
    """The business's own classifier and the second opinion, each by its last hour."""
    recent = Prediction.objects.filter(at__gt=now - HOUR).order_by()
    second = Q(classifier__startswith=REMOTE_PREFIX)
    rows = recent.aggregate(
        own=Count("pk", filter=~second),
        own_failed=Count("pk", filter=~second & ~Q(failure="")),
        other=Count("pk", filter=second),
        other_failed=Count("pk", filter=second & ~Q(failure="")),
    )
    return [
        *rules.classifier_failing("", rows["own_failed"], rows["own"]),
        *rules.classifier_failing(SECOND, rows["other_failed"], rows["other"]),
    ]


def classifier_absent(now: datetime) -> list[Finding]:
    promoted = Promotion.objects.order_by("-id").values_list("model__version", flat=True).first()
    return rules.classifier_absent(classification.serving_version(), promoted)


def drift(now: datetime) -> list[Finding]:
    """What the newest look of each series found."""
    newest = DriftLook.objects.filter(at__gt=now - DRIFT_COUNTS_FOR).order_by("-day").first()
    if newest is None:
        return []
    return [
        Finding(
            AlertKind.DRIFT,
            Severity.WARNING,
            look.series,
            {
                "p": look.p,
                "allowed_p": round(look.allowed_p, 5),
                "index": round(look.corrected, 3),
                "most": [row["kind"] for row in look.moved[:NAMED]],
            },
        )
        for look in DriftLook.objects.filter(day=newest.day, fires=True)
    ]


def audit(now: datetime) -> list[Finding]:
    check = AuditCheck.objects.filter(pk=1).first()
    return rules.audit(check.broken_at, check.problem) if check else []


def disk(now: datetime) -> list[Finding]:
    return rules.disk(shutil.disk_usage(settings.DATA_DIR).free // 1_000_000)


def backup(now: datetime) -> list[Finding]:
    """The newest file of the directory of backups, by its time."""
    if not settings.BACKUP_MAX_HOURS:
        return []
    folder = Path(settings.BACKUP_DIR)
    times = [path.stat().st_mtime for path in folder.glob("[!.]*")] if folder.is_dir() else []
    newest = datetime.fromtimestamp(max(times), UTC) if times else None
    return rules.backup(newest, settings.BACKUP_MAX_HOURS, now)


# --- Spikes ---------------------------------------------------------------------------------------


def volume_spike(now: datetime) -> list[Finding]:
    """The running hour counts too: what it has already, it keeps."""
    found = hours.gather(now)
    scores = spikes.volume_scores(found.tickets)
    return _spike(
        AlertKind.VOLUME_SPIKE,
        scores,
        last=found.hour,
        found=found,
        counts=found.tickets,
        usual=spikes.usual_volume(found.tickets).mean,
    )


def escalation_spike(now: datetime) -> list[Finding]:
    """Hours that are over: a share may still fall while the hour runs."""
    found = hours.gather(now)
    if found.hour == 0:  # yesterday's last hour was not over before
        found = found.until_yesterday()
    scores = spikes.escalation_scores(found.escalated, found.decided)
    usual = spikes.usual_share(found.escalated, found.decided) * found.decided
    return _spike(
        AlertKind.ESCALATION_SPIKE,
        scores,
        last=found.hour - 1,
        found=found,
        counts=found.escalated,
        usual=usual,
    )


def _spike(
    kind: AlertKind, scores: Grid, *, last: int, found: hours.Hours, counts: Grid, usual: Grid
) -> list[Finding]:
    """The highest hour of today, if it fires. It goes on firing until the day ends."""
    today = scores[-1, : last + 1]
    if last < 0 or np.isnan(today).all():
        return []
    at = int(np.nanargmax(today))
    spike = spikes.judge(scores, at, budget=BUDGET, series=SERIES)
    if not spike.fires:
        return []
    facts = {
        "day": found.today.isoformat(),
        "hour": at,
        "count": int(counts[-1, at]),
        "of": int(found.decided[-1, at]) if kind == AlertKind.ESCALATION_SPIKE else None,
        "usual": round(float(usual[-1, at]), 1),
        "score": round(spike.score, 2),
        "bar": round(spike.bar, 2) if spike.bar is not None else None,
        "days": spike.days,
        "approximate": spike.is_approximate,
    }
    return [Finding(kind, Severity.WARNING, "", facts)]


# A kind of alert -> what looks for it. The second are dearer and looked for less often.
OFTEN: dict[AlertKind, Watch] = {
    AlertKind.SERVICE_LEVEL_WARNING: promises_at_risk,
    AlertKind.SERVICE_LEVEL_BREACHED: promises_missed,
    AlertKind.BREAKER_OPEN: breakers,
    AlertKind.DRIFT: drift,
    AlertKind.CLASSIFIER_FAILING: classifier_failing,
    AlertKind.CLASSIFIER_ABSENT: classifier_absent,
    AlertKind.TICKETS_UNDECIDED: undecided,
    AlertKind.OUTBOX_STUCK: outbox,
    AlertKind.AUDIT_FAILED: audit,
    AlertKind.DISK_LOW: disk,
    AlertKind.BACKUP_OLD: backup,
}
SELDOM: dict[AlertKind, Watch] = {
    AlertKind.VOLUME_SPIKE: volume_spike,
    AlertKind.ESCALATION_SPIKE: escalation_spike,
}
ALL_WATCHES = OFTEN | SELDOM
