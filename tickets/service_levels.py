"""Business time. Pure: no Django, the clock is an argument."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LOOK_AHEAD_DAYS = 30


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When the business works: weekday (0 = Monday) to spans of local times, less holidays."""

    time_zone: ZoneInfo
    week: Mapping[int, Sequence[tuple[time, time]]]
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
