"""Predicting old tickets again: new predictions, never a new decision in a decided round.

A ticket's intent changes only while it is open and no person has corrected it or answered. What was
answered is never answered again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from classification import services as classification
from classification.models import Prediction
from tickets.codes import EventKind, TicketStatus
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import Message, Ticket, TicketEvent
from tickets.pipeline import ask, catch_up, decide
from tickets.pipeline.ask import Question


@dataclass(frozen=True, slots=True)
class Flip:
    """One ticket for which the answer is another one now. None: no intent."""

    reference: str
    before: str | None
    after: str | None
    changes_ticket: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of the work. `last_id` is where the next one goes on."""

    last_id: int
    tickets: int
    decided: int
    failed: int
    flips: tuple[Flip, ...]


def batches(
    *,
    now: datetime,
    since: datetime | None = None,
    after_id: int = 0,
    size: int = 200,
    dry_run: bool = False,
) -> Iterator[Batch]:
    """Go through tickets in the order of their ids, one short transaction for each batch."""
    while True:
        messages = list(_openings(since, after_id)[:size])
        if not messages:
            return
        batch = _reclassify(messages, now, dry_run)
        yield batch
        after_id = batch.last_id


def remaining(*, since: datetime | None, after_id: int) -> int:
    """How many tickets are still to come; for progress."""
    return _openings(since, after_id).count()


def _openings(since: datetime | None, after_id: int) -> QuerySet[Message]:
    rows = Message.objects.openings().filter(ticket_id__gt=after_id, erased_at=None)
    if since is not None:
        rows = rows.filter(ticket__created_at__gte=since)
    return rows.select_related("ticket").order_by("ticket_id")


def _reclassify(messages: list[Message], now: datetime, dry_run: bool) -> Batch:
    questions = ask.ask_many([(m.subject, m.body) for m in messages])
    pairs = list(zip(messages, questions, strict=True))
    failed = sum(question.answer.failed for question in questions)
    undecided = [m for m, _ in pairs if m.ticket.status == TicketStatus.RECEIVED]
    decided = [(m, q) for m, q in pairs if m.ticket.status != TicketStatus.RECEIVED]
    flips = [flip for m, q in pairs if (flip := _flip(m.ticket, q)) is not None]
    if not dry_run:
        _store(decided, now)
        finished = [catch_up.finish(m.ticket_id, now=now) for m in undecided]
    else:
        finished = []
    return Batch(
        last_id=messages[-1].ticket_id,
        tickets=len(messages),
        decided=sum(decision is not None for decision in finished),
        failed=failed,
        flips=tuple(flips),
    )


def _flip(ticket: Ticket, question: Question) -> Flip | None:
    prediction = question.answer.prediction
    if prediction is None or ticket.intent_corrected or prediction.intent == ticket.intent:
        return None
    return Flip(ticket.reference, ticket.intent, prediction.intent, _may_change(ticket))


def _may_change(ticket: Ticket) -> bool:
    return ticket.status == TicketStatus.OPEN and not decide.has_persons_word(ticket)


def _store(pairs: list[tuple[Message, Question]], now: datetime) -> None:
    """New predictions for all; another intent for those that are open and not corrected."""
    answered = [(m, q) for m, q in pairs if q.answer.prediction is not None]
    rows = [
        classification.row_of(q.answer, m.ticket, message_number=1, now=now) for m, q in answered
    ]
    with transaction.atomic():
        Prediction.objects.bulk_create(rows)
        flipped = {m.ticket_id: q for m, q in answered if _flips(m.ticket, q)}
        free = [ticket for ticket in _free(flipped) if _flips(ticket, flipped[ticket.pk])]
        events = [_change(ticket, flipped[ticket.pk], now) for ticket in free]
        record.write(now=now, events=events)


def _flips(ticket: Ticket, question: Question) -> bool:
    flip = _flip(ticket, question)
    return flip is not None and flip.changes_ticket


def _free(ticket_ids: Iterable[int]) -> list[Ticket]:
    """The tickets as they stand now, locked, without those that somebody holds right now."""
    skip = connection.features.has_select_for_update_skip_locked
    locked = Ticket.objects.select_for_update(skip_locked=skip, no_key=True)
    return list(locked.filter(pk__in=ticket_ids).order_by("pk"))


def _change(ticket: Ticket, question: Question, now: datetime) -> TicketEvent:
    prediction = question.answer.prediction
    assert prediction is not None  # only a prediction can flip
    before = ticket.intent
    ticket.intent, ticket.no_intent, ticket.confidence = (
        prediction.intent,
        prediction.reason,
        prediction.confidence,
    )
    ticket.save(update_fields=["intent", "no_intent", "confidence"])
    return record.event(
        ticket,
        EventKind.RECLASSIFIED,
        Actor.machine(),
        now,
        before=before,
        after=prediction.intent,
        classifier=question.answer.classifier,
    )
