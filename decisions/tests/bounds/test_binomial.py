"""Thresholds with a bound on the share of wrong answers."""

from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from decisions.bounds.binomial import (
    GRID_SIZE,
    LENIENT_END,
    STARTS,
    Permit,
    grid_of,
    permit,
    upper_bound,
)

DELTA = 0.05


def certified(rows, errors, alpha):
    """Rows that share one confidence, so many of them wrong."""
    wrong = [True] * errors + [False] * (rows - errors)
    return permit([0.9] * rows, wrong, alpha=alpha, delta=DELTA)


@pytest.mark.parametrize(
    ("alpha", "errors", "rows"),
    [
        (0.01, 0, 368),
        (0.01, 1, 555),
        (0.01, 2, 720),
        (0.02, 0, 183),
        (0.02, 1, 277),
        (0.02, 2, 359),
        (0.05, 0, 72),
        (0.05, 1, 110),
        (0.05, 2, 142),
    ],
)
def test_so_many_rows_are_needed_and_not_one_fewer(alpha, errors, rows):
    assert certified(rows - 1, errors, alpha) is None
    found = certified(rows, errors, alpha)
    assert found is not None
    assert (found.rows, found.errors, found.threshold) == (rows, errors, 0.9)
    assert found.bound <= alpha


def test_a_permit_says_what_was_tested():
    found = permit([0.9] * 80, [False] * 80, alpha=0.05, delta=DELTA, of=160)
    assert found == Permit(
        alpha=0.05,
        delta=0.05,
        threshold=0.9,
        thresholds=(0.9,),
        rows=80,
        errors=0,
        bound=upper_bound(0, 80, 0.025),
        coverage=0.5,
    )


def test_without_a_total_the_coverage_is_of_the_rows_given():
    assert permit([0.9] * 80, [False] * 80, alpha=0.05, delta=DELTA).coverage == 1.0


@pytest.mark.parametrize("grid", [None, [], [0.9], [0.9, 0.5]])
def test_of_nothing_nothing_is_certified(grid):
    assert permit([], [], alpha=0.05, delta=DELTA, grid=grid) is None


def test_thresholds_above_every_row_count_no_rows():
    assert permit([0.5] * 100, [False] * 100, alpha=0.05, delta=DELTA, grid=[0.9, 0.8]) is None


def test_all_wrong_is_never_certified():
    assert permit([0.9] * 5_000, [True] * 5_000, alpha=0.2, delta=DELTA) is None


def test_a_row_at_the_threshold_counts_and_ties_stay_together():
    confidence = [0.9] * 72 + [0.8] * 72
    wrong = [False] * 72 + [True] * 20 + [False] * 52
    found = permit(confidence, wrong, alpha=0.05, delta=DELTA)
    assert (found.threshold, found.rows, found.errors) == (0.9, 72, 0)


def test_the_order_of_rows_does_not_matter_where_confidences_tie():
    confidence = [0.9] * 100 + [0.8] * 100
    wrong = [False] * 99 + [True] + [False] * 98 + [True] * 2
    turned = permit(confidence[::-1], wrong[::-1], alpha=0.05, delta=DELTA)
    assert permit(confidence, wrong, alpha=0.05, delta=DELTA) == turned


def test_the_most_lenient_threshold_that_was_reached_counts():
    confidence = [0.9] * 100 + [0.8] * 100 + [0.7] * 100
    wrong = [False] * 200 + [True] * 100
    found = permit(confidence, wrong, alpha=0.05, delta=DELTA, grid=[0.9, 0.8, 0.7])
    assert (found.threshold, found.thresholds, found.rows) == (0.8, (0.9, 0.8), 200)


def test_the_second_start_gets_past_a_strict_end_that_fails():
    # The first threshold that could pass at all holds an error too many.
    confidence = [0.99] * 72 + [0.9] * 500
    wrong = [True] + [False] * 571
    found = permit(confidence, wrong, alpha=0.05, delta=DELTA, grid=[0.99, 0.9])
    assert (found.threshold, found.thresholds) == (0.9, (0.9,))


def test_a_chain_that_failed_does_not_go_on():
    confidence = [0.99] * 72 + [0.9] * 500 + [0.8] * 10 + [0.7] * 10
    wrong = [True] + [False] * 571 + [True] * 10 + [False] * 10
    found = permit(
        confidence, wrong, alpha=0.02, delta=DELTA, grid=[0.995, 0.99, 0.9, 0.8, 0.7, 0.69]
    )
    assert found is None or 0.8 not in found.thresholds


# --- Against a slow reference ---------------------------------------------------------------------


def reference(confidence, wrong, grid, alpha, delta):
    """The thresholds that two chains reach, worked out one row at a time."""

    def counts(threshold):
        taken = [bad for c, bad in zip(confidence, wrong, strict=True) if c >= threshold]
        return len(taken), sum(taken)

    def tail(errors, rows):
        return sum(float(binom.pmf(k, rows, alpha)) for k in range(errors + 1))

    seen = [counts(threshold) for threshold in grid]
    possible = [i for i, (rows, _) in enumerate(seen) if (1 - alpha) ** rows <= delta / 2]
    if not possible:
        return []
    first, length = possible[0], len(grid)
    reached = set()
    for start in (first, first + (length - first) // 2):
        for index in range(start, length):
            rows, errors = seen[index]
            if tail(errors, rows) > delta / 2:
                break
            reached.add(index)
    return [grid[i] for i in sorted(reached)]


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.5, 0.6, 0.7, 0.8, 0.9]), st.integers(0, 9).map(lambda n: n == 0)
        ),
        max_size=60,
    ),
    st.sampled_from([0.1, 0.3, 0.6]),
    st.sampled_from([0.05, 0.2, 0.5]),
)
def test_permit_agrees_with_a_slow_reference(rows, alpha, delta):
    confidence, wrong = [c for c, _ in rows], [bad for _, bad in rows]
    grid = [0.9, 0.8, 0.7, 0.6, 0.5]
    found = permit(confidence, wrong, alpha=alpha, delta=delta, grid=grid)
    expected = reference(confidence, wrong, grid, alpha, delta)
    assert (list(found.thresholds) if found else []) == expected
    if found:
        above = [bad for c, bad in rows if c >= found.threshold]
        assert (found.rows, found.errors) == (len(above), sum(above))
        assert found.coverage == len(above) / len(rows)


def test_permit_agrees_with_the_reference_on_every_small_sample():
    grid = [0.9, 0.6]
    kinds = [(0.9, False), (0.9, True), (0.6, False), (0.6, True)]
    checked = 0
    for size in range(8):
        for rows in combinations_with_replacement(kinds, size):
            confidence, wrong = [c for c, _ in rows], [bad for _, bad in rows]
            found = permit(confidence, wrong, alpha=0.6, delta=0.5, grid=grid)
            expected = reference(confidence, wrong, grid, 0.6, 0.5)
            assert (list(found.thresholds) if found else []) == expected
            checked += bool(expected)
    assert checked > 50


# --- The grid and the bound -----------------------------------------------------------------------


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=200))
def test_the_grid_falls_from_the_strictest_row_to_a_lenient_one(confidence):
    grid = grid_of(np.asarray(confidence))
    assert grid[0] <= max(confidence)
    assert (np.diff(grid) < 0).all()
    assert set(grid) <= set(confidence)
    assert len(grid) <= GRID_SIZE
    assert grid[-1] == min(confidence)


def test_the_grid_of_many_rows_has_its_forty_steps():
    confidence = np.linspace(0.001, 1, 1_000)
    grid = grid_of(confidence)
    assert len(grid) == GRID_SIZE
    assert grid[0] == np.quantile(confidence, LENIENT_END, method="higher")


def test_the_grid_of_nothing_is_empty():
    assert len(grid_of(np.asarray([]))) == 0


@pytest.mark.parametrize(
    ("errors", "rows", "bound"),
    [(0, 0, 1.0), (5, 5, 1.0), (0, 59, 0.0495), (0, 299, 0.00997), (1, 93, 0.0500)],
)
def test_upper_bound_is_clopper_and_pearsons(errors, rows, bound):
    assert upper_bound(errors, rows, 0.05) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 400), st.integers(0, 30))
def test_at_the_upper_bound_so_few_errors_have_exactly_the_probability_delta(rows, errors):
    bound = upper_bound(errors, rows, DELTA)
    if errors < rows:
        assert binom.cdf(errors, rows, bound) == pytest.approx(DELTA, rel=1e-6)
    else:
        assert bound == 1.0


# --- On populations whose risk is known -----------------------------------------------------------

DRAWS = 1_000
LIMIT = int(binom.ppf(0.999, DRAWS, DELTA))  # more violations than these are no bad luck
ALPHA = 0.05
STEPS = np.linspace(0.95, 0.5, 10)


def smooth(confidence):
    """The error rate falls with the confidence, from 12 % to nothing."""
    return 0.24 * (1 - confidence)


def just_above(confidence):
    """Wherever one cuts, a little more is wrong than may be."""
    return np.full_like(confidence, 0.052)


def spiked(confidence):
    """The most confident are wrong most often, so that strict thresholds are the dangerous ones."""
    return np.where(confidence > 0.8, 0.06, 0.03)


def half_out_of_scope(confidence):
    """Below three quarters nearly everything is out of scope."""
    return np.where(confidence < 0.75, 0.9, 0.02)


@pytest.mark.parametrize(
    ("population", "granted_at_least"),
    [(smooth, 600), (just_above, 1), (spiked, 1), (half_out_of_scope, 150)],
)
def test_of_what_is_certified_too_much_is_wrong_no_more_often_than_delta(
    population, granted_at_least
):
    rng = np.random.default_rng(20_261_122)
    everything = np.linspace(0.5, 1, 100_001)
    risk_above = {float(t): population(everything[everything >= t]).mean() for t in STEPS}
    granted = violations = 0
    for _ in range(DRAWS):
        confidence = rng.uniform(0.5, 1, 800)
        wrong = rng.random(800) < population(confidence)
        found = permit(confidence, wrong, alpha=ALPHA, delta=DELTA, grid=STEPS)
        if found is not None:
            granted += 1
            violations += any(risk_above[t] > ALPHA for t in found.thresholds)
    assert violations <= LIMIT
    assert granted >= granted_at_least


def test_these_populations_would_deceive_a_plain_share_of_errors():
    """Otherwise the limit above could not be missed, and the test before would say nothing."""
    rng = np.random.default_rng(20_261_122)
    deceived = 0
    for _ in range(100):
        confidence = rng.uniform(0.5, 1, 800)
        wrong = rng.random(800) < just_above(confidence)
        deceived += any(wrong[confidence >= t].mean() <= ALPHA for t in STEPS)
    assert deceived > 80


def test_one_chain_alone_at_the_whole_delta_is_what_each_half_is_not():
    """Two chains share the error: each is tested at half of it."""
    assert STARTS == 2
    assert certified(59, 0, 0.05) is None  # enough for one test at 5 %, not for one of two
