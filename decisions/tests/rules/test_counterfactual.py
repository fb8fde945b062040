"""What would have turned a verdict."""

import math
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.api import responses
from decisions.rules.counterfactual import Change, apply_changes, counterfactual
from decisions.rules.engine import decide
from decisions.rules.policy import Condition, PolicySnapshot
from decisions.tests.samples import INTENT, make_facts, make_policy, make_rule
from decisions.tests.strategies import any_facts, likely_facts, permissive_policies, policies, rules
from tickets.codes import Level


def turns(facts, policy):
    return counterfactual(facts, policy, decide(facts, policy))


@pytest.mark.parametrize(
    ("facts", "policy", "change"),
    [
        ({"confidence": 0.7}, {}, Change("confidence", 0.7, 0.8)),
        ({"confidence": 0.85, "certified_threshold": 0.9}, {}, Change("confidence", 0.85, 0.9)),
        ({"margin": 0.05}, {}, Change("margin", 0.05, 0.1)),
        ({"margin": None}, {}, Change("margin", None, 0.1)),
        ({"certified_threshold": None}, {}, Change("certified_threshold", None, 0.8)),
        ({"cap_reached": True}, {}, Change("cap_reached", True, False)),
        ({}, {"level": Level.SUGGEST}, Change("level", "suggest", "auto")),
        ({}, {"level": Level.SHADOW}, Change("level", "shadow", "auto")),
    ],
)
def test_the_one_change_that_would_have_permitted_it(facts, policy, change):
    assert turns(make_facts(**facts), make_policy(**policy)) == (change,)


@pytest.mark.parametrize(
    ("condition", "changes", "change"),
    [
        ("length > 20", {}, Change("length", 40, 20)),
        ("length >= 20", {}, Change("length", 40, 19)),
        ("length < 50", {}, Change("length", 40, 50)),
        ("length <= 50", {}, Change("length", 40, 51)),
        ("length = 40", {}, Change("length", 40, 41)),
        ("confidence < 0.97", {}, Change("confidence", 0.95, 0.97)),
        ("margin < 0.95", {}, Change("margin", 0.9, 0.95)),
        ("language is en", {}, Change("language", "en", "not en")),
        ("language is_not de", {}, Change("language", "en", "de")),
        ("language is_not de", {"language": None}, Change("language", None, "de")),
        ("verified_sender is False", {}, Change("verified_sender", False, True)),
        ("business_hours is True", {}, Change("business_hours", True, False)),
    ],
)
def test_a_rule_is_undone_by_the_nearest_value(condition, changes, change):
    facts, policy = make_facts(**changes), make_policy(make_rule(condition))
    assert turns(facts, policy) == (change,)


def test_several_reasons_need_several_changes():
    facts = make_facts(confidence=0.7, certified_threshold=None)
    policy = make_policy(make_rule(), level=Level.SUGGEST)
    assert turns(facts, policy) == (
        Change("length", 40, 20),
        Change("level", "suggest", "auto"),
        Change("certified_threshold", None, 0.8),
        Change("confidence", 0.7, 0.8),
    )


def test_two_reasons_for_one_fact_are_one_change():
    policy = make_policy(make_rule("confidence < 0.75"))
    assert turns(make_facts(confidence=0.7), policy) == (Change("confidence", 0.7, 0.8),)


def test_a_rule_is_undone_by_a_condition_that_can_be_otherwise():
    rule = make_rule(f"intent is {INTENT}")
    both = replace(rule, conditions=(*rule.conditions, *make_rule("length > 20").conditions))
    assert turns(make_facts(), make_policy(both)) == (Change("length", 40, 20),)


@pytest.mark.parametrize(
    ("condition", "changes"),
    [
        (f"intent is {INTENT}", {}),  # another intent is another question
        ("length >= 0", {}),  # no text is shorter than nothing
        ("confidence < 1.5", {}),  # no confidence is higher than certainty
        ("automatic_replies_24h < 3", {}),  # from there on a guard fires
    ],
)
def test_a_rule_that_nothing_undoes_has_no_counterfactual(condition, changes):
    assert turns(make_facts(**changes), make_policy(make_rule(condition))) is None


def test_rules_that_leave_no_room_between_them_have_no_counterfactual():
    low, high = make_rule("length < 30", slug="low"), make_rule("length > 20", slug="high")
    assert turns(make_facts(), make_policy(low, high)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"kill_switch": True},
        {"risk": "restricted"},
        {"kill_switch": True, "confidence": 0.5},
        {"intent": None, "no_intent": "ambiguous"},
    ],
)
def test_where_a_guard_fired_or_nothing_fits_there_is_none(changes):
    assert turns(make_facts(**changes), make_policy()) is None


def test_an_unreachable_threshold_has_no_counterfactual():
    assert turns(make_facts(), make_policy(threshold=1.5)) is None


def test_a_policy_that_says_nothing_of_an_intent_could_not_answer_it():
    assert turns(make_facts(reply_ready=False), PolicySnapshot(number=1)) is None


def test_an_automatic_answer_turns_at_the_next_number_below_the_threshold():
    (change,) = turns(make_facts(), make_policy())
    assert change == Change("confidence", 0.95, math.nextafter(0.8, 0))


def test_of_two_ways_to_a_person_the_nearer_one_is_named():
    assert turns(make_facts(margin=0.11), make_policy()) == (
        Change("margin", 0.11, math.nextafter(0.1, 0)),
    )
    near = make_policy(make_rule("length > 41"))
    assert turns(make_facts(), near) == (Change("length", 40, 42),)


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("length = 41", Change("length", 40, 41)),
        ("length <= 39", Change("length", 40, 39)),
        ("margin < 0.9", Change("margin", 0.9, math.nextafter(0.9, 0))),
        ("confidence < 0.95", Change("confidence", 0.95, math.nextafter(0.95, 0))),
    ],
)
def test_an_automatic_answer_turns_where_a_rule_begins(rule, change):
    assert turns(make_facts(), make_policy(make_rule(rule))) == (change,)


def test_a_rule_of_which_two_conditions_are_missing_is_further_away():
    policy = make_policy(both("length > 41", "questions > 1"), threshold=0.5)
    (change,) = turns(make_facts(certified_threshold=0.5), policy)
    assert change.fact == "confidence"


@pytest.mark.parametrize("lowest", [1e-9, 5e-324])
def test_a_threshold_at_the_bottom_leaves_little_to_fall_below(lowest):
    facts = make_facts(certified_threshold=lowest)
    turned = turns(facts, make_policy(threshold=lowest, margin=0.0))
    assert turned == (
        (Change("confidence", 0.95, math.nextafter(1e-9, 0)),) if lowest == 1e-9 else None
    )


# --- Smallest -------------------------------------------------------------------------------------


def both(*lines, slug="both"):
    conditions = tuple(make_rule(line).conditions[0] for line in lines)
    return replace(make_rule(slug=slug), conditions=conditions)


def test_of_several_conditions_the_cheapest_is_undone():
    policy = make_policy(both("length > 5", "questions > 0", "language is en", "margin < 0.91"))
    assert turns(make_facts(), policy) == (Change("margin", 0.9, 0.91),)
    policy = make_policy(both("length > 5", "length > 38", "language is en"))
    assert turns(make_facts(), policy) == (Change("length", 40, 38),)


def test_one_change_that_undoes_two_rules_beats_two_smaller_ones():
    first = both("length > 39", "business_hours is True", slug="first")
    second = both("questions > 0", "business_hours is True", slug="second")
    assert turns(make_facts(), make_policy(first, second)) == (
        Change("business_hours", True, False),
    )


def test_a_way_into_another_rule_is_no_way_out():
    low, high = both("length < 39", slug="low"), both("length > 39", "questions > 0", slug="high")
    assert turns(make_facts(), make_policy(low, high)) == (Change("length", 40, 39),)
    low = both("length < 40", slug="low")
    assert turns(make_facts(), make_policy(low, high)) == (Change("questions", 1, 0),)


def test_a_text_that_two_rules_refuse_is_neither():
    policy = make_policy(
        make_rule("language is en", slug="a"), make_rule("language is de", slug="b")
    )
    assert turns(make_facts(), policy) == (Change("language", "en", "not de, en"),)
    elsewhere = both("language is de", "length > 500", slug="b")
    policy = make_policy(make_rule("language is en", slug="a"), elsewhere)
    (change,) = turns(make_facts(), policy)
    assert change.after in {"not en", "de"}


SMALL = {
    "length": range(8),
    "questions": range(8),
    "language": ["en", "de", "fr"],
    "business_hours": [True, False],
}
small_conditions = st.one_of(
    st.builds(
        Condition,
        st.sampled_from(["length", "questions"]),
        st.sampled_from(["<", "<=", ">", ">=", "="]),
        st.integers(0, 6),
    ),
    st.builds(
        Condition,
        st.just("language"),
        st.sampled_from(["is", "is_not"]),
        st.sampled_from(["en", "de"]),
    ),
    st.builds(Condition, st.just("business_hours"), st.just("is"), st.booleans()),
)


def fewest_by_trying_all(facts, policy):
    """The size of the smallest set of changes, among all that there are."""
    names, sizes = list(SMALL), []
    for values in product(*SMALL.values()):
        changed = replace(facts, **dict(zip(names, values, strict=True)))
        if decide(changed, policy).automates:
            changes = [
                Change(name, getattr(facts, name), value)
                for name, value in zip(names, values, strict=True)
                if value != getattr(facts, name)
            ]
            sizes.append((len(changes), sum(change.size for change in changes)))
    return min(sizes, default=None)


@settings(max_examples=60)
@given(
    rules=st.lists(rules(small_conditions), min_size=1, max_size=4, unique_by=lambda r: r.slug),
    length=st.integers(0, 7),
    questions=st.integers(0, 7),
)
def test_no_smaller_set_of_changes_turns_it(rules, length, questions):
    facts = make_facts(length=length, questions=questions)
    policy = make_policy(*rules)
    if decide(facts, policy).automates:
        return
    changes = turns(facts, policy)
    found = changes and (len(changes), sum(change.size for change in changes))
    assert found == pytest.approx(fewest_by_trying_all(facts, policy))


def test_a_policy_with_very_many_rules_is_answered_in_bounded_time():
    crowd = [
        both(f"length > {n}", "questions >= 0", "tickets_24h >= 0", slug=f"r{n}") for n in range(38)
    ]
    assert turns(make_facts(), make_policy(*crowd)) == (Change("length", 40, 0),)


def test_a_change_is_recorded_with_before_and_after():
    assert responses.Change.of(Change("margin", 0.05, 0.1)) == {
        "fact": "margin",
        "from": 0.05,
        "to": 0.1,
    }


def test_changes_apply_to_facts_and_to_the_level_of_the_policy():
    facts, policy = make_facts(), make_policy(level=Level.OFF)
    now, then = apply_changes(
        facts, policy, [Change("level", "off", "auto"), Change("length", 40, 7)]
    )
    assert (now.length, then.intents[INTENT].level) == (7, "auto")
    assert (facts.length, policy.intents[INTENT].level) == (40, "off")


@settings(max_examples=300)
@given(likely_facts, permissive_policies())
def test_the_changes_applied_turn_the_verdict(facts, policy):
    verdict = decide(facts, policy)
    changes = counterfactual(facts, policy, verdict)
    if changes is not None:
        assert changes
        assert decide(*apply_changes(facts, policy, changes)).outcome != verdict.outcome
        named = [change.fact for change in changes]
        assert len(named) == len(set(named))
        assert all(
            change.before == getattr(facts, change.fact)
            for change in changes
            if change.fact != "level"
        )


@given(any_facts, policies())
def test_none_where_a_guard_fired(facts, policy):
    verdict = decide(facts, policy)
    if any(step.fired and step.stage == "guard" for step in verdict.trace):
        assert counterfactual(facts, policy, verdict) is None


@given(likely_facts, permissive_policies())
def test_an_automatic_answer_above_the_bottom_always_has_one(facts, policy):
    verdict = decide(facts, policy)
    if verdict.automates:
        assert counterfactual(facts, policy, verdict) is not None
