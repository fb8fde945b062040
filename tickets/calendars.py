"""Business calendars as rows, read into pure opening hours."""

import json
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from tickets.models import Calendar, first_row
from tickets.service_levels import OpeningHours, read_week

DEFAULT_SLUG = "default"
DEFAULT = "SELECT time_zone, hours, holiday_country FROM tickets_calendar WHERE slug = %s"


def opening_hours(calendar: Calendar, now: datetime) -> OpeningHours:
    """The hours of a calendar, with the public holidays around `now`."""
    return _hours(
        calendar.time_zone, json.dumps(calendar.hours), calendar.holiday_country, now.year
    )


def default_hours(now: datetime) -> OpeningHours | None:
    """The business's own hours; None when it has set none, which means: always open."""
    row = first_row(DEFAULT, DEFAULT_SLUG)
    return _hours(*row, now.year) if row else None


@lru_cache(maxsize=64)
def _hours(time_zone: str, week: str, country: str, year: int) -> OpeningHours:
    # Around New Year another year than that of UTC may be the local one.
    years = [year - 1, year, year + 1]
    free = holidays.country_holidays(country, years=years) if country else ()
    return OpeningHours(ZoneInfo(time_zone), read_week(json.loads(week)), frozenset(free))
