"""Lint: what is wrong with a policy before anybody publishes it."""

from dataclasses import replace

import pytest
from hypothesis import given

from decisions.rules.engine import decide
from decisions.rules.lint import Severity, Shares, World, lint
from decisions.tests.rules.test_counterfactual import both
from decisions.tests.samples import INTENT, make_policy, make_rule
from decisions.tests.strategies import likely_facts, policies, rules

WORLD = World(
    risks={INTENT: "open"},
    queues=frozenset({"orders", "general", "sensitive", "billing"}),
    templates={INTENT: True},
    certified={INTENT: 0.8},
    shares=Shares(0.3, 0.3, 500),
)


def found(policy, world=WORLD):
    return [(one.severity.value, one.code, one.about) for one in lint(policy, world)]


def test_a_sound_policy_has_no_findings():
    assert found(make_policy(make_rule())) == []


@pytest.mark.parametrize(
    ("policy", "finding"),
    [
        ({"queue": "nowhere"}, ("error", "queue_unknown", INTENT)),
        ({"default_queue": "nowhere"}, ("error", "queue_unknown", "")),
        ({"guard_queue": "nowhere"}, ("error", "queue_unknown", "")),
        ({"template": None}, ("error", "template_missing", INTENT)),
        ({"template": "nobody_wrote_it"}, ("error", "template_missing", INTENT)),
        (
            {"template": "nobody_wrote_it", "level": "suggest"},
            ("warning", "template_missing", INTENT),
        ),
        ({"template": None, "level": "shadow"}, ("warning", "template_missing", INTENT)),
        ({"threshold": 0.79}, ("error", "below_certificate", INTENT)),
        ({"threshold": float("nan")}, ("error", "below_certificate", INTENT)),
    ],
)
def test_one_fault_is_one_finding(policy, finding):
    assert found(make_policy(**policy)) == [finding]


@pytest.mark.parametrize("level", ["off", "suggest", "shadow"])
def test_below_the_certificate_is_fine_where_nothing_is_sent(level):
    assert found(make_policy(threshold=0.5, level=level)) == []


def test_exactly_what_was_earned_may_be_published():
    assert found(make_policy(threshold=0.8)) == []


def test_a_reply_with_gaps_is_never_sent():
    world = replace(WORLD, templates={INTENT: False})
    assert found(make_policy(), world) == [("error", "template_incomplete", INTENT)]
    assert found(make_policy(level="suggest"), world) == []


def test_without_a_certificate_it_is_said_and_not_refused():
    assert found(make_policy(), replace(WORLD, certified={})) == [
        ("warning", "not_certified", INTENT)
    ]


@pytest.mark.parametrize("risk", ["assist", "restricted", None])
def test_what_people_always_answer_cannot_stand_at_auto(risk):
    world = replace(WORLD, risks={INTENT: risk})
    assert found(make_policy(), world) == [("error", "never_automated", INTENT)]
    assert found(make_policy(level="shadow"), world) == [("warning", "never_automated", INTENT)]
    assert found(make_policy(level="suggest"), world) == []


def test_intents_that_are_not_there_or_not_named():
    world = replace(WORLD, risks={"praise": "open"})
    policy = make_policy(make_rule(f"intent is {INTENT}"))
    assert found(policy, world) == [
        ("error", "intent_unknown", INTENT),
        ("error", "intent_unknown", "sample"),
        ("warning", "intent_not_named", "praise"),
    ]


def test_where_nobody_can_say_which_intents_exist_none_is_called_unknown():
    assert found(make_policy(), replace(WORLD, risks=None)) == []


def test_a_rule_names_a_queue_that_is_not_there():
    assert found(make_policy(make_rule(queue="nowhere"))) == [("error", "queue_unknown", "sample")]


def test_a_rule_that_can_never_hold_is_refused():
    policy = make_policy(both("length > 10", "length < 5", slug="odd"))
    assert found(policy) == [("error", "never_holds", "odd")]


def test_two_rules_that_say_the_same_are_named_once():
    policy = make_policy(
        make_rule("length > 20", slug="a"), make_rule("length >= 21", slug="b", queue="billing")
    )
    assert found(policy) == [("warning", "duplicate", "b")]


def test_a_rule_that_another_covers_is_superfluous():
    wide, narrow = make_rule("length > 20", slug="wide"), make_rule("length > 99", slug="narrow")
    assert found(make_policy(wide, narrow)) == [("warning", "superfluous", "narrow")]


def test_a_covered_rule_that_names_a_queue_of_its_own_still_says_something():
    wide = make_rule("length > 20", slug="wide")
    narrow = make_rule("length > 99", slug="narrow", queue="billing")
    assert found(make_policy(wide, narrow)) == []


@pytest.mark.parametrize(
    ("line", "superfluous"),
    [
        ("confidence < 0.8", True),
        ("confidence < 0.81", False),
        ("margin < 0.1", True),
        ("margin < 0.2", False),
    ],
)
def test_a_rule_below_the_thresholds_adds_nothing(line, superfluous):
    expected = [("warning", "superfluous", "sample")] if superfluous else []
    assert found(make_policy(make_rule(line))) == expected


@pytest.mark.parametrize(
    ("before", "after", "tickets", "expected"),
    [
        (0.30, 0.50, 500, []),
        (0.30, 0.502, 500, [("second", "much_more", "")]),
        (0.0, 0.21, 25, [("second", "much_more", "")]),
        (0.0, 0.9, 24, [("warning", "few_tickets", "")]),
        (0.9, 0.1, 500, []),
    ],
)
def test_more_than_twenty_points_more_takes_two_people(before, after, tickets, expected):
    assert found(make_policy(), replace(WORLD, shares=Shares(before, after, tickets))) == expected


def test_errors_come_first_and_only_they_refuse():
    world = replace(WORLD, certified={}, shares=Shares(0.0, 0.9, 500))
    findings = lint(make_policy(queue="nowhere"), world)
    assert [one.severity for one in findings] == [
        Severity.ERROR,
        Severity.SECOND,
        Severity.WARNING,
    ]
    assert [one.code for one in findings if one.severity == Severity.ERROR] == ["queue_unknown"]
    assert all(one.words.endswith(".") for one in findings)


@given(policies())
def test_lint_answers_for_every_policy_and_whatever_order_its_rules_come_in(policy):
    turned = replace(policy, rules=tuple(reversed(policy.rules)))
    assert lint(policy, WORLD) == lint(turned, WORLD)


@given(likely_facts, rules(), rules())
def test_leaving_out_what_is_called_superfluous_changes_no_outcome(facts, one, other):
    policy = make_policy(replace(one, slug="a"), replace(other, slug="b"))
    for finding in lint(policy, WORLD):
        if finding.code in {"superfluous", "duplicate", "never_holds"}:
            kept = tuple(rule for rule in policy.rules if rule.slug != finding.about)
            less = decide(facts, replace(policy, rules=kept))
            whole = decide(facts, policy)
            assert less.outcome == whole.outcome
            if finding.code == "superfluous":
                assert (less.queue, less.priority) == (whole.queue, whole.priority)
