"""Inquiries that arrive in tests, one by one or many at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

from django.db import connections

from decisions.models import Decision
from tickets.codes import Channel
from tickets.models import AuditRecord, IdempotencyKey, Message, Outbox, Ticket, TicketEvent
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)  # a Monday, within business hours
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def inquiry(**changed) -> Inquiry:
    """Ada asks where her order is."""
    said = {
        "name": "Ada Example",
        "email": "ada@example.com",
        "message": "Where is my order?",
        "channel": Channel.FORM,
    }
    return Inquiry(**said | changed)


def arrive(*, now: datetime = NOW, **changed) -> Ticket:
    return receive(inquiry(**changed), now=now).ticket


def stored() -> dict[str, int]:
    """How many rows of each kind there are: what a refusal must leave alone."""
    models = (Ticket, Message, TicketEvent, Decision, Outbox, IdempotencyKey, AuditRecord)
    return {model.__name__: model.objects.count() for model in models}


def kinds_of(ticket: Ticket) -> list[str]:
    """The ticket's timeline, in order."""
    return list(ticket.events.order_by("id").values_list("kind", flat=True))


def in_threads(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Run the calls at the same moment, each in a thread with a connection of its own.

    What a call raised stands in its place in the answer.
    """
    waiting = list(calls)
    start = Barrier(len(waiting))

    def run(call: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return call()
        except Exception as error:  # noqa: BLE001  the caller looks at it
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(waiting)) as threads:
        return list(threads.map(run, waiting))
