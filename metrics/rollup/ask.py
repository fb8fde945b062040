"""Questions about history, for pages, API, exposition and report: one answer for all of them.

Numbers of a period speak of the tickets created in [since, until). What can be asked for by name
are the fields of `metrics.figures.history.Counts`, what it can be split by the names in
`metrics.rollup.tally.DIMENSIONS`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.utils import timezone

from metrics.figures.definitions import METRICS, Bin, calibration_bins
from metrics.figures.history import History
from metrics.rollup import read
from metrics.rollup.read import Period
from metrics.rollup.tally import DIMENSIONS, INTENT, REASON

USUAL_PERIOD = timedelta(days=30)
COURSE = ("tickets", "automated", "escalated")
SPLIT = ("tickets", "automated", "escalated", "durable", "mature")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day or week of a period."""

    start: date
    tickets: int
    automated: int
    escalated: int


def period(since: datetime, until: datetime, now: datetime | None = None) -> Period:
    """The tickets created in [since, until), read once for any number of questions."""
    return Period(since, until, now or timezone.now())


def figures(since: datetime, until: datetime, now: datetime | None = None) -> dict[str, Any]:
    """Every metric of tickets created in [since, until), JSON-ready."""
    return figures_of(period(since, until, now).history)


def figures_of(found: History) -> dict[str, Any]:
    """Every metric of a history, JSON-ready."""
    return {metric.name: metric.of(found).as_record() for metric in METRICS}


def reasons_of(asked: Period) -> list[tuple[str, int]]:
    """Why tickets went to a person: the first reason of each, most frequent first. They sum to the
    escalated ones."""
    found = asked.by_key(REASON, ["escalated"])
    escalated = {key: one["escalated"] for key, one in found.items() if one["escalated"]}
    return sorted(escalated.items(), key=lambda item: (-item[1], item[0]))


def by_intent(since: datetime, until: datetime, now: datetime | None = None) -> list[Row]:
    """Tickets and automatic answers for each intent, most frequent first."""
    return split(period(since, until, now), INTENT)


def split(asked: Period, dimension: str) -> list[Row]:
    """Tickets of a period by the keys of a dimension, most frequent first; the key None: none."""
    found = asked.by_key(_known(dimension), SPLIT)
    rows = [{dimension: key or None, **sums} for key, sums in found.items() if sums["tickets"]]
    return sorted(rows, key=lambda row: (-row["tickets"], row[dimension] or ""))


def ever(dimensions: Collection[str], names: Collection[str]) -> read.Split:
    """Sums over all that was counted, by dimension and key: up to half a minute old."""
    return read.ever([_known(one) for one in dimensions], list(names))


def usual_period(now: datetime) -> tuple[datetime, datetime]:
    """The 30 days that are meant where nobody says which."""
    return now - USUAL_PERIOD, now


LONG = timedelta(days=92)  # longer periods are drawn week by week


def course(since: datetime, until: datetime, now: datetime) -> tuple[str, list[Stretch]]:
    """How the tickets of a period came in and what became of them, by local day or week."""
    by_week = until - since > LONG
    found: dict[date, list[int]] = {}
    for hour, numbers in read.by_hour(COURSE, since, until, now).items():
        day = timezone.localtime(hour).date()
        start = day - timedelta(days=day.weekday()) if by_week else day
        held = found.setdefault(start, [0] * len(COURSE))
        for place, number in enumerate(numbers):
            held[place] += number
    rows = [Stretch(start, *numbers) for start, numbers in found.items()]
    return ("week" if by_week else "day"), rows


def reliability(found: History) -> list[Bin]:
    """Stated confidence against observed correctness."""
    return calibration_bins(found)


def _known(dimension: str) -> str:
    if dimension not in DIMENSIONS:
        raise ValueError(f"{dimension!r} is none of {', '.join(DIMENSIONS)}.")
    return dimension
