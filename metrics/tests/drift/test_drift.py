"""Comparing this week with a sample."""

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from metrics.drift import drift
from metrics.drift.drift import compare, exchanged_p, expected_stability, stability_parts

KINDS = [f"intent_{n}" for n in range(27)]
SHARES = np.random.default_rng(0).dirichlet(np.full(27, 5.0))


def days(random, number, *, a_day=70, bursts=0.0, shares=SHARES):
    """Days of tickets; on some of them a burst of one kind comes on top."""
    found = []
    for _ in range(number):
        counts = random.multinomial(a_day, shares)
        if random.random() < bursts:
            counts[random.integers(27)] += random.integers(10, 40)
        found.append(dict(zip(KINDS, counts.tolist(), strict=True)))
    return found


def sample(random, weeks=12, **more):
    return {weekday: days(random, weeks, **more) for weekday in range(7)}


def test_chi_square_is_pearsons():
    random = np.random.default_rng(1)
    week, rest = random.integers(1, 30, 8), random.integers(1, 60, 8)
    wanted = chi2_contingency(np.stack([week, rest]), correction=False)[0]
    assert drift.chi_square(week[None, :], week + rest)[0] == pytest.approx(wanted)


def test_chi_square_of_a_busy_year_does_not_overflow():
    week, rest = np.array([40_000, 30_000]), np.array([400_000, 500_000])
    wanted = chi2_contingency(np.stack([week, rest]), correction=False)[0]
    assert drift.chi_square(week[None, :], week + rest)[0] == pytest.approx(wanted)


def test_the_index_without_drift_is_what_yurdakul_says():
    # 27 intents, 200 rows against 500: (27 - 1)(1/200 + 1/500) = 0.182
    random = np.random.default_rng(2)
    rows = [(random.multinomial(500, SHARES), random.multinomial(200, SHARES)) for _ in range(400)]
    mean = np.mean([stability_parts(*pair).sum() for pair in rows])
    full = np.full(27, 1)
    assert expected_stability(500 * full, 200 * full) == pytest.approx(
        26 * (1 / 13_500 + 1 / 5_400)
    )
    assert mean == pytest.approx(0.182, abs=0.02)


def test_the_index_of_equal_shares_is_nothing():
    counts = np.array([30, 60, 0])
    assert stability_parts(counts, counts).sum() == 0
    assert stability_parts(counts, np.zeros(3, int)).sum() == 0


def test_bursts_alone_do_not_fire_though_a_plain_test_would():
    random = np.random.default_rng(11)
    plain, exchanged = 0, 0
    for seed in range(60):
        now, before = days(random, 7, bursts=0.4), sample(random, bursts=0.4)
        found = compare(now, before, allowed_p=0.01, seed=seed, exchanges=499)
        exchanged += found.p <= 0.01
        then = [sum(d[k] for w in before.values() for d in w) for k in KINDS]
        today = [sum(d[k] for d in now) for k in KINDS]
        plain += chi2_contingency([then, today], correction=False)[1] <= 0.01
    assert plain >= 10
    assert exchanged <= 3


def test_another_mixture_fires_and_names_what_moved():
    random = np.random.default_rng(4)
    moved = SHARES.copy()
    moved[5] += 0.25
    found = compare(days(random, 7, shares=moved / moved.sum()), sample(random), allowed_p=1 / 1095)
    assert found.fires
    assert found.p == pytest.approx(1 / 10_000)
    assert found.corrected >= 0.1
    assert found.moved[0].kind == "intent_5"
    assert found.moved[0].share_now > found.moved[0].share_before


def test_a_change_that_is_certain_but_small_does_not_fire():
    random = np.random.default_rng(5)
    moved = SHARES.copy()
    moved[5] += 0.02
    now = days(random, 7, a_day=20_000, shares=moved / moved.sum())
    found = compare(now, sample(random, a_day=20_000), allowed_p=0.001)
    assert found.p <= 0.001
    assert (found.corrected < drift.LEAST_STABILITY, found.fires) == (True, False)


@pytest.mark.parametrize(("weeks", "tested"), [(2, False), (3, True)])
def test_a_sample_of_less_than_three_weeks_proves_nothing(weeks, tested):
    random = np.random.default_rng(6)
    moved = np.roll(SHARES, 1)
    found = compare(days(random, 7, shares=moved), sample(random, weeks), allowed_p=0.5)
    assert (found.p is not None, found.fires, found.weeks) == (tested, tested, weeks)


def test_without_rows_there_is_no_verdict():
    found = compare([{}] * 7, {}, allowed_p=1.0)
    assert (found.p, found.fires, found.stability, found.rows_now) == (None, False, 0.0, 0)


def test_p_counts_the_arrangement_that_was_seen():
    random = np.random.default_rng(7)
    now = [np.array([50, 0])] * 7
    before = [[np.array([0, 50])] * 5 for _ in range(7)]
    assert exchanged_p(now, before, exchanges=99) == 0.01
    same = [np.array([5, 5])] * 7
    assert exchanged_p(same, [[np.array([5, 5])] * 3] * 7, exchanges=99) == 1.0
    ps = [
        exchanged_p(
            [random.poisson(20, 4) for _ in range(7)],
            [[random.poisson(20, 4) for _ in range(6)] for _ in range(7)],
            exchanges=199,
            seed=seed,
        )
        for seed in range(200)
    ]
    assert np.mean(np.array(ps) <= 0.1) == pytest.approx(0.1, abs=0.05)
