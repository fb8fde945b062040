"""What a customer does, in whichever state the ticket is."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from tickets.codes import TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.locks import NotPossible
from tickets.models import ApiKey, Outbox, Ticket
from tickets.pipeline import catch_up
from tickets.tests.arriving import DAY, HOUR, NOW, arrive, kinds_of, stored
from tickets.tests.factories import TicketFactory

LATER = NOW + HOUR
PROBLEM, THANKS = "It has still not arrived.", "Thank you, that helped!"


def in_state(status: str, by_agent: Actor) -> Ticket:
    """A ticket that came into its state by the usual way."""
    if status == "received":
        return TicketFactory(created_at=NOW)
    ticket = arrive()
    assert ticket.status == "answered"
    if status in {"open", "waiting"}:
        customer_actions.not_helped(ticket.pk, now=NOW)
    if status == "waiting":
        agent_actions.agent_reply(ticket.pk, "It is on its way.", actor=by_agent, now=NOW)
    ways = {
        "resolved": agent_actions.resolve,
        "closed": agent_actions.close,
        "spam": agent_actions.mark_spam,
    }
    if status in ways:
        ways[status](ticket.pk, actor=by_agent, now=NOW)
    ticket.refresh_from_db()
    assert ticket.status == status
    return ticket


ACTIONS = {
    "reply": lambda pk: customer_actions.customer_reply(pk, PROBLEM, now=LATER),
    "thanks": lambda pk: customer_actions.customer_reply(pk, THANKS, now=LATER),
    "not_helped": lambda pk: customer_actions.not_helped(pk, now=LATER),
    "person": lambda pk: customer_actions.talk_to_person(pk, now=LATER),
    "helped": lambda pk: customer_actions.helped(pk, now=LATER),
    "rate": lambda pk: customer_actions.rate(pk, 4, now=LATER),
}
# status -> action -> (status after, rounds more). What is not named leaves the ticket as it was.
CHANGES = {
    "received": {"person": ("open", 0)},
    "open": {},
    "waiting": {
        "reply": ("open", 0),
        "not_helped": ("open", 0),
        "person": ("open", 0),
        "helped": ("resolved", 0),
    },
    "answered": {
        "reply": ("open", 1),
        "not_helped": ("open", 1),
        "person": ("open", 1),
        "helped": ("resolved", 0),
    },
    "resolved": {"reply": ("open", 1), "not_helped": ("open", 1), "person": ("open", 1)},
    "closed": {"reply": ("open", 1), "not_helped": ("open", 1), "person": ("open", 1)},
    "spam": {},
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("status", CHANGES)
def test_each_action_in_each_state(automating, by_agent, status, action):
    ticket = in_state(status, by_agent)
    before, rows = ticket.round, stored()
    if status == "spam" and action in {"reply", "thanks"}:
        with pytest.raises(NotPossible):
            ACTIONS[action](ticket.pk)
    else:
        ACTIONS[action](ticket.pk)
    ticket.refresh_from_db()
    after, rounds = CHANGES[status].get(action, (status, 0))
    assert (ticket.status, ticket.round) == (after, before + rounds)
    if status == "spam":
        assert stored() == rows
        assert ticket.rating is None
    if rounds:
        decision = ticket.decisions.get(round=ticket.round)
        assert "guard:reopened" in decision.reasons
        assert (ticket.reasons, ticket.resolved_at) == (decision.reasons, None)
        assert kinds_of(ticket)[-2:] == ["ticket.reopened", "decision.escalated"]


@pytest.mark.parametrize("status", sorted(set(CHANGES) - {"spam"}))
def test_what_the_customer_wrote_is_always_kept(automating, by_agent, status):
    ticket = in_state(status, by_agent)
    number = ticket.message_count + 1
    message = customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER)
    ticket.refresh_from_db()
    assert (message.ticket, message.number, message.author) == (ticket, number, "customer")
    assert (ticket.message_count, ticket.last_customer_at) == (number, LATER)
    assert "message.customer" in kinds_of(ticket)


def test_a_reply_after_an_automatic_answer_is_never_answered_by_a_machine(automating):
    ticket = arrive()
    customer_actions.customer_reply(ticket.pk, "Where is my order?", now=LATER)
    ticket.refresh_from_db()
    assert ticket.messages.filter(author="machine").count() == 1
    assert (ticket.outcome, ticket.status) == ("escalate", "open")
    assert Outbox.objects.count() == 1  # the first answer: a new round is not confirmed by mail


def test_not_helped_says_so_on_the_ticket_and_in_its_timeline(automating):
    ticket = arrive()
    assert customer_actions.not_helped(ticket.pk, now=LATER) is True
    assert customer_actions.not_helped(ticket.pk, now=LATER) is False
    ticket.refresh_from_db()
    assert ticket.helped is False
    assert kinds_of(ticket)[3:] == ["feedback.not_helped", "ticket.reopened", "decision.escalated"]


def test_helped_resolves_and_keeps_when_it_first_was(automating):
    ticket = arrive()
    assert customer_actions.helped(ticket.pk, now=LATER) is True
    customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER + DAY)
    ticket.refresh_from_db()
    assert (ticket.helped, ticket.resolved_at, ticket.first_resolved_at) == (True, None, LATER)


def test_who_wants_a_person_before_any_decision_gets_one(automating):
    """Or the sweep might still let a machine answer."""
    ticket = TicketFactory(created_at=NOW)
    assert customer_actions.talk_to_person(ticket.pk, now=LATER) is True
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == ("open", 1)
    assert ticket.reasons == ["guard:asks_for_person"]
    assert catch_up.sweep(now=LATER + DAY) == 0


def test_a_rating_replaces_an_earlier_one_and_both_stand_in_the_timeline(automating):
    ticket = arrive()
    customer_actions.rate(ticket.pk, 2, now=LATER)
    customer_actions.rate(ticket.pk, 5, now=LATER + HOUR)
    ticket.refresh_from_db()
    assert ticket.rating == 5
    rated = ticket.events.filter(kind="feedback.rated").order_by("id")
    assert [event.data for event in rated] == [{"rating": 2}, {"rating": 5}]


@pytest.mark.parametrize("rating", [0, 6, -1])
def test_a_rating_out_of_range_changes_nothing(automating, rating):
    ticket = arrive()
    before = stored()
    with pytest.raises(IntegrityError), transaction.atomic():
        customer_actions.rate(ticket.pk, rating, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.rating, stored()) == (None, before)


def test_the_same_words_twice_behind_what_was_seen_are_a_double_click(automating):
    ticket = arrive()
    seen = ticket.message_count
    first = customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER, after=seen)
    assert customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER, after=seen) == first
    assert customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER) != first


def test_an_integration_that_passes_a_reply_on_stands_in_the_timeline(automating, issue_key):
    issue_key(name="crm")
    key = ApiKey.objects.get(name="crm")
    ticket = arrive()
    customer_actions.customer_reply(ticket.pk, PROBLEM, now=LATER, actor=Actor.integration(key))
    told = ticket.events.get(kind="message.customer")
    assert (told.actor_kind, told.api_key) == ("integration", key)


# --- Merged ---------------------------------------------------------------------------------------


@pytest.fixture
def chain(automating, by_agent):
    """A ticket that was merged into a second one, which was merged into a third, answered one."""
    first, second, third = arrive(), arrive(), arrive()
    agent_actions.merge(first.pk, second, actor=by_agent, now=NOW)
    agent_actions.merge(second.pk, third, actor=by_agent, now=NOW)
    third.refresh_from_db()
    assert third.status == "answered"
    return first, third


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("reply", "open"),
        ("thanks", "answered"),
        ("not_helped", "open"),
        ("person", "open"),
        ("helped", "resolved"),
        ("rate", "answered"),
    ],
)
def test_what_is_done_on_a_merged_ticket_reaches_the_one_that_goes_on(chain, action, status):
    merged, survivor = chain
    words = merged.messages.count()
    ACTIONS[action](merged.pk)
    merged.refresh_from_db(), survivor.refresh_from_db()
    assert (merged.status, merged.messages.count()) == ("merged", words)
    assert survivor.status == status
    assert merged.rating is None
    if action == "rate":
        assert survivor.rating == 4
    if status == "open":
        assert survivor.decisions.get(round=2).outcome == "escalate"


def test_a_reply_to_a_ticket_merged_into_spam_is_refused(chain, by_agent):
    merged, survivor = chain
    agent_actions.mark_spam(survivor.pk, actor=by_agent, now=NOW)
    before = stored()
    with pytest.raises(NotPossible):
        customer_actions.customer_reply(merged.pk, PROBLEM, now=LATER)
    assert stored() == before


# --- Silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("silent_for", "settled"),
    [(timedelta(days=7) - timedelta(microseconds=1), 0), (timedelta(days=7), 1)],
)
def test_seven_silent_days_resolve_an_automatic_answer(automating, settings, silent_for, settled):
    settings.SILENT_DAYS = 7
    ticket = arrive()
    assert customer_actions.settle_silent(now=NOW + silent_for) == settled
    ticket.refresh_from_db()
    assert ticket.status == ("resolved" if settled else "answered")
    assert (ticket.resolved_at is not None, ticket.helped) == (bool(settled), None)
    if settled:
        told = ticket.events.latest("id")
        assert (told.kind, told.actor_kind) == ("ticket.resolved", "machine")


@pytest.mark.parametrize("status", sorted(set(CHANGES) - {"answered"}))
def test_silence_settles_nothing_else(automating, by_agent, status):
    ticket = in_state(status, by_agent)
    before = stored()
    assert customer_actions.settle_silent(now=NOW + 30 * DAY) == 0
    ticket.refresh_from_db()
    assert (ticket.status, stored()) == (status, before)


def test_silence_is_settled_up_to_the_limit(automating):
    for number in range(3):
        arrive(email=f"p{number}@example.com")
    assert customer_actions.settle_silent(now=NOW + 8 * DAY, limit=2) == 2
    assert customer_actions.settle_silent(now=NOW + 8 * DAY, limit=2) == 1
    assert Ticket.objects.filter(status=TicketStatus.RESOLVED).count() == 3


def test_who_replies_in_the_last_moment_is_not_silenced(automating, monkeypatch):
    """The reply comes between looking for silent tickets and holding this one."""
    ticket = arrive()
    held = customer_actions.held

    def late(pk):
        monkeypatch.setattr(customer_actions, "held", held)
        customer_actions.customer_reply(pk, PROBLEM, now=NOW + 8 * DAY)
        return held(pk)

    monkeypatch.setattr(customer_actions, "held", late)
    assert customer_actions.settle_silent(now=NOW + 8 * DAY) == 0
    ticket.refresh_from_db()
    assert ticket.status == "open"


def test_an_answer_that_reached_nobody_goes_to_a_person(automating):
    ticket = arrive()
    assert customer_actions.answer_undelivered(ticket.pk, now=LATER) is True
    assert customer_actions.answer_undelivered(ticket.pk, now=LATER) is False
    ticket.refresh_from_db()
    assert (ticket.status, ticket.helped) == ("open", None)
    reopened = ticket.events.get(kind="ticket.reopened")
    assert (reopened.actor_kind, reopened.data) == (
        "machine",
        {"status": "answered", "undelivered": True},
    )


@pytest.mark.parametrize("answer", ["Okay, thank you", "Thanks a lot", "Perfect, thanks!"])
def test_thanks_for_a_question_are_an_answer_to_it(automating, by_agent, answer):
    ticket = in_state("open", by_agent)
    agent_actions.agent_reply(ticket.pk, "Shall I send a new one?", actor=by_agent, now=NOW)
    customer_actions.customer_reply(ticket.pk, answer, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == ("open", 2)


def test_an_internal_note_asks_the_customer_nothing(automating, by_agent):
    ticket = in_state("waiting", by_agent)
    agent_actions.add_note(ticket.pk, "Does he mean it?", actor=by_agent, now=NOW)
    customer_actions.customer_reply(ticket.pk, THANKS, now=LATER)
    ticket.refresh_from_db()
    assert ticket.status == "waiting"


def test_yes_is_more_than_thanks(automating, by_agent):
    ticket = in_state("waiting", by_agent)
    customer_actions.customer_reply(ticket.pk, "Yes, thank you", now=LATER)
    ticket.refresh_from_db()
    assert ticket.status == "open"


def test_a_double_click_on_a_merged_tickets_page_counts_once(chain):
    merged, survivor = chain
    seen = merged.messages.count()
    for seconds in (0, 1):
        at = LATER + timedelta(seconds=seconds)
        customer_actions.customer_reply(merged.pk, PROBLEM, now=at, after=seen)
    assert survivor.messages.filter(body=PROBLEM).count() == 1
    customer_actions.customer_reply(merged.pk, PROBLEM, now=LATER + HOUR, after=seen)
    assert survivor.messages.filter(body=PROBLEM).count() == 2
