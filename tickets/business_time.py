"""Business time. Pure: no Django, the clock is an argument.

A minute counts when the clock on the business's wall shows one within its hours: that also says
what happens in the night in which clocks are put forward or back.
"""

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

LOOK_AHEAD_DAYS = 30
# A deadline further away than this is none: the business hardly ever opens.
FURTHEST_DAYS = 400

DAY = timedelta(days=1)
NOTHING = timedelta()

Week = Mapping[int, Sequence[tuple[time, time]]]


class HoursInvalid(ValueError):
    """Opening hours that say nothing. The message says why, for the person who wrote them."""


def read_week(hours: Any) -> Week:
    """Opening hours as they are stored: `{"0": [["09:00", "17:00"]]}`, where 0 is Monday.

    Raises:
        HoursInvalid: with a sentence for whoever wrote them.
    """
    days = [str(day) for day in range(7)]
    if not isinstance(hours, dict) or not set(hours) <= set(days):
        raise HoursInvalid('Use "0" for Monday to "6" for Sunday, each with a list of spans.')
    return {int(day): [_span(int(day), span) for span in _listed(hours[day])] for day in hours}


def _listed(spans: Any) -> list[Any]:
    if not isinstance(spans, list):
        raise HoursInvalid('The spans of a day are a list, such as [["09:00", "17:00"]].')
    return spans


def _span(day: int, span: Any) -> tuple[time, time]:
    try:
        opens, closes = (time.fromisoformat(moment) for moment in span)
    except (TypeError, ValueError) as error:
        named = calendar.day_name[day]
        words = f"{named}: a span is two times of a day, such as 09:00–17:00."
        raise HoursInvalid(words) from error
    if opens.tzinfo or closes.tzinfo or opens >= closes:
        raise HoursInvalid(f"{calendar.day_name[day]}: a span ends after it begins, on one day.")
    return opens, closes


def read_closing_days(days: Any) -> dict[date, str]:
    """Closing days as they are stored: `[["2026-12-24", "Christmas party"]]`.

    Raises:
        HoursInvalid: with a sentence for whoever wrote them.
    """
    try:
        return {date.fromisoformat(day): str(name) for day, name in days}
    except (TypeError, ValueError) as error:
        raise HoursInvalid("A closing day is a date such as 2026-12-24, and what for.") from error


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When the business works: weekday (0 = Monday) to spans of local times, less holidays."""

    time_zone: ZoneInfo
    week: Week
    holidays: frozenset[date] = field(default_factory=frozenset)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening spans of a local day, as aware datetimes."""
        return [
            (
                datetime.combine(day, opens, self.time_zone),
                datetime.combine(day, closes, self.time_zone),
            )
            for opens, closes in self._times(day)
        ]

    def is_open(self, now: datetime) -> bool:
        local = now.astimezone(self.time_zone)
        return any(opens <= local < closes for opens, closes in self.spans(local.date()))

    def next_opening(self, now: datetime) -> datetime | None:
        """When work goes on: `now` while open; None when nothing opens within 30 days."""
        local = now.astimezone(self.time_zone)
        for ahead in range(LOOK_AHEAD_DAYS):
            for opens, closes in self.spans(local.date() + timedelta(days=ahead)):
                if local < closes:
                    return max(opens, local)
        return None

    def stretches(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Stretches of open time from `start` on, in UTC, in their order and apart."""
        reached = start.astimezone(UTC)
        # Where the date line was moved a local day may lie wholly before the one that is asked for.
        first = start.astimezone(self.time_zone).date() - DAY
        for ahead in range(FURTHEST_DAYS):
            for opens, closes in self._stretches_of(first + ahead * DAY):
                if closes > reached:
                    yield max(opens, reached), closes
                    reached = closes

    def _times(self, day: date) -> Sequence[tuple[time, time]]:
        return () if day in self.holidays else self.week.get(day.weekday(), ())

    def _stretches_of(self, day: date) -> list[tuple[datetime, datetime]]:
        """Moments of a local day at which the wall clock shows an open minute, in their order."""
        times = self._times(day)
        if not times:
            return []
        shown = [
            (datetime.combine(day, opens, UTC), datetime.combine(day, closes, UTC))
            for opens, closes in times
        ]
        shift = clock_change(self.time_zone, day)
        if shift is None:
            offset = datetime.combine(day, time(12), self.time_zone).utcoffset() or NOTHING
            return sorted((opens - offset, closes - offset) for opens, closes in shown)
        at, before, after = shift
        earlier = ((opens - before, min(closes - before, at)) for opens, closes in shown)
        later = ((max(opens - after, at), closes - after) for opens, closes in shown)
        return sorted(
            (opens, closes) for pair in (earlier, later) for opens, closes in pair if opens < closes
        )


@lru_cache(maxsize=4096)
def clock_change(zone: ZoneInfo, day: date) -> tuple[datetime, timedelta, timedelta] | None:
    """When clocks are changed on a local day, with the offsets before and after; None on others."""
    midnight = datetime.combine(day, time(), UTC)
    starts = midnight - _offset_at(zone, midnight - DAY)
    ends = midnight + DAY - _offset_at(zone, midnight + 2 * DAY)
    before, after = _offset_at(zone, starts - timedelta(seconds=1)), _offset_at(zone, ends)
    if before == after:
        return None
    low, high = starts - timedelta(seconds=1), ends
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle = middle.replace(microsecond=0)
        low, high = (middle, high) if _offset_at(zone, middle) == before else (low, middle)
    return high, before, after


def _offset_at(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or NOTHING


# --- Arithmetic; without hours the business works around the clock --------------------------------


def add_business_time(
    hours: OpeningHours | None, start: datetime, amount: timedelta
) -> datetime | None:
    """The first moment by which so much business time has passed since `start`, in UTC.

    None when the business opens too little for it within 400 days.
    """
    if hours is None or amount <= NOTHING:
        return start.astimezone(UTC) + max(amount, NOTHING)
    left = amount
    for opens, closes in hours.stretches(start):
        if closes - opens >= left:
            return opens + left
        left -= closes - opens
    return None


def business_time_between(hours: OpeningHours | None, start: datetime, end: datetime) -> timedelta:
    """Business time in [start, end); nothing where `end` is not later."""
    if end <= start:
        return NOTHING
    if hours is None:
        return end - start
    total = NOTHING
    for opens, closes in hours.stretches(start):
        if opens >= end:
            break
        total += min(closes, end) - opens
    return total


def warn_moment(
    hours: OpeningHours | None,
    now: datetime,
    *,
    left: timedelta,
    promised: timedelta,
    percent: int,
) -> datetime | None:
    """When so many percent of what was promised are used up, if `left` of it is left at `now`."""
    return add_business_time(hours, now, left - promised * (100 - percent) / 100)


def is_overdue(due_at: datetime | None, now: datetime) -> bool:
    """An answer at the very moment is in time."""
    return due_at is not None and now > due_at


def may_disturb(now: datetime, hours: OpeningHours | None, *, critical: bool) -> bool:
    """Whether somebody may be mailed now: outside business hours only for what is critical.

    Without hours nobody said when people sleep, so they may.
    """
    return critical or hours is None or hours.is_open(now)
