"""Business time. Pure: no Django, the clock is an argument."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

LOOK_AHEAD_DAYS = 30

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
        raise HoursInvalid(f'{named}: a span is two times such as ["09:00", "17:00"].') from error
    if opens.tzinfo or closes.tzinfo or opens >= closes:
        raise HoursInvalid(f"{calendar.day_name[day]}: a span ends after it begins, on one day.")
    return opens, closes


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When the business works: weekday (0 = Monday) to spans of local times, less holidays."""

    time_zone: ZoneInfo
    week: Week
    holidays: frozenset[date] = field(default_factory=frozenset)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """Opening spans of a local day, as aware datetimes."""
        if day in self.holidays:
            return []
        return [
            (
                datetime.combine(day, opens, self.time_zone),
                datetime.combine(day, closes, self.time_zone),
            )
            for opens, closes in self.week.get(day.weekday(), ())
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
