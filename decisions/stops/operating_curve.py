"""What a breaker can and cannot see: its operating curve, at this business's volume."""

from dataclasses import dataclass
from datetime import datetime

from decisions.bounds.cusum import chart_for, run_length
from decisions.models import Breaker
from decisions.stops import breakers
from decisions.stops.breakers import CHARTS, Volume

MULTIPLES = (1, 1.5, 2, 3, 5, 8, 12)  # true rates, as multiples of the one that is allowed
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
class Curve:
    volume: Volume
    budget: float
    points: tuple[Point, ...]


def curve_of(breaker: Breaker, now: datetime) -> Curve:
    """The curve of a breaker as it is charted, at the volume of the last four weeks."""
    volume = breakers.volume_of(breaker.intent, now)
    share = min(1.0, volume.drawn / volume.answers)
    height = breaker.drawn_height or breaker.height
    points = tuple(
        _point(breaker, height, min(0.9, breaker.alpha * times), share, volume)
        for times in MULTIPLES
    )
    return Curve(volume, breakers.budget_of(breaker.intent), points)


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
