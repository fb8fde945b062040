"""Deciding what waits: for a second opinion, or because a crash or a failure left it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import OperationalError

from decisions.models import Decision
from tickets.codes import EventKind, TicketStatus
from tickets.locks import held_unless_busy
from tickets.models import Message, Ticket, TicketEvent
from tickets.pipeline import ask
from tickets.pipeline import decide as pipeline_decide

logger = logging.getLogger("supportops.catch_up")

# How long a ticket may wait for a second opinion; then it is decided without.
PATIENCE = timedelta(seconds=60)


def finish(ticket_id: int, *, now: datetime, wait: bool = True) -> Decision | None:
    """Decide a ticket that is still `received`: what a crash or a failure left. May run twice.

    Asks no other machine. Without `wait` a ticket that somebody holds right now is left to them,
    where the database can tell.
    """
    message = Message.objects.get(ticket_id=ticket_id, number=1)
    return _decide(message, _question_of(message), now=now, wait=wait)


def _question_of(message: Message) -> ask.Question:
    return ask.ask(
        message.subject, message.body, automatic_mail=_came_by_automatic_mail(message.ticket_id)
    )


def _decide(
    message: Message, question: ask.Question, *, now: datetime, wait: bool
) -> Decision | None:
    with held_unless_busy(message.ticket_id, wait=wait) as ticket:
        if ticket is None or ticket.status != TicketStatus.RECEIVED:
            return None
        return pipeline_decide.decide(ticket, message, question, now=now)


def _came_by_automatic_mail(ticket_id: int) -> bool:
    received = TicketEvent.objects.filter(ticket_id=ticket_id, kind=EventKind.RECEIVED)
    return any(event.data.get("automatic_mail", False) for event in received)


def decide_received(*, now: datetime, limit: int) -> int:
    """Decide what came in just now, with a second opinion; how many. `limit` are asked at once.

    What has waited too long is left to the sweep, which asks nobody.
    """
    fresh = Message.objects.openings().filter(
        ticket__status=TicketStatus.RECEIVED, ticket__updated_at__gt=now - PATIENCE
    )
    messages = list(fresh.order_by("ticket_id")[:limit])
    questions = ask.with_second_opinions([_question_of(m) for m in messages], now=now)
    return sum(
        _is_decided(
            message.ticket_id,
            partial(_decide, message, question, now=now + question.waited, wait=False),
        )
        for message, question in zip(messages, questions, strict=True)
    )


def sweep(*, now: datetime, limit: int = 200) -> int:
    """Decide what was left undecided; how many."""
    usual = timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    before = now - (PATIENCE if ask.takes_its_time() else usual)
    left = Ticket.objects.undecided().filter(updated_at__lte=before).order_by("id")
    return sum(
        _is_decided(pk, partial(finish, pk, now=now, wait=False))
        for pk in list(left.values_list("pk", flat=True)[:limit])
    )


def _is_decided(ticket_id: int, decide: Callable[[], Decision | None]) -> bool:
    """Whether a ticket got its decision now. One that cannot be decided stops no other."""
    try:
        return decide() is not None
    except OperationalError:
        raise
    except Exception:
        logger.exception("a ticket stays undecided", extra={"ticket": ticket_id})
        return False
