"""Old tickets predicted again: new predictions, never a new decision in a decided round."""

import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from classification.models import Prediction
from decisions.models import Decision
from tickets.data import reclassify
from tickets.data.reclassify import Flip, batches, remaining
from tickets.desk import agent_actions, customer_actions
from tickets.models import Outbox, Ticket
from tickets.tests.arriving import DAY, HOUR, NOW, arrive, kinds_of, stored
from tickets.tests.factories import TicketFactory

LATER = NOW + DAY


def run(**options) -> list[reclassify.Batch]:
    return list(batches(now=LATER, **options))


def rows() -> list:
    """Everything that reclassify could touch, as it stands."""
    models = (Ticket, Prediction, Decision, Outbox)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.fixture
def waiting(automating) -> Ticket:
    """A refund request that waits for a person; from now on the classifier sees praise."""
    automating("refund_request")
    ticket = arrive()
    automating("praise", confidence=0.55, version="scripted-2")
    return ticket


# --- What changes ---------------------------------------------------------------------------------


def test_an_open_ticket_gets_the_new_intent_and_an_event(waiting):
    (batch,) = run()
    flip = Flip(waiting.reference, "refund_request", "praise", changes_ticket=True)
    assert (batch.tickets, batch.decided, batch.failed, batch.flips) == (1, 0, 0, (flip,))
    waiting.refresh_from_db()
    assert (waiting.intent, waiting.confidence) == ("praise", 0.55)
    told = waiting.events.latest("id")
    assert (told.kind, told.actor_kind) == ("ticket.reclassified", "machine")
    assert told.data == {
        "before": "refund_request",
        "after": "praise",
        "classifier": "scripted-2",
    }


def test_nothing_is_decided_or_answered_again(waiting):
    before = (Decision.objects.count(), Outbox.objects.count())
    run()
    waiting.refresh_from_db()
    assert (Decision.objects.count(), Outbox.objects.count()) == before
    assert (waiting.status, waiting.outcome) == ("open", "escalate")
    assert (waiting.queue.slug, waiting.priority) == ("billing", "high")
    assert waiting.updated_at == NOW


def test_every_ticket_gets_a_new_prediction_and_keeps_the_old_ones(waiting):
    run()
    predictions = waiting.predictions.order_by("id")
    assert [p.classifier for p in predictions] == ["scripted-1", "scripted-2"]
    assert predictions[1].at == LATER


def test_a_ticket_may_lose_its_intent(waiting, automating):
    automating(None)
    run()
    waiting.refresh_from_db()
    assert (waiting.intent, waiting.no_intent) == (None, "out_of_scope")


def test_the_same_answer_again_is_no_flip_and_no_event(waiting, automating):
    automating("refund_request")
    before = kinds_of(waiting)
    (batch,) = run()
    assert (batch.flips, kinds_of(waiting)) == ((), before)
    assert waiting.predictions.count() == 2


# --- What stays -----------------------------------------------------------------------------------

ENDINGS = {
    "answered": lambda pk, by: None,
    "resolved": lambda pk, by: agent_actions.resolve(pk, actor=by, now=NOW),
    "closed": lambda pk, by: agent_actions.close(pk, actor=by, now=NOW),
    "spam": lambda pk, by: agent_actions.mark_spam(pk, actor=by, now=NOW),
    "waiting": lambda pk, by: agent_actions.agent_reply(pk, "Which one?", actor=by, now=NOW),
}


@pytest.mark.parametrize("status", ENDINGS)
def test_a_ticket_that_is_not_open_keeps_its_intent(automating, by_agent, status):
    ticket = arrive()
    ENDINGS[status](ticket.pk, by_agent)
    ticket.refresh_from_db()
    assert ticket.status == status
    automating("praise")
    before = Ticket.objects.filter(pk=ticket.pk).values().get()
    (batch,) = run()
    assert [flip.changes_ticket for flip in batch.flips] == [False]
    assert Ticket.objects.filter(pk=ticket.pk).values().get() == before
    assert ticket.predictions.count() == 2
    assert "ticket.reclassified" not in kinds_of(ticket)


def test_what_a_person_said_stays(waiting, by_agent):
    agent_actions.correct_intent(waiting.pk, "complaint", actor=by_agent, now=NOW)
    (batch,) = run()
    waiting.refresh_from_db()
    assert (waiting.intent, batch.flips) == ("complaint", ())


def test_a_ticket_that_a_person_answered_keeps_its_intent_though_it_is_open(waiting, by_agent):
    agent_actions.agent_reply(waiting.pk, "Which order?", actor=by_agent, now=NOW)
    customer_actions.customer_reply(waiting.pk, "Number 4.", now=NOW + HOUR)
    (batch,) = run()
    waiting.refresh_from_db()
    assert (waiting.status, waiting.intent) == ("open", "refund_request")
    assert [flip.changes_ticket for flip in batch.flips] == [False]


def test_what_a_person_does_while_the_classifier_thinks_stays(waiting, by_agent, monkeypatch):
    ask = reclassify.ask.ask_many

    def slow(messages):
        agent_actions.correct_intent(waiting.pk, "complaint", actor=by_agent, now=NOW)
        return ask(messages)

    monkeypatch.setattr(reclassify.ask, "ask_many", slow)
    run()
    waiting.refresh_from_db()
    assert (waiting.intent, waiting.intent_corrected) == ("complaint", True)


def test_a_classifier_that_fails_changes_nothing_and_is_counted(waiting, automating):
    automating(raises=RuntimeError("broken"))
    before = rows()
    (batch,) = run()
    assert (batch.failed, batch.flips, rows()) == (1, (), before)


def test_erased_words_are_not_predicted(waiting):
    waiting.messages.update(erased_at=NOW, body="")
    before = rows()
    assert (run(), rows()) == ([], before)


# --- Undecided ------------------------------------------------------------------------------------


def test_a_ticket_that_nobody_decided_is_decided(automating):
    left = TicketFactory(created_at=NOW)
    (batch,) = run()
    left.refresh_from_db()
    assert (batch.decided, left.status, left.decisions.count()) == (1, "answered", 1)


# --- Dry run, places and batches ------------------------------------------------------------------


def test_a_dry_run_tells_all_and_writes_nothing(waiting):
    TicketFactory(created_at=NOW)
    before, counts = rows(), stored()
    (batch,) = run(dry_run=True)
    assert {flip.after for flip in batch.flips} == {"praise"}
    assert (batch.tickets, batch.decided) == (2, 0)
    assert (rows(), stored()) == (before, counts)


def test_batches_follow_the_ids_and_end(waiting):
    tickets = [waiting, *(arrive(email=f"p{n}@example.com") for n in range(4))]
    made = run(size=2)
    assert [batch.tickets for batch in made] == [2, 2, 1]
    assert [batch.last_id for batch in made] == [tickets[1].pk, tickets[3].pk, tickets[4].pk]


def test_it_goes_on_behind_a_place(waiting):
    later = arrive(email="bob@example.com")
    assert remaining(since=None, after_id=waiting.pk) == 1
    run(after_id=waiting.pk)
    assert waiting.predictions.count() == 1
    assert later.predictions.count() == 2


def test_since_takes_tickets_from_that_moment_on(waiting):
    arrive(email="old@example.com", now=NOW - timedelta(microseconds=1))
    assert remaining(since=NOW, after_id=0) == 1
    (batch,) = run(since=NOW)
    assert batch.last_id == waiting.pk


def test_each_batch_is_stored_before_the_next_begins(waiting):
    """Whoever stops it loses at most the batch under way."""
    arrive(email="bob@example.com")
    steps = batches(now=LATER, size=1)
    next(steps)
    waiting.refresh_from_db()
    assert waiting.intent == "praise"
    assert Ticket.objects.latest("id").predictions.count() == 1


def test_a_batch_costs_a_fixed_number_of_queries_and_one_more_for_each_flip(automating):
    def cost(tickets: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            (batch,) = run(size=100)
        assert (batch.tickets, len(batch.flips)) == (tickets, tickets)
        return len(queries)

    automating("refund_request")
    for n in range(5):
        arrive(email=f"p{n}@example.com")
    automating("complaint")
    five = cost(5)
    for n in range(10):
        arrive(email=f"q{n}@example.com")
    automating("refund_request")
    assert cost(15) - five == 10


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_tickets(automating):
    said = automating("refund_request")
    for _ in range(160):
        TicketFactory(decided=True, created_at=NOW, message="x" * 20_000)
    peaks = []
    tracemalloc.start()
    for _ in batches(now=LATER, size=20):
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        said.asked.clear()  # the classifier of the tests remembers what it was asked
    tracemalloc.stop()
    assert len(peaks) == 8
    assert max(peaks[1:]) < 1.3 * peaks[1]
