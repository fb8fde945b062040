"""The breaker's chart and the path of its evidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.bounds.cusum import (
    LARGEST,
    Chart,
    Path,
    chart_for,
    follow_places,
    height_for,
    run_length,
    step_for,
)


@pytest.mark.parametrize(("alpha", "step"), [(0.01, 40), (0.02, 20), (0.05, 8)])
def test_step_for_a_wrong_answer(alpha, step):
    assert step_for(alpha) == step


@pytest.mark.parametrize(
    ("wanted", "height"),
    [
        (2_000, 50),
        (5_000, 60),
        (10_000, 68),
        (20_000, 76),
        (50_000, 87),
        (100_000, 95),
        (200_000, 104),
        (500_000, 114),
        (1_000_000, 123),
        (2_000_000, 131),
    ],
)
def test_height_is_the_smallest_that_runs_long_enough(wanted, height):
    assert height_for(20, 0.02, wanted) == height
    assert run_length(20, height - 1, 0.02) < wanted <= run_length(20, height, 0.02)


@pytest.mark.parametrize(("a_day", "height"), [(50, 75), (500, 102), (5_000, 130)])
def test_chart_for_one_false_trip_a_year(a_day, height):
    assert chart_for(alpha=0.02, scored_a_day=a_day, false_trips_a_year=1) == Chart(20, height)


@pytest.mark.parametrize("a_day", [1, 50, 20_000])
@pytest.mark.parametrize("alpha", [n / 200 for n in range(1, 100)])
def test_every_certificate_gets_a_chart_that_a_row_of_wrong_answers_trips(alpha, a_day):
    chart = chart_for(alpha=alpha, scored_a_day=a_day, false_trips_a_year=0.02)
    assert chart.step >= 2
    wanted = 365 * a_day / 0.02
    assert run_length(chart.step, chart.height - 1, alpha) < wanted
    assert run_length(chart.step, chart.height, alpha) >= wanted
    assert follow([True] * chart.height, chart).tripped


def test_no_height_within_reason_is_no_failure():
    assert height_for(2, 0.9, 1e300) == LARGEST


def test_computed_run_length_is_that_of_simulated_answers():
    chart, rate, runs = Chart(20, 50), 0.10, 4_000
    chance = np.random.default_rng(5)
    lengths = np.empty(runs)
    for run in range(runs):
        level, n = 0, 0
        while level < chart.height:
            gap = int(chance.geometric(rate))
            n += gap
            level = max(0, level - (gap - 1)) + chart.step - 1
        lengths[run] = n
    error = lengths.std(ddof=1) / np.sqrt(runs)
    assert abs(lengths.mean() - run_length(20, 50, rate)) < 4 * error


def follow(outcomes, chart, *, start=0):
    """The path, answer by answer in their order; True is wrong, None not known yet.

    The slow reference: what is not known counts as right.
    """
    level = highest = start
    scored = wrong = 0
    tripped = False
    for outcome in outcomes:
        scored += 1
        wrong += outcome is True
        level = max(0, level + (chart.step - 1 if outcome else -1))
        highest = max(highest, level)
        tripped = tripped or level >= chart.height
    return Path(level, highest, tripped, scored, wrong)


outcomes = st.lists(st.sampled_from([True, False, None]), max_size=200)


@settings(max_examples=200)
@given(outcomes, st.integers(2, 30), st.integers(5, 80))
def test_what_is_not_known_yet_never_trips_sooner(answers, step, height):
    chart = Chart(step, height)
    known = [False if answer is None else answer for answer in answers]
    full = [True if answer is None else answer for answer in answers]
    assert follow(answers, chart) == follow(known, chart)
    assert follow(answers, chart).highest <= follow(full, chart).highest


@settings(max_examples=200)
@given(
    st.lists(st.booleans(), max_size=200),
    st.integers(2, 30),
    st.integers(5, 80),
    st.integers(0, 40),
)
def test_the_places_of_the_wrong_ones_are_all_there_is_to_know(answers, step, height, start):
    chart = Chart(step, height)
    start = min(start, height - 1)
    places = [number for number, wrong in enumerate(answers, 1) if wrong]
    found = follow_places(places, len(answers), chart, start=start)
    assert found == follow(answers, chart, start=start)


@settings(max_examples=200)
@given(st.lists(st.booleans(), max_size=200), st.data())
def test_late_evidence_in_any_order_ends_where_full_knowledge_does(answers, data):
    chart = Chart(8, 40)
    order = data.draw(st.permutations(range(len(answers))))
    seen: list[bool | None] = [None] * len(answers)
    ever = False
    for index in order:
        seen[index] = answers[index]
        ever = ever or follow(seen, chart).tripped
    assert ever == follow(answers, chart).tripped


def test_rearming_starts_half_way_up():
    chart = Chart(20, 75)
    assert follow([], chart, start=chart.rearmed).level == 37
    assert not follow([True], chart, start=chart.rearmed).tripped  # 37 + 19 = 56
    assert follow([True, True], chart, start=chart.rearmed).tripped  # 75


def test_path_never_falls_below_zero():
    found = follow([False] * 100 + [True], Chart(20, 75))
    assert (found.level, found.highest, found.scored, found.wrong) == (19, 19, 101, 1)
