"""Simulated years: how often spikes fire by chance, and how soon when they should.

    python -m supportops.benchmarks.quality.spike_checks [--quick]

Seeds are fixed, so the figures are the same on every machine. The suite runs the same checks with
fewer years.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metrics.alerts import spikes
from metrics.alerts.spikes import DAYS, MOST_WEEKS, Grid

YEAR = 365
BURN_IN = MOST_WEEKS * 7 + DAYS
WORKDAY = np.array([1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 8, 9, 9, 8, 7, 6, 5, 4, 3, 3, 2, 1.0])
WEEK = np.array([1.2, 1.05, 1, 1, 0.95, 0.5, 0.4])


@dataclass(frozen=True, slots=True)
class Setting:
    """A business in its quiet years: tickets a day, and how unruly days and hours are."""

    a_day: int
    of_hours: float  # dispersion of each hour on its own
    of_days: float  # dispersion of whole days
    escalated: float = 0.4

    def __str__(self) -> str:
        return f"{self.a_day:>5} a day, hours {self.of_hours:.2f}, days {self.of_days:.2f}"


SETTINGS = [
    Setting(a_day, hours, days)
    for a_day in (50, 500, 5_000)
    for hours, days in ((0.0, 0.0), (0.02, 0.0), (0.02, 0.05), (0.1, 0.1))
]


def rates(setting: Setting, days: int) -> Grid:
    profile = WORKDAY / WORKDAY.sum()
    week = WEEK / WEEK.mean()
    return np.asarray(setting.a_day * week[np.arange(days) % 7][:, None] * profile[None, :])


def unruly(random: np.random.Generator, means: Grid, setting: Setting) -> Grid:
    """Counts of hours: Poisson, spread by a factor of the hour and one of the day."""
    factor = np.ones_like(means)
    if setting.of_hours:
        factor *= random.gamma(1 / setting.of_hours, setting.of_hours, means.shape)
    if setting.of_days:
        factor *= random.gamma(1 / setting.of_days, setting.of_days, (len(means), 1))
    return random.poisson(means * factor).astype(float)


def volume_year(random: np.random.Generator, setting: Setting) -> int:
    """Days of a quiet year on which the volume fired."""
    counts = unruly(random, rates(setting, BURN_IN + YEAR), setting)
    return _fired(spikes.volume_scores(counts))


def escalation_year(random: np.random.Generator, setting: Setting) -> int:
    """Days of a quiet year on which escalations fired; the share wavers from hour to hour."""
    tickets = unruly(random, rates(setting, BURN_IN + YEAR), setting)
    return _fired(spikes.escalation_scores(_some(random, tickets, setting), tickets))


def _some(random: np.random.Generator, tickets: Grid, setting: Setting) -> Grid:
    wavering = 1 / (setting.of_hours or 0.01) - 1
    share = random.beta(
        setting.escalated * wavering, (1 - setting.escalated) * wavering, tickets.shape
    )
    return random.binomial(tickets.astype(int), share).astype(float)


def _fired(scores: Grid) -> int:
    return int(firing_days(scores)[-YEAR:].sum())


def firing_days(scores: Grid, days: int = spikes.DAYS) -> NDArray[np.bool_]:
    """For each day after the first `days`, whether any hour of it fired."""
    highs = spikes.daily_highs(scores)
    if len(highs) <= days:
        return np.empty(0, bool)
    before = np.lib.stride_tricks.sliding_window_view(highs[:-1], days).max(axis=1)
    return np.asarray(highs[days:] > before)


def mean_of_years(kind: str, setting: Setting, *, years: int, seed: int) -> float:
    """Mean number of false alarms a year."""
    random = np.random.default_rng(seed)
    year = {"volume": volume_year, "escalations": escalation_year}[kind]
    return sum(year(random, setting) for _ in range(years)) / years


def seen_within_the_hour(
    setting: Setting, factor: float, *, trials: int, seed: int, hour: int = 10
) -> float:
    """Share of planted spikes, a busy hour times `factor`, that fire when that hour ends."""
    random = np.random.default_rng(seed)
    return float(np.mean([_planted(random, setting, factor, hour, 1) == 1 for _ in range(trials)]))


def delays(
    setting: Setting, factor: float, *, trials: int, seed: int, hour: int = 9, hours: int = 8
) -> NDArray[np.float64]:
    """Hours until an outbreak of `hours` hours fires, each hour counted whole; inf when never."""
    random = np.random.default_rng(seed)
    return np.array([_planted(random, setting, factor, hour, hours) for _ in range(trials)])


def _planted(
    random: np.random.Generator, setting: Setting, factor: float, hour: int, hours: int
) -> float:
    days = BURN_IN + 1 + (-BURN_IN) % 7  # the last day is a Monday
    means = rates(setting, days)
    means[-1, hour : hour + hours] *= factor
    scores = spikes.volume_scores(unruly(random, means, setting))
    for after, at in enumerate(range(hour, hour + hours), 1):
        if spikes.judge(scores, at, budget=4, series=1).fires:
            return float(after)
    return np.inf


def checks(*, years: int = 100, trials: int = 200, seed: int = 20_261_128) -> Iterator[str]:
    """Lines for a terminal, at full size."""
    yield f"False alarms a year, declared {spikes.false_alarms_a_year():.2f}, {years} years each"
    for setting in SETTINGS:
        found = [
            mean_of_years(kind, setting, years=years, seed=seed)
            for kind in ("volume", "escalations")
        ]
        yield f"  {setting}:  volume {found[0]:.2f}  escalations {found[1]:.2f}"
    yield f"Spikes of a busy hour that are seen when it ends, {trials} each"
    for a_day in (50, 500):
        setting = Setting(a_day, 0.02, 0.05)
        seen = [
            seen_within_the_hour(setting, factor, trials=trials, seed=seed) for factor in (3, 5)
        ]
        yield f"  {setting}:  threefold {seen[0]:.0%}  fivefold {seen[1]:.0%}"
    yield f"Hours until an outbreak of eight hours is seen, {trials} each"
    for a_day in (50, 500):
        setting = Setting(a_day, 0.02, 0.05)
        for factor in (2, 3):
            found_after = delays(setting, factor, trials=trials, seed=seed)
            late = float(np.median(found_after))
            yield (
                f"  {setting}, times {factor}: median {late:.0f}, "
                f"seen at all {np.isfinite(found_after).mean():.0%}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer years, wider of the mark")
    quick = parser.parse_args().quick
    for line in checks(years=10, trials=40) if quick else checks():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
