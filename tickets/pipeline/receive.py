"""Receiving inquiries: stored, decided and acknowledged in one transaction, or not at all.

Where another machine is asked for a second opinion, they are stored and acknowledged; the worker
decides moments later.
"""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from decisions.models import Decision
from tickets.codes import ENDED, Author, Channel, EventKind, TicketStatus
from tickets.history import record
from tickets.history.record import Actor
from tickets.locks import held_unless_busy, is_deadlock
from tickets.models import (
    ApiKey,
    IdempotencyKey,
    Message,
    Requester,
    Ticket,
    TicketEvent,
)
from tickets.models.sql import REQUESTER, insert, locking, rows_of
from tickets.pipeline import ask
from tickets.pipeline import decide as pipeline_decide
from tickets.references import new_reference
from tickets.search import index

logger = logging.getLogger("supportops.intake")

KEY_LIFE = timedelta(hours=24)
DOUBLE_CLICK = timedelta(minutes=10)
TRIES = 5
# How long a ticket may wait for a second opinion; then it is decided without.
PATIENCE = timedelta(seconds=60)


class DifferentBody(Exception):
    """The key or external id is known, under another body. Nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What came in, checked by whoever took it."""

    name: str
    email: str
    message: str
    channel: Channel
    subject: str = ""
    external_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    automatic_mail: bool = False
    api_key: ApiKey | None = None
    idempotency_key: str | None = None
    sent_at: datetime | None = None  # for imports: when the customer wrote it

    def body_hash(self) -> str:
        """SHA-256 of what was said: the same body, the same hash."""
        content = [self.name, self.email, self.subject, self.message, self.metadata]
        return hashlib.sha256(record.canonical([*content, self.external_id]).encode()).hexdigest()

    @property
    def owner(self) -> int:
        return self.api_key.pk if self.api_key else 0

    @property
    def actor(self) -> Actor:
        return Actor.integration(self.api_key) if self.api_key else Actor.customer()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ticket that an inquiry made, now or at an earlier time."""

    ticket: Ticket
    decision: Decision | None
    repeated: bool = False


def receive(inquiry: Inquiry, *, now: datetime) -> Receipt:
    """Store and decide an inquiry. A repeated one gets the ticket that it made before.

    Raises:
        DifferentBody: the idempotency key or external id was used for something else.
    """
    earlier = find_earlier(inquiry, now)
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
            earlier = find_earlier(inquiry, now)
            if earlier is not None:
                return earlier
            if not tries_left:
                raise
            _forget_expired(inquiry, now)
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


def find_earlier(inquiry: Inquiry, now: datetime) -> Receipt | None:
    """The receipt of the same inquiry, if it came before.

    Raises:
        DifferentBody: it came before with another body.
    """
    ticket = _by_external_id(inquiry) or _by_key(inquiry, now)
    if ticket is None:
        return None
    decision = ticket.decisions.filter(round=1).first()
    return Receipt(ticket, decision, repeated=True)


def _by_external_id(inquiry: Inquiry) -> Ticket | None:
    if inquiry.external_id is None or inquiry.api_key is None:
        return None
    ticket = (
        Ticket.objects.select_related("requester")
        .filter(api_key=inquiry.api_key, external_id=inquiry.external_id)
        .first()
    )
    if ticket is not None and ticket.body_hash != inquiry.body_hash():
        raise DifferentBody("This external_id was used for another inquiry.")
    return ticket


def _by_key(inquiry: Inquiry, now: datetime) -> Ticket | None:
    if inquiry.idempotency_key is None:
        return None
    row = (
        IdempotencyKey.objects.select_related("ticket__requester")
        .filter(owner=inquiry.owner, key=inquiry.idempotency_key, created_at__gt=now - KEY_LIFE)
        .first()
    )
    if row is None:
        return None
    if row.body_hash != inquiry.body_hash():
        raise DifferentBody("This Idempotency-Key was used for another body.")
    return None if _is_another_time(inquiry, row, now) else row.ticket


def _is_another_time(inquiry: Inquiry, row: IdempotencyKey, now: datetime) -> bool:
    """Whether the same words on the form page are no double click any more: what they once made is
    over, so somebody has the same trouble again."""
    is_form = inquiry.channel == Channel.FORM
    return is_form and row.ticket.status in ENDED and row.created_at <= now - DOUBLE_CLICK


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
        _remember(inquiry, ticket, now)
    about = {"automatic_mail": True} if inquiry.automatic_mail else {}
    received = record.event(
        ticket, EventKind.RECEIVED, inquiry.actor, now, channel=inquiry.channel, **about
    )
    if question is None:
        pipeline_decide.index_if_possible(index.add, ticket, *texts)
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


def _forget_expired(inquiry: Inquiry, now: datetime) -> None:
    """An expired key may be used anew; the row of its first life goes."""
    rows = IdempotencyKey.objects.filter(owner=inquiry.owner, key=inquiry.idempotency_key)
    for row in rows.select_related("ticket"):
        if row.created_at <= now - KEY_LIFE or _is_another_time(inquiry, row, now):
            row.delete()


def _remember(inquiry: Inquiry, ticket: Ticket, now: datetime) -> None:
    row = IdempotencyKey(
        owner=inquiry.owner,
        key=str(inquiry.idempotency_key),
        body_hash=inquiry.body_hash(),
        ticket=ticket,
        created_at=now,
    )
    insert(row)


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
