"""Visiting the customer's pages in tests."""

import re
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from decisions.models import Certificate
from tickets import tracking
from tickets.models import IdempotencyKey, Message, Ticket, TicketEvent

FORM = "/ui/"
TYPED = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "subject": "My order",
    "message": "Where is my order 10234?",
}


def address(ticket: Ticket) -> str:
    """The page of a ticket for its customer."""
    return reverse("track", args=[ticket.reference, tracking.signature(ticket)])


def send(client: Client, **changed):
    return client.post(FORM, TYPED | changed)


def act(client: Client, ticket: Ticket, action: str, **fields):
    return client.post(address(ticket), {"action": action, **fields})


def hidden(response, name: str) -> str:
    """The value of a hidden field."""
    return re.search(rf'name="{name}" value="([^"]+)"', response.content.decode())[1]


def everything_stored() -> list:
    """What a page that only shows must leave alone."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Ticket, Message, TicketEvent, IdempotencyKey)
    ]


def certify(*intents: str, version: str = "scripted-1") -> None:
    """Lets the starter policy automate these intents."""
    now = timezone.now()
    Certificate.objects.create(
        kind="demo",
        classifier_version=version,
        intents=list(intents),
        alpha=0.05,
        delta=0.05,
        method="test",
        rows=100,
        errors=0,
        bound=0.036,
        coverage=0.5,
        threshold=0.8,
        thresholds=[0.8],
        sample_digest="0" * 64,
        statement="For a test.",
        issued_at=now - timedelta(days=1),
        expires_at=now + timedelta(days=80),
    )
