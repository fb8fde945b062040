"""Two versions side by side."""

from dataclasses import replace

from hypothesis import given

from decisions.policies.compare import compare
from decisions.rules.policy import PolicySnapshot
from decisions.tests.samples import INTENT, make_policy, make_rule
from decisions.tests.strategies import permissive_policies


def told(before, after):
    return [
        (title, one.about, one.label, one.before, one.after)
        for title, part in compare(before, after).parts
        for one in part
    ]


def test_intents_rules_limits_and_topics_are_told_one_by_one():
    before = make_policy(make_rule(), topics={"press": {"en": ("journalist", "press")}})
    after = make_policy(
        make_rule("length > 99"),
        make_rule("language is de", slug="german", queue="billing", priority="high"),
        threshold=0.75,
        level="shadow",
        requester_cap=5,
        topics={"press": {"en": ("journalist", "reporter")}},
    )
    long = "Because. When Length in characters > {}."
    assert told(before, after) == [
        ("Intents", INTENT, "Level", "auto", "shadow"),
        ("Intents", INTENT, "Threshold", "0.8", "0.75"),
        (
            "Escalation rules",
            "german",
            "Added",
            None,
            "Because. When Language is de; queue billing; priority high.",
        ),
        ("Escalation rules", "sample", "Changed", long.format(20), long.format(99)),
        ("Limits and queues", "", "Automatic replies to one person in 24 hours", "3", "5"),
        ("Sensitive topics", "press", "Entries, en", "press", "reporter"),
    ]


def test_an_intent_that_only_one_of_them_names():
    before, after = make_policy(), PolicySnapshot(number=2)
    lines = {one.label: (one.before, one.after) for one in compare(before, after).intents}
    assert lines["Named in the policy"] == ("yes", "no, so it is off")
    assert lines["Level"] == ("auto", "off")


def test_what_lets_more_through_is_marked():
    before = make_policy(level="suggest")
    marked = {
        one.label: one.loosens
        for one in compare(before, make_policy(threshold=0.7, margin=0.2)).intents
    }
    assert marked == {"Level": True, "Threshold": True, "Margin": False}


@given(permissive_policies())
def test_a_policy_does_not_differ_from_itself(policy):
    assert compare(policy, replace(policy, number=99)).count == 0


@given(permissive_policies(), permissive_policies())
def test_something_differs_wherever_the_digests_do(one, other):
    differ = replace(one, number=1).digest() != replace(other, number=1).digest()
    assert (compare(one, other).count > 0) == differ
