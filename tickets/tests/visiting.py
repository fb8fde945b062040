"""Visiting the customer's pages in tests."""

import re

from django.test import Client
from django.urls import reverse

from decisions.tests.factories import CertificateFactory
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
    CertificateFactory(classifier_version=version, intents=list(intents))
