"""A candidate against the model in force, on what people said of messages."""

import pytest
from django.utils import timezone

from classification.models import ModelVersion
from classification.training.train import TrainingData
from decisions.certificates import terms
from decisions.models import Review
from decisions.reviews import answers
from tickets.codes import ReviewVerdict, Role
from tickets.learning import compare, train
from tickets.models import Message
from tickets.tests.at_work import write_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewed(starter, says, settings, person, monkeypatch):
    """Reviews a new ticket: `reviewed("Where is it?", "order_status")`; None: fits no intent."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    monkeypatch.setattr(terms, "SECOND_SHARE", 0.0)
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
            answers.answer(
                review.pk,
                user,
                answers.Answer(verdict=said, **named),
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
    labelled = {(row.text, row.intent) for row in compare.reviewed_messages()}
    assert labelled == {("Where is my order?", "order_status"), ("Good morning", "out_of_scope")}
    assert first.pk in {row.ticket_id for row in compare.reviewed_messages()}


def test_where_exactly_one_is_right_is_shown_with_both_answers(reviewed, monkeypatch):
    one = reviewed("Where is my order?", "order_status")
    reviewed("When comes my refund?", "refund_status")
    answers = {
        "old": {"When comes my refund?": "refund_status"},
        "new": {"When comes my refund?": "refund_status", "Where is my order?": "order_status"},
    }
    monkeypatch.setattr(compare, "load", lambda version: Says(answers[version.version]))
    monkeypatch.setattr(compare, "starter_messages", list)
    monkeypatch.setattr(compare.reserve, "holds", lambda requester_id: True)
    found, held_out = compare.compare_models(
        ModelVersion(version="old"), ModelVersion(version="new")
    )
    assert (found.found.both, found.found.only_first, found.found.only_second) == (1, 0, 1)
    assert found.differences == (
        compare.Difference(one.pk, "order_status", "out_of_scope", "order_status"),
    )
    assert held_out.found is None


def test_models_are_compared_on_people_whom_no_model_is_trained_on(reviewed, monkeypatch):
    reviewed("Where is my order?", "order_status")
    monkeypatch.setattr(compare, "load", lambda version: Says({}))
    monkeypatch.setattr(compare, "starter_messages", list)
    monkeypatch.setattr(compare.reserve, "holds", lambda requester_id: False)
    found, _ = compare.compare_models(ModelVersion(version="old"), ModelVersion(version="new"))
    assert found.found is None


def test_reviews_of_people_outside_of_the_reserve_are_learned_from(reviewed, monkeypatch):
    kept = reviewed("Where is my order?", "order_status")
    taught = reviewed("Nice weather today", None)
    monkeypatch.setattr(
        compare.reserve, "holds", lambda requester_id: requester_id == kept.requester_id
    )
    data = TrainingData(["a"], ["Old text"], ["refund_status"], groups=["w"])
    grown, added = train.with_reviews(data)
    assert added == 1
    assert (grown.ids[1], grown.texts[1], grown.intents[1], grown.groups[1]) == (
        f"ticket-{taught.pk}",
        "Nice weather today",
        "out_of_scope",
        f"person-{taught.requester_id}",
    )
    again, added = train.with_reviews(grown)
    assert added == 0
    assert len(again) == 2


def test_rows_that_were_drawn_more_often_do_not_count_more():
    rows = [
        compare.Labelled("a", "x", ticket_id=3, requester_id=1, u=0.01, rate=0.2),
        compare.Labelled("b", "x", ticket_id=1, requester_id=1, u=0.02, rate=0.05),
        compare.Labelled("c", "x", ticket_id=2, requester_id=2, u=0.10, rate=0.2),
        compare.Labelled("d", "x", ticket_id=4, requester_id=3, u=0.04, rate=0.05),
    ]
    # u below the lowest rate, and of one person the first
    assert [row.text for row in compare.of_equal_chance(rows)] == ["b", "d"]
    assert compare.of_equal_chance([]) == []
