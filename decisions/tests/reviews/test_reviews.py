"""Blind review."""

from datetime import timedelta

import pytest
from django.utils import timezone

from decisions.certificates import sample, terms
from decisions.models import Decision, Finding, Review
from decisions.reviews import answers, queue
from decisions.reviews.answers import Answer, AnswerIncomplete, NotYours
from decisions.tests.factories import CertificateFactory
from tickets.codes import AuditKind, Channel, ReviewPart, ReviewVerdict, Role
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive

NOW = timezone.now()


@pytest.fixture(autouse=True)
def all_are_drawn(settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0


@pytest.fixture
def nobody_twice(monkeypatch):
    """No second look but where reviewer and machine differ."""
    monkeypatch.setattr(terms, "SECOND_SHARE", 0.0)


def ask(number=1):
    inquiry = Inquiry(
        name="A", email=f"a{number}@example.com", message="Where is it?", channel=Channel.FORM
    )
    return receive(inquiry, now=NOW).ticket


def right(intent="order_status"):
    return Answer(verdict=ReviewVerdict.INTENT, intent=intent, machine_could=True)


def answer(review, user, given, *, may_settle=False):
    return answers.answer(review.pk, user, given, may_settle=may_settle, now=timezone.now())


def next_for(user, *, may_settle=False, now=NOW):
    return queue.next_for(user, may_settle=may_settle, now=now)


def test_every_ticket_has_its_chance_and_the_draw_is_on_record(starter, says):
    says("refund_request")
    ticket = ask()
    review = Review.objects.get(ticket=ticket)
    assert (review.part, review.rate, review.stratum) == (ReviewPart.FIRST, 1.0, "base")
    assert 0 <= review.u < 1
    assert review.due_at == NOW + timedelta(days=14)


def test_nothing_is_drawn_at_rate_0(starter, says, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.0
    says("refund_request")
    ask()
    assert not Review.objects.exists()


def test_share_drawn_is_the_rate(starter, says, settings):
    settings.REVIEW_RATE = 0.25
    says("refund_request")
    for number in range(200):
        ask(number)
    assert 30 <= Review.objects.count() <= 70  # 50 expected, 3.3 standard deviations


def test_a_new_intent_is_reviewed_whole(starter, says, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.0
    says("order_status")
    CertificateFactory(intents=["order_status"])
    ask()
    assert Review.objects.get().rate == 1.0


def test_nobody_reviews_a_ticket_on_which_they_acted(starter, says, agent):
    says("refund_request")
    ticket = ask()
    agent_actions.add_note(ticket.pk, "Hm.", actor=Actor.person(agent), now=NOW)
    assert next_for(agent) is None
    review = Review.objects.get()
    with pytest.raises(NotYours):
        answer(review, agent, right())
    review.refresh_from_db()
    assert review.answered_at is None


def test_a_review_is_in_one_pair_of_hands_for_a_quarter_of_an_hour(starter, says, person):
    says("refund_request")
    ask()
    one, other = person(Role.AGENT, username="one"), person(Role.AGENT, username="other")
    held = next_for(one)
    assert next_for(one) == held  # asking again gives the same
    assert next_for(other) is None
    with pytest.raises(NotYours):
        answer(held, other, right())
    assert next_for(other, now=NOW + timedelta(minutes=16)) == held


def test_agreement_with_the_machine_ends_it(starter, says, agent, nobody_twice):
    says("refund_request")
    ask()
    review = answer(next_for(agent), agent, right("refund_request"))
    assert Review.objects.count() == 1
    assert sample.verdict_of([review], "refund_request") is False
    entry = AuditRecord.objects.filter(kind=AuditKind.REVIEW).get()
    assert entry.actor == f"person:{agent.pk}"


def test_difference_asks_a_second_person_and_a_lead_settles(starter, says, person, nobody_twice):
    says("refund_request")
    ticket = ask()
    one, two = person(Role.AGENT, username="one"), person(Role.AGENT, username="two")
    lead = person(Role.LEAD)
    answer(next_for(one), one, right("complaint"))
    second = Review.objects.get(part=ReviewPart.SECOND)
    assert next_for(one) is None  # not a second look at one's own
    answer(next_for(two), two, right("refund_request"))
    settle = Review.objects.get(part=ReviewPart.SETTLE)
    assert next_for(person(Role.AGENT, username="three")) is None
    parts = list(ticket.reviews.all())
    assert sample.verdict_of(parts, "refund_request") is None
    answer(settle, lead, right("refund_request"), may_settle=True)
    parts = list(ticket.reviews.all())
    assert sample.verdict_of(parts, "refund_request") is False
    assert second.u == settle.u


def test_two_who_agree_against_the_machine_settle_it(starter, says, person, nobody_twice):
    says("refund_request")
    ticket = ask()
    for name in ("one", "two"):
        user = person(Role.AGENT, username=name)
        answer(next_for(user), user, right("complaint"))
    assert not Review.objects.filter(part=ReviewPart.SETTLE).exists()
    assert sample.verdict_of(ticket.reviews.all(), "refund_request") is True


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        (right("refund_request"), False),
        (right("complaint"), True),
        (
            Answer(verdict=ReviewVerdict.INTENT, intent="refund_request", machine_could=False),
            True,
        ),
        (Answer(verdict=ReviewVerdict.NONE), True),
        (Answer(verdict=ReviewVerdict.TWO), True),
        (Answer(verdict=ReviewVerdict.UNDECIDABLE), True),
    ],
)
def test_what_counts_as_wrong(given, wrong):
    review = Review(verdict=given.verdict, intent=given.intent, machine_could=given.machine_could)
    assert sample.says_wrong(review, "refund_request") is wrong


@pytest.mark.parametrize(
    "given",
    [
        Answer(verdict=ReviewVerdict.INTENT),
        Answer(verdict=ReviewVerdict.INTENT, intent="complaint"),
        Answer(verdict=ReviewVerdict.NONE, intent="complaint"),
    ],
)
def test_half_an_answer_is_refused(starter, says, agent, given):
    says("refund_request")
    ask()
    review = next_for(agent)
    with pytest.raises(AnswerIncomplete):
        answer(review, agent, given)
    review.refresh_from_db()
    assert review.answered_at is None


def test_an_answer_cannot_be_given_twice(starter, says, agent, nobody_twice):
    says("refund_request")
    ask()
    review = next_for(agent)
    answer(review, agent, right("refund_request"))
    with pytest.raises(NotYours):
        answer(review, agent, right("complaint"))
    review.refresh_from_db()
    assert review.intent == "refund_request"


def test_a_skipped_one_goes_behind_the_others(starter, says, agent):
    says("refund_request")
    ask(1), ask(2)
    first = next_for(agent)
    queue.skip(first.pk, agent, now=NOW)
    assert next_for(agent) != first


def test_a_review_of_no_automatic_answer_is_no_evidence(starter, says, agent, nobody_twice):
    says("refund_request")
    ask()
    answer(next_for(agent), agent, right("refund_request"))
    assert not Finding.objects.exists()
    assert Decision.objects.count() == 1
