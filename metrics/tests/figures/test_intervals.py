"""How sure numbers are: against the literature, against slow references, against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, binom, ecdf

from metrics.figures.intervals import clopper_pearson, clustered, quantile, survival, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (score), to four places
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_that_of_the_literature(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_intervals_hold_the_share_and_stay_between_0_and_1(successes, trials):
    successes = min(successes, trials)
    for interval in (wilson, clopper_pearson):
        low, high = interval(successes, trials)
        assert 0 <= low <= successes / trials <= high <= 1


@pytest.mark.parametrize(("wrong", "rows"), [(0, 72), (0, 183), (1, 277), (3, 500), (9, 9)])
def test_clopper_pearson_is_where_the_tails_are_a_fortieth(wrong, rows):
    low, high = clopper_pearson(wrong, rows)
    assert high == 1 or binom.cdf(wrong, rows, high) == pytest.approx(0.025, rel=1e-6)
    assert low == 0 or binom.sf(wrong - 1, rows, low) == pytest.approx(0.025, rel=1e-6)


def test_no_error_in_72_rows_shows_at_most_5_percent_wrong():
    assert clopper_pearson(0, 72)[1] <= 0.05 < clopper_pearson(0, 71)[1]


# --- People, not rows -----------------------------------------------------------------------------


def test_people_who_wrote_once_give_about_the_plain_interval():
    held = np.array([1] * 120 + [0] * 80)
    low, high = clustered(np.arange(200), held)
    assert (low, high) == pytest.approx(wilson(120, 200), abs=0.01)


def test_ten_rows_of_each_person_count_hardly_more_than_one():
    owners = np.repeat(np.arange(20), 10)
    held = np.repeat([1] * 12 + [0] * 8, 10)
    low, high = clustered(owners, held)
    assert high - low > 2 * (wilson(120, 200)[1] - wilson(120, 200)[0])
    assert (low, high) == pytest.approx(wilson(12, 20), abs=0.06)


def test_the_same_rows_always_give_the_same_interval():
    owners, held = np.array([1, 1, 2, 3, 4, 5]), np.array([1, 0, 1, 1, 0, 1])
    assert clustered(owners, held) == clustered(owners[::-1], held[::-1])


def test_one_person_says_nothing_of_others():
    assert clustered(np.zeros(50, int), np.ones(50, int)) == (0.0, 1.0)


def test_nobody_failed_is_no_certainty():
    low, high = clustered(np.arange(50), np.ones(50, int))
    assert (low, high) == wilson(50, 50)


# --- Times with open ones -------------------------------------------------------------------------


def test_kaplan_meier_by_hand():
    # At risk 5: one ends at 1 (4/5 left), one at 3 (of 3; one is open at 2): 4/5 · 2/3 = 8/15,
    # one at 4 (of 2): 4/15; the last is still open at 6.
    ended, open_ = np.array([1, 3, 4]), np.array([2, 6])
    assert quantile(survival(ended, open_), 0.4)[0] == 3  # 8/15 = 0.533 ≤ 0.6
    assert quantile(survival(ended, open_), 0.5)[0] == 4  # 0.267 ≤ 0.5
    assert quantile(survival(ended, open_), 0.9)[0] is None  # never below 0.1: too much is open


def test_leaving_open_ones_out_would_make_times_look_short():
    ended, open_ = np.arange(1, 51), np.full(50, 1000)
    assert quantile(survival(ended, open_[:0]), 0.5)[0] == 25
    assert quantile(survival(ended, open_), 0.5)[0] == 50


def test_without_open_ones_it_is_the_usual_quantile():
    ended = np.arange(1, 101)
    value, low, high = quantile(survival(ended, ended[:0]), 0.5)
    assert value == 50
    assert low is not None
    assert 35 <= low < 50 < high <= 65


def test_nothing_that_ended_gives_no_time():
    assert quantile(survival(np.zeros(0, int), np.array([5, 9])), 0.5) == (None, None, None)


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=40),
    st.lists(st.integers(1, 30), max_size=40),
    st.sampled_from([0.1, 0.25, 0.5, 0.9]),
)
def test_it_agrees_with_scipy(ended, open_, share):
    fit = ecdf(CensoredData(uncensored=ended, right=open_)).sf
    below = [
        t for t, s in zip(fit.quantiles, fit.probabilities, strict=True) if s <= 1 - share + 1e-12
    ]
    # scipy lists times at which nothing ended too; there its share does not fall.
    expected = min(below) if below else None
    found = quantile(survival(np.array(ended), np.array(open_, int)), share)[0]
    assert found == expected


@pytest.mark.slow
def test_intervals_cover_what_they_should():
    chance = np.random.default_rng(1)
    kept = {"clustered": 0, "quantile": 0}
    for _ in range(300):
        person = chance.beta(3, 2, 150)
        rows = chance.integers(1, 6, 150)
        owners = np.repeat(np.arange(150), rows)
        held = (chance.random(len(owners)) < np.repeat(person, rows)).astype(int)
        low, high = clustered(owners, held)
        kept["clustered"] += low <= 0.6 <= high
        life, stop = chance.exponential(1000, 200), chance.exponential(2500, 200)
        ended, open_ = life[life <= stop], stop[life > stop]
        _, low, high = quantile(survival(ended, open_), 0.5)
        kept["quantile"] += low <= 1000 * np.log(2) <= high
    # 285 of 300 expected; 99.9 % of the time at least 272.
    assert min(kept.values()) >= 272, kept
