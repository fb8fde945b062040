"""Breakers as rows: evidence is booked on its decision, and the path is worked out again.

Half of the false trips that are allowed a year belong to all intents together, half is split among
those that the policy automates.

Each breaker follows two charts, with half of its budget each. One scores every automatic answer and
takes any evidence; what nobody judged counts as right there, so where few answers are judged it
sees little. The other scores those alone that were drawn for blind review, whose outcomes become
known; only what reviewers say counts there, since what else is confirmed was not picked by chance.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from decisions.bounds.cusum import Chart, Path, chart_for, follow_places
from decisions.certificates import validity
from decisions.in_force import NoPolicyInForce, policy_in_force
from decisions.models import OVERALL, Breaker, Decision, Finding, Review, lock_stops
from decisions.rules.acceptance import automatic_intents
from tickets.codes import AuditKind, FindingSource, Outcome, ReviewPart
from tickets.history import record
from tickets.models.sql import all_rows

VOLUME_DAYS = 28
DEFAULT_ALPHA = 0.05
CHARTS = 2  # of each breaker


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
    intents = sorted({OVERALL, decision.intent or OVERALL})
    # Both rows first: who trips the one holds locks that whoever has the other may wait for.
    for intent in intents:
        held(intent, now)
    return [breaker for intent in intents if (breaker := _check(intent, now)) is not None]


def _check(intent: str, now: datetime) -> Breaker | None:
    """The breaker if this evidence trips it, else None."""
    breaker = held(intent, now)
    if breaker.open:
        return None
    path, drawn = path_of(breaker), drawn_path_of(breaker)
    breaker.level = path.level
    breaker.drawn_level = drawn.level if drawn else 0
    tripped = next((one for one in (path, drawn) if one is not None and one.tripped), None)
    if tripped is not None:
        lock_stops(shared=False)
        kind = "reviewed answers" if tripped is drawn else "automatic answers"
        breaker.open, breaker.changed_at = True, now
        breaker.reason = f"{tripped.wrong} of {tripped.scored} {kind} were confirmed wrong."
        _put_on_record(breaker, record.Actor.machine(), now)
    breaker.save()
    return breaker if tripped else None


def held(intent: str, now: datetime) -> Breaker:
    """The breaker of an intent, locked; made and armed when there is none yet."""
    row = Breaker.objects.select_for_update().filter(intent=intent).first()
    if row is not None:
        return row
    fresh = Breaker(intent=intent, changed_at=now)
    set_chart(fresh, now)
    Breaker.objects.bulk_create([fresh], ignore_conflicts=True)
    return Breaker.objects.select_for_update().get(intent=intent)


def keep_up(*, now: datetime) -> int:
    """See that every automatic intent has its breaker, charted for what the certificate in force
    allows and for a volume that has not long been outgrown; how many were made or changed.

    For volume a chart is only ever raised: more answers would otherwise bring more false trips than
    allowed. Nothing of the path is lost: by a stricter chart it may have tripped already.
    """
    try:
        intents = automatic_intents(policy_in_force().snapshot)
    except NoPolicyInForce:
        return 0
    known = set(Breaker.objects.values_list("intent", flat=True))
    missing = [intent for intent in (OVERALL, *intents) if intent not in known]
    for intent in missing:
        with transaction.atomic():
            held(intent, now)
    return len(missing) + sum(_chart_again(intent, now) for intent in sorted(known))


def _chart_again(intent: str, now: datetime) -> bool:
    with transaction.atomic():
        breaker = held(intent, now)
        fresh = Breaker(intent=intent)
        set_chart(fresh, now)
        if breaker.open:
            return False
        if fresh.alpha != breaker.alpha:
            for name in ("alpha", "step", "height", "drawn_height"):
                setattr(breaker, name, getattr(fresh, name))
            half = Chart(breaker.step, breaker.height).rearmed
            half_drawn = Chart(breaker.step, breaker.drawn_height or 0).rearmed
            breaker.start = min(breaker.start, half)
            breaker.drawn_start = min(breaker.drawn_start, half_drawn)
            breaker.save()
            _put_on_record(breaker, record.Actor.machine(), now)
            _check(intent, now)
            return True
        drawn = breaker.drawn_height or 0
        if fresh.height <= breaker.height and (fresh.drawn_height or 0) <= drawn:
            return False
        breaker.height = max(breaker.height, fresh.height)
        breaker.drawn_height = max(breaker.drawn_height or 0, fresh.drawn_height or 0)
        breaker.save()
        _put_on_record(breaker, record.Actor.machine(), now)
        return True


def path_of(breaker: Breaker) -> Path:
    """Automatic answers since the breaker was armed, in the order of their decisions."""
    decisions = _answers(breaker)
    wrong = Finding.objects.filter(wrong=True, decision__in=decisions)
    return _path(decisions, wrong, Chart(breaker.step, breaker.height), breaker.start)


def drawn_path_of(breaker: Breaker) -> Path | None:
    """The same for those that were drawn for review; None where it has no chart for them."""
    if breaker.drawn_height is None:
        return None
    drawn = Review.objects.filter(part=ReviewPart.FIRST, decision=OuterRef("pk"))
    decisions = _answers(breaker).filter(Exists(drawn))
    wrong = Finding.objects.filter(wrong=True, source=FindingSource.REVIEW, decision__in=decisions)
    chart = Chart(breaker.step, breaker.drawn_height)
    return _path(decisions, wrong, chart, breaker.drawn_start)


def _answers(breaker: Breaker) -> QuerySet[Decision]:
    rows = Decision.objects.filter(outcome=Outcome.AUTO_RESOLVE, pk__gt=breaker.armed_after)
    if breaker.intent != OVERALL:
        rows = rows.filter(intent=breaker.intent)
    return rows.order_by("pk")


def _path(
    decisions: QuerySet[Decision], wrong: QuerySet[Finding], chart: Chart, start: int
) -> Path:
    return follow_places(_places(decisions, wrong), decisions.count(), chart, start=start)


def _places(decisions: QuerySet[Decision], wrong: QuerySet[Finding]) -> list[int]:
    """Which of the answers, counted from 1, were confirmed wrong. Counted by the database: whoever
    reviews waits for it."""
    answers, values = decisions.order_by().values("pk").query.sql_with_params()
    confirmed, more = wrong.order_by().values("decision_id").query.sql_with_params()
    sql = f"""
        SELECT place FROM (
            SELECT answer.pk AS pk, ROW_NUMBER() OVER (ORDER BY answer.pk) AS place
            FROM ({answers}) AS answer
        ) AS placed
        WHERE pk IN ({confirmed}) ORDER BY place
    """  # noqa: S608  statements that QuerySets made
    return [row[0] for row in all_rows(sql, *values, *more)]


def set_chart(breaker: Breaker, now: datetime, *, again: bool = False) -> None:
    """Give a breaker the charts for this business's volume, and arm it from here on."""
    alpha = breaker.alpha = alpha_now(now)
    volume, budget = volume_of(breaker.intent, now), budget_of(breaker.intent)
    each = budget / CHARTS
    chart = chart_for(alpha=alpha, scored_a_day=volume.answers, false_trips_a_year=each)
    drawn = chart_for(alpha=alpha, scored_a_day=volume.drawn, false_trips_a_year=each)
    breaker.step, breaker.height, breaker.drawn_height = chart.step, chart.height, drawn.height
    breaker.start = breaker.level = chart.rearmed if again else 0
    breaker.drawn_start = breaker.drawn_level = drawn.rearmed if again else 0
    newest = Decision.objects.order_by("-pk").values_list("pk", flat=True).first()
    # A breaker's first chart looks at all history there is; later ones begin where they are armed.
    breaker.armed_after = (newest or 0) if again else 0


def alpha_now(now: datetime) -> float:
    """The share of wrong answers that is allowed: that of the certificate by which the classifier
    in use automates. What another version has earned allows nothing."""
    certificate = validity.held(validity.classifier_in_use(), now).first
    return certificate.alpha if certificate else DEFAULT_ALPHA


@dataclass(frozen=True, slots=True)
class Volume:
    """Automatic answers a day over four weeks, or over the days that there are, and those drawn for
    review; at least one each, so that a chart exists."""

    answers: float
    drawn: float


def volume_of(intent: str, now: datetime) -> Volume:
    decisions = Decision.objects.filter(
        outcome=Outcome.AUTO_RESOLVE, at__gt=now - timedelta(days=VOLUME_DAYS)
    )
    if intent != OVERALL:
        decisions = decisions.filter(intent=intent)
    drawn = decisions.filter(
        Exists(Review.objects.filter(part=ReviewPart.FIRST, decision=OuterRef("pk")))
    )
    first = decisions.order_by("at").values_list("at", flat=True).first() or now
    days = min(VOLUME_DAYS, max(1.0, (now - first) / timedelta(days=1)))
    return Volume(max(1.0, decisions.count() / days), max(1.0, drawn.count() / days))


def budget_of(intent: str) -> float:
    """False trips a year that this breaker may have. All breakers share one budget."""
    half = settings.FALSE_TRIPS_A_YEAR / 2
    if intent == OVERALL:
        return half
    return half / max(1, len(automatic_intents(policy_in_force().snapshot)))


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
        "drawn_height": breaker.drawn_height,
    }
    entry = record.AuditEntry(AuditKind.BREAKER, f"breaker:{breaker.intent or 'all'}", actor, data)
    record.write(now=now, audit=[entry])
