"""Messages of a ticket's conversation, and the mails that carry them."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import DatabaseError

from tickets.codes import Author, OutboxKind
from tickets.models import Message, Outbox, Ticket
from tickets.models.sql import insert
from tickets.search import index

logger = logging.getLogger("supportops.messages")


def add_message(
    ticket: Ticket,
    author: Author,
    *,
    body: str,
    now: datetime,
    subject: str = "",
    user_id: int | None = None,
    internal: bool = False,
) -> Message:
    """Append to the conversation. The caller holds the ticket and saves it."""
    ticket.message_count += 1
    message = Message(
        ticket=ticket,
        number=ticket.message_count,
        author=author,
        user_id=user_id,
        subject=subject,
        body=body,
        internal=internal,
        created_at=now,
    )
    insert(message)
    if author == Author.MACHINE:
        index.append(ticket.pk, subject, body)  # where it fails, a person answers
    else:
        index_if_possible(index.append, ticket, subject, body)
    return message


def index_if_possible(write: Callable[..., None], ticket: Ticket, *texts: str) -> None:
    """What people write is worth more than finding it by its words; `rebuild_search` finds it."""
    try:
        write(ticket.pk, *texts)
    except DatabaseError:
        raise
    except Exception:
        logger.exception("not indexed", extra={"ticket": ticket.reference})


def mail(
    ticket: Ticket, message: Message, kind: OutboxKind, now: datetime, *, automatic: bool
) -> Outbox:
    """A mail that carries a message to the requester."""
    return Outbox(
        kind=kind,
        dedupe=f"{kind}:{message.pk}",
        ticket=ticket,
        message=message,
        requester=ticket.requester,
        automatic=automatic,
        next_attempt_at=now,
        created_at=now,
    )


def confirmation(ticket: Ticket, now: datetime) -> Outbox:
    """A mail that says: received, a person will answer."""
    return Outbox(
        kind=OutboxKind.CONFIRMATION,
        dedupe=f"{OutboxKind.CONFIRMATION}:{ticket.pk}",
        ticket=ticket,
        requester=ticket.requester,
        automatic=True,
        next_attempt_at=now,
        created_at=now,
    )
