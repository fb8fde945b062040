"""Decisions in words, and conditions from the texts of a form."""

import pytest

from decisions.rules.counterfactual import Change
from decisions.rules.guards import GUARDS
from decisions.rules.policy import RULE_FACTS, Condition, RuleInvalid
from decisions.rules.read_condition import typed
from decisions.why.words import change_words, condition_words, reason_words, said, step_words
from tickets.codes import NoIntent, Reason


@pytest.mark.parametrize(
    "code",
    [
        *(reason.value for reason in Reason),
        *(f"guard:{guard.name}" for guard in GUARDS),
        *(f"no_intent:{why.value}" for why in NoIntent),
    ],
)
def test_every_reason_is_a_sentence(code):
    words = reason_words(code)
    assert words.endswith(".")
    assert code not in words


def test_a_rule_speaks_with_its_own_reason():
    assert reason_words("rule:vip", {"vip": "A very good customer."}) == "A very good customer."
    assert reason_words("rule:gone") == "The rule “gone” asks for a person."


def test_a_step_that_did_not_stop_anything_says_what_holds():
    step = {"stage": "permission", "name": "too_close", "fired": False, "values": {"margin": 0.5}}
    told = step_words(step, {})
    assert told.words == "The runner-up is far enough away."
    assert told.values == (("Margin", "0.5"),)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "none"),
        (True, "yes"),
        (False, "no"),
        (0.9300000001, "0.93"),
        (1.0, "1"),
        (7, "7"),
        ([], "none"),
        (["legal_threat:sue", "press:journalist"], "legal_threat:sue, press:journalist"),
        ("nan", "nan"),
    ],
)
def test_values_are_written_as_people_write_them(value, words):
    assert said(value) == words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("confidence", 0.91, 0.94), "Confidence: 0.91 → at least 0.94"),
        (Change("confidence", 0.97, 0.93 - 1e-9), "Confidence: 0.97 → below 0.93"),
        (Change("level", "suggest", "auto"), "Level in the policy: suggest → auto"),
        (
            Change("certified_threshold", None, 0.8),
            "Certificate: none → one that covers this intent",
        ),
        (Change("language", "de", "not de"), "Language: de → anything but de"),
        (Change("length", 2500, 2000), "Length in characters: 2500 → 2000"),
        (Change("cap_reached", True, False), "Cap reached: yes → no"),
    ],
)
def test_changes_are_told_with_their_direction(change, words):
    assert change_words(change) == words


def test_a_condition_in_words():
    assert condition_words(Condition("language", "is_not", "en")) == "Language is not en"


@pytest.mark.parametrize(
    ("fact", "operator", "text", "value"),
    [
        ("length", ">", "2000", 2000),
        ("confidence", "<", "0.5", 0.5),
        ("language", "is_not", "en", "en"),
        ("verified_sender", "is", "No", False),
        ("tickets_24h", ">=", "4", 4),
    ],
)
def test_a_value_is_read_as_the_type_of_its_fact(fact, operator, text, value):
    assert typed(fact, operator, text) == {"fact": fact, "operator": operator, "value": value}


@pytest.mark.parametrize(
    ("fact", "operator", "text", "said_why"),
    [
        ("mood", "is", "bad", "There is no fact named 'mood'"),
        ("length", ">", "", "say with what it is compared"),
        ("confidence", ">", "0.9", "use one of <"),
        ("length", ">", "many", "must be a whole number"),
        ("length", ">", "2.5", "must be a whole number"),
        ("verified_sender", "is", "perhaps", "must be yes or no"),
        ("confidence", "<", "nan", "must be a number"),
    ],
)
def test_what_is_no_condition_is_refused_with_a_sentence(fact, operator, text, said_why):
    with pytest.raises(RuleInvalid, match=said_why):
        typed(fact, operator, text)


@pytest.mark.parametrize("fact", RULE_FACTS)
def test_every_fact_of_rules_can_be_written(fact):
    kind = RULE_FACTS[fact]
    value = {str: "x", int: "3", float: "0.3", bool: "yes"}[kind.type]
    for operator in kind.operators:
        condition = typed(fact, operator, value)
        assert (condition["fact"], condition["operator"]) == (fact, operator)
