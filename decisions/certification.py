"""Thresholds with a bound on the share of wrong answers. Pure: no Django.

Fixed-sequence testing from two starts (Learn then Test, arXiv 2110.01052) with exact binomial tails
(Clopper and Pearson 1934).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, binom

GRID_SIZE = 40
STARTS = 2
LENIENT_END = 0.98  # the most lenient grid threshold leaves this share of rows above it


@dataclass(frozen=True, slots=True)
class Permit:
    """What passed: the most lenient threshold with its counts, and all that passed on the way."""

    alpha: float
    delta: float
    threshold: float
    thresholds: tuple[float, ...]
    rows: int
    errors: int
    bound: float
    coverage: float


def upper_bound(errors: int, rows: int, delta: float) -> float:
    """The largest share of errors that still fits, at one-sided confidence 1 - `delta`."""
    if rows == 0 or errors >= rows:
        return 1.0
    return float(beta.ppf(1 - delta, errors + 1, rows - errors))


def grid_of(confidence: np.ndarray, size: int = GRID_SIZE) -> np.ndarray:
    """Thresholds from strict to lenient: quantiles of confidences, whose labels play no part."""
    if not len(confidence):
        return np.empty(0)
    levels = np.linspace(0.0, LENIENT_END, size)
    return np.unique(np.quantile(confidence, levels, method="higher"))[::-1]


def permit(
    confidence: Sequence[float],
    wrong: Sequence[bool],
    *,
    alpha: float,
    delta: float,
    grid: Sequence[float] | None = None,
    of: int | None = None,
) -> Permit | None:
    """The most lenient threshold above which at most `alpha` are wrong, at confidence 1 - `delta`.

    `confidence` and `wrong` hold one entry for each row that the policy would automate at some
    threshold; `of` is the number of all rows, for the coverage. None when nothing passes.
    """
    stated, failed = np.asarray(confidence, float), np.asarray(wrong, bool)
    steps = grid_of(stated) if grid is None else np.asarray(grid, float)
    rows, errors = _counts(stated, failed, steps)
    chain_delta = delta / STARTS
    passed = binom.cdf(errors, rows, alpha) <= chain_delta
    reached = _walk(rows, passed, alpha, chain_delta)
    if not reached:
        return None
    last = max(reached)
    return Permit(
        alpha=alpha,
        delta=delta,
        threshold=float(steps[last]),
        thresholds=tuple(float(steps[i]) for i in sorted(reached)),
        rows=int(rows[last]),
        errors=int(errors[last]),
        bound=upper_bound(int(errors[last]), int(rows[last]), chain_delta),
        coverage=float(rows[last] / (of or len(stated))),
    )


def _counts(
    confidence: np.ndarray, wrong: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows at or above each threshold, and the errors among them."""
    order = np.argsort(-confidence, kind="stable")
    falling = -confidence[order]
    running = np.concatenate([[0], np.cumsum(wrong[order])])
    rows = np.searchsorted(falling, -steps, side="right")
    return rows, running[rows]


def _walk(rows: np.ndarray, passed: np.ndarray, alpha: float, delta: float) -> set[int]:
    """Indexes that two chains reach; each stops at its first failure."""
    fewest = np.ceil(np.log(delta) / np.log1p(-alpha))  # with fewer rows even no error is too many
    feasible = np.flatnonzero(rows >= fewest)
    reached: set[int] = set()
    if not len(feasible):
        return reached
    for start in range(STARTS):
        index = int(feasible[0]) + (len(rows) - int(feasible[0])) * start // STARTS
        while index < len(rows) and passed[index]:
            reached.add(index)
            index += 1
    return reached
