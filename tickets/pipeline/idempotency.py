"""The same inquiry twice makes one ticket: by key, external id, or a double click on the form."""

from datetime import datetime, timedelta

from tickets.codes import ENDED, Channel
from tickets.models import IdempotencyKey, Ticket
from tickets.models.sql import insert
from tickets.pipeline.inquiry import Inquiry, Receipt

KEY_LIFE = timedelta(hours=24)
DOUBLE_CLICK = timedelta(minutes=10)


class DifferentBody(Exception):
    """The key or external id is known, under another body. Nothing was stored."""


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


def forget_expired(inquiry: Inquiry, now: datetime) -> None:
    """An expired key may be used again; the row of its first life goes."""
    rows = IdempotencyKey.objects.filter(owner=inquiry.owner, key=inquiry.idempotency_key)
    for row in rows.select_related("ticket"):
        if row.created_at <= now - KEY_LIFE or _is_another_time(inquiry, row, now):
            row.delete()


def remember(inquiry: Inquiry, ticket: Ticket, now: datetime) -> None:
    row = IdempotencyKey(
        owner=inquiry.owner,
        key=str(inquiry.idempotency_key),
        body_hash=inquiry.body_hash(),
        ticket=ticket,
        created_at=now,
    )
    insert(row)
