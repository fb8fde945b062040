"""Two classifiers on the same messages."""

import numpy as np
import pytest
from scipy.stats import binomtest

from classification.training.compare import compare, holm, mcnemar, paired_difference


def test_only_messages_that_exactly_one_gets_right_count():
    """20 both, 6 only the first, 2 only the second, 2 neither."""
    first = [True] * 26 + [False] * 4
    second = [True] * 20 + [False] * 6 + [True] * 2 + [False] * 2
    found = compare(first, second, ["a"] * 30)
    assert (found.both, found.only_first, found.only_second, found.neither) == (20, 6, 2, 2)
    assert found.difference == pytest.approx(-4 / 30)
    # 2 · P(X ≥ 6), X of 8 fair coins: 2 · (28 + 8 + 1) / 256
    assert found.p == pytest.approx(2 * 37 / 256)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (3, 3), (10, 2), (2, 10), (40, 60)])
def test_mcnemar_is_the_two_sided_sign_test(b, c):
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert mcnemar(b, c) == pytest.approx(min(1.0, expected))


def test_equal_classifiers_are_told_apart_no_more_often_than_stated():
    chance = np.random.default_rng(7)
    found = [mcnemar(b, 30 - b) <= 0.05 for b in chance.binomial(30, 0.5, size=4000).tolist()]
    assert np.mean(found) <= 0.05


def test_the_interval_covers_the_true_difference():
    """3 % of messages only the first gets right, 2 % only the second: a difference of -1 point."""
    chance = np.random.default_rng(8)
    covered = 0
    for only_first, only_second, _ in chance.multinomial(1500, [0.03, 0.02, 0.95], size=2000):
        _, low, high = paired_difference(int(only_first), int(only_second), 1500)
        covered += low <= -0.01 <= high
    assert covered / 2000 >= 0.935


def test_holm_multiplies_by_what_is_left_and_never_falls():
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9})
    assert found == pytest.approx({"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.9})


def test_an_intent_that_got_worse_is_named_though_the_whole_got_better():
    truths = ["a"] * 400 + ["b"] * 40
    first = [False] * 40 + [True] * 360 + [True] * 40
    second = [True] * 400 + [True] * 28 + [False] * 12
    found = compare(first, second, truths)
    assert found.difference > 0
    assert [one.intent for one in found.worse] == ["b"]
    assert found.objections == ("It is worse at b.",)


def test_too_few_messages_are_an_objection_however_good():
    found = compare([True] * 50, [True] * 50, ["a"] * 50)
    assert "too few" in found.objections[0]


def test_one_that_differs_nowhere_on_enough_messages_may_take_the_place():
    assert compare([True] * 500, [True] * 500, ["a"] * 500).objections == ()


@pytest.mark.parametrize("truths", [[], ["a", "b"]])
def test_unequal_or_empty_input_is_refused(truths):
    with pytest.raises(ValueError, match=r"same messages|no labelled message"):
        compare([], [], truths)
