import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classification.shared.calibration import (
    HIGHEST,
    LOWEST,
    Logistic,
    calibration_error,
    fit_directed,
    fit_floor,
    fit_logistic,
    fit_temperature,
    fold_numbers,
    near_duplicates,
    perfect_range,
    shape_of,
    sigmoid,
    softmax,
)


def test_softmax_rows_sum_to_one_and_keep_the_order():
    probabilities = softmax(np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]), 0.5)

    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert probabilities[0].argmax() == 2
    assert probabilities[1] == pytest.approx([1 / 3] * 3)


def test_the_temperature_that_made_the_labels_is_found_again():
    chance = np.random.default_rng(0)
    scores = chance.normal(size=(20_000, 4))
    truth = softmax(scores, 0.4)
    labels = np.array([chance.choice(4, p=row) for row in truth])

    assert fit_temperature(scores, labels) == pytest.approx(0.4, rel=0.05)


def test_the_shape_of_probabilities_is_as_its_formula_says():
    shape = shape_of(np.array([[0.7, 0.2, 0.1]]), intents=3)

    entropy = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    assert shape[0] == pytest.approx([np.log(0.7 / 0.3), np.log(0.7 / 0.2), entropy])


def test_a_column_for_out_of_scope_counts_against_the_guess():
    shape = shape_of(np.array([[0.3, 0.1, 0.6]]), intents=2)

    assert shape[0, 1] == pytest.approx(np.log(0.3 / 0.6))


def test_the_logistic_that_made_the_answers_is_found_again():
    chance = np.random.default_rng(1)
    features = chance.normal(size=(20_000, 2))
    correct = (chance.random(20_000) < sigmoid(features @ [1.5, -0.5] + 0.3)).astype(float)

    fitted = fit_logistic(features, correct)

    assert fitted.weights / fitted.scale == pytest.approx([1.5, -0.5], abs=0.06)
    assert fitted.probability(np.zeros((1, 2)))[0] == pytest.approx(
        sigmoid(np.array(0.3)), abs=0.02
    )


def test_rows_all_right_still_give_a_probability_below_one():
    fitted = fit_logistic(np.arange(10.0)[:, None], np.ones(10))

    assert 0.9 < fitted.probability(np.array([[5.0]]))[0] <= HIGHEST


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_probability_always_lies_inside_its_bounds(value):
    judge = Logistic(np.zeros(1), np.ones(1), np.ones(1), 0.0)

    assert LOWEST <= judge.probability(np.array([[value]]))[0] <= HIGHEST


def test_a_logistic_survives_the_way_through_one_array():
    judge = Logistic(np.array([1.0, 2]), np.array([3.0, 4]), np.array([5.0, 6]), 7.0)

    again = Logistic.from_array(judge.as_array())

    assert again.as_array().tolist() == judge.as_array().tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_texts_of_the_same_words_are_one_group():
    groups = near_duplicates(["Where is it?", "it is WHERE", "Where is it, 123", "elsewhere"])

    assert groups.tolist() == [0, 0, 0, 1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3)), min_size=1, max_size=40))
def test_a_group_is_never_split_between_folds(rows):
    groups = [group for group, _ in rows]
    folds = fold_numbers(groups, [label for _, label in rows])

    assert all(
        len({f for f, g in zip(folds, groups, strict=True) if g == one}) == 1 for one in groups
    )


def test_every_label_is_dealt_out_evenly():
    labels = ["a"] * 10 + ["b"] * 5
    folds = fold_numbers(list(range(15)), labels)

    assert np.bincount(folds[:10]).tolist() == [2, 2, 2, 2, 2]
    assert np.bincount(folds[10:]).tolist() == [1, 1, 1, 1, 1]


def test_calibration_error_of_known_rows():
    confidence = np.array([0.9, 0.9, 0.9, 0.9, 0.3, 0.3])
    correct = np.array([1, 1, 1, 0, 0, 0])

    # 0.9 is said where 0.75 is right, four times; 0.3 where 0 is right, twice
    assert calibration_error(confidence, correct) == pytest.approx((4 * 0.15 + 2 * 0.3) / 6)


@pytest.mark.parametrize(("rows", "expected"), [(300, 0.031), (3080, 0.010)])
def test_even_a_perfect_model_shows_an_error(rows, expected):
    """The figures of the design: 0.031 on 300 rows and 0.010 on 3,080, for sure models."""
    confidence = np.random.default_rng(0).beta(6, 0.6, rows)

    low, high = perfect_range(confidence, draws=300)

    assert low < expected < high
    assert perfect_range(confidence, draws=300) == (low, high)


def test_the_floor_lies_between_right_intents_and_out_of_scope():
    confidence = np.array([0.9, 0.8, 0.7, 0.35, 0.3, 0.2])
    outside = np.array([False, False, False, True, True, True])

    assert 0.35 < fit_floor(confidence, ~outside, outside) <= 0.5


def test_without_out_of_scope_rows_the_floor_is_the_lowest():
    assert fit_floor(np.array([0.9, 0.2]), np.array([True, False]), np.zeros(2, bool)) == 0.1


def test_evidence_speaks_in_its_own_direction_or_not_at_all():
    """Two features that go together: alone the second would get a weight against its direction."""
    chance = np.random.default_rng(3)
    first = chance.normal(size=4000)
    second = first + chance.normal(scale=0.3, size=4000)
    correct = (2 * first - second + chance.normal(scale=0.5, size=4000) > 0).astype(float)
    features = np.column_stack([first, second])
    assert fit_logistic(features, correct).weights[1] < 0

    found = fit_directed(features, correct, (1, 1))

    assert found.weights[0] > 0
    assert found.weights[1] == 0
    alone = fit_logistic(features[:, :1], correct)
    assert found.probability(features) == pytest.approx(alone.probability(features[:, :1]))


def test_with_all_evidence_in_its_direction_nothing_is_left_out():
    chance = np.random.default_rng(4)
    features = chance.normal(size=(2000, 2))
    correct = (features.sum(axis=1) + chance.normal(size=2000) > 0).astype(float)
    plain, directed = fit_logistic(features, correct), fit_directed(features, correct, (1, 1))
    assert directed.weights == pytest.approx(plain.weights)
