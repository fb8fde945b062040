"""What is counted of some tickets together, ready to be stored or added to what is stored."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from metrics.figures.history import Judgement
from metrics.rollup.business_seconds import business_seconds
from metrics.rollup.tally import (
    BUSINESS,
    CLASSIFIER,
    DURABLE,
    WAITING,
    Stretch,
    Sums,
    Target,
    TicketFacts,
    durable_code,
    stretches,
    tally,
)
from tickets.business_time import OpeningHours
from tickets.history.record import hour_of
from tickets.models import Calendar
from tickets.promises import calendars

PACKED = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class Counted:
    """Sums and single numbers of some tickets."""

    sums: Sums = field(default_factory=dict)
    series: Mapping[str, np.ndarray] = field(default_factory=dict)
    judgements: Sequence[Judgement] = ()
    # kind of target, hour in which it falls due -> settled, breached
    due: Mapping[tuple[str, datetime], tuple[int, int]] = field(default_factory=dict)


def counted(many: Iterable[TicketFacts], *, mature_at: datetime, days: int) -> Counted:
    """Count these tickets."""
    tickets = list(many)
    if not tickets:
        return Counted()
    return Counted(
        sums=tally(tickets, mature_at=mature_at, days=days),
        series=_series(tickets, mature_at, days),
        # Spam and duplicates too: what was answered automatically was answered.
        judgements=[facts.judgement for facts in tickets if facts.judgement is not None],
        due=_due(tickets),
    )


def _series(
    tickets: Sequence[TicketFacts], mature_at: datetime, days: int
) -> dict[str, np.ndarray]:
    found: dict[str, list[int]] = defaultdict(list)
    timed: dict[tuple[str, int | None], list[tuple[int, int]]] = defaultdict(list)
    for facts in tickets:
        if facts.counts and facts.is_mature(mature_at, days):
            found[DURABLE].append(durable_code(facts, days))
        if facts.counts and facts.predicted is not None and not facts.predicted.failure:
            found[CLASSIFIER].append(round(facts.predicted.milliseconds * 1000))
        for stretch in stretches(facts):
            _put(stretch, facts.calendar, found, timed)
    used = {calendar for _, calendar in timed}
    hours = {calendar: _hours(calendar, tickets[0].created_at) for calendar in used}
    for (kind, calendar), spans in timed.items():
        starts, ends = np.array(spans, np.int64).T
        found[_business(kind)] += business_seconds(hours[calendar], starts, ends).tolist()
    return {kind: np.sort(np.array(numbers, PACKED)) for kind, numbers in found.items()}


def _put(
    stretch: Stretch,
    calendar: int | None,
    found: dict[str, list[int]],
    timed: dict[tuple[str, int | None], list[tuple[int, int]]],
) -> None:
    start = int(stretch.start.timestamp())
    if stretch.end is None:
        found[stretch.kind + WAITING].append(start)
        return
    end = max(start, int(stretch.end.timestamp()))
    found[stretch.kind].append(end - start)
    if stretch.business:
        timed[stretch.kind, calendar].append((start, end))


def _business(kind: str) -> str:
    name, lost, _ = kind.partition("_lost")
    return f"{name}{BUSINESS}{lost}"


def _hours(calendar: int | None, now: datetime) -> OpeningHours | None:
    row = Calendar.objects.filter(pk=calendar).first() if calendar is not None else None
    return calendars.opening_hours(row, now) if row else calendars.default_hours(now)


def _due(tickets: Sequence[TicketFacts]) -> dict[tuple[str, datetime], tuple[int, int]]:
    found: dict[tuple[str, datetime], tuple[int, int]] = {}
    for target in _targets(tickets):
        key = (target.kind, hour_of(target.due_at))
        settled, breached = found.get(key, (0, 0))
        found[key] = (settled + 1, breached + target.breached)
    return found


def _targets(tickets: Sequence[TicketFacts]) -> Iterator[Target]:
    for facts in tickets:
        if facts.counts:
            yield from facts.targets
