"""Alerts: they fire once, are acknowledged or silenced by people, and are over when it is over."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from metrics.alerts.rules import Finding
from metrics.alerts.watch import ALL_WATCHES, Watch
from metrics.models import Alert, AlertEvent, AlertNotice
from tickets.business_time import may_disturb
from tickets.codes import AlertKind, AlertState, AlertStep, AuditKind, OutboxKind, Severity
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import Outbox
from tickets.outbox.alert_notices import target_of
from tickets.promises.calendars import default_hours

logger = logging.getLogger("supportops.alerts")

RANK = {"": 0, Severity.WARNING: 1, Severity.CRITICAL: 2}
OVER = "over"  # the last word about an alert


class LooksFailed(RuntimeError):
    """Some looks could not be taken; the others were. The message names them."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a round came to."""

    firing: tuple[Finding, ...]
    fired: int = 0
    resolved: int = 0
    failed: tuple[AlertKind, ...] = ()


def look(
    now: datetime, watches: Mapping[AlertKind, Watch] = ALL_WATCHES
) -> tuple[list[Finding], tuple[AlertKind, ...]]:
    """What is the case, and of which kinds nothing could be found out. Writes nothing."""
    found: list[Finding] = []
    failed: list[AlertKind] = []
    for kind, watch in watches.items():
        try:
            found += watch(now)
        except Exception:
            # A look may fail in any way: a disk, a model file, a library. The others go on, and
            # whoever called is told.
            logger.exception("look failed: %s", kind)
            failed.append(kind)
    return found, tuple(failed)


def check(now: datetime, watches: Mapping[AlertKind, Watch] = ALL_WATCHES) -> Checked:
    """Look, bring the alerts in line with it, and tell who is to be told."""
    found, failed = look(now, watches)
    looked_at = [kind for kind in watches if kind not in failed]
    fired = sum(_see(finding, now) for finding in found)
    resolved = _resolve_all_but(found, looked_at, now)
    tell(now)
    return Checked(tuple(found), fired, resolved, failed)


def run(now: datetime, watches: Mapping[AlertKind, Watch]) -> int:
    """As a job: how many alerts fired or were over.

    Raises:
        LooksFailed: after all else was done.
    """
    checked = check(now, watches)
    if checked.failed:
        raise LooksFailed(", ".join(checked.failed))
    return checked.fired + checked.resolved


# --- Firing and being over ------------------------------------------------------------------------


def _see(finding: Finding, now: datetime) -> bool:
    """Whether an alert begins. One that fires already is brought up to date and not repeated."""
    with transaction.atomic():
        alert = _unresolved(finding.kind, finding.subject)
        if alert is None:
            fresh = Alert(
                kind=finding.kind,
                subject=finding.subject,
                severity=finding.severity,
                facts=dict(finding.facts),
                first_seen_at=now,
                last_seen_at=now,
                silenced_until=_still_silent(finding, now),
            )
            # Another look at the same moment may have been faster: its row counts.
            if _began(fresh):
                _note(fresh, AlertStep.FIRED, now, severity=fresh.severity)
                return True
            alert = _unresolved(finding.kind, finding.subject)
        if alert is not None:
            _update(alert, finding, now)
        return False


def _began(fresh: Alert) -> bool:
    """False where the same alert fires already: the database lets it begin once."""
    try:
        with transaction.atomic():
            fresh.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _unresolved(kind: str, subject: str) -> Alert | None:
    rows = Alert.objects.unresolved().select_for_update()
    return rows.filter(kind=kind, subject=subject).first()


def _still_silent(finding: Finding, now: datetime) -> datetime | None:
    """Silence outlasts the alert: what comes and goes stays silent."""
    rows = Alert.objects.filter(kind=finding.kind, subject=finding.subject, silenced_until__gt=now)
    return rows.order_by("-id").values_list("silenced_until", flat=True).first()


def _update(alert: Alert, finding: Finding, now: datetime) -> None:
    changed = {"last_seen_at": now, "facts": dict(finding.facts)}
    if finding.severity != alert.severity:
        worse = RANK[finding.severity] > RANK[alert.severity]
        changed["severity"] = finding.severity
        if worse:  # what somebody acknowledged was less
            changed |= {"state": AlertState.FIRING, "acknowledged_at": None}
            changed |= {"acknowledged_by": None}
        step = AlertStep.WORSENED if worse else AlertStep.EASED
        _note(alert, step, now, severity=finding.severity)
    Alert.objects.filter(pk=alert.pk).update(**changed)


def _resolve_all_but(found: Iterable[Finding], kinds: Iterable[AlertKind], now: datetime) -> int:
    """What is not found any more is over; how many."""
    still = {(finding.kind, finding.subject) for finding in found}
    rows = Alert.objects.unresolved().filter(kind__in=list(kinds))
    over = [alert for alert in rows if (alert.kind, alert.subject) not in still]
    return sum(_resolve(alert, now) for alert in over)


def _resolve(alert: Alert, now: datetime) -> bool:
    with transaction.atomic():
        rows = Alert.objects.unresolved().filter(pk=alert.pk)
        if not rows.update(state=AlertState.RESOLVED, resolved_at=now):
            return False
        _note(alert, AlertStep.RESOLVED, now)
        return True


def _note(
    alert: Alert, step: AlertStep, now: datetime, actor: Actor | None = None, **data: Any
) -> None:
    who = actor or Actor.machine()
    AlertEvent(
        alert=alert, step=step, actor_kind=who.kind, user_id=who.user_id, data=data, at=now
    ).save()


# --- What people do -------------------------------------------------------------------------------


def acknowledge(alert_id: int, *, actor: Actor, now: datetime) -> bool:
    """Somebody looks after it; False when it is over or somebody does already."""
    with transaction.atomic():
        rows = Alert.objects.filter(pk=alert_id, state=AlertState.FIRING)
        taken = rows.update(
            state=AlertState.ACKNOWLEDGED, acknowledged_at=now, acknowledged_by=actor.user_id
        )
        if taken:
            _put_on_record(alert_id, AlertStep.ACKNOWLEDGED, actor, now)
        return bool(taken)


def silence(alert_id: int, until: datetime | None, *, actor: Actor, now: datetime) -> bool:
    """Tell nobody until then, also when it comes again; None ends the silence."""
    with transaction.atomic():
        rows = Alert.objects.unresolved().filter(pk=alert_id)
        if not rows.update(silenced_until=until):
            return False
        step = AlertStep.SILENCED if until else AlertStep.UNSILENCED
        data = {"until": until.isoformat(timespec="seconds")} if until else {}
        _put_on_record(alert_id, step, actor, now, **data)
        return True


def _put_on_record(
    alert_id: int, step: AlertStep, actor: Actor, now: datetime, **data: str
) -> None:
    """What a person did, in the alert's history and in the audit chain: who quiets an alert
    decides what others are not told."""
    alert = Alert.objects.get(pk=alert_id)
    _note(alert, step, now, actor, **data)
    facts = {"kind": alert.kind, "subject": alert.subject, "step": step, **data}
    entry = record.AuditEntry(AuditKind.ALERT, f"alert:{alert_id}", actor, facts)
    record.write(now=now, audit=[entry])


# --- Telling --------------------------------------------------------------------------------------


def tell(now: datetime) -> int:
    """Queue what people and machines are still to be told; how many rows of the outbox.

    What comes and goes in the night without being critical, nobody is mailed about.
    """
    hours = default_hours(now)
    queued = 0
    for alert in _to_tell():
        word = _word(alert)
        if alert.is_silent(now):
            continue
        if word != alert.posted and _is_news(word, alert.posted):
            queued += _queue(alert, OutboxKind.WEBHOOK, word, now)
        if word == alert.mailed or not _is_news(word, alert.mailed):
            continue
        critical = word != OVER and alert.severity == Severity.CRITICAL
        taken = alert.state == AlertState.ACKNOWLEDGED and not alert.mailed
        if not taken and may_disturb(now, hours, critical=critical):
            queued += _queue(alert, OutboxKind.ALERT_MAIL, word, now)
    return queued


def _to_tell() -> list[Alert]:
    """Alerts that are not over, and those that are over without everybody knowing."""
    told = Q(mailed__in=list(Severity)) | Q(posted__in=list(Severity))
    over = Alert.objects.filter(told, state=AlertState.RESOLVED)
    return [*Alert.objects.unresolved().order_by("id"), *over.order_by("id")]


def _word(alert: Alert) -> str:
    return OVER if alert.state == AlertState.RESOLVED else alert.severity


def _is_news(word: str, told: str) -> bool:
    """Worse than was told; or over, for those who were told."""
    return bool(told) if word == OVER else RANK[word] > RANK[told]


def _queue(alert: Alert, kind: OutboxKind, word: str, now: datetime) -> int:
    """Rows for everybody who is to be told by this way. Once for each word, whatever runs again."""
    field = "mailed" if kind == OutboxKind.ALERT_MAIL else "posted"
    targets = _targets(kind, alert.severity)
    with transaction.atomic():
        told = getattr(alert, field)
        if not Alert.objects.filter(pk=alert.pk, **{field: told}).update(**{field: word}):
            return 0
        rows = [
            Outbox(
                kind=kind,
                dedupe=f"alert:{alert.pk}:{field}:{word}:{target_of(target)}",
                automatic=True,
                data=_content(alert, word, target, now),
                created_at=now,
                next_attempt_at=now,
            )
            for target in targets
        ]
        record.write(now=now, outbox=rows)
        AlertNotice.objects.bulk_create(
            [AlertNotice(alert=alert, outbox=row) for row in rows if row.pk]
        )
        return len(rows)


def _targets(kind: OutboxKind, severity: str) -> list[str]:
    if kind == OutboxKind.WEBHOOK:
        return list(settings.ALERT_WEBHOOKS)
    more = settings.ALERT_MAIL_CRITICAL if severity == Severity.CRITICAL else []
    return list(dict.fromkeys([*settings.ALERT_MAIL, *more]))


def _content(alert: Alert, word: str, target: str, now: datetime) -> dict[str, Any]:
    """All that a mail or webhook is composed of. Who gets it stands in the settings only."""
    return {
        "target": target_of(target),
        "alert": alert.pk,
        "kind": alert.kind,
        "subject": alert.subject,
        "severity": alert.severity,
        "state": AlertState.RESOLVED if word == OVER else AlertState.FIRING,
        "first_seen_at": alert.first_seen_at.isoformat(timespec="seconds"),
        "resolved_at": alert.resolved_at and alert.resolved_at.isoformat(timespec="seconds"),
        "at": now.isoformat(timespec="seconds"),
        "facts": alert.facts,
    }
