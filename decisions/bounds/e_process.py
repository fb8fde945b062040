"""Evidence that may be looked at as often as one likes. Pure: no Django.

E is the likelihood ratio of the labelled rows, averaged over error rates below alpha, against the
rate alpha. If the true rate is alpha or more, E ever reaches 1/p with probability at most p (Ville
1939; Robbins 1970; arXiv 2210.01948), however often and whenever one looks.
"""

from math import log, log1p
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaincc, betaln

STARTS = 2


def log_evidence_below(errors: ArrayLike, rows: ArrayLike, alpha: float) -> Any:
    """ln E for "fewer than `alpha` are wrong": a mean over rates in (0, alpha).

    Numbers or arrays of them; minus infinity where nothing speaks for it.
    """
    wrong = np.asarray(errors)
    right = np.asarray(rows) - wrong
    with np.errstate(divide="ignore"):
        share = np.log(betainc(wrong + 1, right + 1, alpha))
    return betaln(wrong + 1, right + 1) + share - (wrong + 1) * log(alpha) - right * log1p(-alpha)


def log_evidence_above(errors: ArrayLike, rows: ArrayLike, alpha: float) -> Any:
    """ln E for "more than `alpha` are wrong": a mean over rates in (alpha, 1)."""
    wrong = np.asarray(errors)
    right = np.asarray(rows) - wrong
    with np.errstate(divide="ignore"):
        share = np.log(betaincc(wrong + 1, right + 1, alpha))
    return betaln(wrong + 1, right + 1) + share - wrong * log(alpha) - (right + 1) * log1p(-alpha)


def passes(errors: int, rows: int, *, alpha: float, delta: float) -> bool:
    """Whether a threshold has earned its certificate; each of two chains has half of `delta`."""
    return bool(log_evidence_below(errors, rows, alpha) >= log(STARTS / delta))


def to_quarantine(errors: int, rows: int, *, alpha: float, delta: float, intents: int) -> bool:
    """Whether one of so many intents is shown to be worse than `alpha`."""
    return bool(log_evidence_above(errors, rows, alpha) >= log(intents / delta))


def rows_needed(errors: int, *, alpha: float, delta: float) -> int:
    """How many rows, with so many errors among them, earn a certificate."""
    low, high = errors + 1, errors + 2
    while not passes(errors, high, alpha=alpha, delta=delta):
        low, high = high, high * 2
    while low < high:
        middle = (low + high) // 2
        if passes(errors, middle, alpha=alpha, delta=delta):
            high = middle
        else:
            low = middle + 1
    return low


def rows_missing(errors: int, rows: int, *, alpha: float, delta: float) -> int:
    """How many more reviews a certificate needs if no further error turns up."""
    return max(0, rows_needed(errors, alpha=alpha, delta=delta) - rows)
