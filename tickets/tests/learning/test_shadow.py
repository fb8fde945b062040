"""Candidates in the shadow: asked after the decision, heard by nobody."""

import io
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from classification import services as classification
from classification.models import ModelVersion
from classification.services import Answer
from decisions.certificates import terms
from decisions.models import Candidate, Decision, ShadowVerdict
from decisions.reviews import answers
from decisions.reviews.answers import Answer as Judgement
from decisions.tests.factories import make_draft, put_in_force
from decisions.trials import shadow as candidates
from decisions.trials.shadow import AlreadyRunning, disagreement, end, start
from tickets.codes import CandidateKind, ReviewVerdict
from tickets.history.record import Actor
from tickets.learning import shadow
from tickets.models import AuditRecord, HistoryIsReadOnly, Message, Ticket, TicketEvent
from tickets.tests.arriving import arrive
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


class Broken(RuntimeError):
    """What a candidate throws."""


def begin(**what):
    return start(actor=Actor.machine(), now=timezone.now(), **what)


def work(*, later=timedelta(0), limit=100):
    return shadow.work(now=timezone.now() + later, limit=limit)


def write_in(number=0):
    return arrive(email=f"p{number}@example.com", now=timezone.now())


@pytest.fixture
def certified(starter, says):
    certify("order_status", "how_to")
    says("order_status", confidence=0.9)


@pytest.fixture
def model(monkeypatch, says):
    """A model beside the one in force that says what the test told it."""

    def make(intent="how_to", *, confidence=0.9, raises=None):
        said = says(intent, confidence=confidence, version="next-1").prediction

        def predict(model, texts):
            if raises is not None:
                raise raises
            answer = Answer(prediction=said, classifier=model.version, risk="open")
            return [answer for _ in texts]

        monkeypatch.setattr(classification, "predict_with", predict)
        ModelVersion.objects.create(
            version="next-1",
            classifier="linear",
            manifest_sha256="0" * 64,
            training_rows=1,
            training_sha256="0" * 64,
            trained_at=timezone.now(),
        )
        says("order_status", confidence=0.9)

    return make


# --- Policies -------------------------------------------------------------------------------------


def test_a_policy_in_the_shadow_is_asked_after_the_decision(certified):
    candidate = begin(policy=make_draft(threshold=0.99))
    ticket = write_in()
    assert not ShadowVerdict.objects.exists()
    assert work() == 1
    row = ShadowVerdict.objects.get()
    assert (row.candidate, row.decision.ticket) == (candidate, ticket)
    assert (row.outcome, row.reasons) == ("escalate", ["below_threshold"])
    assert row.digest == candidate.policy.snapshot().digest()
    assert row.decision.outcome == "auto_resolve"


def test_what_was_decided_before_it_began_is_not_its_matter(certified):
    write_in(1)
    begin(policy=make_draft())
    assert work() == 0


def test_each_decision_is_asked_about_once_however_often_the_job_runs(certified):
    begin(policy=make_draft())
    for number in range(5):
        write_in(number)
    assert [work(limit=2), work(limit=2), work(limit=2), work(limit=2)] == [2, 2, 1, 0]
    assert work(later=timedelta(hours=1)) == 0
    write_in(9)
    assert work(later=timedelta(hours=1)) == 1
    assert ShadowVerdict.objects.count() == 6


def test_a_candidate_that_ended_is_not_asked(certified):
    candidate = begin(policy=make_draft())
    assert end(candidate, now=timezone.now())
    assert not end(candidate, now=timezone.now())
    write_in()
    assert work() == 0


def test_one_candidate_of_a_kind_at_a_time(certified):
    first = begin(policy=make_draft())
    with pytest.raises(AlreadyRunning):
        begin(policy=make_draft())
    begin(model_version="next-1")
    end(first, now=timezone.now())
    begin(policy=make_draft())
    assert Candidate.objects.count() == 3


def test_its_topics_are_searched_in_the_words(certified):
    draft = make_draft()
    draft.topics = {**draft.topics, "press": {"en": ["order"]}}
    draft.save()
    begin(policy=draft)
    write_in()
    work()
    assert ShadowVerdict.objects.get().reasons == ["guard:sensitive_topic"]


# --- Nothing of it reaches the live path ----------------------------------------------------------


def live_path(number):
    """What one arrival reads, writes and decides."""
    with CaptureQueriesContext(
        connection,
    ) as queries:
        ticket = write_in(number)
    return len(queries), ticket.status, ticket.outcome, ticket.reasons


@pytest.mark.parametrize("kind", CandidateKind)
def test_a_candidate_that_throws_on_every_ticket_changes_nothing(
    certified, model, monkeypatch, kind
):
    model(raises=Broken("with words of a customer"))

    def broken(*args, **kwargs):
        raise Broken

    write_in(100)  # whatever a process reads once, it has read by now
    before = live_path(0)
    begin(**({"policy": make_draft()} if kind == "policy" else {"model_version": "next-1"}))
    if kind == "policy":
        monkeypatch.setattr(candidates, "decide", broken)
    during = live_path(1)
    assert before == during  # the same statements, so the same waiting
    history = [list(m.objects.order_by("pk").values()) for m in (Ticket, Decision, TicketEvent)]
    records = AuditRecord.objects.count()
    assert work() == 1
    assert [
        list(m.objects.order_by("pk").values()) for m in (Ticket, Decision, TicketEvent)
    ] == history
    assert AuditRecord.objects.count() == records
    row = ShadowVerdict.objects.get()
    assert (row.failure, row.outcome, row.reasons) == ("Broken", None, [])
    assert live_path(2) == before


def test_a_policy_that_cannot_be_read_fails_on_every_ticket(certified):
    draft = make_draft()
    begin(policy=draft)
    draft.escalation_rules.update(conditions=[{"mood": "bad"}])
    write_in()
    assert work() == 1
    assert ShadowVerdict.objects.get().failure == "RuleInvalid"


def test_a_model_that_is_not_there_fails_on_every_ticket(certified):
    begin(model_version="nobody-trained-it")
    write_in()
    assert work() == 1
    assert ShadowVerdict.objects.get().failure == "DoesNotExist"


def test_what_a_candidate_said_is_history(certified):
    begin(policy=make_draft())
    write_in()
    work()
    with pytest.raises(HistoryIsReadOnly):
        ShadowVerdict.objects.all().delete()
    row = ShadowVerdict.objects.get()
    row.outcome = "escalate"
    with pytest.raises(HistoryIsReadOnly):
        row.save()


# --- Models ---------------------------------------------------------------------------------------


def test_a_model_in_the_shadow_predicts_again_under_the_policy_of_the_time(certified, model):
    model("how_to", confidence=0.9)
    begin(model_version="next-1")
    write_in()
    put_in_force(intent="how_to", level="off")
    work()
    row = ShadowVerdict.objects.get()
    assert (row.intent, row.confidence) == ("how_to", 0.9)
    assert (row.outcome, row.reasons) == ("escalate", ["level_suggest"])
    assert row.decision.intent == "order_status"


def test_a_model_is_asked_as_if_it_held_the_certificate_in_force(certified, model):
    model("order_status", confidence=0.95)
    begin(model_version="next-1")
    write_in()
    work()
    assert ShadowVerdict.objects.get().outcome == "auto_resolve"


def test_erased_words_cannot_be_asked_about(certified, model):
    model()
    begin(model_version="next-1")
    ticket = write_in()
    Message.objects.filter(ticket=ticket).update(body="", subject="")
    work()
    assert ShadowVerdict.objects.get().failure == "NoWords"


# --- Side by side ---------------------------------------------------------------------------------


def test_the_table_says_where_they_differ(certified, says):
    candidate = begin(policy=make_draft(threshold=0.92))
    for number, confidence in enumerate([0.95, 0.9, 0.85, 0.3]):
        says("order_status", confidence=confidence)
        write_in(number)
    work()
    found = disagreement(candidate)
    assert (found.asked, found.agreed, found.disagreed) == (4, 2, 2)
    (kind,) = found.kinds
    assert (kind.live, kind.shadow, kind.tickets) == ("auto_resolve", "escalate", 2)
    assert len(kind.examples) == 2


def test_an_edited_draft_starts_its_table_again(certified):
    draft = make_draft(threshold=0.99)
    candidate = begin(policy=draft)
    write_in(1)
    work()
    draft.requester_cap = 5
    draft.save()
    write_in(2)
    work()
    assert disagreement(candidate).asked == 1
    assert ShadowVerdict.objects.count() == 2


def test_blind_reviewers_say_who_was_right(certified, model, lead, settings, monkeypatch):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    monkeypatch.setattr(terms, "SECOND_SHARE", 0.0)
    model("how_to", confidence=0.9)
    candidate = begin(model_version="next-1")
    ticket = write_in()
    work()
    review = ticket.reviews.get(part="first")
    said = Judgement(verdict=ReviewVerdict.INTENT, intent="order_status", machine_could=True)
    answers.answer(review.pk, lead, said, may_settle=False, now=timezone.now())
    found = disagreement(candidate)
    assert (found.live_right, found.shadow_right, found.neither_right) == (1, 0, 0)


def test_the_table_costs_the_same_for_many(certified, django_assert_max_num_queries):
    candidate = begin(policy=make_draft(threshold=0.99))
    for number in range(12):
        write_in(number)
    work()
    with django_assert_max_num_queries(8):
        assert disagreement(candidate).asked == 12


def test_the_command_shows_the_table(certified):
    begin(policy=make_draft(threshold=0.99))
    ticket = write_in()
    work()
    out = io.StringIO()
    call_command("simulate", shadow=True, stdout=out)
    assert "asked 1 times, 1 times otherwise" in out.getvalue()
    assert f"such as {ticket.reference}" in out.getvalue()


def test_the_command_says_when_nothing_is_tried(starter):
    with pytest.raises(CommandError, match="Nothing is being tried"):
        call_command("simulate", shadow=True)
