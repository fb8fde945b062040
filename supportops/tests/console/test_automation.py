"""The automation page: what each intent may do, what is known of it, what stops it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from decisions.certificates import terms
from decisions.models import Breaker, Quarantine, Review, Switch
from decisions.reviews import answers
from decisions.tests.factories import CertificateFactory
from supportops.console.automation import Known, reliability, risk_curve
from tickets.codes import ReviewVerdict, Role
from tickets.tests.at_work import as_user, words_of, write_in

pytestmark = pytest.mark.django_db
PAGE = "/ops/automation/"


@pytest.fixture
def reviewed(starter, says, settings, person, monkeypatch):
    """Tickets about orders, each reviewed: `reviewed(right=5, wrong=1)`."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    monkeypatch.setattr(terms, "SECOND_SHARE", 0.0)
    people = [person(Role.LEAD, username=name) for name in ("one", "two", "three")]

    def answer(review: Review, right: bool, user) -> None:
        said = answers.Answer(
            verdict=ReviewVerdict.INTENT,
            intent="order_status" if right else "refund_status",
            machine_could=True,
        )
        answers.answer(review.pk, user, said, may_settle=True, now=timezone.now())

    def make(*, right: int = 0, wrong: int = 0) -> None:
        says("order_status", confidence=0.97)
        for number in range(right + wrong):
            ticket = write_in(f"Where is order {number}?", email=f"p{number}@example.com")
            for user in people:
                review = Review.objects.open().filter(ticket=ticket).first()
                if review is not None:
                    answer(review, number < right, user)

    return make


def line_of(response, intent: str):
    return next(line for line in response.context["lines"] if line.intent == intent)


def test_every_intent_of_the_policy_has_a_line_and_automated_ones_come_first(starter, lead):
    response = as_user(lead).get(PAGE)
    found = response.context["lines"]
    assert len(found) == 27
    levels = [line.rule.level for line in found]
    assert levels == sorted(levels, key=["auto", "shadow", "suggest", "off"].index)
    assert "Nothing reviewed yet" in words_of(response)


def test_reviews_count_for_their_intent_with_a_bound(reviewed, lead):
    CertificateFactory(threshold=0.9)
    reviewed(right=5, wrong=1)
    response = as_user(lead).get(PAGE)
    line = line_of(response, "order_status")
    assert (line.tickets, line.reviewed, line.wrong) == (6, 6, 1)
    # The rate at which one error or none in six has a chance of 5 %.
    assert line.bound == pytest.approx(0.5818, abs=1e-3)
    assert line.threshold == 0.9
    assert [chart.title for chart in response.context["charts"]] == [
        "What would automating more cost?",
        "Does confidence mean what it says?",
    ]


def test_without_a_certificate_nothing_has_a_threshold(starter, lead):
    response = as_user(lead).get(PAGE)
    assert {line.threshold for line in response.context["lines"]} == {None}
    assert "acts as <em>suggest</em>" in words_of(response)


def test_what_stops_an_intent_is_said(starter, says, lead):
    says("order_status")
    write_in()
    now = timezone.now()
    Breaker.objects.create(intent="order_status", open=True, reason="Five wrong.", changed_at=now)
    Quarantine.objects.create(
        intent="refund_status",
        classifier_version="scripted-1",
        alpha=0.02,
        delta=0.05,
        rows=20,
        errors=9,
        sample_digest="0" * 64,
        at=now,
    )
    Switch.objects.create(pk=1, on=True, reason="Odd answers", changed_at=now)
    response = as_user(lead).get(PAGE)
    assert line_of(response, "order_status").stopped == "breaker open"
    assert line_of(response, "refund_status").stopped == "in quarantine"
    assert line_of(response, "how_to").stopped == ""
    assert "All automation is stopped: <bdi>Odd answers</bdi>" in words_of(response)


def test_agents_do_not_see_it(starter, agent):
    assert as_user(agent).get(PAGE).status_code == 403


def test_without_a_policy_the_page_says_so(db, lead):
    assert "No policy is in force" in words_of(as_user(lead).get(PAGE))


def test_it_costs_the_same_for_few_and_for_many_tickets(reviewed, lead):
    client = as_user(lead)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(PAGE).status_code == 200
        return len(queries)

    reviewed(right=1)
    client.get(PAGE)
    few = cost()
    reviewed(right=8)
    assert cost() <= few
    assert few <= 40


def test_the_curve_counts_from_the_surest_row_on():
    known = Known(
        {"a": [(0.9, False), (0.7, True)], "b": [(0.8, False)]},
        [(0.9, False), (0.7, True), (0.8, False), (0.3, True)],
    )
    chart = risk_curve(known)
    assert [row[:3] for row in chart.rows] == [
        ("0.9", "1", "0"),
        ("0.8", "2", "0"),
        ("0.7", "3", "1"),
    ]
    assert [x for x, _ in chart.series[1].points] == [0.25, 0.5, 0.75]
    assert reliability(known).rows == [
        ("30.0%", "0.0%", "1"),
        ("70.0%", "0.0%", "1"),
        ("80.0%", "100.0%", "1"),
        ("90.0%", "100.0%", "1"),
    ]
