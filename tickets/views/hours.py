"""When a person can answer, in the words of a clock."""

from dataclasses import dataclass
from datetime import datetime

from tickets.business_time import OpeningHours
from tickets.promises import calendars


@dataclass(frozen=True, slots=True)
class Answering:
    """Until when the team is at work, or when it is back. One of the two is set."""

    until: datetime | None = None
    back_at: datetime | None = None
    back_today: bool = False


def answering(now: datetime) -> Answering | None:
    """When people answer; None when nothing is known about it."""
    hours = calendars.default_hours(now)
    opens = hours.next_opening(now) if hours else None
    if hours is None or opens is None:
        return None
    if opens <= now:
        return Answering(until=closing(hours, now))
    local = now.astimezone(hours.time_zone)
    return Answering(back_at=opens, back_today=opens.date() == local.date())


def closing(hours: OpeningHours, now: datetime) -> datetime | None:
    """When the business closes for today, if it is open."""
    local = now.astimezone(hours.time_zone)
    spans = hours.spans(local.date())
    return next((closes for opens, closes in spans if opens <= local < closes), None)
