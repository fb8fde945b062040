"""Working in the console in tests."""

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from decisions.models import Decision, Override
from tickets.codes import Channel
from tickets.models import AuditRecord, Message, Outbox, Ticket, TicketEvent
from tickets.pipeline import receive
from tickets.pipeline.inquiry import Inquiry

LIST = "/ops/tickets/ticket/"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def as_user(user: User) -> Client:
    """A browser in which somebody is logged in."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def write_in(
    message: str = "Where is my order?",
    *,
    name: str = "Ada Example",
    email: str = "ada@example.com",
    subject: str = "",
    channel: Channel = Channel.FORM,
    **more,
) -> Ticket:
    """A customer writes; the ticket as it was decided."""
    inquiry = Inquiry(
        name=name, email=email, message=message, subject=subject, channel=channel, **more
    )
    return receive.receive(inquiry, now=timezone.now()).ticket


def page_of(ticket: Ticket) -> str:
    return reverse("admin:tickets_ticket_change", args=[ticket.pk])


def act(client: Client, ticket: Ticket, name: str, **fields):
    """Posts one of the small forms of a ticket's page."""
    address = reverse("admin:tickets_ticket_act", args=[ticket.pk, name])
    return client.post(address, fields)


def reply(client: Client, ticket: Ticket, body: str, **fields):
    seen = Ticket.objects.get(pk=ticket.pk).updated_at
    return act(client, ticket, "reply", **{"body": body, "seen_at": seen.isoformat()} | fields)


def listed(client: Client, query: str = "") -> list[str]:
    """References on the list, in their order."""
    response = client.get(f"{LIST}?{query}")
    assert response.status_code == 200, query
    return [ticket.reference for ticket in response.context["cl"].result_list]


def all_rows() -> list:
    """What a refusal must leave alone."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Ticket, Message, TicketEvent, Outbox, Decision, Override, AuditRecord)
    ]


def words_of(response) -> str:
    return " ".join(response.content.decode().split())
