"""Checks every promise of certificates and breakers by simulation, and prints what came out.

    python -m supportops.benchmarks.quality.certificate_checks [--data DIRECTORY] [--quick]

With public data it also states what certificates cover and how often they are wrong there. Exit
code 1 when a promise does not hold. `docs/certificates.md` says what the promises are.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classification.shared.calibration import calibration_error, perfect_range
from decisions.bounds.cusum import Chart, chart_for, follow_places, height_for
from decisions.bounds.cusum import Path as ChartPath
from decisions.bounds.e_process import rows_needed
from supportops.benchmarks.quality import known_risk, public_certificates

SEED = 20_261_128
ALPHAS = (0.01, 0.02, 0.05)
ROWS_NEEDED = {0.01: (535, 777, 983), 0.02: (266, 387, 490), 0.05: (105, 153, 194)}
HEIGHTS = {
    2_000: 50,
    5_000: 60,
    10_000: 68,
    20_000: 76,
    50_000: 87,
    100_000: 95,
    200_000: 104,
    500_000: 114,
    1_000_000: 123,
    2_000_000: 131,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the table."""

    what: str
    wanted: str
    reached: str
    holds: bool = True


def tables() -> Iterator[Check]:
    for alpha, wanted in ROWS_NEEDED.items():
        found = tuple(rows_needed(k, alpha=alpha, delta=0.05) for k in range(3))
        what = f"Rows needed at {alpha:.0%}, 0 1 2 errors"
        yield Check(what, " ".join(map(str, wanted)), " ".join(map(str, found)), found == wanted)
    heights = [height_for(20, 0.02, wanted) for wanted in HEIGHTS]
    shown = " ".join(map(str, HEIGHTS.values()))
    reached = " ".join(map(str, heights))
    yield Check("Breaker limits, 2 to 10 %", shown, reached, heights == [*HEIGHTS.values()])


def populations(draws: int) -> Iterator[Check]:
    """Permits on populations whose risk is known."""
    for name in known_risk.POPULATIONS:
        for alpha in ALPHAS:
            rows = {0.01: 4_000, 0.02: 2_000, 0.05: 1_000}[alpha]
            for kind, look in (("one look", known_risk.one_look), ("live", known_risk.many_looks)):
                found = look(name, alpha, draws=draws, rows=rows, seed=SEED)
                yield Check(
                    f"{name}, {alpha:.0%}, {kind}",
                    f"≤ {found.limit} of {draws} broken",
                    f"{found.violations} broken, {found.granted} granted, "
                    f"coverage {found.coverage:.0%}",
                    found.holds,
                )


def strata(draws: int) -> Iterator[Check]:
    """Two strata drawn at different rates."""
    found = known_risk.thinned(0.05, draws=draws, tickets=10_000, seed=SEED)
    yield Check(
        "Rows of equal probability, rates 5 and 20 %",
        f"≤ {found.equal.limit} of {draws} broken",
        f"{found.equal.violations} broken",
        found.equal.holds,
    )
    yield Check(
        "All drawn rows counted alike",
        "must break it",
        f"{found.raw.violations} broken",
        not found.raw.holds,
    )


def intents(draws: int) -> Iterator[Check]:
    """A bad intent under a pooled permit."""
    for alpha, share in ((0.02, 0.1), (0.05, 0.25)):
        found = known_risk.planted(alpha, share=share, draws=draws, rows=1_000, seed=SEED)
        yield Check(
            f"Bad intent, {share:.0%} of the answers, under {alpha:.0%}",
            f"≤ {alpha / share:.0%} wrong",
            f"at worst {found.worst:.1%} under {found.permits} valid permits",
            found.broken == 0 and found.permits > 0,
        )


def breakers(runs: int) -> Iterator[Check]:
    """Computed run lengths, false trips, and how soon a jump is noticed."""
    for a_day in (50, 500, 5_000):
        chart = chart_for(alpha=0.02, scored_a_day=a_day, false_trips_a_year=1)
        found = known_risk.run_lengths(chart, 0.02, runs=runs, seed=SEED)
        yield Check(
            f"Answers until a false trip, {a_day:,} a day, {runs:,} runs",
            f"{found.computed:,.0f}",
            f"{found.mean:,.0f} ± {found.error:,.0f}",
            found.agrees,
        )
    yield late_flags(runs)
    for a_day in (50, 500, 5_000):
        yield jump(a_day, min(runs, 1_000))


def late_flags(runs: int) -> Check:
    """Evidence that comes late never trips sooner than if all had been known at once."""
    chance, sooner = np.random.default_rng(SEED), 0
    for _ in range(min(runs, 2_000)):
        wrong = chance.random(400) < 0.08
        known = chance.random(400) < 0.7
        early, full = _path(wrong & known), _path(wrong)
        sooner += early.tripped and not full.tripped
    return Check("Late evidence trips sooner", "never", f"{sooner} times", sooner == 0)


def _path(wrong: NDArray[np.bool_]) -> ChartPath:
    places = (np.flatnonzero(wrong) + 1).tolist()
    return follow_places(places, len(wrong), Chart(8, 40))


def jump(a_day: int, runs: int) -> Check:
    """From 2 to 10 % wrong, a tenth of the answers reviewed: both charts with half the budget."""
    everything = chart_for(alpha=0.02, scored_a_day=a_day, false_trips_a_year=0.5)
    drawn = chart_for(alpha=0.02, scored_a_day=a_day / 10, false_trips_a_year=0.5)
    lengths = known_risk.until_trip([(drawn, 0.1)], 0.10, runs=runs, seed=SEED)
    known = known_risk.until_trip([(everything, 1.0)], 0.10, runs=runs, seed=SEED)
    shown = [f"{np.median(x):,.0f} / {np.percentile(x, 90):,.0f}" for x in (known, lengths)]
    return Check(
        f"Answers until a trip at 10 %, {a_day:,} a day",
        "all known · a tenth reviewed",
        f"{shown[0]} · {shown[1]}",
    )


def nulls(draws: int) -> Iterator[Check]:
    """Figures that must not see what is not there."""
    chance = np.random.default_rng(SEED)
    stated = chance.uniform(0.5, 1.0, 3_080)
    low, high = perfect_range(stated)
    errors = [
        calibration_error(stated, (chance.random(len(stated)) < stated).astype(float))
        for _ in range(draws)
    ]
    outside = float(np.mean([not low <= error <= high for error in errors]))
    yield Check(
        "Calibration error of a perfect model, 3,080 rows",
        f"in {low:.4f} to {high:.4f} in 95 %",
        f"mean {np.mean(errors):.4f}, outside {outside:.1%}",
        outside <= 0.08,
    )
    rate = known_risk.mcnemar_null(
        rows=1_000, discordant=0.03, draws=draws * 5, level=0.05, seed=SEED
    )
    yield Check("Equal models told apart at 5 %", "≤ 5 %", f"{rate:.1%}", rate <= 0.06)


def checks(*, quick: bool) -> Iterator[Check]:
    draws, runs = (200, 1_000) if quick else (1_000, 10_000)
    yield from tables()
    yield from populations(draws)
    yield from strata(draws)
    yield from intents(draws)
    yield from breakers(runs)
    yield from nulls(draws)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--quick", action="store_true", help="a fifth of the draws")
    parser.add_argument("--classifier", nargs="+", default=["linear", "encoder"])
    options = parser.parse_args()
    broken = 0
    sys.stdout.write(f"{'certificates and breakers':<56}{'wanted':>30}   reached\n")
    for check in checks(quick=options.quick):
        mark = "" if check.holds else "  DOES NOT HOLD"
        broken += not check.holds
        sys.stdout.write(f"{check.what:<56}{check.wanted:>30}   {check.reached}{mark}\n")
        sys.stdout.flush()
    for line in public_certificates.lines(options.data, options.classifier):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{broken} of these promises do not hold.\n" if broken else "\nAll hold.\n")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
