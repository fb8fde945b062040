"""Is an hour out of the ordinary? Pure: no Django. Grids of hours in, scores and verdicts out.

A grid has a row for each local day and a column for each hour of it; the last row is today. NaN
stands for an hour that does not count: of a holiday, in the future, or skipped or doubled by a
change of the clock.

The score of an hour is minus the log of the tail of what the same hour of the week brought in the
weeks before. It is not believed as a probability: an hour fires when its score exceeds that of
every hour of the last D days. With exchangeable days that happens on 365/(D + 1) days of a year by
chance, whatever the true distribution is.
"""

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaln, gammaln

MOST_WEEKS, LEAST_WEEKS = 8, 4
DAYS = 91  # of highest scores; 365 / 92 is about four false alarms a year
LEAST_DISPERSION = 0.005
HOURS_A_YEAR = 8_766
PRIOR_TICKETS = 10.0  # weight of the overall share where an hour of the week has few tickets

Grid = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Spike:
    """How an hour of today compares. `bar` is None while too few days are known."""

    hour: int
    score: float
    bar: float | None
    days: int  # of highest scores that the bar is made of
    fires: bool

    @property
    def is_approximate(self) -> bool:
        """Whether a probability was believed, for want of enough days."""
        return self.bar is None


def false_alarms_a_year(days: int = DAYS) -> float:
    """What one series brings by chance, as a number of days."""
    return 365 / (days + 1)


def judge(scores: Grid, hour: int, *, budget: float, series: int, days: int = DAYS) -> Spike:
    """Whether an hour of the last day fires.

    Until `days` days are known, `budget` false alarms a year are shared by all hours of all series.
    """
    score = float(scores[-1, hour])
    known = daily_highs(scores[:-1])[-days:]
    if len(known) < days:
        fires = bool(score > 0 and exp(-score) <= budget / (HOURS_A_YEAR * series))
        return Spike(hour, score, None, len(known), fires)
    bar = float(known.max())
    return Spike(hour, score, bar, len(known), bool(score > bar))


def daily_highs(scores: Grid) -> Grid:
    """The highest score of each day that has one."""
    known = scores[~np.isnan(scores).all(axis=1)]
    return np.asarray(np.nanmax(known, axis=1)) if len(known) else np.empty(0)


# --- Volume ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usual:
    """What was usual for each hour of the grid: mean, and how many weeks it is made of."""

    mean: Grid
    weeks: Grid
    dispersion: Grid


def volume_scores(counts: Grid) -> Grid:
    """Scores by a negative binomial, whose variance knows that the mean is estimated."""
    usual = usual_volume(counts)
    mean = np.maximum(usual.mean, 0.5 / usual.weeks)
    variance = (mean + usual.dispersion * mean**2) * (1 + 1 / usual.weeks)
    size = mean**2 / (variance - mean)
    return _negative_binomial(counts, size, mean / variance)


def usual_volume(counts: Grid) -> Usual:
    """Mean of the same hour of the week over the last four to eight weeks that count."""
    earlier = _earlier(counts)
    weeks = _weeks(earlier)
    mean = np.nansum(earlier, axis=0) / weeks
    spread = np.nansum((earlier - mean) ** 2, axis=0) / (weeks - 1)
    # E[s² - m] = τμ² and E[m² - s²/W] = μ², pooled over the 168 hours of a week.
    excess = _over_a_week(spread - mean)
    square = _over_a_week(mean**2 - spread / weeks)
    return Usual(mean, weeks, _pooled(excess, square))


def _negative_binomial(counts: Grid, size: Grid, share: Grid) -> Grid:
    """-ln P(X >= count). Where a float is too coarse for the tail, its first term stands for it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        tail = np.log(betainc(np.maximum(counts, 1), size, 1 - share))
        term = (
            gammaln(counts + size)
            - gammaln(size)
            - gammaln(counts + 1)
            + size * np.log(share)
            + counts * np.log1p(-share)
        )
    scores = np.where(np.isneginf(tail), -term, -tail)
    scores = np.where(counts == 0, 0.0, np.maximum(scores, 0.0))
    return np.asarray(np.where(np.isnan(size), np.nan, scores))


# --- Escalations ----------------------------------------------------------------------------------


def escalation_scores(escalated: Grid, tickets: Grid) -> Grid:
    """Scores of escalations by a beta-binomial, given how many tickets the hour had."""
    share, certainty, correlation = _usual_share(escalated, tickets)
    # The share is estimated, which widens the beta as if its two counts were fewer.
    wider = correlation + (1 - correlation) / (certainty + 1)
    total = (1 - wider) / wider
    return _beta_binomial(escalated, tickets, share * total, (1 - share) * total)


def usual_share(escalated: Grid, tickets: Grid) -> Grid:
    """The usual share of escalations of each hour of the grid."""
    return _usual_share(escalated, tickets)[0]


def _usual_share(escalated: Grid, tickets: Grid) -> tuple[Grid, Grid, Grid]:
    """Share, the number of independent tickets it is worth, and the correlation within an hour."""
    hit, of = _earlier(escalated), _earlier(tickets)
    hits, total = np.nansum(hit, axis=0), np.nansum(of, axis=0)
    weeks = _weeks(of)
    with np.errstate(divide="ignore", invalid="ignore"):
        overall = np.nan_to_num(_over_a_week(hits) / _over_a_week(total), nan=0.5)
        share = (hits + PRIOR_TICKETS * overall) / (total + PRIOR_TICKETS)
        own = np.where(total > 0, hits / total, 0.0)
        plain = of * own * (1 - own) * (1 - of / total)
        excess = np.nansum((hit - of * own) ** 2 - plain, axis=0)
        pairs = np.nansum(of * (of - 1) * own * (1 - own), axis=0)
    correlation = np.minimum(_pooled(_over_a_week(excess), _over_a_week(pairs)), 0.99)
    certainty = np.nansum(of / (1 + (of - 1) * correlation), axis=0) + PRIOR_TICKETS
    edge = 0.5 / (total + PRIOR_TICKETS)
    share = np.clip(np.where(np.isnan(weeks), np.nan, share), edge, 1 - edge)
    return share, certainty, correlation


def _beta_binomial(escalated: Grid, tickets: Grid, a: Grid, b: Grid) -> Grid:
    """-ln P(X >= escalated), the tail summed term by term."""
    scores = np.full(tickets.shape, np.nan)
    counts = ~np.isnan(a) & ~np.isnan(tickets) & ~np.isnan(escalated)
    scores[counts] = 0.0
    asked = counts & (escalated > 0)
    k, n, a, b = escalated[asked], tickets[asked], a[asked], b[asked]
    if not len(k):
        return scores
    lengths = (n - k + 1).astype(int)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    step = np.arange(lengths.sum()) - np.repeat(starts, lengths)
    k, n, a, b = (np.repeat(values, lengths) for values in (k, n, a, b))
    k = k + step
    chosen = -betaln(k + 1, n - k + 1) - np.log(n + 1)
    terms = chosen + betaln(k + a, n - k + b) - betaln(a, b)
    highest = np.maximum.reduceat(terms, starts)
    sums = np.add.reduceat(np.exp(terms - np.repeat(highest, lengths)), starts)
    scores[asked] = np.maximum(-(highest + np.log(sums)), 0.0)
    return scores


# --- Both -----------------------------------------------------------------------------------------


def _earlier(grid: Grid) -> Grid:
    """The same hours of the weeks before: (weeks, days, hours), NaN from before the grid."""
    weeks = np.full((MOST_WEEKS, *grid.shape), np.nan)
    for week in range(1, MOST_WEEKS + 1):
        if len(grid) > 7 * week:
            weeks[week - 1, 7 * week :] = grid[: -7 * week]
    return weeks


def _weeks(earlier: Grid) -> Grid:
    """How many weeks count; NaN where they are too few."""
    weeks = (~np.isnan(earlier)).sum(axis=0).astype(float)
    return np.where(weeks >= LEAST_WEEKS, weeks, np.nan)


def _over_a_week(values: Grid) -> Grid:
    """Sum over all hours of the last seven days, for each day; NaN counts as nothing."""
    sums = np.cumsum(np.nansum(values, axis=1))
    sums[7:] = sums[7:] - sums[:-7].copy()
    return np.asarray(np.repeat(sums[:, None], values.shape[1], axis=1))


def _pooled(excess: Grid, square: Grid) -> Grid:
    """The dispersion of all hours together, never below the least."""
    known = square > 0
    ratio = np.divide(excess, square, out=np.zeros_like(excess), where=known)
    return np.asarray(np.maximum(ratio, LEAST_DISPERSION))
