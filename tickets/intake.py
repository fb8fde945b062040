"""Receiving inquiries: stored, decided and acknowledged in one transaction, or not at all."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from decisions.models import Decision
from tickets import deciding, record
from tickets.codes import Author, Channel, EventKind, TicketStatus
from tickets.models import ApiKey, IdempotencyKey, Message, Requester, Ticket
from tickets.record import Actor
from tickets.references import new_reference

KEY_LIFE = timedelta(hours=24)
REFERENCE_TRIES = 5


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
    question = deciding.ask(inquiry.subject, inquiry.message, automatic_mail=inquiry.automatic_mail)
    try:
        with transaction.atomic():
            # Somebody may have been faster while the classifier was thinking.
            earlier = find_earlier(inquiry, now)
            return earlier or _store(inquiry, question, now)
    except IntegrityError:
        # Where writers do not queue up, the unique constraint is what tells who was first.
        earlier = find_earlier(inquiry, now)
        if earlier is None:
            raise
        return earlier


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
    return row.ticket


def _store(inquiry: Inquiry, question: deciding.Question, now: datetime) -> Receipt:
    requester = _requester(inquiry)
    ticket = _ticket(inquiry, requester, now)
    message = Message.objects.create(
        ticket=ticket,
        number=1,
        author=Author.CUSTOMER,
        subject=inquiry.subject,
        body=inquiry.message,
        created_at=ticket.created_at,
    )
    if inquiry.idempotency_key is not None:
        _remember(inquiry, ticket, now)
    received = record.event(ticket, EventKind.RECEIVED, inquiry.actor, now, channel=inquiry.channel)
    decision = deciding.decide(ticket, message, question, now=now, events=[received])
    return Receipt(ticket, decision)


def _requester(inquiry: Inquiry) -> Requester:
    """Locked first, as everywhere: caps for a person hold when two inquiries come at once."""
    requester, _ = Requester.objects.get_or_create(
        email=inquiry.email, defaults={"name": inquiry.name}
    )
    locked = Requester.objects.select_for_update().get(pk=requester.pk)
    if inquiry.name and not locked.name:
        locked.name = inquiry.name
        locked.save(update_fields=["name"])
    return locked


def _ticket(inquiry: Inquiry, requester: Requester, now: datetime) -> Ticket:
    return Ticket.objects.create(
        reference=_unused_reference(),
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


def _unused_reference() -> str:
    """Drawn again when taken. The unique constraint guards the moment in between."""
    for _ in range(REFERENCE_TRIES):
        reference = new_reference()
        if not Ticket.objects.filter(reference=reference).exists():
            return reference
    raise RuntimeError("No unused reference was found.")


def _remember(inquiry: Inquiry, ticket: Ticket, now: datetime) -> None:
    # An expired key may be used anew; the row of its first life goes.
    IdempotencyKey.objects.filter(
        owner=inquiry.owner, key=inquiry.idempotency_key, created_at__lte=now - KEY_LIFE
    ).delete()
    IdempotencyKey.objects.create(
        owner=inquiry.owner,
        key=str(inquiry.idempotency_key),
        body_hash=inquiry.body_hash(),
        ticket=ticket,
        created_at=now,
    )


def finish(ticket_id: int, *, now: datetime) -> Decision | None:
    """Decide a ticket that is still `received`: what a crash or a failure left. May run twice."""
    message = Message.objects.select_related("ticket").get(ticket_id=ticket_id, number=1)
    question = deciding.ask(message.subject, message.body)
    with transaction.atomic():
        requester_id = message.ticket.requester_id
        Requester.objects.select_for_update().get(pk=requester_id)
        ticket = (
            Ticket.objects.select_for_update(of=("self",))
            .select_related("requester")
            .get(pk=ticket_id)
        )
        if ticket.status != TicketStatus.RECEIVED:
            return None
        return deciding.decide(ticket, message, question, now=now)


def sweep(*, now: datetime, limit: int = 200) -> int:
    """Decide what was left undecided; how many."""
    before = now - timedelta(seconds=settings.SWEEP_AFTER_SECONDS)
    left = Ticket.objects.undecided().filter(updated_at__lte=before).order_by("id")
    return sum(
        finish(pk, now=now) is not None for pk in list(left.values_list("pk", flat=True)[:limit])
    )
