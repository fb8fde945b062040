"""Publishing is checked by lint, and takes two people where it automates much more."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from classification.models import Intent
from decisions.models import EscalationRule, IntentRule, Policy, Proposal, Publication
from decisions.policies import check
from decisions.policies.publish import NotPublishable, SecondNeeded, open_proposal, propose, publish
from decisions.stops.kill_switch import set_switch
from decisions.tests.factories import make_draft, put_in_force
from tickets.codes import Role
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.tests.arriving import arrive
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


def risks():
    return dict(Intent.objects.values_list("slug", "risk"))


def go(policy, user=None, **more):
    actor = Actor.person(user) if user else Actor.machine()
    said = {"reason": "Better.", "now": timezone.now(), "risks": risks()}
    return publish(policy, actor=actor, **{**said, **more})


def word(policy, user, **more):
    said = {"reason": "More of the same.", "now": timezone.now(), "risks": risks()}
    return propose(policy, actor=Actor.person(user), **{**said, **more})


def stored():
    models = (Policy, IntentRule, EscalationRule, Publication, Proposal, AuditRecord)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.fixture
def traffic(starter, says):
    """Thirty tickets, none of which the policy in force answers."""
    certify("how_to")
    says("how_to", confidence=0.95)
    for number in range(30):
        arrive(email=f"p{number}@example.com", now=timezone.now())


@pytest.fixture
def bold(traffic):
    """A draft that would have answered them all."""
    return make_draft(intent="how_to", level="auto", template="order_status")


@pytest.fixture
def other(person):
    return person(Role.LEAD, username="other")


# --- Lint refuses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"queue": "nowhere"}, "There is no queue “nowhere”."),
        ({"template": ""}, "has no reply to send"),
        ({"intent": "refund_request", "level": "auto"}, "always answered by a person"),
        ({"threshold": 0.5}, "is below the 0.8 that was earned"),
    ],
)
def test_an_error_refuses_and_changes_nothing(starter, changes, words):
    certify("order_status")
    draft = make_draft(**changes)
    before = stored()
    with pytest.raises(NotPublishable, match=words):
        go(draft)
    assert stored() == before


def test_below_the_certificate_may_be_tried_in_the_shadow(starter):
    certify("order_status")
    assert go(make_draft(threshold=0.5, level="shadow"))


def test_warnings_do_not_refuse(starter):
    draft = make_draft()
    conditions = [{"fact": "length", "operator": ">", "value": 5000}]
    EscalationRule.objects.create(policy=draft, slug="x", reason="So", conditions=conditions)
    findings = check.check(draft, risks=risks(), now=timezone.now())
    assert "superfluous" in {one.code for one in findings}
    assert go(draft)


def test_the_starter_policy_has_no_errors(starter):
    findings = check.check(Policy.objects.get(), risks=risks(), now=timezone.now())
    assert {one.severity.value for one in findings} <= {"warning"}


# --- Two people -----------------------------------------------------------------------------------


def test_the_share_is_what_the_draft_would_have_automated(bold):
    shares = check.shares(bold.snapshot(), timezone.now())
    assert (shares.before, shares.after, shares.tickets) == (0.0, 1.0, 30)


def test_one_person_alone_does_not_publish_much_more(bold, lead):
    before = stored()
    with pytest.raises(SecondNeeded, match="takes two people"):
        go(bold, lead)
    assert stored() == before


def test_the_same_person_cannot_give_both_words(bold, lead):
    word(bold, lead)
    before = stored()
    with pytest.raises(SecondNeeded, match="Somebody else has to agree"):
        go(bold, lead)
    assert stored() == before


def test_the_machine_cannot_be_the_second_person(bold, lead):
    word(bold, lead)
    with pytest.raises(SecondNeeded):
        go(bold)
    assert Publication.objects.count() == 1


def test_two_people_publish_and_both_are_on_record(bold, lead, other):
    proposal = word(bold, lead)
    assert (proposal.share_before, proposal.share_after, proposal.tickets) == (0.0, 1.0, 30)
    publication = go(bold, other)
    assert (publication.published_by, publication.second_by) == (lead, other)
    data = json.loads(AuditRecord.objects.latest("number").body)["data"]
    assert data["proposed_by"] == lead.pk
    assert AuditRecord.objects.latest("number").actor == f"person:{other.pk}"


def test_a_word_is_void_once_the_draft_changed(bold, lead, other):
    word(bold, lead)
    bold.requester_cap = 9
    bold.save()
    with pytest.raises(SecondNeeded):
        go(bold, other)
    assert not Policy.objects.get(pk=bold.pk).published


def test_a_word_is_void_after_a_week(bold, lead, other):
    word(bold, lead)
    with pytest.raises(SecondNeeded):
        go(bold, other, now=timezone.now() + timedelta(days=7))


def test_a_word_counts_for_one_publication(bold, lead, other):
    word(bold, lead)
    go(bold, other)
    bold.refresh_from_db()
    assert open_proposal(bold, bold.digest, timezone.now()) is None


def test_a_second_word_does_not_heal_an_error(bold, lead, other):
    bold.default_queue = "nowhere"
    bold.save()
    with pytest.raises(NotPublishable, match="nowhere"):
        word(bold, lead)
    assert not Proposal.objects.exists()


def test_what_one_person_may_publish_needs_no_proposal(traffic, lead):
    with pytest.raises(NotPublishable, match="One person is enough"):
        word(make_draft(threshold=0.9), lead)


def test_twenty_points_are_counted_as_if_nothing_were_stopped(traffic, lead):
    """A kill switch in the last hours must not hide what a draft would do from now on."""
    set_switch(True, "Odd", actor=Actor.person(lead), now=timezone.now())
    for number in range(40):
        arrive(email=f"q{number}@example.com", now=timezone.now())
    draft = make_draft(intent="how_to", level="auto", template="order_status")
    shares = check.shares(draft.snapshot(), timezone.now())
    assert (shares.before, shares.after, shares.tickets) == (0.0, 1.0, 70)


def test_an_older_version_that_automates_much_more_needs_two_as_well(bold, lead, other):
    word(bold, lead)
    go(bold, other)
    put_in_force(intent="how_to", level="suggest")
    with pytest.raises(SecondNeeded):
        go(bold, lead)
    word(bold, lead)
    assert go(bold, other).policy == bold


def test_the_check_costs_the_same_for_many_tickets(bold, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        check.check(bold, risks=risks(), now=timezone.now())
