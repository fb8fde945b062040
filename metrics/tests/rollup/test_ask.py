"""Counting on a history made by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from decisions.models import Review
from decisions.reviews import answers
from decisions.reviews.answers import Answer
from decisions.tests.factories import CertificateFactory
from metrics.rollup import ask, roll_up
from tickets.codes import Channel, ReviewVerdict
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import ServiceLevel, Target, Ticket
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.factories import TicketFactory

DAY_0 = datetime(2026, 3, 2, 10, tzinfo=UTC)  # a Monday
NOW = DAY_0 + timedelta(days=10)


def arrive(says, intent, *, email, day=0.0, certified=True):
    at = DAY_0 + timedelta(days=day)
    says(intent, version="scripted-1" if certified else "scripted-2")
    inquiry = Inquiry(name="Ann", email=email, message="Hello there", channel=Channel.FORM)
    return receive(inquiry, now=at).ticket


@pytest.fixture
def certificate(starter):
    return CertificateFactory(intents=["order_status", "return_exchange"])


@pytest.fixture
def history(certificate, says, agent):
    """Seven tickets on the first day, one of them spam, and one after seven days.

    automatic answers: durable (helped), came back (reopened), wrote again about the same,
    said nothing. People: refund answered and resolved, out of scope. Spam counts nowhere.
    """
    durable = arrive(says, "order_status", email="durable@example.com")
    customer_actions.helped(durable.pk, now=DAY_0 + timedelta(hours=1))
    customer_actions.rate(durable.pk, 5, now=DAY_0 + timedelta(hours=1))
    back = arrive(says, "order_status", email="back@example.com")
    customer_actions.not_helped(back.pk, now=DAY_0 + timedelta(hours=2))
    arrive(says, "return_exchange", email="again@example.com")
    arrive(says, "return_exchange", email="silent@example.com")
    refund = arrive(says, "refund_request", email="refund@example.com")
    actor = Actor.person(agent)
    agent_actions.agent_reply(refund.pk, "Done.", actor=actor, now=DAY_0 + timedelta(hours=3))
    agent_actions.resolve(refund.pk, actor=actor, now=DAY_0 + timedelta(hours=4))
    customer_actions.rate(refund.pk, 2, now=DAY_0 + timedelta(hours=5))
    arrive(says, None, email="chatter@example.com")
    spam = arrive(says, None, email="spam@example.com")
    agent_actions.mark_spam(spam.pk, actor=actor, now=DAY_0 + timedelta(hours=1))
    arrive(says, "return_exchange", email="again@example.com", day=6.5)


def test_counts_of_a_history_worked_out_by_hand(history):
    counts = ask.period(DAY_0 - timedelta(days=1), NOW, NOW).counts
    # 8 tickets less the spam; automatic: durable, again (twice), silent; back was reopened
    assert counts.tickets == 7
    assert counts.automated == 4
    assert counts.confirmed == 1
    # six of the seven are at least 7 days old; of these automatic and quiet: durable and silent,
    # since `again` wrote again 6.5 days later about the same
    assert counts.mature == 6
    assert counts.durable == 2
    # decisions of the first round: 5 automatic (with back), 2 to a person
    assert (counts.permitted, counts.escalated) == (5, 2)
    assert (counts.predicted, counts.abstained) == (7, 1)
    # answered automatically or resolved by a person: 5 and 1
    assert (counts.concluded_automated, counts.concluded_human) == (5, 1)
    assert (counts.reopened_automated, counts.reopened_human) == (1, 0)
    assert (counts.rated_automated, counts.satisfied_automated) == (1, 1)
    assert (counts.rated_human, counts.satisfied_human) == (1, 0)
    assert (counts.judged, counts.overridden) == (0, 0)


def test_a_period_holds_its_start_and_not_its_end(history):
    at = Ticket.objects.order_by("created_at").values_list("created_at", flat=True)[0]
    assert ask.period(at, at + timedelta(seconds=1), NOW).counts.tickets == 6
    assert ask.period(at - timedelta(seconds=1), at, NOW).counts.tickets == 0


def test_reasons_sum_to_the_escalated_tickets(history):
    found = ask.reasons_of(ask.period(DAY_0 - timedelta(days=1), NOW))
    assert found == [("guard:risk_class", 1), ("no_intent:out_of_scope", 1)]


def test_by_intent_names_the_most_frequent_first(history):
    found = ask.by_intent(DAY_0 - timedelta(days=1), NOW)
    assert [(row["intent"], row["tickets"], row["automated"]) for row in found] == [
        ("return_exchange", 3, 3),
        ("order_status", 2, 1),
        (None, 1, 0),
        ("refund_request", 1, 0),
    ]


def test_an_explicit_correction_is_a_review_and_unsays_durability(history, agent):
    ticket = Ticket.objects.get(requester__email="silent@example.com")
    agent_actions.correct_intent(
        ticket.pk,
        "refund_status",
        actor=Actor.person(agent),
        now=DAY_0 + timedelta(days=5),
        machine_was_wrong=True,
    )
    counts = ask.period(DAY_0 - timedelta(days=1), NOW, NOW).counts
    assert (counts.judged, counts.overridden, counts.durable) == (1, 1, 1)


def test_what_is_said_of_an_answer_that_held_changes_its_cohort_no_more(history, agent):
    ticket = Ticket.objects.get(requester__email="silent@example.com")
    agent_actions.correct_intent(
        ticket.pk,
        "refund_status",
        actor=Actor.person(agent),
        now=NOW - timedelta(days=1),
        machine_was_wrong=True,
    )
    counts = ask.period(DAY_0 - timedelta(days=1), NOW, NOW).counts
    assert (counts.judged, counts.overridden, counts.durable) == (1, 1, 2)


def test_figures_cost_the_same_number_of_queries_for_any_history(
    history, django_assert_max_num_queries
):
    with django_assert_max_num_queries(22):
        ask.figures(DAY_0 - timedelta(days=1), NOW, NOW)


def test_times_of_a_history_worked_out_by_hand(history):
    found = ask.figures(DAY_0 - timedelta(days=1), NOW, NOW)
    # A person had: refund (answered after 3 h, resolved after 4), chatter (waits ten days), back
    # (waits ten days since it came). Of three one ended: a third, so no median.
    answered = found["first_response_median"]
    assert (answered["value"], answered["numerator"], answered["denominator"]) == (None, 1, 3)
    oldest = found["first_response_oldest"]
    assert (oldest["value"], oldest["numerator"]) == (10 * 86_400.0, 2)
    assert found["automatic_response_median"]["numerator"] == 5
    assert found["decision_time_median"]["value"] == 0.0
    assert found["classifier_failure_rate"]["denominator"] == 7


def test_a_blind_review_judges_an_automatic_answer(certificate, says, lead, settings):
    settings.REVIEW_RATE = 1.0
    says("order_status")
    receive(Inquiry(name="A", email="a@example.com", message="Hi", channel=Channel.FORM), now=DAY_0)
    review = Review.objects.get()
    until = DAY_0 + timedelta(days=1)
    waiting = ask.figures(DAY_0, until, until)
    assert waiting["wrong_automation_rate"]["denominator"] == 0
    given = Answer(verdict=ReviewVerdict.NONE)
    answers.answer(review.pk, lead, given, may_settle=True, now=DAY_0)
    # The reviewer differs from the machine, so a second person is asked and nothing is settled.
    assert ask.period(DAY_0, until, until).counts.judged == 0
    Review.objects.filter(part="second").update(
        reviewer=lead, answered_at=DAY_0, verdict=ReviewVerdict.NONE
    )
    found = ask.figures(DAY_0, until, until)
    assert found["wrong_automation_rate"]["value"] == 1.0
    assert (found["override_rate"]["numerator"], found["override_rate"]["denominator"]) == (1, 1)


def test_targets_count_by_the_hour_in_which_they_fall_due(db):
    level = ServiceLevel.objects.create(name="All", first_response_minutes=60)
    promised = {"kind": "first_response", "service_level": level, "promised_minutes": 60}
    for minutes, met, missed in ((70, True, False), (80, False, True), (90, False, False)):
        ticket = TicketFactory(created_at=DAY_0, decided=True)
        due = DAY_0 + timedelta(minutes=minutes)
        Target.objects.create(
            ticket=ticket,
            started_at=DAY_0,
            due_at=due,
            warn_at=due,
            met_at=DAY_0 if met else None,
            breached_at=due if missed else None,
            **promised,
        )
    now = DAY_0 + timedelta(hours=5)
    for _ in range(2):  # on the spot, and counted
        within = ask.figures(DAY_0 + timedelta(hours=1), now, now)
        rate = within["breach_rate_first_response"]
        # The ticket came in before the period; its targets fall due in it. One still runs.
        assert (rate["numerator"], rate["denominator"]) == (1, 2)
        before = ask.figures(DAY_0, DAY_0 + timedelta(hours=1), now)
        assert before["breach_rate_first_response"]["denominator"] == 0
        roll_up.roll_up(now)
