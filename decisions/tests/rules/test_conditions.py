"""Rules as sets: which cannot hold, and which hold wherever another does."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.rules.conditions import implies, never_holds
from decisions.rules.policy import Condition, Rule
from decisions.tests.rules.test_counterfactual import both
from decisions.tests.samples import make_facts


@pytest.mark.parametrize(
    ("lines", "fact"),
    [
        (("length > 10", "length < 5"), "length"),
        (("length > 10", "length < 11"), "length"),
        (("length < 0",), "length"),
        (("length = 3", "length = 4"), "length"),
        (("questions >= 2", "questions <= 1"), "questions"),
        (("confidence < 0.0",), "confidence"),
        (("language is en", "language is de"), "language"),
        (("language is en", "language is_not en"), "language"),
        (("verified_sender is True", "verified_sender is False"), "verified_sender"),
        (("channel is carrier_pigeon",), "channel"),
        (("length > 10", "language is en", "questions < 0"), "questions"),
    ],
)
def test_a_rule_that_can_never_hold_is_known_by_the_fact(lines, fact):
    assert never_holds(both(*lines)) == fact


@pytest.mark.parametrize(
    "lines",
    [
        ("length > 10", "length < 12"),
        ("length <= 0",),
        ("confidence < 0.1",),
        ("language is_not en", "language is_not de"),
        ("channel is form",),
        ("channel is_not form", "channel is_not api"),
    ],
)
def test_a_rule_that_can_hold_is_left_alone(lines):
    assert never_holds(both(*lines)) is None


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (("length > 100",), ("length > 50",)),
        (("length > 100", "questions > 3"), ("length > 50",)),
        (("length = 7",), ("length >= 7",)),
        (("length > 8",), ("length >= 8",)),
        (("confidence < 0.5",), ("confidence < 0.6",)),
        (("language is de",), ("language is_not en",)),
        (("language is_not en", "language is_not de"), ("language is_not en",)),
        (("channel is form",), ("channel is_not mail",)),
        (("length > 5",), ("length >= 0",)),
    ],
)
def test_what_another_rule_covers_is_seen_and_not_the_other_way_round(narrow, wide):
    assert implies(both(*narrow), both(*wide))
    assert not implies(both(*wide), both(*narrow))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("length > 5",), ("questions >= 1",)),
        (("business_hours is True",), ("business_hours is False",)),
        (("language is_not en",), ("language is_not de",)),
    ],
)
def test_rules_that_only_touch_imply_nothing(one, other):
    assert not implies(both(*one), both(*other))
    assert not implies(both(*other), both(*one))


DOMAIN = {
    "length": [0, 1, 2, 3, 4, 5, 6],
    "margin": [None, 0.0, 0.25, 0.5, 0.75, 1.0],
    "language": [None, "en", "de", "fr"],
    "business_hours": [True, False],
}
drawn = st.one_of(
    st.builds(
        Condition,
        st.just("length"),
        st.sampled_from(["<", "<=", ">", ">=", "="]),
        st.integers(0, 5),
    ),
    st.builds(Condition, st.just("margin"), st.just("<"), st.sampled_from([0.0, 0.3, 0.6, 0.9])),
    st.builds(
        Condition,
        st.just("language"),
        st.sampled_from(["is", "is_not"]),
        st.sampled_from(["en", "de"]),
    ),
    st.builds(Condition, st.just("business_hours"), st.just("is"), st.booleans()),
)
small_rules = st.builds(
    Rule, st.just("r"), st.just("Because."), st.lists(drawn, min_size=1, max_size=4).map(tuple)
)
EVERYTHING = [
    make_facts(**dict(zip(DOMAIN, values, strict=True))) for values in product(*DOMAIN.values())
]


@settings(max_examples=150)
@given(small_rules, small_rules)
def test_sets_say_the_same_as_trying_everything(one, other):
    held = [facts for facts in EVERYTHING if one.holds(facts)]
    assert (never_holds(one) is None) == bool(held)
    assert implies(one, other) == all(other.holds(facts) for facts in held)
