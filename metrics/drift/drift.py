"""Has what customers write about changed? Pure: no Django. Histograms of days in, a verdict out.

A day is a histogram over the same kinds. Tickets of one day come in bursts (a failed delivery van,
a newsletter), so single tickets are not exchangeable and a plain chi-square test fires in many a
bursty week. Here whole days are exchanged, each with days of its own weekday: that is true of any
burst that stays within a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXCHANGES = 9_999
LEAST_WEEKS = 3  # in the sample; 4 ** 7 arrangements
LEAST_STABILITY = 0.1  # of the corrected index: less is not worth anybody's time
SLICE = 500  # arrangements worked out at a time

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moved:
    """One kind: how many then and now."""

    kind: str
    before: int
    now: int
    share_before: float
    share_now: float
    stability: float  # its part of the index


@dataclass(frozen=True, slots=True)
class Drift:
    """This week against the sample. `p` is None where the sample has too few weeks."""

    rows_before: int
    rows_now: int
    weeks: int  # of the weekday that has the fewest
    stability: float  # population stability index
    expected: float  # what the index would be on average without any drift
    p: float | None
    fires: bool
    moved: tuple[Moved, ...]  # the largest parts first

    @property
    def corrected(self) -> float:
        return self.stability - self.expected


def compare(
    now: Sequence[Mapping[str, int]],
    before: Mapping[int, Sequence[Mapping[str, int]]],
    *,
    allowed_p: float,
    seed: int = 0,
    exchanges: int = EXCHANGES,
) -> Drift:
    """The last seven days, one for each weekday (0 = Monday), against days of a sample by weekday.

    Fires when chance is as good as excluded, p <= `allowed_p`, and the change is large as well.
    """
    kinds = sorted(
        {kind for day in [*now, *(d for w in before.values() for d in w)] for kind in day}
    )
    current = [_histogram(day, kinds) for day in now]
    sample = [[_histogram(day, kinds) for day in before.get(w, ())] for w in range(7)]
    then = sum((day for days in sample for day in days), np.zeros(len(kinds), np.int64))
    total = sum(current, np.zeros(len(kinds), np.int64))
    weeks = min(len(days) for days in sample)
    parts = stability_parts(then, total)
    stability = float(parts.sum())
    expected = expected_stability(then, total)
    p = None
    if weeks >= LEAST_WEEKS and then.sum() and total.sum():
        p = exchanged_p(current, sample, seed=seed, exchanges=exchanges)
    return Drift(
        rows_before=int(then.sum()),
        rows_now=int(total.sum()),
        weeks=weeks,
        stability=stability,
        expected=expected,
        p=p,
        fires=p is not None and p <= allowed_p and stability - expected >= LEAST_STABILITY,
        moved=_moved(kinds, then, total, parts),
    )


def _histogram(day: Mapping[str, int], kinds: Sequence[str]) -> Counts:
    return np.array([day.get(kind, 0) for kind in kinds], np.int64)


def stability_parts(before: Counts, now: Counts) -> NDArray[np.float64]:
    """Each kind's part of the population stability index; half a row more for each, for empty ones.

    Zero throughout where either side has no rows.
    """
    if not before.sum() or not now.sum():
        return np.zeros(len(before))
    then, today = _shares(before), _shares(now)
    return np.asarray((today - then) * np.log(today / then))


def _shares(counts: Counts) -> NDArray[np.float64]:
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))


def expected_stability(before: Counts, now: Counts) -> float:
    """The mean of the index without drift: (B - 1)(1/n + 1/m) (Yurdakul 2018)."""
    kinds = int(((before + now) > 0).sum())
    if not before.sum() or not now.sum():
        return 0.0
    return float((kinds - 1) * (1 / before.sum() + 1 / now.sum()))


def exchanged_p(
    now: Sequence[Counts],
    before: Sequence[Sequence[Counts]],
    *,
    seed: int = 0,
    exchanges: int = EXCHANGES,
) -> float:
    """How often chance makes two weeks as different: (c + 1)/(N + 1) (Phipson & Smyth 2010)."""
    random = np.random.default_rng(seed)
    days = [np.stack([day, *others]) for day, others in zip(now, before, strict=True)]
    everything = sum((day.sum(axis=0) for day in days), np.zeros(days[0].shape[1], np.int64))
    seen = chi_square(np.sum([day[0] for day in days], axis=0)[None, :], everything)[0]
    as_far = 0
    for start in range(0, exchanges, SLICE):
        size = min(SLICE, exchanges - start)
        chosen = sum(
            (day[random.integers(0, len(day), size)] for day in days),
            np.zeros((size, len(everything)), np.int64),
        )
        # What is equal but for rounding counts as equal.
        as_far += int((chi_square(chosen, everything) >= seen * (1 - 1e-12)).sum())
    return (as_far + 1) / (exchanges + 1)


def chi_square(chosen: NDArray[Any], everything: Counts) -> NDArray[np.float64]:
    """Pearson's statistic of each chosen week against all that is not in it."""
    chosen = chosen.astype(np.float64)  # squares of a busy year do not fit into whole numbers
    rest = everything - chosen
    of_chosen = chosen.sum(axis=1, keepdims=True)
    of_rest = rest.sum(axis=1, keepdims=True)
    total = of_chosen + of_rest
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = (chosen * of_rest - rest * of_chosen) ** 2 / (of_chosen * of_rest * total)
        statistic = np.nansum(parts * total / everything, axis=1)
    return np.asarray(statistic)


def _moved(
    kinds: Sequence[str], then: Counts, total: Counts, parts: NDArray[np.float64]
) -> tuple[Moved, ...]:
    before, now = max(int(then.sum()), 1), max(int(total.sum()), 1)
    rows = [
        Moved(kind, int(b), int(n), float(b / before), float(n / now), float(part))
        for kind, b, n, part in zip(kinds, then, total, parts, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.stability, row.kind)))
