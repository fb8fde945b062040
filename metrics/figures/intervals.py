"""How sure a number is. Pure: no Django."""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

import numpy as np
from scipy.special import betaincinv

from classification.shared.calibration import calibration_error, perfect_range

Z95 = 1.959963984540054  # two-sided 95 %
DRAWS = 2_000
MANY = 5_000
SEED = 20_240  # the same rows always give the same interval


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + Z95**2 / (2 * trials)
    spread = Z95 * sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    scale = 1 + Z95**2 / trials
    # At the ends the formula gives 0 and 1 but for rounding.
    low = (centre - spread) / scale if successes else 0.0
    high = (centre + spread) / scale if successes < trials else 1.0
    return low, high


def clopper_pearson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share that covers it at least that often (Clopper & Pearson 1934)."""
    if trials == 0:
        return 0.0, 1.0
    failures = trials - successes
    low = float(betaincinv(successes, failures + 1, 0.025)) if successes else 0.0
    high = float(betaincinv(successes + 1, failures, 0.975)) if failures else 1.0
    return low, high


def clustered(owners: np.ndarray, hits: np.ndarray) -> tuple[float, float]:
    """95 % interval of a share of rows that belong to people: people are resampled, not rows.

    What one person's tickets come to is not independent. `owners` are numbers of people, `hits` 0
    or 1, both int64 [rows]. Never narrower than Wilson's interval, which few people or equal rows
    would make of it.
    """
    plain = wilson(int(hits.sum()), len(hits))
    people, place = np.unique(owners, return_inverse=True)
    if len(people) < 2:
        return (0.0, 1.0) if len(people) < len(hits) else plain
    rows = np.bincount(place)
    held = np.bincount(place, weights=hits).astype(np.int64)
    # Most people wrote once: resampling kinds of people is resampling people, and far cheaper.
    kinds, numbers = np.unique(np.stack([rows, held]), axis=1, return_counts=True)
    chance = np.random.default_rng(SEED)
    drawn = chance.multinomial(len(people), numbers / len(people), size=DRAWS)
    shares = (drawn @ kinds[1]) / (drawn @ kinds[0])
    low, high = np.quantile(shares, [0.025, 0.975])
    return min(plain[0], float(low)), max(plain[1], float(high))


@dataclass(frozen=True, slots=True)
class Curve:
    """Which share lasts longer than each time at which something ended. float [times] each."""

    times: np.ndarray
    shares: np.ndarray
    greenwood: np.ndarray  # variance of the share divided by its square


def survival(ended: np.ndarray, open_: np.ndarray) -> Curve:
    """Share that lasts longer than each time at which something ended (Kaplan & Meier 1958)."""
    times, numbers = np.unique(ended, return_counts=True)
    everything = np.sort(np.concatenate([ended, open_]))
    at_risk = len(everything) - np.searchsorted(everything, times, side="left")
    left = at_risk - numbers
    with np.errstate(divide="ignore"):
        greenwood = np.cumsum(numbers / (at_risk * left))
    return Curve(times, np.cumprod(left / at_risk), greenwood)


def quantile(curve: Curve, share: float) -> tuple[float | None, float | None, float | None]:
    """The time within which that share of all ended, with its 95 % interval.

    What has not ended yet has lasted at least as long as it has by now; leaving it out would make
    times look short. None where it cannot be told: too much is still open. Interval by Brookmeyer &
    Crowley (1982) on the log-log scale.
    """
    if not len(curve.times):
        return None, None, None
    target = 1 - share
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(curve.shares)
        distance = np.log(-logs) - np.log(-np.log(target))
        deviation = distance / (np.sqrt(curve.greenwood) / -logs)
    deviation = np.where(curve.shares <= 0, np.inf, deviation)
    return (
        _first(curve.times, curve.shares <= target + 1e-12),
        _first(curve.times, deviation >= -Z95),
        _first(curve.times, deviation > Z95),
    )


def _first(times: np.ndarray, where: np.ndarray) -> float | None:
    found = np.flatnonzero(where)
    return float(times[found[0]]) if len(found) else None


def calibration(confidence: np.ndarray, right: np.ndarray) -> tuple[float, float, float]:
    """Expected calibration error, and the 95 % range that a perfect model shows on these rows."""
    return calibration_error(confidence, right), *_perfect(confidence.tobytes())


@lru_cache(maxsize=8)
def _perfect(confidence: bytes) -> tuple[float, float]:
    """Drawn once for the same rows: pages ask again and again."""
    rows = np.frombuffer(confidence)
    return perfect_range(rows, draws=1000 if len(rows) <= MANY else 200)
