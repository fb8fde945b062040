"""Business calendars as rows, read into pure opening hours."""

import json
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from tickets.business_time import OpeningHours, read_closing_days, read_week
from tickets.models import Calendar
from tickets.models.sql import CALENDAR, first_row

DEFAULT_SLUG = "default"


def opening_hours(calendar: Calendar, now: datetime) -> OpeningHours:
    """The hours of a calendar, without its closing days and the public holidays around `now`."""
    return hours_of(
        calendar.time_zone,
        json.dumps(calendar.hours),
        calendar.holiday_country,
        calendar.holiday_subdivision,
        json.dumps(calendar.closing_days),
        now=now,
    )


def default_hours(now: datetime) -> OpeningHours | None:
    """The business's own hours; None when it has set none, which means: always open."""
    row = first_row(CALENDAR, DEFAULT_SLUG)
    return hours_of(*row, now=now) if row else None


def hours_of(
    time_zone: str, week: str, country: str, subdivision: str, closing_days: str, *, now: datetime
) -> OpeningHours:
    """The hours that a row says, its JSON as text."""
    return _hours(time_zone, week, country, subdivision, closing_days, now.year)


@lru_cache(maxsize=64)
def _hours(
    time_zone: str, week: str, country: str, subdivision: str, closing_days: str, year: int
) -> OpeningHours:
    # Around New Year another year than that of UTC may be the local one; deadlines reach further.
    years = [year - 1, year, year + 1, year + 2]
    public = (
        holidays.country_holidays(country, subdiv=subdivision or None, years=years)
        if country
        else ()
    )
    own = read_closing_days(json.loads(closing_days))
    free = frozenset(public) | frozenset(own)
    return OpeningHours(ZoneInfo(time_zone), read_week(json.loads(week)), free)
