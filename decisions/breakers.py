"""Breakers as rows: evidence is booked on its decision, and the path is worked out anew.

Half of the false trips that are allowed a year belong to all intents together, half is split among
those that the policy automates.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from decisions.breaker import Chart, Path, chart_for, follow
from decisions.models import OVERALL, Breaker, Certificate, Decision, Finding, lock_stops
from decisions.services import policy_in_force
from tickets import record
from tickets.codes import AuditKind, FindingSource, Level, Outcome

VOLUME_DAYS = 28
DEFAULT_ALPHA = 0.05
REVIEWED_FIRST = 100  # automatic answers of a new intent that are all reviewed


def book(
    decision: Decision,
    *,
    wrong: bool,
    source: FindingSource,
    user: User,
    now: datetime,
) -> list[Breaker]:
    """Put a person's finding about an automatic answer on record; the breakers that it trips.

    Runs in the caller's transaction. A finding about anything else than an automatic answer is no
    evidence and is not kept.
    """
    if decision.outcome != Outcome.AUTO_RESOLVE:
        return []
    Finding.objects.create(decision=decision, source=source, wrong=wrong, user=user, at=now)
    if not wrong:
        return []
    return [
        breaker
        for intent in (OVERALL, decision.intent or OVERALL)
        if (breaker := _check(intent, now)) is not None
    ]


def _check(intent: str, now: datetime) -> Breaker | None:
    """The breaker if this evidence trips it, else None."""
    breaker = held(intent, now)
    if breaker.open:
        return None
    path = path_of(breaker)
    breaker.level = path.level
    if path.tripped:
        lock_stops(shared=False)
        breaker.open, breaker.changed_at = True, now
        breaker.reason = f"{path.wrong} of {path.scored} automatic answers were confirmed wrong."
        _put_on_record(breaker, record.Actor.machine(), now)
    breaker.save()
    return breaker if path.tripped else None


def held(intent: str, now: datetime) -> Breaker:
    """The breaker of an intent, locked; made and armed when there is none yet."""
    row = Breaker.objects.select_for_update().filter(intent=intent).first()
    if row is not None:
        return row
    fresh = Breaker(intent=intent, changed_at=now)
    set_chart(fresh, now)
    Breaker.objects.bulk_create([fresh], ignore_conflicts=True)
    return Breaker.objects.select_for_update().get(intent=intent)


def path_of(breaker: Breaker) -> Path:
    """Automatic answers since the breaker was armed, in the order of their decisions."""
    decisions = Decision.objects.filter(
        outcome=Outcome.AUTO_RESOLVE, pk__gt=breaker.armed_after
    ).order_by("pk")
    if breaker.intent != OVERALL:
        decisions = decisions.filter(intent=breaker.intent)
    wrong = set(
        Finding.objects.filter(wrong=True, decision__in=decisions).values_list(
            "decision_id", flat=True
        )
    )
    outcomes = (pk in wrong for pk in decisions.values_list("pk", flat=True).iterator())
    return follow(outcomes, Chart(breaker.step, breaker.height), start=breaker.start)


def set_chart(breaker: Breaker, now: datetime, *, again: bool = False) -> None:
    """Give a breaker the chart for this business's volume, and arm it from here on."""
    alpha = _alpha(now)
    chart = chart_for(
        alpha=alpha,
        scored_a_day=_volume(breaker.intent, now),
        false_trips_a_year=_budget(breaker.intent),
    )
    breaker.alpha, breaker.step, breaker.height = alpha, chart.step, chart.height
    breaker.start = breaker.level = chart.rearmed if again else 0
    newest = Decision.objects.order_by("-pk").values_list("pk", flat=True).first()
    # A breaker's first chart looks at all history there is; later ones begin where they are armed.
    breaker.armed_after = (newest or 0) if again else 0


def _alpha(now: datetime) -> float:
    newest = Certificate.objects.filter(issued_at__lte=now, expires_at__gt=now).first()
    return newest.alpha if newest else DEFAULT_ALPHA


def _volume(intent: str, now: datetime) -> float:
    """Automatic answers a day over four weeks; at least one, so that a chart exists."""
    decisions = Decision.objects.filter(
        outcome=Outcome.AUTO_RESOLVE, at__gt=now - timedelta(days=VOLUME_DAYS)
    )
    if intent != OVERALL:
        decisions = decisions.filter(intent=intent)
    return max(1.0, decisions.count() / VOLUME_DAYS)


def _budget(intent: str) -> float:
    half = settings.FALSE_TRIPS_A_YEAR / 2
    if intent == OVERALL:
        return half
    policy = policy_in_force().snapshot
    automatic = sum(rule.level == Level.AUTO for rule in policy.intents.values())
    return half / max(1, automatic)


def rearm(intent: str, reason: str, *, actor: record.Actor, now: datetime) -> bool:
    """Arm an open breaker again, half way up; False when it is not open."""
    with transaction.atomic():
        breaker = Breaker.objects.select_for_update().filter(intent=intent, open=True).first()
        if breaker is None:
            return False
        set_chart(breaker, now, again=True)
        lock_stops(shared=False)
        breaker.open, breaker.reason, breaker.changed_at = False, reason, now
        breaker.save()
        _put_on_record(breaker, actor, now)
        return True


def _put_on_record(breaker: Breaker, actor: record.Actor, now: datetime) -> None:
    data = {
        "intent": breaker.intent,
        "open": breaker.open,
        "reason": breaker.reason,
        "alpha": breaker.alpha,
        "step": breaker.step,
        "height": breaker.height,
        "start": breaker.start,
    }
    entry = record.AuditEntry(AuditKind.BREAKER, f"breaker:{breaker.intent or 'all'}", actor, data)
    record.write(now=now, audit=[entry])


def is_new(intent: str) -> bool:
    """Whether the intent has had fewer automatic answers than are all reviewed."""
    answered = Decision.objects.filter(outcome=Outcome.AUTO_RESOLVE, intent=intent)
    return not answered[REVIEWED_FIRST - 1 : REVIEWED_FIRST].exists()
