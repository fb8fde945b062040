"""Rows of tickets for tests. A ticket made here is `received`: stored, not decided yet."""

from datetime import timedelta

import factory
from django.utils import timezone

from tickets.codes import Author, Channel, OutboxKind, TicketStatus
from tickets.models import Message, Outbox, Queue, Requester, Ticket
from tickets.search import index


class RequesterFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Requester
        django_get_or_create = ["email"]

    name = "Ann Example"
    email = factory.Sequence(lambda n: f"ann{n}@example.com")


class QueueFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Queue
        django_get_or_create = ["slug"]

    slug = "general"
    name = "General"


class TicketFactory(factory.django.DjangoModelFactory):
    """A ticket with its opening message; `message` and `subject` say what the customer wrote."""

    class Meta:
        model = Ticket
        skip_postgeneration_save = True

    class Params:
        decided = factory.Trait(
            status=TicketStatus.OPEN, decided_at=factory.SelfAttribute("created_at")
        )

    requester = factory.SubFactory(RequesterFactory)
    channel = Channel.API
    message_count = 1
    created_at = factory.LazyFunction(timezone.now)
    updated_at = factory.SelfAttribute("created_at")
    last_customer_at = factory.SelfAttribute("created_at")
    tracking_expires_at = factory.LazyAttribute(
        lambda ticket: ticket.created_at + timedelta(days=180)
    )

    @factory.post_generation
    def message(self, create, extracted, **kwargs):
        if create:
            index.add(self.pk, self.reference, self.requester.name, self.requester.email or "")
            MessageFactory(
                ticket=self,
                body=extracted or "Where is my order?",
                created_at=self.created_at,
                **kwargs,
            )


class MessageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Message

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        message = super()._create(model_class, *args, **kwargs)
        index.append(message.ticket_id, message.subject, message.body)
        return message

    number = 1
    author = Author.CUSTOMER
    body = "Where is my order?"
    created_at = factory.LazyFunction(timezone.now)


class OutboxFactory(factory.django.DjangoModelFactory):
    """A confirmation that waits to be sent."""

    class Meta:
        model = Outbox

    kind = OutboxKind.CONFIRMATION
    dedupe = factory.Sequence(lambda n: f"test:{n}")
    ticket = factory.SubFactory(TicketFactory, decided=True)
    requester = factory.SelfAttribute("ticket.requester")
    automatic = True
    created_at = factory.LazyFunction(timezone.now)
    next_attempt_at = factory.SelfAttribute("created_at")
