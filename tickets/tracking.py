"""Tracking links: signed with a nonce of the ticket, and with an end that stands in its row.

The link itself is stored nowhere and logged nowhere.
"""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from tickets.models import Ticket
from tickets.references import PATTERN

LEFT = 1 / 12  # so much of its life a link still has when an answer goes out
SIGNATURE_BYTES = 24  # 32 characters of base64, without padding: every bit of the text counts


def signature(ticket: Ticket) -> str:
    text = (
        f"{ticket.reference}|{ticket.tracking_nonce}|{ticket.tracking_expires_at.timestamp():.0f}"
    )
    key = hashlib.sha256(b"tracking|" + settings.SECRET_KEY.encode()).digest()
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:SIGNATURE_BYTES]).decode()


def renew(ticket: Ticket, now: datetime) -> None:
    """Give a ticket whose link is over, or soon will be, a new one; the caller saves it. Links that
    were sent before end with that: the end is part of what is signed."""
    life = timedelta(days=settings.TRACKING_DAYS)
    if ticket.tracking_expires_at < now + life * LEFT:
        ticket.tracking_expires_at = now + life


def link(ticket: Ticket) -> str:
    """The absolute address of the ticket's page for its customer."""
    return settings.PUBLIC_URL + reverse("track", args=[ticket.reference, signature(ticket)])


def find(reference: str, given: str, now: datetime) -> Ticket | None:
    """The ticket of a link; None for a link that is wrong, foreign or over, all alike."""
    if not PATTERN.fullmatch(reference) or not given.isascii():
        return None
    ticket = Ticket.objects.select_related("requester").filter(reference=reference).first()
    if ticket is None:
        return None
    if not hmac.compare_digest(signature(ticket), given) or not ticket.tracking_valid(now):
        return None
    return ticket
