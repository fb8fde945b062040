"""Business calendars as rows, read into pure opening hours."""

from datetime import date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from tickets.models import Calendar
from tickets.service_levels import OpeningHours

DEFAULT_SLUG = "default"


def opening_hours(calendar: Calendar, now: datetime) -> OpeningHours:
    """The hours of a calendar, with the public holidays around `now`."""
    return OpeningHours(
        ZoneInfo(calendar.time_zone),
        {
            int(day): [(time.fromisoformat(a), time.fromisoformat(b)) for a, b in spans]
            for day, spans in calendar.hours.items()
        },
        _holidays(calendar.holiday_country, now.year) if calendar.holiday_country else frozenset(),
    )


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=[year, year + 1]))


def default_hours(now: datetime) -> OpeningHours | None:
    """The business's own hours; None when it has set none, which means: always open."""
    calendar = Calendar.objects.filter(slug=DEFAULT_SLUG).first()
    return opening_hours(calendar, now) if calendar else None
