"""Certificates from live reviews, looked at whenever one likes."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import binom

from decisions.bounds.e_process import (
    log_evidence_above,
    log_evidence_below,
    passes,
    rows_missing,
    rows_needed,
    to_quarantine,
)


@pytest.mark.parametrize(
    ("alpha", "needed"),
    [(0.01, (535, 777, 983)), (0.02, (266, 387, 490)), (0.05, (105, 153, 194))],
)
def test_rows_needed_with_no_one_and_two_errors(alpha, needed):
    assert tuple(rows_needed(k, alpha=alpha, delta=0.05) for k in range(3)) == needed


@pytest.mark.parametrize(("errors", "rows"), [(0, 50), (3, 200), (10, 90)])
def test_evidence_is_the_mean_likelihood_ratio(errors, rows):
    alpha = 0.05

    def ratio(rate):
        return np.exp(
            errors * (np.log(rate) - np.log(alpha))
            + (rows - errors) * (np.log1p(-rate) - np.log1p(-alpha))
        )

    below = quad(ratio, 0, alpha, epsabs=0, epsrel=1e-10)[0] / alpha
    above = quad(ratio, alpha, 1, epsabs=0, epsrel=1e-10, limit=500)[0] / (1 - alpha)
    assert log_evidence_below(errors, rows, alpha) == pytest.approx(np.log(below), rel=1e-6)
    assert log_evidence_above(errors, rows, alpha) == pytest.approx(np.log(above), rel=1e-6)


def test_a_machine_at_the_limit_is_permitted_in_at_most_delta_of_runs():
    chance, alpha, delta, runs = np.random.default_rng(11), 0.05, 0.05, 1_000
    permitted = 0
    for _ in range(runs):
        errors = np.cumsum(chance.random(2_000) < alpha)
        looks = range(49, 2_000, 50)
        permitted += any(passes(int(errors[n]), n + 1, alpha=alpha, delta=delta) for n in looks)
    # each of the two chains has half of delta; 99.9 % of samples lie below this limit
    assert permitted <= binom.ppf(0.999, runs, delta / 2)


def test_looking_when_it_looks_good_breaks_an_exact_test_but_not_this_one():
    chance, alpha, runs = np.random.default_rng(3), 0.05, 400
    naive = sound = 0
    for _ in range(runs):
        errors = np.cumsum(chance.random(2_000) < alpha)
        looks = range(49, 2_000, 50)
        naive += any(binom.cdf(errors[n], n + 1, alpha) <= 0.05 for n in looks)
        sound += any(passes(int(errors[n]), n + 1, alpha=alpha, delta=0.05) for n in looks)
    assert naive > binom.ppf(0.999, runs, 0.05)
    assert sound <= binom.ppf(0.999, runs, 0.05)


def test_a_bad_intent_is_quarantined_within_the_expected_rows():
    chance, found = np.random.default_rng(4), []
    for _ in range(400):
        errors = np.cumsum(chance.random(600) < 0.10)
        hits = [
            n + 1
            for n in range(600)
            if to_quarantine(int(errors[n]), n + 1, alpha=0.02, delta=0.05, intents=12)
        ]
        found.append(hits[0] if hits else 600)
    # the statistic is a step function of whole errors, so the median moves in steps too
    assert 60 <= np.median(found) <= 110


def test_rows_missing_counts_down_to_nothing():
    assert rows_missing(0, 0, alpha=0.05, delta=0.05) == 105
    assert rows_missing(0, 100, alpha=0.05, delta=0.05) == 5
    assert rows_missing(0, 400, alpha=0.05, delta=0.05) == 0
