"""When automation stops itself: a Bernoulli CUSUM with a computed threshold. Pure: no Django.

Page 1954; Reynolds and Stoumbos 1999. S = max(0, S + m - 1) for a wrong answer, max(0, S - 1) for
a right one; it trips at S >= h. h is computed (Brook and Evans 1972) for a stated number of false
trips a year. Evidence that comes late is booked on its decision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from scipy.linalg import solve_banded

WORSE = 5  # the rate to be caught, as a multiple of the one that is allowed
DAYS = 365
LARGEST = 4096


@dataclass(frozen=True, slots=True)
class Chart:
    """The step for a wrong answer and the height at which the breaker trips."""

    step: int
    height: int

    @property
    def rearmed(self) -> int:
        """Where a breaker starts that a person armed again (Lucas and Crosier 1982)."""
        return self.height // 2


@dataclass(frozen=True, slots=True)
class Path:
    """Where the evidence has led: the sum now, and whether it ever reached the height."""

    level: int
    highest: int
    tripped: bool
    scored: int
    wrong: int


def step_for(alpha: float) -> int:
    """m: what one wrong answer weighs against right ones, for alpha against 5 alpha.

    From a ninth on, against the middle between alpha and certainty: else a wrong answer would weigh
    next to nothing.
    """
    allowed, worse = alpha, min(WORSE * alpha, (1 + alpha) / 2)
    gain = log(worse * (1 - allowed) / (allowed * (1 - worse)))
    return round(gain / log((1 - allowed) / (1 - worse)))


@lru_cache(maxsize=4096)
def run_length(step: int, height: int, rate: float, start: int = 0) -> float:
    """Expected number of scored answers until a trip, at a true rate of wrong ones.

    States are 0 .. height - 1; solves (I - Q) a = 1. Q has one band below and one `step - 1` above
    the diagonal.
    """
    above, size = step - 1, height
    bands = np.zeros((above + 2, size))
    bands[above] = 1.0
    bands[above, 0] -= 1 - rate  # at 0 a right answer stays
    bands[above + 1, : size - 1] = -(1 - rate)
    if above < size:
        bands[0, above:] -= rate
    return float(solve_banded((1, above), bands, np.ones(size))[start])


def height_for(step: int, rate: float, wanted: float) -> int:
    """The smallest h whose expected run length at `rate` is at least `wanted`; where none within
    reason is, the largest of those: it trips more often than wanted, never less."""
    low = high = 1
    # From below: far above, runs are longer than what floating point can solve for.
    while high < LARGEST and not _runs(step, high, rate, wanted):
        low, high = high + 1, min(2 * high, LARGEST)
    while low < high:
        middle = (low + high) // 2
        if _runs(step, middle, rate, wanted):
            high = middle
        else:
            low = middle + 1
    return low


def _runs(step: int, height: int, rate: float, wanted: float) -> bool:
    """Whether it runs so long. What came out negative was too long to be solved for."""
    length = run_length(step, height, rate)
    return length >= wanted or length < 0


def chart_for(*, alpha: float, scored_a_day: float, false_trips_a_year: float) -> Chart:
    """The chart of a breaker: at a rate of `alpha` it trips so many times a year, or fewer."""
    step = step_for(alpha)
    wanted = max(1.0, DAYS * scored_a_day / false_trips_a_year)
    return Chart(step, height_for(step, alpha, wanted))


def follow_places(places: Sequence[int], scored: int, chart: Chart, *, start: int = 0) -> Path:
    """Follow answers in the order of their decisions, given the places of the wrong ones, counted
    from 1: what lies between two of them only goes down.

    What is not known yet counts as right, so the path never lies above the one with full knowledge:
    a delay can only postpone a trip, never cause one.
    """
    level = highest = start
    before = 0
    for place in places:
        level = max(0, level - (place - before - 1)) + chart.step - 1
        highest, before = max(highest, level), place
    level = max(0, level - (scored - before))
    return Path(level, highest, highest >= chart.height, scored, len(places))
