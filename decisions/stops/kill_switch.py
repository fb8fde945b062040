"""Stopping automation and letting it go on: row and audit record, in one transaction."""

from datetime import datetime

from django.db import transaction

from decisions.models import Switch, lock_stops
from decisions.reasons import stated
from decisions.stops import breakers
from tickets.codes import AuditKind
from tickets.history import record

SWITCH_ROW = 1


def set_switch(on: bool, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Turn the kill switch; `on` stops all automation from the next decision on.

    False when it stood so already: then nothing is changed or recorded.

    Raises:
        ReasonMissing: the reason is blank.
    """
    reason = stated(reason)
    with transaction.atomic():
        lock_stops(shared=False)
        Switch.objects.get_or_create(pk=SWITCH_ROW, defaults={"changed_at": now})
        switch = Switch.objects.select_for_update().get(pk=SWITCH_ROW)
        if switch.on == on:
            return False
        switch.on, switch.reason, switch.changed_at = on, reason, now
        switch.save()
        data = {"on": on, "reason": reason}
        entry = record.AuditEntry(AuditKind.SWITCH, f"switch:{SWITCH_ROW}", actor, data)
        record.write(now=now, audit=[entry])
        return True


def arm_breaker(intent: str, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Arm an open breaker again, so that its intent may be automated. `""` stands for all intents.

    False when there is no open breaker: then nothing is changed or recorded.

    Raises:
        ReasonMissing: the reason is blank.
    """
    return breakers.rearm(intent, stated(reason), actor=actor, now=now)
