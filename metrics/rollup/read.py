"""Reading what was counted: sums for any period, at the same cost however many tickets there are.

Whole days come from rows of days, the hours at both ends from rows of hours. What was not counted
yet, and the parts of hours at the ends, are counted on the spot, as long as that is little.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, reduce
from operator import or_
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Q, QuerySet, Sum

from metrics.figures.history import COUNTED, NOTHING, Counts, History, Judgement, Times
from metrics.models import DueTally, Judged, Series, Tally
from metrics.models import Span as Length
from metrics.rollup import gather, roll_up
from metrics.rollup.business_seconds import business_seconds
from metrics.rollup.gather import Span
from metrics.rollup.pack import Counted, counted
from metrics.rollup.store import JUDGED_FIELDS, unpacked
from metrics.rollup.tally import ALL, BUSINESS, CLASSIFIER, DURABLE, LOST, WAITING, TicketFacts
from tickets.history.record import hour_of
from tickets.models import Ticket, TouchedHour
from tickets.promises import calendars

HOUR, DAY = roll_up.HOUR, roll_up.DAY
# So many tickets are counted on the spot: some milliseconds. A house that never counted gets more.
FEW, WHILE_NOTHING_IS_COUNTED = 400, 5_000
MARKS = 48


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the tickets of a period are read from."""

    since: datetime
    until: datetime
    live: Sequence[Span]  # counted on the spot
    whole: Sequence[Span]  # whole hours among them
    days: Sequence[Span]
    hours: Sequence[Span]
    mature_at: datetime
    waiting: int  # marked hours that are read as they were counted before
    counted: bool = True  # False: nothing was counted yet

    def rows(self, **also: Any) -> Q:
        """Which rows of hours and days belong to the period. What else is asked of them stands in
        each part, so that each part finds its index."""
        parts = [_within("start", span) & Q(span=Length.HOUR, **also) for span in self.hours]
        parts += [_within("start", span) & Q(span=Length.DAY, **also) for span in self.days]
        return reduce(or_, parts, gather.NONE)

    def hourly(self, field: str) -> Q:
        """Which rows of a table that knows hours only."""
        parts = [_within(field, span) for span in (*self.hours, *self.days)]
        return reduce(or_, parts, gather.NONE)


def _within(field: str, span: Span) -> Q:
    return Q(**{f"{field}__gte": span[0], f"{field}__lt": span[1]})


def plan(since: datetime, until: datetime, now: datetime) -> Plan:
    """Decide what is read from where. A few short queries."""
    since, until = _with_tickets(since, until)
    state = roll_up.state()
    closed = hour_of(now) - roll_up.GRACE
    counted_until = state.counted_until if state and state.days == settings.SILENT_DAYS else None
    mature_at = state.mature_at if state and counted_until else closed
    first, last = _ceiling(since), hour_of(until)
    if last < first:  # within one hour
        return Plan(
            since, until, [(since, until)], [], [], [], mature_at, 0, counted_until is not None
        )
    edges = [span for span in ((since, first), (last, until)) if span[0] < span[1]]
    fresh, marks = _open(first, last, counted_until)
    if not _are_few(fresh, marks, FEW if counted_until else WHILE_NOTHING_IS_COUNTED):
        waiting = len(marks) + sum((end - start) // HOUR for start, end in fresh)
        fresh, marks = [], frozenset()
    else:
        waiting = 0
    start_fresh = fresh[0][0] if fresh else last
    days, hours = _split(first, start_fresh, marks, counted_until)
    whole = [*fresh, *roll_up.merged(marks)]
    return Plan(
        since,
        until,
        live=[*edges, *whole],
        whole=whole,
        days=days,
        hours=hours,
        mature_at=mature_at,
        waiting=waiting,
        counted=counted_until is not None,
    )


def _with_tickets(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The part of a period in which there can be tickets: asked for may be a thousand years."""
    moments = Ticket.objects.order_by("created_at").values_list("created_at", flat=True)
    oldest = moments.first()
    if oldest is None:
        return since, since
    newest = moments.last() or oldest
    first = max(since, hour_of(oldest))
    return first, max(first, min(until, hour_of(newest) + HOUR))


def _ceiling(moment: datetime) -> datetime:
    start = hour_of(moment)
    return start if start == moment else start + HOUR


def _open(
    first: datetime, last: datetime, counted_until: datetime | None
) -> tuple[list[Span], frozenset[datetime]]:
    """What is not counted yet of these hours: the newest ones, and those that carry a mark."""
    begin = max(first, counted_until) if counted_until else first
    fresh = [(begin, last)] if begin < last else []
    marks = TouchedHour.objects.filter(hour__gte=first, hour__lt=min(begin, last))
    found = marks.order_by("hour").values_list("hour", flat=True).distinct()
    return fresh, frozenset(found[: MARKS + 1])


def _are_few(fresh: Sequence[Span], marks: frozenset[datetime], most: int) -> bool:
    if len(marks) > MARKS:
        return False
    spans = [*fresh, *roll_up.merged(marks)]
    if not spans:
        return True
    rows = Ticket.objects.filter(gather.created_within(spans)).order_by().values("pk")
    return rows[: most + 1].count() <= most


def _split(
    first: datetime, last: datetime, marks: Iterable[datetime], counted_until: datetime | None
) -> tuple[list[Span], list[Span]]:
    """Whole days, and the hours that are left beside them."""
    without = sorted(marks)
    dirty = {roll_up.day_of(hour) for hour in without}
    day = roll_up.day_of(first) if first == roll_up.day_of(first) else roll_up.day_of(first) + DAY
    days: list[datetime] = []
    while day + DAY <= min(last, counted_until or first):
        if day not in dirty:
            days.append(day)
        day += DAY
    taken = [*((d, d + DAY) for d in days), *((h, h + HOUR) for h in without)]
    return _joined(days, DAY), _gaps(first, last, taken)


def _joined(starts: Sequence[datetime], length: timedelta) -> list[Span]:
    spans: list[Span] = []
    for start in starts:
        if spans and spans[-1][1] == start:
            spans[-1] = (spans[-1][0], start + length)
        else:
            spans.append((start, start + length))
    return spans


def _gaps(first: datetime, last: datetime, taken: Iterable[Span]) -> list[Span]:
    """What is left of a period without these spans."""
    left, at = [], first
    for start, end in sorted(taken):
        if at < start:
            left.append((at, start))
        at = max(at, end)
    return [*left, (at, last)] if at < last else left


# --- Sums -----------------------------------------------------------------------------------------


class Period:
    """The tickets created in [since, until), read once for any number of questions."""

    def __init__(self, since: datetime, until: datetime, now: datetime) -> None:
        self.since, self.until, self.now = since, until, now
        self.plan = plan(since, until, now)

    @cached_property
    def _facts(self) -> list[TicketFacts]:
        return list(gather.facts(self.plan.live, days=settings.SILENT_DAYS))

    @cached_property
    def _live(self) -> Counted:
        return self._counted(self._facts)

    def _counted(self, facts: list[TicketFacts]) -> Counted:
        return counted(facts, mature_at=self.plan.mature_at, days=settings.SILENT_DAYS)

    @cached_property
    def history(self) -> History:
        """All that the figures of the period are made of."""
        series = _series(self.plan, self._live)
        durable = series.get(DURABLE, NOTHING)
        return History(
            now=self.now,
            counts=self.counts,
            owners=durable // 2,
            held=durable % 2,
            judgements=[*_judgements(self.plan), *self._live.judgements],
            times=_times(series, self.now),
            targets=self._targets(),
        )

    @cached_property
    def counts(self) -> Counts:
        """Sums over all tickets of the period."""
        # Summed here: to put two dozen sums into a statement takes longer than to read these rows.
        rows = Tally.objects.filter(self.plan.rows(dimension=ALL)).values_list(*COUNTED)
        sums = [dict(zip(COUNTED, row, strict=True)) for row in rows]
        return Counts.total([*sums, self._live.sums.get((ALL, ""), {})])

    def by_key(self, dimension: str, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """These sums by the keys of a dimension, such as intents."""
        rows = Tally.objects.filter(self.plan.rows(dimension=dimension))
        found = _summed(rows, names).get(dimension, {})
        for (name, key), sums in self._live.sums.items():
            if name == dimension:
                held = found.setdefault(key, dict.fromkeys(names, 0))
                for one in names:
                    held[one] += sums.get(one, 0)
        return found

    def _targets(self) -> dict[str, tuple[int, int]]:
        """Targets by the hour of their due time, which may be another than that of their ticket."""
        since = hour_of(self.since)
        if not self.plan.counted:
            return gather.settled_between(since, self.until)
        rows = DueTally.objects.filter(due__gte=since, due__lt=self.until)
        for start, end in self.plan.whole:
            rows = rows.exclude(hour__gte=start, hour__lt=end)
        sums = rows.order_by().values_list("kind").annotate(Sum("settled"), Sum("breached"))
        found = {kind: (settled, breached) for kind, settled, breached in sums}
        again = self._counted([facts for facts in self._facts if self._is_whole(facts)])
        for (kind, due), (settled, breached) in again.due.items():
            if since <= due < self.until:
                before = found.get(kind, (0, 0))
                found[kind] = (before[0] + settled, before[1] + breached)
        return found

    def _is_whole(self, facts: TicketFacts) -> bool:
        return any(start <= facts.created_at < end for start, end in self.plan.whole)


def _series(chosen: Plan, live: Counted) -> dict[str, np.ndarray]:
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    for kind, data in Series.objects.filter(chosen.rows()).values_list("kind", "data"):
        parts[kind].append(unpacked(data))
    for kind, numbers in live.series.items():
        parts[kind].append(numbers)
    return {kind: np.concatenate(numbers) for kind, numbers in parts.items()}


def _times(series: Mapping[str, np.ndarray], now: datetime) -> dict[str, Times]:
    """Durations by name; what still waits has lasted until now."""
    moment = int(now.timestamp())
    found = {}
    for name in ("first_response", "first_resolution", "last_resolution"):
        waiting = np.minimum(series.get(name + WAITING, NOTHING), moment)
        ends = np.full(len(waiting), moment)
        ages = {"": ends - waiting, BUSINESS: NOTHING}
        if name + BUSINESS in series or len(waiting):
            hours = calendars.default_hours(now)
            ages[BUSINESS] = business_seconds(hours, waiting, ends)
        for kind, age in ages.items():
            lost = series.get(name + kind + LOST, NOTHING)
            ended = series.get(name + kind, NOTHING)
            found[name + kind] = Times(ended, np.concatenate([lost, age]))
        found[name + WAITING] = Times(open=ages[""])
    for name in ("automatic_response", "decision", CLASSIFIER):
        found[name] = Times(series.get(name, NOTHING))
    return found


def _judgements(chosen: Plan) -> list[Judgement]:
    rows = Judged.objects.filter(chosen.hourly("hour")).values_list(*JUDGED_FIELDS)
    return [Judgement(**dict(zip(JUDGED_FIELDS, row, strict=True))) for row in rows]


Split = dict[str, dict[str, dict[str, int]]]  # dimension -> key -> name -> sum


def _summed(rows: QuerySet[Tally], names: Sequence[str]) -> Split:
    found: Split = {}
    sums = rows.order_by().values_list("dimension", "key").annotate(*(Sum(n) for n in names))
    for dimension, key, *numbers in sums:
        found.setdefault(dimension, {})[key] = dict(zip(names, numbers, strict=True))
    return found


def ever(dimensions: Sequence[str], names: Sequence[str]) -> Split:
    """Sums over all that was counted.

    Nothing is counted on the spot, so that what only grows never seems to shrink.
    """
    state = roll_up.state()
    if state is None:
        return {}
    which = {"dimension__in": dimensions}
    rows, until = Q(span=Length.HOUR, **which), state.counted_until
    if until is not None:
        midnight = roll_up.day_of(until)
        rows = Q(span=Length.DAY, start__lt=midnight, **which)
        rows |= Q(span=Length.HOUR, start__gte=midnight, **which)
    return _summed(Tally.objects.filter(rows), names)


def by_hour(
    names: Sequence[str],
    since: datetime,
    until: datetime,
    now: datetime,
) -> dict[datetime, tuple[int, ...]]:
    """Some sums for each hour from that of `since` until before `until`; zeros too."""
    first, last = hour_of(since), _ceiling(until)
    chosen = plan(first, last, now)
    zeros = (0,) * len(names)
    found = dict.fromkeys(sorted(roll_up.hours_between(first, last)), zeros)
    rows = Tally.objects.filter(chosen.hourly("start"), span=Length.HOUR)
    for start, *numbers in rows.filter(dimension=ALL, key="").values_list("start", *names):
        found[start] = tuple(numbers)
    for hour, one in roll_up.count_within(chosen.whole, mature_at=chosen.mature_at).items():
        sums = one.sums.get((ALL, ""), {})
        found[hour] = tuple(sums.get(name, 0) for name in names)
    return found
