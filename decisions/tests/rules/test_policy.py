"""Policies as the engine reads them: what a rule may say, and the digest of a version."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from decisions.rules.policy import (
    RULE_FACTS,
    Condition,
    IntentPolicy,
    PolicySnapshot,
    Rule,
    RuleInvalid,
)
from decisions.tests.samples import INTENT, make_facts, make_intent, make_policy, make_rule
from decisions.tests.strategies import conditions, policies, rules
from tickets.codes import Level, Priority

NAN, INFINITY = float("nan"), float("inf")

# --- What a rule may say --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        Condition("intent", "is", "praise"),
        Condition("language", "is_not", "en"),
        Condition("confidence", "<", 0.9),
        Condition("confidence", "<", 1),
        Condition("margin", "<", 0),
        Condition("length", ">=", 2000),
        Condition("questions", "=", 0),
        Condition("verified_sender", "is", False),
    ],
)
def test_a_sensible_condition_passes(condition):
    condition.check()


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (("mood", "is", "bad"), "There is no fact named 'mood'."),
        (("risk", "is", "open"), "There is no fact named 'risk'."),
        (("__class__", "is", "x"), "There is no fact named '__class__'."),
        ((["length"], ">", 3), "There is no fact named ['length']."),
        (("length", "is", 3), "Length in characters: use one of <, <=, >, >=, =, not 'is'."),
        (("length", [">"], 3), "Length in characters: use one of <, <=, >, >=, =, not ['>']."),
        (("language", "<", "en"), "Language: use one of is, is_not, not '<'."),
        (("verified_sender", "is_not", True), "Verified sender: use one of is, not 'is_not'."),
        (("confidence", ">", 0.9), "Confidence: use one of <, not '>'."),
        (("confidence", ">=", 0.9), "Confidence: use one of <, not '>='."),
        (("confidence", "<=", 0.9), "Confidence: use one of <, not '<='."),
        (("margin", ">", 0.9), "Margin to the runner-up: use one of <, not '>'."),
        (("length", ">", "3"), "Length in characters: the value must be a whole number."),
        (("length", ">", 3.0), "Length in characters: the value must be a whole number."),
        (("length", ">", True), "Length in characters: the value must be a whole number."),
        (("length", ">", None), "Length in characters: the value must be a whole number."),
        (("length", ">", 10**400), "Length in characters: the value must be a whole number."),
        (("confidence", "<", True), "Confidence: the value must be a number."),
        (("confidence", "<", NAN), "Confidence: the value must be a number."),
        (("confidence", "<", INFINITY), "Confidence: the value must be a number."),
        (("confidence", "<", 10**400), "Confidence: the value must be a number."),
        (("confidence", "<", "0.9"), "Confidence: the value must be a number."),
        (("language", "is", 3), "Language: the value must be a text."),
        (("language", "is", None), "Language: the value must be a text."),
        (("verified_sender", "is", 1), "Verified sender: the value must be yes or no."),
        (("verified_sender", "is", "yes"), "Verified sender: the value must be yes or no."),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(condition, words):
    with pytest.raises(RuleInvalid) as refusal:
        Condition(*condition).check()
    assert str(refusal.value) == words


def test_on_confidence_and_margin_a_rule_may_only_say_less_than():
    assert list(RULE_FACTS["confidence"].operators) == ["<"]
    assert list(RULE_FACTS["margin"].operators) == ["<"]


def test_a_rule_without_conditions_is_refused():
    with pytest.raises(RuleInvalid, match=r"^A rule needs at least one condition\.$"):
        Rule("empty", "Because.", ()).check()


def test_a_rule_of_an_unknown_priority_is_refused():
    with pytest.raises(RuleInvalid, match=r"^There is no priority 'asap'\.$"):
        make_rule(priority="asap").check()


def test_one_bad_condition_makes_the_rule_bad():
    bad = Condition("mood", "is", "bad")
    with pytest.raises(RuleInvalid):
        replace(make_rule(), conditions=(*make_rule().conditions, bad)).check()


@given(rules())
def test_what_the_drop_downs_offer_passes(rule):
    rule.check()


# --- When a condition holds -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "below", "at", "above"),
    [
        ("length < 40", True, False, False),
        ("length <= 40", True, True, False),
        ("length > 40", False, False, True),
        ("length >= 40", False, True, True),
        ("length = 40", False, True, False),
    ],
)
def test_numbers_compare_as_written(condition, below, at, above):
    rule = make_rule(condition)
    assert [rule.holds(make_facts(length=n)) for n in (39, 40, 41)] == [below, at, above]


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("language is en", "en", True),
        ("language is en", "de", False),
        ("language is_not en", "en", False),
        ("language is_not en", "de", True),
        ("language is en", None, False),
        ("language is_not en", None, True),
    ],
)
def test_texts_compare_whole_and_an_absent_one_is_nothing(condition, value, holds):
    assert make_rule(condition).holds(make_facts(language=value)) is holds


@pytest.mark.parametrize("fact", sorted(RULE_FACTS))
def test_an_absent_fact_holds_only_is_not(fact):
    kind = RULE_FACTS[fact]
    value = {bool: True, int: 1, float: 0.5, str: "x"}[kind.type]
    held = {
        op: Condition(fact, op, value).holds(make_facts(**{fact: None})) for op in kind.operators
    }
    assert held == {op: op == "is_not" for op in kind.operators}


@pytest.mark.parametrize("value", ["7", True, 7.0, NAN, 10**400, [7], ()])
def test_what_cannot_be_compared_holds_since_a_doubt_is_for_people(value):
    assert make_rule("length > 20").holds(make_facts(length=value))
    assert make_rule("length < 20").holds(make_facts(length=value))


@pytest.mark.parametrize(
    "condition",
    [
        Condition("mood", "is", "bad"),
        Condition("length", "is", 3),
        Condition("length", ">", "3"),
        Condition("confidence", "<", NAN),
    ],
)
def test_a_condition_that_no_check_let_through_holds(condition):
    assert condition.holds(make_facts())


@given(conditions())
def test_a_condition_answers_yes_or_no(condition):
    assert condition.holds(make_facts()) in (True, False)


# --- Intents --------------------------------------------------------------------------------------


def test_an_unnamed_intent_is_off_and_certain_only():
    policy = make_policy()
    assert policy.for_intent("praise") == IntentPolicy()
    assert policy.for_intent("praise").level == Level.OFF
    assert policy.for_intent("praise").threshold == 1.0
    assert policy.for_intent(INTENT).queue == "orders"


@pytest.mark.parametrize("intent", [None, "", 5, ["order_status"], float("nan")])
def test_what_is_no_slug_is_no_intent(intent):
    policy = make_policy()
    assert policy.for_intent(intent) == IntentPolicy()


# --- Canonical text and digest --------------------------------------------------------------------


@given(policies(), st.data())
def test_the_digest_does_not_depend_on_the_order_of_rows(policy, data):
    names = data.draw(st.permutations(list(policy.intents)))
    other = replace(
        policy,
        intents={name: policy.intents[name] for name in names},
        rules=tuple(data.draw(st.permutations(policy.rules))),
    )
    numbers = [n for intent in policy.intents.values() for n in (intent.threshold, intent.margin)]
    assume(all(map(math.isfinite, numbers)))
    assert other.canonical() == policy.canonical()
    assert other.digest() == policy.digest()


def test_rules_of_one_slug_have_one_order_too():
    one, two = make_rule("length > 1"), make_rule("length > 2")
    assert make_policy(one, two).digest() == make_policy(two, one).digest()


def test_canonical_text_is_ascii_json_without_spaces():
    policy = make_policy(make_rule(reason="Über 20 Zeichen"), topics={"fraud": {"de": ("betrug",)}})
    text = policy.canonical()
    assert text.isascii()
    assert ": " not in text
    content = json.loads(text)
    assert content["rules"][0]["reason"] == "Über 20 Zeichen"
    assert content["topics"] == {"fraud": {"de": ["betrug"]}}
    assert json.dumps(content, sort_keys=True, separators=(",", ":")) == text


def test_a_policy_with_a_number_that_is_none_has_no_digest():
    with pytest.raises(ValueError, match="JSON"):
        make_policy(threshold=NAN).digest()


BASE = make_policy(make_rule(), topics={"fraud": {"en": ("scam",)}})
CHANGED_INTENT = [
    {"level": Level.SHADOW},
    {"threshold": 0.81},
    {"margin": 0.11},
    {"queue": "billing"},
    {"priority": Priority.HIGH},
    {"template": "other"},
    {"hourly_cap": 5},
]
CHANGED_RULE = [
    {"slug": "other"},
    {"reason": "Otherwise."},
    {"conditions": make_rule("length > 21").conditions},
    {"conditions": make_rule("length >= 20").conditions},
    {"conditions": make_rule("questions > 20").conditions},
    {"queue": "billing"},
    {"priority": Priority.HIGH},
]
CHANGED = [
    {"number": 2},
    {"intents": {}},
    {"intents": {"praise": make_intent()}},
    *({"intents": {INTENT: make_intent(**change)}} for change in CHANGED_INTENT),
    {"rules": ()},
    *({"rules": (make_rule(**change),)} for change in CHANGED_RULE),
    {"requester_cap": 2},
    {"hourly_cap": 9},
    {"default_queue": "billing"},
    {"guard_queue": None},
    {"topics": {}},
    {"topics": {"fraud": {"en": ("scam", "hacked")}}},
    {"topics": {"fraud": {"de": ("scam",)}}},
]


@pytest.mark.parametrize("change", CHANGED, ids=str)
def test_the_digest_tells_every_change(change):
    assert replace(BASE, **change).digest() != BASE.digest()


def test_the_changes_above_name_every_field():
    assert {name for change in CHANGED for name in change} == set(
        PolicySnapshot.__dataclass_fields__
    )
    assert {name for change in CHANGED_INTENT for name in change} == set(
        IntentPolicy.__dataclass_fields__
    )
    assert {name for change in CHANGED_RULE for name in change} == set(Rule.__dataclass_fields__)


def test_the_digest_is_stable_over_time():
    # Digests stand in the audit chain: whoever changes this text breaks every one of them.
    assert PolicySnapshot(number=1).canonical() == (
        '{"default_queue":null,"guard_queue":null,"hourly_cap":null,"intents":{},"number":1,'
        '"requester_cap":3,"rules":[],"topics":{}}'
    )
    assert len(PolicySnapshot(number=1).digest()) == 64
