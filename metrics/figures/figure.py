"""Shapes of figures: a number with what it is made of, and how sure it is. Pure: no Django."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from metrics.figures import intervals
from metrics.figures.history import Times
from metrics.figures.intervals import wilson

WIDEST = 0.20  # an interval wider than this says nothing yet


class Unit(StrEnum):
    """How a figure is read."""

    COUNT = "count"
    SHARE = "share"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    ERROR = "error"  # a difference of shares


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it is made of. `low` and `high` bound it with 95 % confidence."""

    value: float | None
    numerator: int
    denominator: int
    low: float | None
    high: float | None
    enough_data: bool

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


def rate(numerator: int, denominator: int) -> Figure:
    """A share with Wilson's interval; no value without a denominator."""
    if denominator == 0:
        return Figure(None, numerator, 0, None, None, enough_data=False)
    return share(numerator, denominator, wilson(numerator, denominator))


def share(numerator: int, denominator: int, interval: tuple[float, float]) -> Figure:
    """A share with an interval that was worked out for it."""
    low, high = interval
    value = numerator / denominator
    return Figure(value, numerator, denominator, low, high, enough_data=high - low <= WIDEST)


def count(number: int) -> Figure:
    """A plain number: nothing is estimated."""
    return Figure(float(number), number, 1, float(number), float(number), enough_data=True)


def time_within(times: Times, within: float) -> Figure:
    """The time within which that share of all ended; open ones count as lasting on.

    Numerator: how many ended. Denominator: with those still open. Enough data: where a share of so
    many rows would be known to 20 points.
    """
    ended, rows = len(times.ended), len(times.ended) + len(times.open)
    value, low, high = intervals.quantile(times.curve, within)
    span = wilson(round(within * rows), rows)
    enough = value is not None and span[1] - span[0] <= WIDEST
    return Figure(value, ended, rows, low, high, enough_data=enough)


def longest(times: Times) -> Figure:
    """The age of the oldest one that is still open, and how many are."""
    if not len(times.open):
        return Figure(None, 0, 0, None, None, enough_data=False)
    waiting = len(times.open)
    return Figure(float(times.open.max()), waiting, waiting, None, None, enough_data=True)
