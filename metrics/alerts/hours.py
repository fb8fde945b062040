"""Counts by hour, and their grids of local days for the score of an hour."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from metrics.alerts.spikes import DAYS, MOST_WEEKS, Grid
from metrics.rollup import read
from tickets.models import Ticket
from tickets.promises.calendars import default_hours

HOUR = timedelta(hours=1)
SLACK_DAYS = 30  # holidays are left out, so the days that count reach further back
LOOK_BACK = timedelta(days=DAYS + 7 * MOST_WEEKS + SLACK_DAYS)

Counted = dict[datetime, int]


@dataclass(frozen=True, slots=True)
class Hours:
    """Grids of local days up to today, and which hour of today runs now."""

    tickets: Grid
    decided: Grid
    escalated: Grid
    today: date
    hour: int

    def until_yesterday(self) -> "Hours":
        """The same as it stood when the day before was over."""
        return Hours(
            tickets=self.tickets[:-1],
            decided=self.decided[:-1],
            escalated=self.escalated[:-1],
            today=self.today - timedelta(days=1),
            hour=24,
        )


def gather(now: datetime) -> Hours:
    """Tickets that came in, and of those decided how many went to people, hour by hour."""
    opening = default_hours(now)
    zone: tzinfo = opening.time_zone if opening else ZoneInfo(settings.TIME_ZONE)
    free = opening.holidays if opening else frozenset()
    today = now.astimezone(zone).date()
    first = _first_day(zone)
    start = max(first, today - LOOK_BACK) if first else today
    frame = _Frame(start, today, zone, free, now)
    since = datetime.combine(start, time(), zone)
    counts = counted(since, now)
    return Hours(
        tickets=frame.grid(counts["tickets"]),
        decided=frame.grid(counts["decided"]),
        escalated=frame.grid(counts["escalated"]),
        today=today,
        hour=now.astimezone(zone).hour,
    )


def counted(since: datetime, now: datetime) -> dict[str, Counted]:
    """Tickets by the hour in which they came in, those decided, and those that went to people.

    With spam and duplicates: nobody has sorted today's out yet, so the days before hold theirs.
    """
    names = ["received", "received_permitted", "received_escalated"]
    found = read.by_hour(names, since, now, now)
    return {
        "tickets": {hour: numbers[0] for hour, numbers in found.items()},
        "decided": {hour: numbers[1] + numbers[2] for hour, numbers in found.items()},
        "escalated": {hour: numbers[2] for hour, numbers in found.items()},
    }


def _first_day(zone: tzinfo) -> date | None:
    """The first whole local day of which tickets are known."""
    first = Ticket.objects.order_by("created_at").values_list("created_at", flat=True).first()
    return first.astimezone(zone).date() + timedelta(days=1) if first else None


@dataclass(frozen=True, slots=True)
class _Frame:
    start: date
    today: date
    zone: tzinfo
    free: frozenset[date]
    now: datetime

    def grid(self, counts: Counted) -> Grid:
        """A row for each local day. What a change of the clock skips or doubles does not count."""
        days = max((self.today - self.start).days + 1, 1)
        values, seen = np.zeros((days, 24)), np.zeros((days, 24))
        hour = datetime.combine(self.start, time(), self.zone).astimezone(UTC)
        hour = hour.replace(minute=0)
        while hour <= self.now:
            local = hour.astimezone(self.zone)
            day = (local.date() - self.start).days
            if 0 <= day < days:
                values[day, local.hour] += counts.get(hour, 0)
                seen[day, local.hour] += 1
            hour += HOUR
        values[seen != 1] = np.nan
        for day in range(days):
            if self.start + timedelta(days=day) in self.free:
                values[day] = np.nan
        return values
