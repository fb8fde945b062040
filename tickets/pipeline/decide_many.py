"""Many tickets of the past, one round each: predictions and decisions for the record.

Like `tickets.pipeline.decide` it knows both the prediction and the rules. It answers nobody, so it
serves only tickets that a guard keeps from the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from classification import services as classification
from classification.models import Prediction
from decisions.deciding import decide_many
from decisions.models import Decision
from tickets.codes import Priority
from tickets.history.record import AuditEntry
from tickets.models import Message, Queue, Ticket
from tickets.models.sql import insert_many, reserve
from tickets.pipeline import decide as pipeline_decide
from tickets.pipeline.ask import Question


@dataclass(frozen=True, slots=True)
class Opened:
    """A ticket with its first message, as it was read and predicted. Not yet written."""

    ticket: Ticket
    message: Message
    question: Question


@dataclass(frozen=True, slots=True)
class Taken:
    """Predictions and decisions, one for each ticket, not yet written."""

    predictions: list[Prediction]
    decisions: list[Decision]

    def insert(self) -> None:
        """After the tickets, in the same transaction."""
        insert_many(self.predictions)
        insert_many(self.decisions)


def decide(opened: Sequence[Opened], *, now: datetime) -> Taken:
    """Decide on tickets whose keys are reserved, and note it on them. In the caller's transaction.

    Raises:
        MustNotAutomate: the rules would have the machine answer one of them.
    """
    predictions = []
    for one, key in zip(opened, reserve(Prediction, len(opened)), strict=True):
        row = classification.row_of(one.question.answer, one.ticket, message_number=1, now=now)
        row.pk = key
        predictions.append(row)
    cases = [
        (one.ticket, pipeline_decide.case_of(one.ticket, one.message, one.question, row.pk))
        for one, row in zip(opened, predictions, strict=True)
    ]
    taken = decide_many.rows_for(cases, now=now)
    queues = dict(Queue.objects.values_list("slug", "pk"))
    for one, decision, key in zip(opened, taken, reserve(Decision, len(opened)), strict=True):
        decision.pk = key
        _note(one, decision, queues, now)
    return Taken(predictions, taken)


def _note(one: Opened, decision: Decision, queues: dict[str, int], now: datetime) -> None:
    """What stands on a decided ticket."""
    ticket, prediction = one.ticket, one.question.answer.prediction
    if prediction is not None:
        ticket.intent, ticket.no_intent = prediction.intent, prediction.reason
        ticket.confidence = prediction.confidence
    ticket.outcome, ticket.reasons = decision.outcome, decision.reasons
    ticket.queue_id = queues.get(decision.queue)
    ticket.priority = Priority(decision.priority)
    ticket.decided_at = now


def audit_entries(opened: Sequence[Opened], taken: Taken) -> list[AuditEntry]:
    """What the audit chain says of each decision."""
    pairs = zip(taken.decisions, opened, strict=True)
    return [pipeline_decide.audit_entry(decision, one.message) for decision, one in pairs]
