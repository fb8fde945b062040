"""One ticket, one round: where the prediction and the rules are joined.

API, form page, console, commands and workers all come through here.
"""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from unicodedata import normalize

from django.conf import settings
from django.db import OperationalError, transaction

from classification import services as classification
from classification.remote import second_key
from classification.services import Answer
from decisions.certificates import draw
from decisions.deciding import decide as decisions
from decisions.deciding.decide import Case
from decisions.deciding.reply import Reply
from decisions.models import Decision
from tickets.codes import (
    AuditKind,
    Author,
    Channel,
    EventKind,
    OutboxKind,
    Outcome,
    Priority,
    Reason,
    TicketStatus,
)
from tickets.history import record
from tickets.history.record import Actor, AuditEntry
from tickets.models import Message, Outbox, Ticket, TicketEvent
from tickets.models.sql import QUEUE, first_row, update
from tickets.pipeline.ask import Question, predicted_facts, second_key_of
from tickets.pipeline.messages import add_message, confirmation, index_if_possible, mail
from tickets.promises import targets
from tickets.search import index

logger = logging.getLogger("supportops.deciding")

LONGEST_SUBJECT = 200
LONGEST_NAME = 40
FIRST_NAME = re.compile(r"[^\W\d_](?:['’-]?[^\W\d_])*\.?")

# What a decision changes on a ticket: fewer columns, fewer indexes to write.
DECIDED_FIELDS = [
    "status",
    "message_count",
    "intent",
    "no_intent",
    "confidence",
    "outcome",
    "reasons",
    "queue",
    "priority",
    "updated_at",
    "decided_at",
    "auto_replied_at",
]


def decide(
    ticket: Ticket,
    message: Message,
    question: Question,
    *,
    now: datetime,
    events: Sequence[TicketEvent] = (),
    texts: Sequence[str] = (),
) -> Decision:
    """Decide on the ticket's round, in the caller's transaction, and write all history.

    `texts` are those by which a new ticket will be found.

    Whatever fails here leads to a person. Only a database that cannot write is the caller's matter:
    then nothing was acknowledged.
    """
    try:
        with transaction.atomic():
            if texts:
                index.add(ticket.pk, *texts)
            return _decide(ticket, message, question, now=now, events=events)
    except OperationalError:
        raise
    except Exception:
        logger.exception("deciding failed", extra={"ticket": ticket.reference})
    if texts:
        index_if_possible(index.add, ticket, *texts)
    return _hand_over(ticket, message, question, now=now, events=events)


def _decide(
    ticket: Ticket,
    message: Message,
    question: Question,
    *,
    now: datetime,
    events: Sequence[TicketEvent],
) -> Decision:
    if question.second is not None:
        # First, so that what the ticket goes by stays its newest prediction.
        second_key.store(question.second, ticket, message_number=message.number, now=now)
    prediction = classification.store(
        question.answer, ticket, message_number=message.number, now=now
    )
    decided = decisions.decide_and_store(
        ticket, case_of(ticket, message, question, prediction.pk), now=now
    )
    decision = decided.decision
    draw.draw_for(decision, decided.verdict, now=now)
    _note_prediction(ticket, question.answer)
    if decided.verdict.automates and decided.reply is not None:
        told, outbox = _answer(ticket, decided.reply, now)
    else:
        told, outbox = _escalate(ticket, decision, question, now)
    _note_decision(ticket, decision, now)
    update(ticket, DECIDED_FIELDS)
    if ticket.status == TicketStatus.OPEN:
        targets.begin(ticket, now)
    record.write(
        now=now,
        events=[*events, *told],
        outbox=outbox,
        audit=[audit_entry(decision, message)],
    )
    return decision


def case_of(ticket: Ticket, message: Message, question: Question, prediction_id: int) -> Case:
    """The prediction as plain data, for rules that know no classifier."""
    return Case(
        **predicted_facts(question),
        **second_key_of(question),
        prediction_id=prediction_id,
        variables=variables_of(ticket, message.sender_name),
    )


def variables_of(ticket: Ticket, sender_name: str) -> dict[str, str]:
    """What reply templates may name.

    The name is the one that came with the message: whoever types another's address must not learn
    what that person is called.
    """
    return {
        "first_name": _first_name(sender_name),
        "reference": ticket.reference,
        "business_name": settings.BUSINESS_NAME,
    }


def _first_name(name: str) -> str:
    """The first name, if it can be one: our mail carries no stranger's links or words to others."""
    first = normalize("NFC", name).split(maxsplit=1)[:1]
    is_name = bool(first) and len(first[0]) <= LONGEST_NAME and FIRST_NAME.fullmatch(first[0])
    return first[0] if is_name else "there"


def _note_prediction(ticket: Ticket, answer: Answer) -> None:
    """The latest prediction stands on the ticket, until a person has had a say on it."""
    if answer.prediction is None or has_persons_word(ticket):
        return
    prediction = answer.prediction
    ticket.intent, ticket.no_intent = prediction.intent, prediction.reason
    ticket.confidence = prediction.confidence


def has_persons_word(ticket: Ticket) -> bool:
    """Whether somebody answered the customer or corrected the intent: that the machine leaves."""
    return ticket.intent_corrected or ticket.first_human_reply_at is not None


def _note_decision(ticket: Ticket, decision: Decision, now: datetime) -> None:
    ticket.outcome, ticket.reasons = decision.outcome, decision.reasons
    ticket.decided_at = ticket.updated_at = now
    if decision.queue and _may_be_moved(ticket):
        found = first_row(QUEUE, decision.queue)
        ticket.queue_id = found[0] if found else ticket.queue_id
    if ticket.round == 1:
        ticket.priority = Priority(decision.priority)


def _may_be_moved(ticket: Ticket) -> bool:
    """Where a person has put a ticket, or holds it, it stays."""
    if ticket.queue_id is None:
        return True
    moved = [EventKind.QUEUE_CHANGED, EventKind.TICKET_ESCALATED]
    return ticket.assignee_id is None and (
        ticket.round == 1 or not ticket.events.filter(kind__in=moved).exists()
    )


def _answer(ticket: Ticket, reply: Reply, now: datetime) -> tuple[list[TicketEvent], list[Outbox]]:
    """Write the automatic reply and queue its mail."""
    ticket.status = TicketStatus.ANSWERED
    ticket.auto_replied_at = now
    subject = reply.subject[:LONGEST_SUBJECT]  # a template may fit and yet not with every name
    message = add_message(ticket, Author.MACHINE, subject=subject, body=reply.body, now=now)
    machine = Actor.machine()
    events = [
        record.event(ticket, EventKind.AUTO_RESOLVED, machine, now),
        record.event(
            ticket,
            EventKind.AUTO_REPLIED,
            machine,
            now,
            message=message.number,
            template=str(reply.template),
        ),
    ]
    return events, [mail(ticket, message, OutboxKind.REPLY, now, automatic=True)]


def _escalate(
    ticket: Ticket, decision: Decision, question: Question, now: datetime
) -> tuple[list[TicketEvent], list[Outbox]]:
    """Hand the ticket to a person."""
    ticket.status = TicketStatus.OPEN
    event = record.event(
        ticket, EventKind.ESCALATED, Actor.machine(), now, reasons=decision.reasons
    )
    return [event], _confirmations(ticket, question, now)


def _hand_over(
    ticket: Ticket,
    message: Message,
    question: Question,
    *,
    now: datetime,
    events: Sequence[TicketEvent],
) -> Decision:
    """The short way to a person, for when the long one failed. Touches as little as it can."""
    # What the failed attempt left on the objects in memory is not what the rows say.
    ticket.refresh_from_db()
    for event in events:
        event.pk, event._state.adding = None, True
    prediction_id = _keep_prediction(ticket, message, question, now)
    decision = decisions.store_failure(ticket, prediction_id=prediction_id, now=now)
    ticket.status = TicketStatus.OPEN
    ticket.outcome, ticket.reasons = Outcome.ESCALATE, [Reason.PROCESSING_FAILED.value]
    ticket.decided_at = ticket.updated_at = now
    ticket.save()
    _begin_targets_if_possible(ticket, now)
    told = record.event(ticket, EventKind.ESCALATED, Actor.machine(), now, reasons=decision.reasons)
    record.write(
        now=now,
        events=[*events, told],
        outbox=_confirmations_if_possible(ticket, question, now),
        audit=[audit_entry(decision, message)],
    )
    return decision


def _keep_prediction(
    ticket: Ticket, message: Message, question: Question, now: datetime
) -> int | None:
    """The prediction stays on record when it can be stored at all."""
    try:
        with transaction.atomic():
            return classification.store(
                question.answer, ticket, message_number=message.number, now=now
            ).pk
    except OperationalError:
        raise
    except Exception:
        # It may be the prediction itself that made the long way fail.
        logger.exception("prediction not stored", extra={"ticket": ticket.reference})
        return None


def _begin_targets_if_possible(ticket: Ticket, now: datetime) -> None:
    """A ticket is worth more than its clocks."""
    try:
        with transaction.atomic():
            targets.begin(ticket, now)
    except OperationalError:
        raise
    except Exception:
        # It may be opening hours that make no sense: those must keep nobody from a person.
        logger.exception("no targets", extra={"ticket": ticket.reference})


def audit_entry(decision: Decision, message: Message) -> AuditEntry:
    return AuditEntry(
        AuditKind.DECISION,
        f"ticket:{decision.ticket_id}",
        Actor.machine(),
        decisions.audit_data(decision, record.commitment(message)),
    )


def _confirmations(ticket: Ticket, question: Question, now: datetime) -> list[Outbox]:
    """Receipt is confirmed once, never to a machine, and not long after somebody wrote."""
    machine = question.automatic_mail or ticket.channel == Channel.IMPORT
    if ticket.round > 1 or machine or not ticket.requester.email:
        return []
    return [confirmation(ticket, now)]


def _confirmations_if_possible(ticket: Ticket, question: Question, now: datetime) -> list[Outbox]:
    """A ticket is worth more than its confirmation."""
    try:
        return _confirmations(ticket, question, now)
    except Exception:
        logger.exception("not confirmed", extra={"ticket": ticket.reference})
        return []
