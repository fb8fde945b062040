"""Scenarios: facts that were kept with the verdict that they must have."""

import pytest
from django.utils import timezone

from decisions.models import Decision, Policy, Publication, Scenario
from decisions.policies import scenarios
from decisions.policies.publish import NotPublishable, publish
from decisions.policies.scenarios import ScenarioInvalid
from decisions.tests.factories import make_draft
from tickets.history.record import Actor
from tickets.tests.arriving import arrive
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


@pytest.fixture
def decision(starter, says):
    certify("order_status")
    says("order_status", confidence=0.95)
    arrive(now=timezone.now())
    return Decision.objects.get()


def keep(decision, **changes):
    said = {"name": "An order", "outcome": "auto_resolve", "actor": Actor.machine()}
    return scenarios.keep(decision, **{**said, **changes}, now=timezone.now())


def test_a_decision_is_kept_with_what_it_must_come_to(decision, lead):
    row = keep(decision, actor=Actor.person(lead))
    assert (row.ticket, row.created_by) == (decision.ticket, lead)
    (tried,) = scenarios.try_all(Policy.objects.get().snapshot())
    assert tried.passes
    assert tried.verdict.automates


def test_what_was_stopped_for_an_hour_does_not_stay_in_a_scenario(decision):
    facts = {**decision.facts, "kill_switch": True, "breaker_open": True, "cap_reached": True}
    Decision.objects.none()  # rows are history; the object in memory is not
    decision.facts = facts
    row = keep(decision)
    assert not any(row.facts[name] for name in ("kill_switch", "breaker_open", "cap_reached"))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"outcome": "escalate"}, "comes out as auto_resolve: permitted"),
        ({"reason": "rule:long-message"}, "not because of rule:long-message: permitted"),
    ],
)
def test_a_scenario_that_comes_out_otherwise_says_how(decision, changes, problem):
    keep(decision, **changes)
    (tried,) = scenarios.try_all(Policy.objects.get().snapshot())
    assert (tried.passes, tried.problem) == (False, problem)


def test_an_expected_reason_has_to_be_among_the_reasons(decision):
    keep(decision, outcome="escalate", reason="below_threshold")
    (tried,) = scenarios.try_all(make_draft(threshold=0.99).snapshot())
    assert tried.passes


def test_nothing_is_published_while_a_scenario_fails(decision):
    keep(decision)
    draft = make_draft(threshold=0.99)
    before = Publication.objects.count()
    with pytest.raises(NotPublishable, match="Scenario “An order” comes out as escalate"):
        publish(draft, actor=Actor.machine(), reason="Stricter", now=timezone.now())
    draft.refresh_from_db()
    assert (Publication.objects.count(), draft.published) == (before, False)
    Scenario.objects.update(active=False)
    publish(draft, actor=Actor.machine(), reason="Stricter", now=timezone.now())
    assert Publication.objects.count() == before + 1


def test_facts_that_cannot_be_read_fail_and_say_so(decision):
    row = keep(decision)
    Scenario.objects.filter(pk=row.pk).update(facts={"version": 99})
    (tried,) = scenarios.try_all(Policy.objects.get().snapshot())
    assert tried.problem.startswith("its facts cannot be read")


@pytest.mark.parametrize(
    "changes", [{"name": " "}, {"name": "Taken"}, {"outcome": "later"}, {"outcome": ""}]
)
def test_a_scenario_that_makes_no_sense_is_not_kept(decision, changes):
    keep(decision, name="Taken")
    with pytest.raises(ScenarioInvalid):
        keep(decision, **changes)
    assert Scenario.objects.count() == 1


def test_a_decision_without_facts_cannot_be_kept(decision):
    decision.facts = {}
    with pytest.raises(ScenarioInvalid, match="without facts"):
        keep(decision)
    assert not Scenario.objects.exists()


def test_many_scenarios_cost_no_more_queries(decision, django_assert_max_num_queries):
    for number in range(20):
        keep(decision, name=f"Number {number}")
    policy = Policy.objects.get().snapshot()
    with django_assert_max_num_queries(2):
        assert len(scenarios.try_all(policy)) == 20
