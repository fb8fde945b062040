"""Figures of the last 30 days as they were last worked out, so that pages need not do it again.

Percentiles and intervals need every single time and person, so that working them out costs more
the more tickets there are. A job does it twice a minute and keeps what came out; the home page and
`/metrics` read one row. Where the job has not run lately they work it out themselves: a figure is
never older than `FRESH`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self

from django.conf import settings

from metrics.figures import definitions
from metrics.figures.figure import Figure
from metrics.models import STATE, LatestFigures
from metrics.rollup import ask
from metrics.rollup.ask import Stretch
from metrics.rollup.read import Split
from metrics.rollup.tally import CHANNEL, PREDICTED, REASON

FRESH = timedelta(minutes=2)
COURSE = timedelta(days=28)
GROWING = ("received", "received_permitted", "received_escalated")


@dataclass(frozen=True, slots=True)
class Latest:
    """What there is to say of the last 30 days, and of the last four weeks day by day."""

    since: datetime
    until: datetime
    figures: Mapping[str, Figure]
    reasons: Sequence[tuple[str, int]]  # most frequent first
    course: Sequence[Stretch]
    waiting: int  # hours that changed and are not counted again yet
    ever: Split  # sums over all that was counted; they only grow

    @classmethod
    def read(cls, row: LatestFigures) -> Self:
        held = row.content
        return cls(
            since=row.since,
            until=row.until,
            figures={name: Figure(**figure) for name, figure in held["figures"].items()},
            reasons=[(code, number) for code, number in held["reasons"]],
            course=[
                Stretch(**{**one, "start": date.fromisoformat(one["start"])})
                for one in held["course"]
            ],
            waiting=held["waiting"],
            ever=held["ever"],
        )

    def content(self) -> dict[str, Any]:
        """All but the period, JSON-ready."""
        return {
            "figures": {name: figure.as_record() for name, figure in self.figures.items()},
            "reasons": list(self.reasons),
            "course": [{**asdict(one), "start": one.start.isoformat()} for one in self.course],
            "waiting": self.waiting,
            "ever": self.ever,
        }


def latest(now: datetime) -> Latest:
    """The last 30 days: as kept, unless that is old or was counted by other rules."""
    row = LatestFigures.objects.filter(pk=STATE, until__gt=now - FRESH, until__lte=now).first()
    if row is None or (row.days, row.definitions) != _rules():
        return worked_out(now)
    return Latest.read(row)


def keep(now: datetime) -> int:
    """Work the figures out and keep them. Returns 1: how many rows were written."""
    found = worked_out(now)
    days, version = _rules()
    LatestFigures.objects.update_or_create(
        pk=STATE,
        defaults={
            "since": found.since,
            "until": found.until,
            "days": days,
            "definitions": version,
            "content": found.content(),
        },
    )
    return 1


def _rules() -> tuple[int, int]:
    return settings.SILENT_DAYS, definitions.VERSION


def worked_out(now: datetime) -> Latest:
    """The last 30 days, read from what was counted."""
    since, until = ask.usual_period(now)
    asked = ask.period(since, until, now)
    _, course = ask.course(now - COURSE, now, now)
    return Latest(
        since=since,
        until=until,
        figures=definitions.figures(asked.history),
        reasons=ask.reasons_of(asked),
        course=course,
        waiting=asked.plan.waiting,
        ever=ask.ever([CHANNEL, REASON, PREDICTED], GROWING),
    )
