"""What certificates and breakers promise, on a small scale; `make evaluate` runs the full one."""

import numpy as np
import pytest

from decisions.bounds.cusum import Chart, chart_for
from supportops.benchmarks.quality import known_risk
from supportops.benchmarks.quality.certificate_checks import late_flags, tables
from supportops.benchmarks.quality.known_risk import POPULATIONS

SEED = 7


def test_the_tables_of_rows_and_limits_come_out_again():
    assert [check.what for check in tables() if not check.holds] == []


@pytest.mark.parametrize("name", POPULATIONS)
def test_certificates_that_are_looked_for_again_and_again_keep_their_promise(name):
    found = known_risk.many_looks(name, 0.05, draws=150, rows=800, seed=SEED)
    assert found.violations <= found.limit


@pytest.mark.parametrize("name", POPULATIONS)
def test_permits_of_one_look_keep_their_promise(name):
    found = known_risk.one_look(name, 0.05, draws=60, rows=800, seed=SEED)
    assert found.violations <= found.limit


def test_a_good_machine_is_granted_something():
    assert known_risk.many_looks("smooth", 0.05, draws=60, rows=800, seed=SEED).granted > 20


def test_counting_all_drawn_rows_alike_breaks_the_promise_and_equal_ones_keep_it():
    found = known_risk.thinned(0.05, draws=150, tickets=6_000, seed=SEED)
    assert found.equal.holds
    assert found.raw.violations > found.raw.limit


def test_a_bad_intent_under_a_valid_permit_stays_below_alpha_over_its_share():
    found = known_risk.planted(0.02, share=0.1, draws=150, rows=600, seed=SEED)
    assert found.permits > 10
    assert found.broken == 0
    assert found.worst <= 0.02 / 0.1


def test_computed_run_lengths_are_those_of_simulated_years():
    chart = chart_for(alpha=0.02, scored_a_day=50, false_trips_a_year=1)
    assert known_risk.run_lengths(chart, 0.02, runs=600, seed=SEED).agrees


def trips_in_years(chart, rate, *, a_day, years, seed):
    """Trips a year over simulated years; after a trip the chart starts again at nothing."""
    chance = np.random.default_rng(seed)
    trips = 0
    for _ in range(years):
        answers, level = 365 * a_day, 0
        for gap in chance.geometric(rate, int(answers * rate * 1.5) + 50).tolist():
            answers -= gap
            if answers < 0:
                break
            level = max(0, level - (gap - 1)) + chart.step - 1
            if level >= chart.height:
                trips, level = trips + 1, 0
    return trips / years


def test_false_trips_a_year_are_as_many_as_were_allowed():
    chart = chart_for(alpha=0.05, scored_a_day=20, false_trips_a_year=2)
    trips = trips_in_years(chart, 0.05, a_day=20, years=300, seed=SEED)
    assert 1.5 < trips < 2.1  # a year ends in the midst of a run, so a little fewer than two


def test_late_evidence_never_trips_sooner():
    assert late_flags(100).holds


def test_a_tenth_reviewed_still_notices_a_jump():
    """Where the unjudged count as right, a tenth of one in ten looks like one in a hundred."""
    drawn = chart_for(alpha=0.02, scored_a_day=5, false_trips_a_year=1)
    found = known_risk.until_trip([(drawn, 0.1)], 0.10, runs=300, seed=SEED)
    assert 250 < np.median(found) < 550
    everything = chart_for(alpha=0.02, scored_a_day=50, false_trips_a_year=1)
    as_right = known_risk.run_lengths(everything, 0.10 * 0.1, runs=60, seed=SEED)
    assert as_right.computed > 100_000


def test_more_outcomes_known_trip_sooner():
    chart = Chart(8, 40)
    all_known = known_risk.until_trip([(chart, 1.0)], 0.25, runs=200, seed=SEED)
    half_known = known_risk.until_trip([(chart, 0.5)], 0.25, runs=200, seed=SEED)
    assert np.mean(half_known) == pytest.approx(2 * np.mean(all_known), rel=0.25)


@pytest.mark.parametrize(("better", "worse", "p"), [(0, 0, 1.0), (5, 5, 1.0), (10, 0, 2 / 1024)])
def test_two_models_are_compared_where_one_alone_is_right(better, worse, p):
    assert known_risk.mcnemar(better, worse) == pytest.approx(p)
    assert known_risk.mcnemar(worse, better) == pytest.approx(p)


def test_equal_models_are_told_apart_no_more_often_than_stated():
    rate = known_risk.mcnemar_null(rows=1_000, discordant=0.03, draws=2_000, level=0.05, seed=SEED)
    assert rate <= 0.05
