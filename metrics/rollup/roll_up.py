"""Counting hour by hour, so that reading a year costs little.

Everything is counted under the hour in which its ticket came in. Whatever changes a ticket of a
past hour marks that hour in the same transaction (`tickets.history.record.touch`); the hour under
way and the one before are counted again each time, so nobody has to mark them. Counting twice does
no harm.

Rows are read before the transaction opens, so that it stays short. That is safe: only marks that
were there before the reading are taken away, and of two who count at once one gives up.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from decisions.models import Decision
from metrics.figures import definitions
from metrics.models import STATE, RollupState
from metrics.rollup import gather, store
from metrics.rollup.pack import Counted, counted
from metrics.rollup.tally import TicketFacts
from tickets.codes import Outcome
from tickets.history.record import hour_of
from tickets.models import Ticket, TouchedHour

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Who writes under the clock of one hour may commit in the next: so long an hour is counted again
# after its end, and so long later than N days a ticket is called mature.
GRACE = HOUR
HOURS_AT_ONCE = 12
# Going forward it is tickets that count, since there may be few or many in an hour.
TICKETS_AT_ONCE, LONGEST_STRETCH = 500, 14 * DAY
MARKS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """Hours to count in one transaction, and what is true afterwards."""

    hours: frozenset[datetime]
    marks: tuple[int, ...] = ()
    counted_until: datetime | None = None
    mature_at: datetime | None = None
    rebuilt_until: datetime | None = None


def roll_up(now: datetime, *, limit: int = 200) -> int:
    """Count what has to be counted; how many hours changed, or `limit` when there may be more."""
    looked_at = changed = 0
    for step in steps(now):
        changed += take(step) or 0
        looked_at += len(step.hours)
        if looked_at >= limit:
            return limit
    return changed


def steps(now: datetime) -> Iterator[Step]:
    """What is to be done, one after the other; each looks at what the one before left."""
    closed = hour_of(now) - GRACE
    begin(closed)
    yield from _forward(closed)
    yield from _ripen(closed)
    while (step := _marked()) is not None:
        yield step
    yield Step(frozenset({closed, closed + HOUR}))


def state() -> RollupState | None:
    """How far counting has come; None before it began."""
    return RollupState.objects.filter(pk=STATE).first()


def begin(closed: datetime) -> None:
    """Make the row of the state; start again where something else is counted now."""
    wanted = {"days": settings.SILENT_DAYS, "definitions": definitions.VERSION}
    fresh = RollupState(pk=STATE, mature_at=closed, **wanted)
    RollupState.objects.bulk_create([fresh], ignore_conflicts=True)
    RollupState.objects.filter(pk=STATE).exclude(**wanted).update(
        counted_until=None, mature_at=closed, turn=F("turn") + 1, **wanted
    )


def _now_there() -> RollupState:
    return RollupState.objects.get(pk=STATE)


def _forward(closed: datetime) -> Iterator[Step]:
    """Hours that ended and are not counted yet; those without tickets are skipped."""
    while (until := _now_there().counted_until) is None or until < closed:
        later = Ticket.objects.filter(created_at__lt=closed)
        if until is not None:
            later = later.filter(created_at__gte=until)
        moments = later.order_by("created_at").values_list("created_at", flat=True)
        first = moments.first()
        if first is None:
            yield Step(frozenset(), counted_until=closed)
            continue
        start = hour_of(first)
        last = moments[TICKETS_AT_ONCE : TICKETS_AT_ONCE + 1].first()
        end = hour_of(last) + HOUR if last else closed
        end = min(end, start + LONGEST_STRETCH, closed)
        yield Step(hours_between(start, end), counted_until=end)


def _ripen(closed: datetime) -> Iterator[Step]:
    """Hours of tickets whose N days ended since this was last done."""
    while (before := _now_there().mature_at) < closed:
        after = min(before + HOURS_AT_ONCE * HOUR, closed)
        span = timedelta(days=settings.SILENT_DAYS)
        since, until = before - span, after - span
        hours = hours_between(since, until + HOUR)
        yield Step(hours | _hours_answered(since, until), mature_at=after)


def _hours_answered(since: datetime, until: datetime) -> frozenset[datetime]:
    """Hours of tickets that were answered automatically within this time, whenever they came."""
    rows = Decision.objects.filter(
        at__gt=since, at__lte=until, outcome=Outcome.AUTO_RESOLVE, round=1
    )
    return frozenset(map(hour_of, rows.values_list("ticket__created_at", flat=True)))


def _marked() -> Step | None:
    """The next marked hours, with those on which they bear; None without marks."""
    marks = list(TouchedHour.objects.order_by("id").values_list("pk", "hour")[:MARKS_AT_ONCE])
    chosen = set(sorted({hour for _, hour in marks})[:HOURS_AT_ONCE])
    if not chosen:
        return None
    return Step(
        frozenset(chosen) | _neighbours(chosen), tuple(pk for pk, hour in marks if hour in chosen)
    )


def _neighbours(hours: Iterable[datetime]) -> frozenset[datetime]:
    """Hours of earlier tickets of the same people, answered automatically at most N days before:
    whether those answers held depends on what came later."""
    spans = [(hour, hour + HOUR) for hour in hours]
    people = Ticket.objects.filter(gather.created_within(spans)).values("requester_id")
    earlier = Ticket.objects.filter(
        requester__in=people,
        auto_replied_at__gte=min(hours) - timedelta(days=settings.SILENT_DAYS),
        created_at__lt=max(hours) + HOUR,
    )
    return frozenset(map(hour_of, earlier.values_list("created_at", flat=True)))


def hours_between(since: datetime, until: datetime) -> frozenset[datetime]:
    """Every hour that begins from `since` on and before `until`."""
    number = max(0, -((since - until) // HOUR))
    return frozenset(since + n * HOUR for n in range(number))


def take(step: Step) -> int | None:
    """Count the hours of a step again and store what came out; how many hours changed.

    None where somebody else counted meanwhile: nothing was done, and it is still to do.
    """
    seen = _now_there()
    mature_at = step.mature_at or seen.mature_at
    until = step.counted_until or seen.counted_until
    found = count(step.hours, mature_at=mature_at)
    with transaction.atomic():
        changes = {
            name: value
            for name in ("counted_until", "mature_at", "rebuilt_until")
            if (value := getattr(step, name)) is not None
        }
        mine = RollupState.objects.filter(pk=STATE, turn=seen.turn)
        if not mine.update(turn=F("turn") + 1, **changes):
            return None
        changed = store.store(found)
        if until is not None:
            whole = {day_of(hour) for hour in changed if day_of(hour) + DAY <= until}
            if step.counted_until is not None:
                whole |= _days_ended(seen.counted_until, until, step.hours)
            store.store_days(whole)
        TouchedHour.objects.filter(pk__in=step.marks).delete()
        return len(changed)


def _days_ended(
    before: datetime | None, until: datetime, hours: Iterable[datetime]
) -> set[datetime]:
    """Days that are counted wholly since this step and were not before."""
    days = {day_of(hour) for hour in hours} | ({day_of(before)} if before else set())
    return {day for day in days if day + DAY <= until}


def day_of(hour: datetime) -> datetime:
    """When the day of an hour began, in UTC."""
    return hour_of(hour).replace(hour=0)


def count(hours: Iterable[datetime], *, mature_at: datetime) -> dict[datetime, Counted]:
    """What there is in each of these hours, read from the rows; empty ones too."""
    wanted = sorted(hours)
    found = count_within(merged(wanted), mature_at=mature_at)
    return {hour: found.get(hour, Counted()) for hour in wanted}


def count_within(spans: Sequence[gather.Span], *, mature_at: datetime) -> dict[datetime, Counted]:
    """What there is in each hour of these spans that has tickets."""
    days = settings.SILENT_DAYS
    by_hour: dict[datetime, list[TicketFacts]] = defaultdict(list)
    for facts in gather.facts(spans, days=days):
        by_hour[hour_of(facts.created_at)].append(facts)
    return {hour: counted(many, mature_at=mature_at, days=days) for hour, many in by_hour.items()}


def merged(hours: Iterable[datetime]) -> Sequence[gather.Span]:
    """The hours as few spans as possible."""
    spans: list[gather.Span] = []
    for hour in sorted(hours):
        if spans and spans[-1][1] == hour:
            spans[-1] = (spans[-1][0], hour + HOUR)
        else:
            spans.append((hour, hour + HOUR))
    return spans
