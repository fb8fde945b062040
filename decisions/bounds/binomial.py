"""Thresholds with a bound on the share of wrong answers. Pure: no Django.

Fixed-sequence testing from two starts (Learn then Test, arXiv 2110.01052) with exact binomial tails
(Clopper and Pearson 1934).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, betaincinv

GRID_SIZE = 40
STARTS = 2
LENIENT_END = 0.98  # the strictest threshold of one planned look leaves 1 - this above it
# Looked at again and again, the starts must stay where they are: the strictest threshold then lets
# a fifth of the rows through, or it would hardly ever have enough of them.
LIVE_END = 0.80
LIVE_STARTS = (0, GRID_SIZE // STARTS)


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
    return float(betaincinv(errors + 1, rows - errors, 1 - delta))


def grid_of(
    confidence: np.ndarray, size: int = GRID_SIZE, *, end: float = LENIENT_END
) -> np.ndarray:
    """Thresholds from strict to lenient: quantiles of confidences, whose labels play no part."""
    if not len(confidence):
        return np.empty(0)
    levels = np.linspace(0.0, end, size)
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

    One planned look, with exact binomial tails. `confidence` and `wrong` hold one entry for each
    row that the policy would automate at some threshold; `of` is the number of all rows, for the
    coverage. None when nothing passes.
    """
    chain_delta = delta / STARTS
    return permit_by(
        confidence,
        wrong,
        alpha=alpha,
        delta=delta,
        grid=grid_of(np.asarray(confidence, float)) if grid is None else grid,
        passes=lambda errors, rows: bool(bdtr(errors, rows, alpha) <= chain_delta),
        of=of,
    )


def permit_by(
    confidence: Sequence[float],
    wrong: Sequence[bool],
    *,
    alpha: float,
    delta: float,
    grid: Sequence[float] | np.ndarray,
    passes: Callable[[int, int], bool],
    starts: Sequence[int] | None = None,
    of: int | None = None,
) -> Permit | None:
    """As `permit`, by any test: `passes(errors, rows)` at level `delta` / 2, for one chain.

    `starts` are places in the grid, fixed in advance; without them the first threshold that has
    enough rows to pass at all, and the one half way from there.
    """
    stated, failed = np.asarray(confidence, float), np.asarray(wrong, bool)
    steps = np.asarray(grid, float)
    rows, errors = _counts(stated, failed, steps)
    passed = [passes(int(k), int(n)) for k, n in zip(errors, rows, strict=True)]
    if starts is None:
        starts = feasible_starts([passes(0, int(n)) for n in rows])
    reached = walk(passed, starts)
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
        bound=min(alpha, upper_bound(int(errors[last]), int(rows[last]), delta / STARTS)),
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


def feasible_starts(feasible: Sequence[bool]) -> list[int]:
    """Where two chains start when there is one look: that depends on counts alone, not on labels.

    Where not even rows without errors would pass, no chain starts.
    """
    first = next((index for index, enough in enumerate(feasible) if enough), None)
    if first is None:
        return []
    return [first + (len(feasible) - first) * start // STARTS for start in range(STARTS)]


def walk(passed: Sequence[bool], starts: Sequence[int]) -> set[int]:
    """Indexes that the chains reach; each stops at its first failure."""
    reached: set[int] = set()
    for start in starts:
        index = start
        while index < len(passed) and passed[index]:
            reached.add(index)
            index += 1
    return reached
