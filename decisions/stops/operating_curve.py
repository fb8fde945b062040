"""What a breaker can and cannot see: its operating curve, at this business's volume."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log10

from decisions.bounds.cusum import chart_for, run_length
from decisions.models import Breaker
from decisions.stops import breakers
from decisions.stops.breakers import CHARTS, Volume

MULTIPLES = (1, 1.5, 2, 3, 5, 8, 12)  # true rates, as multiples of the one that is allowed
WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 58, 16, 14, 40
VOLUMES = (1, 5, 20, 50, 200, 500, 2_000, 5_000)


@dataclass(frozen=True, slots=True)
class Point:
    """How long it takes at a true rate of wrong answers, in automatic answers and in days."""

    rate: float
    all_known: float  # every outcome becomes known
    reviewed: float  # those of reviewed answers alone
    days: float  # the faster of the two
    wrong: float  # wrong answers until then, if only reviews tell


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines of the chart, ready for SVG; both axes are logarithmic."""

    width: int
    height: int
    all_known: str
    reviewed: str
    across: tuple[tuple[float, str], ...]  # x, words
    up: tuple[tuple[float, str], ...]  # y, words


@dataclass(frozen=True, slots=True)
class Curve:
    volume: Volume
    budget: float
    points: tuple[Point, ...]
    drawing: Drawing


def curve_of(breaker: Breaker, now: datetime) -> Curve:
    """The curve of a breaker as it is charted, at the volume of the last four weeks."""
    volume = breakers.volume_of(breaker.intent, now)
    share = min(1.0, volume.drawn / volume.answers)
    height = breaker.drawn_height or breaker.height
    points = tuple(
        _point(breaker, height, min(0.9, breaker.alpha * times), share, volume)
        for times in MULTIPLES
    )
    return Curve(volume, breakers.budget_of(breaker.intent), points, _drawing(points))


def _point(breaker: Breaker, drawn_height: int, rate: float, share: float, volume: Volume) -> Point:
    all_known = run_length(breaker.step, breaker.height, rate)
    reviewed = run_length(breaker.step, drawn_height, rate) / share
    return Point(
        rate=rate,
        all_known=all_known,
        reviewed=reviewed,
        days=reviewed / volume.answers,
        wrong=reviewed * rate,
    )


def heights_of(breaker: Breaker, budget: float) -> list[tuple[int, int]]:
    """The computed threshold for several volumes: scored answers a day, height."""
    return [
        (
            volume,
            chart_for(
                alpha=breaker.alpha, scored_a_day=volume, false_trips_a_year=budget / CHARTS
            ).height,
        )
        for volume in VOLUMES
    ]


def _drawing(points: Sequence[Point]) -> Drawing:
    lengths = [value for point in points for value in (point.all_known, point.reviewed)]
    low, high = int(log10(max(1.0, min(lengths)))), int(log10(max(lengths))) + 1
    first, last = log10(points[0].rate), log10(points[-1].rate)

    def x(rate: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (log10(rate) - first) / (last - first), 1)

    def y(answers: float) -> float:
        share = (log10(max(1.0, answers)) - low) / (high - low)
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)

    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        all_known=" ".join(f"{x(p.rate)},{y(p.all_known)}" for p in points),
        reviewed=" ".join(f"{x(p.rate)},{y(p.reviewed)}" for p in points),
        across=tuple(
            (x(p.rate), f"{p.rate:.0%}" if p.rate >= 0.1 else f"{p.rate:.1%}") for p in points
        ),
        up=tuple((y(10**power), _short(10**power)) for power in range(low, high + 1)),
    )


def _short(number: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number // size}{letter}"
    return str(number)
