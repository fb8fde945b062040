"""What a certificate covers: intents, one classifier version, and what the tested policy passed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from decisions.certificates import quarantine
from decisions.models import Policy, Quarantine
from decisions.tests.factories import CertificateFactory, make_draft, put_in_force
from decisions.tests.samples import make_facts
from tickets.codes import CertificateKind, Channel, Level
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive

NOW = timezone.now()


@pytest.fixture
def tested(starter, says):
    """The starter policy, and its digest, under which certificates are earned."""
    says("order_status", confidence=0.97)
    return Policy.objects.get().digest


def ask(number=1, message="Where is it?"):
    inquiry = Inquiry(
        name="A", email=f"a{number}@example.com", message=message, channel=Channel.FORM
    )
    return receive(inquiry, now=NOW).decision


def long_rule(draft):
    draft.escalation_rules.create(
        slug="long-ones",
        reason="Long.",
        conditions=[{"fact": "length", "operator": "more_than", "value": 40}],
    )


def test_the_policy_that_was_tested_is_covered(tested):
    certificate = CertificateFactory(policy_digest=tested, kind=CertificateKind.LIVE)
    decision = ask()
    assert decision.reasons == ["permitted"]
    assert decision.facts["certificate"] == certificate.pk


def test_a_stricter_policy_is_covered_as_a_part_of_it(tested):
    CertificateFactory(policy_digest=tested, kind=CertificateKind.LIVE)
    put_in_force(threshold=0.96, margin=0.5)
    assert ask().reasons == ["permitted"]


def test_what_a_new_policy_lets_through_in_addition_is_not_covered(starter, says):
    says("order_status", confidence=0.97, margin=0.3)
    strict = put_in_force(margin=0.6)
    CertificateFactory(policy_digest=strict.digest, kind=CertificateKind.LIVE)
    assert ask(1).reasons == ["too_close"]
    put_in_force(margin=0.1)
    added = ask(2)
    assert added.reasons == ["not_certified"]
    assert (added.facts["certificate"], added.facts["certified_threshold"]) == (None, None)
    says("order_status", confidence=0.97, margin=0.7)  # the tested policy passed such ones
    assert ask(3).reasons == ["permitted"]


def test_an_intent_that_was_not_automatic_when_it_was_tested_is_not_covered(starter, says):
    says("order_status")
    before = put_in_force(level=Level.SUGGEST)
    CertificateFactory(policy_digest=before.digest, kind=CertificateKind.LIVE)
    put_in_force(level=Level.AUTO)
    assert ask().reasons == ["not_certified"]


def test_a_certificate_of_a_policy_that_nobody_knows_covers_nothing(tested):
    CertificateFactory(policy_digest="f" * 64, kind=CertificateKind.LIVE)
    assert ask().reasons == ["not_certified"]


def test_a_draft_is_no_policy_that_was_tested(tested):
    draft = make_draft(margin=0.6)
    Policy.objects.filter(pk=draft.pk).update(digest="d" * 64)
    CertificateFactory(policy_digest="d" * 64, kind=CertificateKind.LIVE)
    assert ask().reasons == ["not_certified"]


def test_another_model_acts_as_if_nothing_were_certified(tested, says):
    CertificateFactory(policy_digest=tested, kind=CertificateKind.LIVE)
    assert ask(1).reasons == ["permitted"]
    says("order_status", confidence=0.97, version="scripted-2")
    after = ask(2)
    assert after.reasons == ["not_certified"]
    assert after.template is not None  # the agent gets the reply as a draft, as at `suggest`


@pytest.mark.parametrize("days", [0, 1])
def test_an_expired_certificate_covers_nothing(tested, days):
    CertificateFactory(policy_digest=tested, expires_at=NOW - timedelta(days=days))
    assert ask().reasons == ["not_certified"]


@pytest.mark.parametrize(
    ("policy_threshold", "certified", "confidence", "reason"),
    [
        (0.9, 0.8, 0.89, "below_threshold"),
        (0.9, 0.8, 0.90, "permitted"),
        (0.8, 0.9, 0.89, "below_threshold"),
        (0.8, 0.9, 0.90, "permitted"),
    ],
)
def test_the_stricter_of_policy_and_certificate_counts(
    starter, says, policy_threshold, certified, confidence, reason
):
    says("order_status", confidence=confidence)
    policy = put_in_force(threshold=policy_threshold)
    CertificateFactory(policy_digest=policy.digest, threshold=certified)
    assert ask().reasons == [reason]


# --- Several certificates -------------------------------------------------------------------------


def test_peoples_word_counts_before_held_out_data_however_new(tested):
    live = CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested, threshold=0.9)
    CertificateFactory(kind=CertificateKind.PROVISIONAL, policy_digest=tested, threshold=0.5)
    assert ask().facts["certificate"] == live.pk


def test_what_a_live_certificate_refuses_no_older_lesser_one_permits(tested):
    CertificateFactory(kind=CertificateKind.DEMO)
    CertificateFactory(kind=CertificateKind.PROVISIONAL, policy_digest=tested)
    CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested, intents=["praise"])
    assert ask().reasons == ["not_certified"]


def test_a_provisional_one_for_a_further_intent_may_follow_a_live_one(tested):
    CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested, intents=["praise"])
    later = CertificateFactory(kind=CertificateKind.PROVISIONAL, policy_digest=tested)
    assert ask().facts["certificate"] == later.pk


# --- Quarantine -----------------------------------------------------------------------------------


def quarantined(intent="order_status", version="scripted-1"):
    return Quarantine.objects.create(
        intent=intent,
        classifier_version=version,
        alpha=0.02,
        delta=0.05,
        rows=83,
        errors=9,
        sample_digest="0" * 64,
        at=NOW,
    )


def test_an_intent_in_quarantine_goes_to_people_and_the_rest_keeps_its_certificate(tested, says):
    CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested)
    quarantined()
    assert ask(1).reasons == ["not_certified"]
    says("return_exchange", confidence=0.97)
    assert ask(2).reasons == ["permitted"]


def test_a_quarantine_speaks_of_one_version(tested):
    CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested)
    quarantined(version="scripted-0")
    assert ask().reasons == ["permitted"]


def test_a_person_lifts_it_with_a_reason_and_that_is_on_record(tested, lead):
    CertificateFactory(kind=CertificateKind.LIVE, policy_digest=tested)
    row = quarantined()
    actor = Actor.person(lead)
    with pytest.raises(ValueError, match="Say why"):
        quarantine.lift(row.pk, " ", actor=actor, now=NOW)
    assert ask(1).reasons == ["not_certified"]
    assert quarantine.lift(row.pk, "The reply was mended.", actor=actor, now=NOW)
    assert not quarantine.lift(row.pk, "Again.", actor=actor, now=NOW)
    assert ask(2).reasons == ["permitted"]
    written = AuditRecord.objects.filter(subject=f"quarantine:{row.pk}")
    assert [entry.actor for entry in written] == [f"person:{lead.pk}"]


def test_facts_without_an_intent_or_a_classifier_have_no_certificate(db, django_assert_num_queries):
    from decisions.certificates import validity

    with django_assert_num_queries(0):
        assert validity.certificate_for(make_facts(intent=None), "d", NOW) is None
        assert validity.certificate_for(make_facts(classifier=None), "d", NOW) is None
