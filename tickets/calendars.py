"""Business calendars as rows, read into pure opening hours."""

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from tickets.models import Calendar
from tickets.service_levels import OpeningHours, read_week

DEFAULT_SLUG = "default"


def opening_hours(calendar: Calendar, now: datetime) -> OpeningHours:
    """The hours of a calendar, with the public holidays around `now`."""
    free = _holidays(calendar.holiday_country, now.year) if calendar.holiday_country else ()
    return OpeningHours(ZoneInfo(calendar.time_zone), read_week(calendar.hours), frozenset(free))


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    # Around New Year another year than that of UTC may be the local one.
    return frozenset(holidays.country_holidays(country, years=[year - 1, year, year + 1]))


def default_hours(now: datetime) -> OpeningHours | None:
    """The business's own hours; None when it has set none, which means: always open."""
    calendar = Calendar.objects.filter(slug=DEFAULT_SLUG).first()
    return opening_hours(calendar, now) if calendar else None
