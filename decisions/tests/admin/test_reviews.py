"""Blind review in the console and by API."""

import pytest
from django.urls import reverse
from django.utils import timezone

from decisions.models import Review
from tickets.codes import Channel, ReviewPart, ReviewVerdict, Role, Scope
from tickets.models import ApiKey
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.calling import client_with

NEXT = "/ops/decisions/review/next/"


@pytest.fixture(autouse=True)
def all_are_drawn(settings, monkeypatch):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    monkeypatch.setattr("decisions.certificates.terms.SECOND_SHARE", 0.0)


@pytest.fixture
def ticket(starter, says):
    says("refund_request", confidence=0.913)
    inquiry = Inquiry(
        name="Ann Lee",
        email="ann@example.com",
        subject="A question",
        message="<b>Money</b> back, please",
        channel=Channel.FORM,
    )
    return receive(inquiry, now=timezone.now()).ticket


def answer(client, review, **data):
    return client.post(reverse("admin:decisions_review_answer", args=[review.pk]), data)


def test_reviewer_sees_the_first_message_and_nothing_else(ticket, agent, client):
    client.force_login(agent)
    page = client.get(NEXT).content.decode()
    assert "&lt;b&gt;Money&lt;/b&gt; back, please" in page
    assert "A question" in page
    for hidden in ("Ann Lee", "ann@example.com", ticket.reference, "0.913", "91.3", "Billing and"):
        assert hidden not in page
    # every intent is offered alike, the machine's among them
    assert page.count('value="intent:') == 27
    assert "checked" not in page


def test_answering_leads_to_the_next_one(ticket, agent, client):
    client.force_login(agent)
    client.get(NEXT)
    review = Review.objects.get()
    done = answer(client, review, choice="intent:refund_request", machine_could="no")
    assert (done.status_code, done.url) == (302, NEXT)
    review.refresh_from_db()
    assert (review.verdict, review.intent, review.machine_could, review.reviewer) == (
        ReviewVerdict.INTENT,
        "refund_request",
        False,
        agent,
    )
    # "needs a person" differs from the machine's intent being fit to automate: a second look
    assert Review.objects.filter(part=ReviewPart.SECOND).count() == 1


def test_half_an_answer_keeps_the_page_and_changes_nothing(ticket, agent, client):
    client.force_login(agent)
    client.get(NEXT)
    review = Review.objects.get()
    page = answer(client, review, choice="intent:refund_request")
    assert page.status_code == 200
    assert "whether a machine could have answered" in page.content.decode()
    assert answer(client, review, choice="nonsense").status_code == 200
    review.refresh_from_db()
    assert review.answered_at is None


def test_an_answered_one_is_not_answered_again(ticket, agent, client):
    client.force_login(agent)
    client.get(NEXT)
    review = Review.objects.get()
    answer(client, review, choice="none")
    answer(client, review, choice="two")
    review.refresh_from_db()
    assert review.verdict == ReviewVerdict.NONE


def test_auditors_may_look_at_answers_but_give_none(ticket, auditor, client):
    client.force_login(auditor)
    assert client.get(NEXT).status_code == 403
    assert answer(client, Review.objects.get(), choice="none").status_code == 403
    assert client.get("/ops/decisions/review/").status_code == 200
    assert Review.objects.get().answered_at is None


def test_an_empty_pile_says_so(starter, agent, client):
    client.force_login(agent)
    assert "Nothing to review" in client.get(NEXT).content.decode()


def key_of(user):
    key = ApiKey.issue(name="reviews", scopes=[Scope.REVIEWS_WRITE], created_by=user)[1]
    return client_with(key)


def post(client, review, body):
    path = f"/api/v1/reviews/{review.pk}/"
    return client.post(path, body, content_type="application/json")


def test_api_gives_the_next_message_and_takes_the_answer(ticket, agent):
    client = key_of(agent)
    question = client.get("/api/v1/reviews/next/").json()
    review = Review.objects.get()
    assert question == {
        "id": review.pk,
        "part": "first",
        "subject": "A question",
        "message": "<b>Money</b> back, please",
        "open": 1,
    }
    body = {"verdict": "intent", "intent": "refund_request", "machine_could": True}
    answered = post(client, review, body)
    assert answered.status_code == 200
    assert answered.json()["intent"] == "refund_request"
    assert client.get("/api/v1/reviews/next/").status_code == 204
    assert post(client, review, body).status_code == 409


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"verdict": "intent"}, 400),
        ({"verdict": "maybe"}, 400),
        ({"verdict": "none", "intent": "complaint"}, 400),
        ({"verdict": "none", "reviewer": 1}, 400),
        ({"verdict": "intent", "intent": "refund_reqest", "machine_could": True}, 400),
    ],
)
def test_api_refuses_half_answers(ticket, agent, body, status):
    client = key_of(agent)
    review = Review.objects.get()
    answer = post(client, review, body)
    assert answer.status_code == status
    assert "error" in answer.json()
    review.refresh_from_db()
    assert review.answered_at is None


def test_api_needs_a_key_that_belongs_to_a_reviewer(ticket, person, issue_key):
    assert (
        client_with(issue_key(Scope.REVIEWS_WRITE)).get("/api/v1/reviews/next/").status_code == 403
    )
    assert key_of(person(Role.AUDITOR)).get("/api/v1/reviews/next/").status_code == 403
