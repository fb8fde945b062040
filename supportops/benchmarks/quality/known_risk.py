"""Populations whose risk is known, and how often a procedure breaks its promise on them.

Everything is drawn from one seed, so a figure that is printed comes out again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from decisions.bounds.binomial import LIVE_END, LIVE_STARTS, grid_of, permit, walk
from decisions.bounds.cusum import Chart, run_length
from decisions.bounds.e_process import STARTS, log_evidence_below

DELTA = 0.05
LOOK_EVERY = 50
RisksOf = Callable[[np.ndarray, float], np.ndarray]


def smooth(confidence: np.ndarray, alpha: float) -> np.ndarray:
    """The error rate falls with the confidence, from 2.4 alpha to nothing."""
    return 4.8 * alpha * (1 - confidence)


def just_above(confidence: np.ndarray, alpha: float) -> np.ndarray:
    """Wherever one cuts, a little more is wrong than may be."""
    return np.full_like(confidence, 1.02 * alpha)


def spiked(confidence: np.ndarray, alpha: float) -> np.ndarray:
    """The most confident are wrong most often: strict thresholds are the dangerous ones."""
    return np.where(confidence > 0.8, 1.2 * alpha, 0.6 * alpha)


def half_outside(confidence: np.ndarray, alpha: float) -> np.ndarray:
    """55 % are out of scope, and wrong when they are automated; little of that is confident."""
    outside = np.where(confidence < 0.775, 0.97, 0.2 * alpha)
    return outside + (1 - outside) * 0.3 * alpha


POPULATIONS: dict[str, RisksOf] = {
    "smooth": smooth,
    "just above": just_above,
    "spiked": spiked,
    "55 % outside": half_outside,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of so many draws: how many got a permit, and how many one that promised too much."""

    draws: int
    granted: int
    violations: int
    coverage: float

    @property
    def limit(self) -> int:
        """More violations than these are no bad luck: 99.9 % of runs at delta stay below."""
        return int(binom.ppf(0.999, self.draws, DELTA))

    @property
    def holds(self) -> bool:
        return self.violations <= self.limit


def drawn(chance: np.random.Generator, rows: int) -> np.ndarray:
    return chance.uniform(0.5, 1.0, rows)


def risks_above(risk: RisksOf, alpha: float, steps: np.ndarray) -> np.ndarray:
    """The true share of wrong ones at and above each threshold."""
    everything = np.linspace(0.5, 1.0, 100_001)
    wrong = risk(everything, alpha)
    return np.array([wrong[everything >= step].mean() for step in steps])


def one_look(name: str, alpha: float, *, draws: int, rows: int, seed: int) -> Outcome:
    """Held-out data: one planned look with exact binomial tails."""
    chance, risk = np.random.default_rng(seed), POPULATIONS[name]
    steps = grid_of(drawn(chance, 5_000))
    true = dict(zip(steps.tolist(), risks_above(risk, alpha, steps).tolist(), strict=True))
    granted, violations, coverage = 0, 0, 0.0
    for _ in range(draws):
        stated = drawn(chance, rows)
        wrong = chance.random(rows) < risk(stated, alpha)
        found = permit(
            stated.tolist(), wrong.tolist(), alpha=alpha, delta=DELTA, grid=steps.tolist()
        )
        if found is not None:
            granted += 1
            violations += any(true[step] > alpha for step in found.thresholds)
            coverage += found.coverage
    return Outcome(draws, granted, violations, coverage / draws)


def many_looks(name: str, alpha: float, *, draws: int, rows: int, seed: int) -> Outcome:
    """Live reviews: a look every 50 rows, with the e-process; a permit counts for ever."""
    chance, risk = np.random.default_rng(seed), POPULATIONS[name]
    steps = grid_of(drawn(chance, 5_000), end=LIVE_END)
    too_risky = risks_above(risk, alpha, steps) > alpha
    looks = np.arange(LOOK_EVERY - 1, rows, LOOK_EVERY)
    granted, violations, coverage = 0, 0, 0.0
    for _ in range(draws):
        stated = drawn(chance, rows)
        wrong = chance.random(rows) < risk(stated, alpha)
        reached = ever_reached(stated, wrong, steps, looks, alpha)
        if reached:
            granted += 1
            violations += any(too_risky[step] for step in reached)
            coverage += float((stated >= steps[max(reached)]).mean())
    return Outcome(draws, granted, violations, coverage / draws)


def ever_reached(
    stated: np.ndarray, wrong: np.ndarray, steps: np.ndarray, looks: np.ndarray, alpha: float
) -> set[int]:
    """Thresholds that the chains reach at any of the looks."""
    above = stated[:, None] >= steps[None, :]
    rows = np.cumsum(above, axis=0)[looks]
    errors = np.cumsum(above & wrong[:, None], axis=0)[looks]
    passed = log_evidence_below(errors, rows, alpha) >= np.log(STARTS / DELTA)
    reached: set[int] = set()
    for row in passed:
        if row[list(LIVE_STARTS)].any():
            reached |= walk(row.tolist(), LIVE_STARTS)
    return reached


@dataclass(frozen=True, slots=True)
class Thinned:
    """Violations by rows of equal probability, and by all that were drawn."""

    equal: Outcome
    raw: Outcome


def thinned(alpha: float, *, draws: int, tickets: int, seed: int) -> Thinned:
    """Two strata drawn at 5 and 20 %; all that is wrong lies in the thin one.

    Half of the tickets lie in each, so the truth is just above alpha.
    """
    chance = np.random.default_rng(seed)
    tally = {"equal": [0, 0], "raw": [0, 0]}
    for _ in range(draws):
        u, thin = chance.random(tickets), chance.random(tickets) < 0.5
        wrong = (chance.random(tickets) < 2.02 * alpha) & thin
        taken = u < np.where(thin, 0.05, 0.20)
        for kind, kept in (("equal", taken & (u < 0.05)), ("raw", taken)):
            errors, rows = int(wrong[kept].sum()), int(kept.sum())
            passes = rows > 0 and binom.cdf(errors, rows, alpha) <= DELTA
            tally[kind][0] += bool(passes)
            tally[kind][1] += bool(
                passes
            )  # the truth lies above alpha: each permit is one too many
    return Thinned(
        *(Outcome(draws, granted, bad, 0.0) for granted, bad in (tally["equal"], tally["raw"]))
    )


@dataclass(frozen=True, slots=True)
class Planted:
    """A pooled permit, and how wrong one intent with a share of the answers is beneath it."""

    permits: int
    broken: int  # valid permits under which the intent was worse than alpha / share
    worst: float


def planted(alpha: float, *, share: float, draws: int, rows: int, seed: int) -> Planted:
    """A bad intent among good ones. Where the pooled promise holds, so does alpha / share."""
    chance = np.random.default_rng(seed)
    permits = broken = 0
    worst = 0.0
    for _ in range(draws):
        bad_rate = chance.uniform(0, min(1.0, 2 * alpha / share))
        good_rate = chance.uniform(0, alpha / 2)
        bad = chance.random(rows) < share
        wrong = chance.random(rows) < np.where(bad, bad_rate, good_rate)
        found = permit([0.9] * rows, wrong.tolist(), alpha=alpha, delta=DELTA, grid=[0.9])
        pooled = share * bad_rate + (1 - share) * good_rate
        if found is None or pooled > alpha:
            continue  # no permit, or one of the few that do not hold
        permits += 1
        worst = max(worst, bad_rate)
        broken += bad_rate > alpha / share
    return Planted(permits, broken, worst)


@dataclass(frozen=True, slots=True)
class RunLengths:
    """Simulated answers until a trip beside what was computed."""

    mean: float
    error: float  # standard error of the mean
    computed: float

    @property
    def agrees(self) -> bool:
        return abs(self.mean - self.computed) <= 4 * self.error


def run_lengths(chart: Chart, rate: float, *, runs: int, seed: int) -> RunLengths:
    """Answers until the chart trips, all runs side by side, gap by gap between wrong answers."""
    chance = np.random.default_rng(seed)
    level = np.zeros(runs)
    length = np.zeros(runs)
    going = np.arange(runs)
    while len(going):
        gaps = chance.geometric(rate, len(going))
        length[going] += gaps
        level[going] = np.maximum(0, level[going] - (gaps - 1)) + chart.step - 1
        going = going[level[going] < chart.height]
    error = float(length.std(ddof=1) / np.sqrt(runs))
    return RunLengths(float(length.mean()), error, run_length(chart.step, chart.height, rate))


def until_trip(
    charts: Sequence[tuple[Chart, float]], rate: float, *, runs: int, seed: int
) -> np.ndarray:
    """Automatic answers until the first of several charts trips.

    Each chart sees a random share of the outcomes, as (chart, share): a share of 1 sees all, and
    where the share is below 1 it scores what it sees alone.
    """
    chance = np.random.default_rng(seed)
    lengths = np.empty(runs)
    for run in range(runs):
        levels, count = [0] * len(charts), 0
        while True:
            gap = int(chance.geometric(rate))
            count += gap
            known = chance.random()
            for place, (chart, share) in enumerate(charts):
                right = gap - 1 if share == 1 else int(chance.binomial(gap - 1, share))
                levels[place] = max(0, levels[place] - right)
                if known < share:
                    levels[place] += chart.step - 1
            if any(level >= chart.height for level, (chart, _) in zip(levels, charts, strict=True)):
                break
        lengths[run] = count
    return lengths


def mcnemar(better: int, worse: int) -> float:
    """Exact two-sided p of two models on the same tickets, from those where one alone is right."""
    more, fewer = max(better, worse), min(better, worse)
    return float(min(1.0, 2 * binom.sf(more - 1, more + fewer, 0.5)))


def mcnemar_null(*, rows: int, discordant: float, draws: int, level: float, seed: int) -> float:
    """How often two equally good models are told apart at that level: no more often than it."""
    chance = np.random.default_rng(seed)
    either = chance.binomial(rows, discordant, draws)
    better = chance.binomial(either, 0.5)
    return float(np.mean([mcnemar(b, e - b) <= level for b, e in zip(better, either, strict=True)]))
