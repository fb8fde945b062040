"""Stopping automation and letting it go on: row and audit record, in one transaction."""

from datetime import datetime

from django.db import transaction

from decisions.models import Breaker, Switch
from tickets import record
from tickets.codes import AuditKind

SWITCH_ROW = 1


class ReasonMissing(ValueError):
    """Nobody stops automation, or lets it go on, without saying why."""


def set_switch(on: bool, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Turn the kill switch; `on` stops all automation from the next decision on.

    False when it stood so already: then nothing is changed or recorded.

    Raises:
        ReasonMissing: the reason is blank.
    """
    reason = _stated(reason)
    with transaction.atomic():
        Switch.objects.get_or_create(pk=SWITCH_ROW, defaults={"changed_at": now})
        # Waits for decisions that hold the row as shared; every later one sees the new state.
        switch = Switch.objects.select_for_update().get(pk=SWITCH_ROW)
        if switch.on == on:
            return False
        switch.on, switch.reason, switch.changed_at = on, reason, now
        switch.save()
        _put_on_record(AuditKind.SWITCH, "switch:1", actor, now, on=on, reason=reason)
        return True


def arm_breaker(intent: str, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Arm an open breaker again, so that its intent may be automated. `""` stands for all intents.

    False when there is no open breaker: then nothing is changed or recorded.

    Raises:
        ReasonMissing: the reason is blank.
    """
    reason = _stated(reason)
    with transaction.atomic():
        breaker = Breaker.objects.select_for_update().filter(intent=intent, open=True).first()
        if breaker is None:
            return False
        breaker.open, breaker.reason, breaker.changed_at = False, reason, now
        breaker.save()
        subject = f"breaker:{breaker.pk}"
        _put_on_record(
            AuditKind.BREAKER, subject, actor, now, intent=intent, open=False, reason=reason
        )
        return True


def _stated(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise ReasonMissing("Say why, for those who read this later.")
    return reason[:300]


def _put_on_record(
    kind: AuditKind, subject: str, actor: record.Actor, now: datetime, **data: str | bool
) -> None:
    record.write(now=now, audit=[record.AuditEntry(kind, subject, actor, data)])
