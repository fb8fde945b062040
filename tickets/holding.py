"""Holding a ticket while it changes: one order of locks, and no change over another's head."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from tickets.models import Requester, Ticket


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
    with transaction.atomic():
        requester_id = Ticket.objects.values_list("requester_id", flat=True).get(pk=ticket_id)
        Requester.objects.select_for_update().get(pk=requester_id)
        ticket = (
            Ticket.objects.select_for_update(of=("self",))
            .select_related("requester", "queue")
            .get(pk=ticket_id)
        )
        if seen_at is not None and ticket.updated_at != seen_at:
            raise ChangedMeanwhile(f"{ticket.reference} was changed by somebody else.")
        yield ticket
