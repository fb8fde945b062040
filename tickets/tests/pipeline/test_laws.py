"""The laws of the pipeline: nothing is lost, every failure leads to a person, nothing is decided
twice, a person is never overturned, a stop works at once."""

import json
import logging
import math
import threading
from collections.abc import Collection
from dataclasses import replace

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from classification import services as classification
from classification.contract import Prediction
from decisions.models import Decision
from decisions.stops import kill_switch
from supportops.tests import clean_slate
from tickets.codes import AuditKind, NoIntent, OutboxKind, Outcome, TicketStatus
from tickets.data import reclassify
from tickets.desk import agent_actions, customer_actions
from tickets.history import verify
from tickets.models import AuditRecord, Outbox, Ticket
from tickets.pipeline import ask, catch_up, decide
from tickets.tests.arriving import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    arrive,
    in_threads,
    kinds_of,
    stored,
)
from tickets.tests.factories import TicketFactory
from tickets.tests.tracing import failing, functions_run_by

FAILED = ["processing_failed"]

# --- Nothing is lost ------------------------------------------------------------------------------

# Where these fail, history or the inquiry itself cannot be written, or the two functions that catch
# what others throw are gone. Nobody is told that anything was stored then.
STORING = (
    "tickets.history.record:",
    "tickets.pipeline.receive:",
    "tickets.pipeline.inquiry:",
    "tickets.pipeline.idempotency:",
    "tickets.pipeline.catch_up:",
    "tickets.locks:",
    "tickets.desk.customer_actions:",
    "tickets.models.sql:",
)
STORING_TOO = {
    "decisions.deciding.decide:audit_data",
    "tickets.pipeline.decide:audit_entry",
    "tickets.pipeline.ask:ask",
    "tickets.pipeline.decide:decide",
    "tickets.pipeline.ask:takes_its_time",
    "classification.remote.second_key:is_on",
    "tickets.models.ticket:new_nonce",
    "tickets.references:new_reference",
    "tickets.models.history:HistoryModel.save",
}
# Where these fail, nobody notices: they make things sooner, or speak of something else.
IDLE = {"tickets.history.nudge:worker", "tickets.history.nudge:by_nobody"}


def may_refuse(name: str) -> bool:
    return name.startswith(STORING) or name in STORING_TOO


def with_a_person(ticket: Ticket, *, round: int = 1) -> str | None:
    """What is wrong with a ticket whose processing failed; None when a person has it, on record."""
    ticket.refresh_from_db()
    decision = ticket.decisions.filter(round=round).first()
    if decision is None:
        return "no decision"
    if (ticket.status, ticket.outcome) != (TicketStatus.OPEN, Outcome.ESCALATE):
        return f"{ticket.status}, {ticket.outcome}"
    if not ticket.reasons or ticket.reasons != decision.reasons or "permitted" in ticket.reasons:
        return f"reasons {ticket.reasons}, decided {decision.reasons}"
    if kinds_of(ticket)[-1] != "decision.escalated":
        return f"history {kinds_of(ticket)}"
    if ticket.messages.filter(author="machine").exists():
        return "a machine answered"
    on_record = AuditRecord.objects.filter(
        kind=AuditKind.DECISION, subject=f"ticket:{ticket.pk}"
    ).last()
    if on_record is None or json.loads(on_record.body)["data"]["decision"] != decision.pk:
        return "no audit record"
    return None if verify.verify().is_sound else "the chain is broken"


def what_went_wrong(
    name: str, error: Exception, work, check, storing: Collection[str]
) -> str | None:
    """How the work breaks the law when this function fails; None when it does not."""
    before = stored()
    with failing(name, error) as calls:
        try:
            with transaction.atomic():
                made = work()
        except type(error):
            made = None
    if not calls or name in IDLE:
        return None
    if made is not None:
        return check(made)
    if not (isinstance(error, OperationalError) or may_refuse(name) or name in storing):
        return "nothing was acknowledged"
    return None if stored() == before else "half of it was stored"


def lawbreakers(
    error: Exception, work, check, storing: Collection[str] = ()
) -> tuple[int, dict[str, str]]:
    """Let each function that the work runs through fail in turn: how many, and which break the law.

    Everything is rolled back each time. `storing` names what this work needs to store anything.
    """
    clean_slate.forget_policy()
    cold = rolled_back(lambda: functions_run_by(work))
    warm = rolled_back(lambda: functions_run_by(work))
    found = {}
    for name in cold:
        if name not in warm:
            clean_slate.forget_policy()  # runs only when the policy is read
        problem = rolled_back(lambda name=name: what_went_wrong(name, error, work, check, storing))
        if problem:
            found[name] = problem
    return len(cold), found


def rolled_back(work):
    with transaction.atomic():
        made = work()
        transaction.set_rollback(True)
    return made


@pytest.fixture
def quiet():
    """Hundreds of tracebacks that somebody asked for; pytest would keep them all."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("answered", RuntimeError("broken")),
        ("answered", OperationalError("disk full")),
        ("escalated", KeyError("broken")),
        ("keywords", RuntimeError("broken")),
    ],
)
def test_whatever_fails_an_inquiry_ends_with_a_person(
    starter, request, case, error, quiet, settings
):
    """Each function that a receipt runs through is made to fail in turn."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1  # every ticket is drawn for review
    if case != "keywords":
        says = request.getfixturevalue("automating")
        says("order_status" if case == "answered" else "refund_request")

    def check(ticket: Ticket) -> str | None:
        first = kinds_of(ticket)[0]
        return with_a_person(ticket) if first == "ticket.received" else f"history begins {first}"

    tried, found = lawbreakers(error, lambda: arrive(idempotency_key="k"), check)
    assert found == {}
    assert tried > 120


@pytest.mark.slow
@pytest.mark.parametrize("action", ["reply", "not_helped", "person"])
def test_whatever_fails_a_reopened_ticket_goes_to_a_person(automating, quiet, action):
    ticket = arrive()
    assert ticket.status == TicketStatus.ANSWERED
    work = {
        "reply": lambda: customer_actions.customer_reply(
            ticket.pk, "It is still not here", now=NOW
        ),
        "not_helped": lambda: customer_actions.not_helped(ticket.pk, now=NOW),
        "person": lambda: customer_actions.talk_to_person(ticket.pk, now=NOW),
    }[action]

    def check(made) -> str | None:
        ticket.refresh_from_db()
        decision = ticket.decisions.get(round=2)
        reopened = kinds_of(ticket)[-2:] == ["ticket.reopened", "decision.escalated"]
        if (ticket.status, ticket.round, ticket.reasons) != (
            TicketStatus.OPEN,
            2,
            decision.reasons,
        ):
            return f"{ticket.status}, round {ticket.round}, {ticket.reasons}"
        return None if reopened and verify.verify().is_sound else f"history {kinds_of(ticket)}"

    storing = {
        "tickets.pipeline.messages:add_message",
        "tickets.pipeline.messages:index_if_possible",
        "tickets.desk.thanks:is_only_thanks",
        "tickets.desk.thanks:_without_name",
    }
    tried, found = lawbreakers(RuntimeError("broken"), work, check, storing)
    assert found == {}
    assert tried > 80


@pytest.mark.slow
def test_whatever_fails_while_finishing_leaves_the_ticket_for_the_next_sweep(automating, quiet):
    left = TicketFactory(created_at=NOW - HOUR)

    def check(decided: int) -> str | None:
        if decided:
            return with_a_person(left)
        left.refresh_from_db()
        untouched = left.status == TicketStatus.RECEIVED and not left.decisions.exists()
        return None if untouched and catch_up.sweep(now=NOW) == 1 else "half of it was stored"

    storing = {"tickets.models.ticket:TicketQuerySet.undecided"}
    error, work = RuntimeError("broken"), lambda: catch_up.sweep(now=NOW)
    tried, found = lawbreakers(error, work, check, storing)
    assert found == {}
    assert tried > 80
    assert catch_up.sweep(now=NOW) == 1


def test_a_nudge_that_fails_loses_nothing(
    automating, monkeypatch, django_capture_on_commit_callbacks
):
    def fail():
        raise RuntimeError("no worker, no socket")

    monkeypatch.setattr("tickets.history.nudge.worker", fail)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        ticket = arrive()
    assert (ticket.status, len(callbacks)) == (TicketStatus.ANSWERED, 1)


# --- The classifier: missing, raising, talking nonsense -------------------------------------------

GOOD = Prediction(
    intent="order_status",
    reason=None,
    confidence=0.97,
    best_guess="order_status",
    runner_up="delivery_problem",
    margin=0.9,
    alternatives=(("order_status", 0.97), ("delivery_problem", 0.02)),
    language="en",
    parts=1,
)
NOT_NUMBERS = [None, "0.97", True, math.nan, math.inf, -math.inf, [], {}, 0.97j]


class Saying:
    """A classifier that answers with whatever it was given."""

    version, classes_ = "scripted-1", ("order_status",)

    def __init__(self, answer):
        self.answer = answer

    def predict(self, texts):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def answering(automating, monkeypatch):
    """Makes the classifier answer with something, whatever it is."""

    def answer(said, *, version="scripted-1"):
        classifier = Saying(said)
        classifier.version = version
        serving = classification._Serving(
            classifier=classifier, risks={"order_status": "open", "refund_request": None}
        )
        monkeypatch.setattr(classification, "_current", lambda: serving)

    return answer


def test_the_good_answer_of_these_tests_is_one_that_automates(answering):
    answering([GOOD])
    assert arrive().status == TicketStatus.ANSWERED


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        [None],
        [GOOD, GOOD],
        "x",
        ["order_status"],
        [("order_status", 0.97)],
        [{"intent": "order_status", "confidence": 0.97}],
        {0: GOOD},
        0,
        iter([GOOD]),
        RuntimeError("out of memory"),
        RecursionError(),
        MemoryError(),
        OperationalError("database is locked"),
        *[[replace(GOOD, confidence=value)] for value in [*NOT_NUMBERS, 0, 0.0, -0.5, 1.5, 97]],
        *[[replace(GOOD, margin=value)] for value in [*NOT_NUMBERS, -0.1, 1.1]],
        [replace(GOOD, intent="no_such_intent", best_guess="no_such_intent")],
        [replace(GOOD, intent=["order_status"])],
        [replace(GOOD, intent=0)],
        [replace(GOOD, intent="")],
        [replace(GOOD, best_guess="refund_request")],
        [replace(GOOD, best_guess=None)],
        [replace(GOOD, reason=NoIntent.AMBIGUOUS)],
        [replace(GOOD, intent=None)],
        [replace(GOOD, intent=None, reason="ambiguous")],
        [replace(GOOD, intent=None, reason="no such reason")],
        [replace(GOOD, runner_up=3)],
        [replace(GOOD, language=b"en")],
        [replace(GOOD, alternatives=None)],
        [replace(GOOD, alternatives=("order_status", 0.97))],
        [replace(GOOD, alternatives=((0.97, "order_status"),))],
        [replace(GOOD, alternatives=(("order_status", math.nan),))],
    ],
    ids=lambda said: repr(said).partition(" at 0x")[0],
)
def test_whatever_the_classifier_answers_a_person_gets_the_ticket(answering, said):
    answering(said)
    ticket = arrive()
    assert with_a_person(ticket) is None
    assert "guard:classifier_failed" in ticket.reasons
    assert ticket.intent is None
    assert ticket.predictions.get().failure


def test_without_any_classifier_a_person_gets_the_ticket(automating, monkeypatch):
    monkeypatch.setattr(classification, "_current", lambda: classification._Serving())
    ticket = arrive()
    assert with_a_person(ticket) is None
    assert ticket.predictions.get().failure == "no_classifier"


def test_a_version_that_no_column_holds_still_leads_to_a_person(answering):
    answering([GOOD], version="x" * 10_000)
    assert with_a_person(arrive()) is None


def test_one_bad_answer_in_a_batch_spoils_no_other(answering):
    answering([GOOD, None, replace(GOOD, confidence=math.nan), GOOD])
    failures = [answer.failure for answer in classification.predict_many(["a", "b", "c", "d"])]
    assert failures == [None, "no_prediction", "confidence_invalid", None]


def test_without_a_policy_everything_goes_to_a_person(says):
    says("order_status")
    ticket = arrive()
    assert (ticket.status, ticket.reasons) == (TicketStatus.OPEN, FAILED)
    assert with_a_person(ticket) is None


def test_what_a_failed_attempt_left_in_memory_is_not_saved(automating, monkeypatch):
    """The failure comes after the automatic reply was written and before the ticket was saved."""

    def fail(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(decide, "_note_decision", fail)
    ticket = arrive()
    ticket.refresh_from_db()
    assert (ticket.message_count, ticket.auto_replied_at) == (1, None)
    assert (ticket.intent, ticket.confidence) == (None, None)
    assert ticket.predictions.get().intent == "order_status"  # what was predicted stays on record
    assert [mail.kind for mail in Outbox.objects.all()] == [OutboxKind.CONFIRMATION]


# --- Nothing is decided twice ---------------------------------------------------------------------


def test_the_database_refuses_a_second_decision_of_a_round(automating):
    decision = arrive().decisions.get()
    decision.pk, decision._state.adding = None, True
    with pytest.raises(IntegrityError), transaction.atomic():
        decision.save()
    assert Decision.objects.count() == 1


def test_deciding_a_decided_round_again_changes_nothing(automating):
    ticket = arrive()
    before = stored()
    question = ask.ask("", "Where is my order?")
    with pytest.raises(IntegrityError), transaction.atomic():
        decide.decide(ticket, ticket.messages.get(number=1), question, now=NOW)
    assert stored() == before
    assert catch_up.finish(ticket.pk, now=NOW) is None
    assert stored() == before


def reclassify_all() -> None:
    for _ in reclassify.batches(now=NOW + HOUR, size=3):
        pass


@pytest.mark.django_db(transaction=True)
def test_many_workers_on_the_same_tickets_decide_each_round_once(automating):
    """`finish`, sweep, reclassify, replies and reopenings, all at once."""
    left = [TicketFactory(created_at=NOW - HOUR) for _ in range(6)]
    calls = [
        *[lambda pk=ticket.pk: catch_up.finish(pk, now=NOW) for ticket in left] * 2,
        *[lambda: catch_up.sweep(now=NOW)] * 2,
        *[reclassify_all] * 2,
        *[lambda pk=ticket.pk: customer_actions.not_helped(pk, now=NOW) for ticket in left],
        *[lambda pk=ticket.pk: customer_actions.talk_to_person(pk, now=NOW) for ticket in left],
        *[
            lambda pk=ticket.pk: customer_actions.customer_reply(pk, "Hello?", now=NOW)
            for ticket in left
        ],
    ]
    errors = [made for made in in_threads(calls) if isinstance(made, Exception)]
    assert errors == []
    catch_up.sweep(now=NOW + HOUR)
    for ticket in left:
        ticket.refresh_from_db()
        rounds = list(ticket.decisions.order_by("round").values_list("round", flat=True))
        assert rounds == list(range(1, ticket.round + 1))
        decided = [kind for kind in kinds_of(ticket) if kind.startswith("decision.")]
        assert len(decided) == ticket.round
        assert ticket.messages.filter(author="machine").count() <= 1
        numbers = list(ticket.messages.order_by("number").values_list("number", flat=True))
        assert numbers == list(range(1, ticket.message_count + 1))
    on_record = AuditRecord.objects.filter(kind=AuditKind.DECISION).count()
    assert on_record == Decision.objects.count()
    assert verify.verify().is_sound


@pytest.mark.django_db(transaction=True)
def test_a_hundred_times_not_helped_at_once_is_one_reopening(automating):
    ticket = arrive()
    reopened = in_threads([lambda: customer_actions.not_helped(ticket.pk, now=NOW + MINUTE)] * 100)
    assert sorted(reopened) == [False] * 99 + [True]
    ticket.refresh_from_db()
    assert (ticket.round, ticket.status, ticket.helped) == (2, TicketStatus.OPEN, False)
    assert kinds_of(ticket).count("ticket.reopened") == 1
    assert ticket.decisions.count() == 2


# --- A person is never overturned -----------------------------------------------------------------


def word_of(ticket: Ticket) -> tuple:
    ticket.refresh_from_db()
    return (
        ticket.intent,
        ticket.no_intent,
        ticket.confidence,
        ticket.outcome,
        ticket.messages.filter(author="machine").count(),
    )


def everything_automatic(ticket: Ticket, now) -> None:
    """Whatever runs by itself, and a customer who writes again."""
    reclassify_all()
    catch_up.finish(ticket.pk, now=now)
    catch_up.sweep(now=now)
    customer_actions.settle_silent(now=now + 30 * DAY)
    customer_actions.customer_reply(ticket.pk, "Where is my order now?", now=now)
    reclassify_all()
    customer_actions.not_helped(ticket.pk, now=now)
    customer_actions.answer_undelivered(ticket.pk, now=now)


@pytest.mark.parametrize("ends", ["stays", "resolved", "closed"])
@pytest.mark.parametrize("word", ["reply", "intent", "no intent"])
def test_after_a_persons_word_nothing_automatic_has_another(automating, by_agent, word, ends):
    automating("refund_request")
    ticket = arrive()
    if word == "reply":
        agent_actions.agent_reply(ticket.pk, "On its way.", actor=by_agent, now=NOW + MINUTE)
    else:
        said = "invoice_request" if word == "intent" else None
        agent_actions.correct_intent(ticket.pk, said, actor=by_agent, now=NOW + MINUTE)
    end = {"stays": None, "resolved": agent_actions.resolve, "closed": agent_actions.close}[ends]
    if end:
        end(ticket.pk, actor=by_agent, now=NOW + 2 * MINUTE)
    before = word_of(ticket)
    automating("order_status")  # certain now, and permitted
    everything_automatic(ticket, NOW + HOUR)
    assert word_of(ticket) == before
    assert ticket.status == TicketStatus.OPEN
    assert set(ticket.decisions.values_list("outcome", flat=True)) == {Outcome.ESCALATE}


def test_a_person_who_answers_first_leaves_the_machine_nothing_to_decide(automating, by_agent):
    ticket = TicketFactory(created_at=NOW - HOUR)
    agent_actions.agent_reply(ticket.pk, "On its way.", actor=by_agent, now=NOW)
    assert catch_up.sweep(now=NOW) == 0
    ticket.refresh_from_db()
    assert (ticket.status, ticket.outcome) == (TicketStatus.WAITING, None)
    assert not Decision.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_correction_during_reclassify_stands(automating, by_agent):
    automating("refund_request")
    tickets = [arrive(email=f"p{n}@example.com") for n in range(8)]
    automating("praise")
    in_threads(
        [
            reclassify_all,
            reclassify_all,
            *[
                lambda pk=ticket.pk: agent_actions.correct_intent(
                    pk, "complaint", actor=by_agent, now=NOW + MINUTE
                )
                for ticket in tickets
            ],
        ]
    )
    assert {ticket.intent for ticket in Ticket.objects.all()} == {"complaint"}


# --- A stop works at once -------------------------------------------------------------------------


def test_the_switch_stops_the_next_decision_and_only_new_ones(automating, by_agent):
    answered = arrive()
    kill_switch.set_switch(True, "Wrong answers", actor=by_agent, now=NOW)
    stopped = arrive(email="bob@example.com")
    kill_switch.set_switch(False, "Mended", actor=by_agent, now=NOW)
    again = arrive(email="cy@example.com")
    assert [t.status for t in (answered, stopped, again)] == ["answered", "open", "answered"]
    assert stopped.reasons == ["guard:kill_switch"]


MOST_TURNS = 40


@pytest.mark.django_db(transaction=True)
def test_the_switch_gets_through_while_inquiries_come_in_and_every_later_decision_obeys(
    automating, by_agent
):
    """The chain says what came first: behind the switch nothing is automated any more."""
    busy, stopped = threading.Event(), threading.Event()

    def keep_asking(number: int) -> int:
        turns = 0
        while turns < MOST_TURNS and not stopped.is_set():
            arrive(email=f"p{number}-{turns}@example.com")
            turns += 1
            if turns == 2:
                busy.set()
        stopped.wait(60)
        arrive(email=f"p{number}-after@example.com")
        return turns

    def throw() -> None:
        busy.wait(60)
        kill_switch.set_switch(True, "Stop", actor=by_agent, now=NOW)
        stopped.set()

    made = in_threads([throw, *[lambda n=n: keep_asking(n) for n in range(5)]])
    assert [error for error in made if isinstance(error, Exception)] == []
    if connection.vendor == "postgresql":  # SQLite's writers do not queue up in order
        assert max(made[1:]) < MOST_TURNS  # nobody kept the switch from being thrown
    switch = AuditRecord.objects.get(kind=AuditKind.SWITCH).number
    decided = AuditRecord.objects.filter(kind=AuditKind.DECISION)
    after = [json.loads(row.body)["data"]["outcome"] for row in decided.filter(number__gt=switch)]
    before = [json.loads(row.body)["data"]["outcome"] for row in decided.filter(number__lt=switch)]
    assert set(before) == {Outcome.AUTO_RESOLVE}
    assert set(after) == {Outcome.ESCALATE}
    assert len(after) >= 5
