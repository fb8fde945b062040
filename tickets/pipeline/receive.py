"""Receiving inquiries: stored, decided and acknowledged in one transaction, or not at all.

Where another machine is asked for a second opinion, they are stored and acknowledged; the worker
decides moments later.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from tickets.codes import Author, EventKind, TicketStatus
from tickets.history import record
from tickets.locks import is_deadlock
from tickets.models import (
    Message,
    Requester,
    Ticket,
)
from tickets.models.sql import REQUESTER, insert, locking, rows_of
from tickets.pipeline import ask, idempotency, messages
from tickets.pipeline import decide as pipeline_decide
from tickets.pipeline.inquiry import Inquiry, Receipt
from tickets.references import new_reference
from tickets.search import index

TRIES = 5


def receive(inquiry: Inquiry, *, now: datetime) -> Receipt:
    """Store and decide an inquiry. A repeated one gets the ticket that it made before.

    Raises:
        DifferentBody: the idempotency key or external id was used for something else.
    """
    earlier = idempotency.find_earlier(inquiry, now)
    if earlier is not None:
        return earlier
    question = None if _is_for_worker(inquiry) else _question(inquiry)
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                return _store(inquiry, question, now)
        except IntegrityError:
            # Something is there already: the same inquiry, which the answer speaks of then; else
            # the first ticket of the same person, the same drawn reference or an expired key.
            earlier = idempotency.find_earlier(inquiry, now)
            if earlier is not None:
                return earlier
            if not tries_left:
                raise
            idempotency.forget_expired(inquiry, now)
        except OperationalError as error:
            if not (tries_left and is_deadlock(error)):
                raise
    raise AssertionError("The last try returns or raises.")


def _is_for_worker(inquiry: Inquiry) -> bool:
    """Whether deciding has to wait for another machine. No machine may answer automatic mail, and
    what was written long ago waits for nothing."""
    is_live = inquiry.sent_at is None and not inquiry.automatic_mail
    return is_live and ask.takes_its_time()


def _question(inquiry: Inquiry) -> ask.Question:
    return ask.ask(inquiry.subject, inquiry.message, automatic_mail=inquiry.automatic_mail)


def _store(inquiry: Inquiry, question: ask.Question | None, now: datetime) -> Receipt:
    requester = _requester(inquiry, now)
    ticket = _ticket(inquiry, requester, now)
    message = Message(
        ticket=ticket,
        number=1,
        author=Author.CUSTOMER,
        sender_name=inquiry.name,
        subject=inquiry.subject,
        body=inquiry.message,
        created_at=ticket.created_at,
    )
    insert(message)
    said = (inquiry.name, inquiry.subject, inquiry.message)
    texts = (ticket.reference, requester.name, inquiry.email, *said)
    if inquiry.idempotency_key is not None:
        idempotency.remember(inquiry, ticket, now)
    about = {"automatic_mail": True} if inquiry.automatic_mail else {}
    received = record.event(
        ticket, EventKind.RECEIVED, inquiry.actor, now, channel=inquiry.channel, **about
    )
    if question is None:
        messages.index_if_possible(index.add, ticket, *texts)
        record.write(now=now, events=[received])
        return Receipt(ticket, None)
    decision = pipeline_decide.decide(
        ticket, message, question, now=now, events=[received], texts=texts
    )
    return Receipt(ticket, decision)


def _requester(inquiry: Inquiry, now: datetime) -> Requester:
    """Locked first, as everywhere: caps for a person hold when two inquiries come at once."""
    email = inquiry.email.lower()  # one person, one spelling
    known = rows_of(Requester, REQUESTER + locking("NO KEY UPDATE"), email)
    if not known:
        requester = Requester(email=email, name=inquiry.name, created_at=now)
        insert(requester)
        return requester
    requester = known[0]
    if inquiry.name and not requester.name:
        requester.name = inquiry.name
        requester.save(update_fields=["name"])
        for earlier in requester.tickets.values_list("pk", flat=True):
            index.append(earlier, inquiry.name)
    return requester


def _ticket(inquiry: Inquiry, requester: Requester, now: datetime) -> Ticket:
    ticket = Ticket(
        reference=new_reference(),
        requester=requester,
        channel=inquiry.channel,
        status=TicketStatus.RECEIVED,
        message_count=1,
        api_key=inquiry.api_key,
        external_id=inquiry.external_id,
        body_hash=inquiry.body_hash() if inquiry.external_id else "",
        metadata=inquiry.metadata,
        tracking_expires_at=now + timedelta(days=settings.TRACKING_DAYS),
        created_at=inquiry.sent_at or now,
        updated_at=now,
        last_customer_at=inquiry.sent_at or now,
    )
    insert(ticket)
    return ticket
