"""A candidate against the model in force, on what people said of messages."""

import pytest
from django.utils import timezone

from classification.models import ModelVersion
from decisions import reviewing
from decisions.models import Review
from tickets import comparing
from tickets.codes import ReviewVerdict, Role
from tickets.models import Message
from tickets.tests.at_work import write_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(starter, says, settings, person, monkeypatch):
    """Reviews a new ticket: `reviewed("Where is it?", "order_status")`; None: fits no intent."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    monkeypatch.setattr(reviewing, "SECOND_SHARE", 0.0)
    reviewers = [person(Role.LEAD, username=name) for name in ("one", "two")]

    def make(text: str, intent: str | None, *, verdict: ReviewVerdict | None = None):
        says(intent)
        ticket = write_in(text, email=f"{Review.objects.count()}@example.com")
        for user in reviewers:
            review = Review.objects.open().filter(ticket=ticket).first()
            if review is None:
                break
            said = verdict or (ReviewVerdict.INTENT if intent else ReviewVerdict.NONE)
            named = {"intent": intent, "machine_could": True} if intent and not verdict else {}
            reviewing.answer(
                review.pk,
                user,
                reviewing.Answer(verdict=said, **named),
                may_settle=True,
                now=timezone.now(),
            )
        return ticket

    return make


class Says:
    """A loaded model that names what a table says."""

    def __init__(self, answers):
        self.answers = answers
        self.classes_ = ("order_status", "refund_status")

    def predict(self, texts):
        return [type("P", (), {"intent": self.answers.get(text)}) for text in texts]


def test_labels_come_from_settled_reviews_and_from_words_that_are_still_there(reviewed):
    first = reviewed("Where is my order?", "order_status")
    reviewed("Good morning", None)
    reviewed("Two things at once", "order_status", verdict=ReviewVerdict.TWO)
    gone = reviewed("My money?", "refund_status")
    Message.objects.filter(ticket=gone).update(body="", erased_at=timezone.now())
    labelled = {(row.text, row.intent) for row in comparing.reviewed_messages()}
    assert labelled == {("Where is my order?", "order_status"), ("Good morning", "out_of_scope")}
    assert first.pk in {row.ticket_id for row in comparing.reviewed_messages()}


def test_where_exactly_one_is_right_is_shown_with_both_answers(reviewed, monkeypatch):
    one = reviewed("Where is my order?", "order_status")
    reviewed("When comes my refund?", "refund_status")
    answers = {
        "old": {"When comes my refund?": "refund_status"},
        "new": {"When comes my refund?": "refund_status", "Where is my order?": "order_status"},
    }
    monkeypatch.setattr(comparing, "load", lambda version: Says(answers[version.version]))
    monkeypatch.setattr(comparing, "starter_messages", list)
    found, held_out = comparing.compare_models(
        ModelVersion(version="old"), ModelVersion(version="new")
    )
    assert (found.found.both, found.found.only_first, found.found.only_second) == (1, 0, 1)
    assert found.differences == (
        comparing.Difference(one.pk, "order_status", "out_of_scope", "order_status"),
    )
    assert held_out.found is None
