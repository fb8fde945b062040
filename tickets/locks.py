"""Holding a ticket while it changes: one order of locks, and no change over another's head."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from tickets.models import Requester, Ticket

DEADLOCK = "40P01"  # of PostgreSQL; SQLite writers queue up and cannot have one


class ChangedMeanwhile(Exception):
    """Somebody else changed the ticket since it was looked at. Nothing was changed now."""


class NotPossible(Exception):
    """The ticket's state does not allow this. The message says why, for people."""


@contextmanager
def held(ticket_id: int, *, seen_at: datetime | None = None) -> Iterator[Ticket]:
    """The ticket, locked in a transaction: first its requester, then itself.

    Raises:
        ChangedMeanwhile: `seen_at` was given and the ticket was changed after it.
    """
    with held_unless_busy(ticket_id, wait=True) as ticket:
        if ticket is None:
            raise Ticket.DoesNotExist(f"There is no ticket {ticket_id}.")
        if seen_at is not None and ticket.updated_at != seen_at:
            raise ChangedMeanwhile(f"{ticket.reference} was changed by somebody else.")
        yield ticket


@contextmanager
def held_unless_busy(ticket_id: int, *, wait: bool) -> Iterator[Ticket | None]:
    """As `held`; None, without `wait`, while somebody else holds it and the database can tell."""
    skip = not wait and connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        # no_key: rows that point here can be written meanwhile, such as new predictions.
        people = Requester.objects.select_for_update(of=("self",), skip_locked=skip, no_key=True)
        person = people.filter(tickets=ticket_id).order_by().first()
        yield locked_tickets(skip=skip).filter(pk=ticket_id).first() if person else None


def locked_tickets(*, skip: bool = False) -> QuerySet[Ticket]:
    """Tickets that are locked when read. The caller holds their requester, in a transaction."""
    locked = Ticket.objects.select_for_update(of=("self",), skip_locked=skip, no_key=True)
    return locked.select_related("requester", "queue").order_by()


def is_deadlock(error: OperationalError) -> bool:
    """Whether PostgreSQL ended a transaction that waited in a circle: the one thing to retry."""
    return getattr(error.__cause__, "sqlstate", None) == DEADLOCK
