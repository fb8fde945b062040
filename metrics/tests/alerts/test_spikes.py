"""Scores of hours, and what fires."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from metrics.alerts import spikes
from metrics.alerts.spikes import DAYS, escalation_scores, judge, usual_volume, volume_scores
from supportops.benchmarks.quality import spike_checks
from supportops.benchmarks.quality.spike_checks import Setting

NAN = float("nan")


def grid(days: int, value: float = 0.0) -> np.ndarray:
    return np.full((days, 24), value)


# --- Volume ---------------------------------------------------------------------------------------


def test_the_usual_is_the_mean_of_the_same_hour_of_the_week():
    counts = grid(7 * 9 + 1)
    counts[[0, 7, 14, 21, 28, 35, 42, 49, 56], 10] = [90, 1, 2, 3, 4, 5, 6, 7, 8]
    usual = usual_volume(counts)
    # day 63 has the same weekday; its last eight weeks are days 7 to 56, and day 0 is too long ago
    assert usual.mean[63, 10] == 4.5
    assert usual.weeks[63, 10] == 8
    assert usual.mean[62, 10] == 0


@pytest.mark.parametrize(("weeks", "known"), [(3, False), (4, True)])
def test_four_weeks_are_the_least(weeks, known):
    for value in (5.0, 0.0):
        scores = volume_scores(grid(7 * weeks + 1, value))
        assert bool(np.isnan(scores[-1, 10])) is not known
    shares = escalation_scores(grid(7 * weeks + 1, 2.0), grid(7 * weeks + 1, 5.0))
    assert bool(np.isnan(shares[-1, 10])) is not known


def test_holidays_are_left_out_on_both_sides():
    counts = grid(7 * 6 + 1, 4.0)
    counts[7] = NAN  # a holiday five weeks ago
    counts[14, 10] = 100
    assert usual_volume(counts).weeks[-1, 10] == 5
    assert usual_volume(counts).mean[-1, 10] == (4 * 4 + 100) / 5
    counts[-1] = NAN
    assert np.isnan(volume_scores(counts)[-1]).all()


def test_the_score_is_the_tail_of_a_negative_binomial():
    random = np.random.default_rng(1)
    counts = random.poisson(20, (7 * 8 + 1, 24)).astype(float)
    counts[-1, 10] = 40
    usual = usual_volume(counts)
    mean, weeks, spread = (part[-1, 10] for part in (usual.mean, usual.weeks, usual.dispersion))
    variance = (mean + spread * mean**2) * (1 + 1 / weeks)
    size = mean**2 / (variance - mean)
    wanted = -stats.nbinom.logsf(39, size, mean / variance)
    assert volume_scores(counts)[-1, 10] == pytest.approx(wanted, rel=1e-9)


def test_a_tail_beyond_all_floats_still_has_an_order():
    counts = grid(7 * 8 + 1, 2.0)
    counts[-1, 10], counts[-1, 11] = 5_000, 50_000
    scores = volume_scores(counts)[-1]
    assert np.isfinite(scores).all()
    assert scores[9] < scores[10] < scores[11]


def test_hours_in_which_nobody_ever_wrote_have_a_score_too():
    counts = grid(7 * 8 + 1)
    counts[-1, 3] = 1
    scores = volume_scores(counts)[-1]
    assert scores[2] == 0
    assert 0 < scores[3] < 5


@given(st.integers(0, 200), st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_more_tickets_never_score_less(one, other):
    # An hour that is not over yet may fire: what it has already, it keeps.
    counts = grid(7 * 8 + 1, 6.0)
    counts[-1, 10], counts[-1, 11] = min(one, other), max(one, other)
    scores = volume_scores(counts)[-1]
    assert scores[10] <= scores[11]


def test_dispersion_is_pooled_and_never_below_the_least():
    random = np.random.default_rng(2)
    calm = usual_volume(random.poisson(100, (80, 24)).astype(float)).dispersion[-1, 0]
    factor = random.gamma(1 / 0.2, 0.2, (80, 24))
    wild = usual_volume(random.poisson(100 * factor).astype(float)).dispersion[-1, 0]
    assert spikes.LEAST_DISPERSION <= calm < 0.01
    assert wild == pytest.approx(0.2, abs=0.04)


# --- Escalations ----------------------------------------------------------------------------------


def test_escalations_are_judged_given_the_tickets_of_the_hour():
    tickets, escalated = grid(7 * 8 + 1, 10.0), grid(7 * 8 + 1, 3.0)
    tickets[-1, 10], escalated[-1, 10] = 100, 30  # busy, but the share is the usual one
    tickets[-1, 11], escalated[-1, 11] = 10, 10
    scores = escalation_scores(escalated, tickets)[-1]
    assert scores[10] < 1
    assert scores[11] > 5
    assert spikes.usual_share(escalated, tickets)[-1, 10] == pytest.approx(0.3)


def test_the_score_of_escalations_is_the_tail_of_a_beta_binomial():
    tickets, escalated = grid(7 * 8 + 1, 10.0), grid(7 * 8 + 1, 3.0)
    escalated[-1, 10] = 7
    # No week differs from another, so the correlation is the least, and 8 weeks of 10 tickets,
    # each worth 10 / (1 + 9 * 0.005), and 10 tickets beforehand say how sure the share is.
    certainty = 80 / (1 + 9 * 0.005) + 10
    wider = 0.005 + 0.995 / (certainty + 1)
    total = (1 - wider) / wider
    wanted = -stats.betabinom.logsf(6, 10, 0.3 * total, 0.7 * total)
    assert escalation_scores(escalated, tickets)[-1, 10] == pytest.approx(wanted, rel=1e-6)


def test_hours_without_tickets_score_nothing():
    scores = escalation_scores(grid(60), grid(60))
    assert np.nanmax(scores) == 0


# --- What fires -----------------------------------------------------------------------------------


def test_an_hour_fires_above_the_highest_of_the_last_days_and_not_at_it():
    scores = grid(DAYS + 2, 1.0)
    scores[0, 5] = 99  # longer ago than the days that count
    scores[50, 5] = 7.0
    scores[-1, 10], scores[-1, 11] = 7.0, 7.01
    at, above = (judge(scores, hour, budget=4, series=2) for hour in (10, 11))
    assert (at.bar, at.fires) == (7.0, False)
    assert (above.bar, above.fires, above.days, above.is_approximate) == (7.0, True, DAYS, False)


def test_days_that_are_left_out_do_not_count_as_days():
    scores = grid(DAYS + 1, 1.0)
    scores[40] = NAN
    assert judge(scores, 3, budget=4, series=1).days == DAYS - 1
    assert judge(scores, 3, budget=4, series=1).is_approximate


@pytest.mark.parametrize(("beyond", "fires"), [(-0.01, False), (0.01, True)])
def test_before_enough_days_are_known_the_budget_is_shared_by_all_hours_and_series(beyond, fires):
    scores = grid(30, 1.0)
    scores[-1, 10] = np.log(8_766 * 2 / 4) + beyond
    spike = judge(scores, 10, budget=4, series=2)
    assert (spike.bar, spike.days, spike.is_approximate, spike.fires) == (None, 29, True, fires)


def test_what_has_no_score_does_not_fire():
    scores = grid(DAYS + 1, 1.0)
    scores[-1] = NAN
    assert not judge(scores, 10, budget=4, series=1).fires
    assert not judge(scores[-5:], 10, budget=4, series=1).fires


def test_firing_days_of_a_history_are_those_that_each_day_would_have_found():
    random = np.random.default_rng(3)
    scores = random.exponential(size=(40, 24))
    found = spike_checks.firing_days(scores, days=10)
    one_by_one = [
        any(judge(scores[: day + 1], hour, budget=1, series=1, days=10).fires for hour in range(24))
        for day in range(10, 40)
    ]
    assert found.tolist() == one_by_one


# --- Simulated years ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["volume", "escalations"])
def test_quiet_years_have_the_declared_number_of_false_alarms(kind):
    declared = spikes.false_alarms_a_year()
    assert declared == pytest.approx(3.97, abs=0.01)
    means = [
        spike_checks.mean_of_years(kind, setting, years=20, seed=1)
        for setting in (Setting(50, 0.02, 0.0), Setting(50, 0.1, 0.1))
    ]
    assert means == pytest.approx([declared] * 2, abs=1.0)


@pytest.mark.parametrize(
    ("a_day", "factor", "median", "seen"), [(500, 3, 1, 0.85), (500, 2, 5, 0.5), (50, 3, 4, 0.6)]
)
def test_a_planted_outbreak_is_seen_within_its_stated_delay(a_day, factor, median, seen):
    # Eight hours from nine o'clock on; hours until it fires, each counted whole.
    delays = spike_checks.delays(Setting(a_day, 0.02, 0.05), factor, trials=40, seed=1)
    assert np.median(delays) <= median
    assert np.isfinite(delays).mean() >= seen


def test_a_tripled_busy_hour_is_mostly_seen_when_it_ends():
    seen = spike_checks.seen_within_the_hour(Setting(500, 0.02, 0.05), 3, trials=30, seed=1)
    assert 0.6 <= seen <= 1
