"""What the ticket endpoints answer."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from rest_framework import serializers

from classification.models import Prediction
from decisions.models import Decision
from decisions.policies import published
from tickets import tracking
from tickets.api.shapes import Number, PageShape, Shape, When, Words, code, or_none
from tickets.codes import (
    ActorKind,
    Author,
    Channel,
    EventKind,
    NoIntent,
    Outcome,
    Priority,
    TargetKind,
    TicketStatus,
)
from tickets.models import Message, Target, Ticket, TicketEvent
from tickets.pipeline.inquiry import Receipt

MOST_SHOWN = 500  # messages and events of one ticket, the newest


def with_state(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Tickets with all that `TicketState` and `TicketSummary` show: two queries for any number."""
    decisions = Decision.objects.select_related("policy").only(
        "ticket_id", "round", "outcome", "reasons", "policy__number"
    )
    return tickets.select_related("requester", "queue", "assignee", "merged_into").prefetch_related(
        Prefetch("decisions", decisions.order_by("-round"), to_attr="decisions_newest_first")
    )


class DecisionSummary(Shape):
    id = serializers.IntegerField()
    outcome = code(Outcome)
    reasons = serializers.ListField(child=Words(), help_text="Codes such as `below_threshold`.")
    policy_version = serializers.IntegerField(allow_null=True, source="policy.number")


class ReceiptShape(Shape):
    """The answer to an inquiry, made from what never changes: a repeated one gets the same."""

    reference = Words(source="ticket.reference")
    status = code(TicketStatus)
    created_at = When(source="ticket.created_at")
    intent = Words(allow_null=True, source="decision.intent")
    confidence = Number(allow_null=True, source="decision.confidence")
    abstained = serializers.BooleanField(help_text="The classifier named no intent.")
    decision = DecisionSummary(allow_null=True)
    tracking_url = serializers.URLField(help_text="For the customer. It is shown only here.")

    @staticmethod
    def read_status(receipt: Receipt) -> TicketStatus:
        if receipt.decision is None:
            return TicketStatus.RECEIVED
        automatic = receipt.decision.outcome == Outcome.AUTO_RESOLVE
        return TicketStatus.ANSWERED if automatic else TicketStatus.OPEN

    @staticmethod
    def read_abstained(receipt: Receipt) -> bool:
        return receipt.decision is not None and receipt.decision.intent is None

    @staticmethod
    def read_tracking_url(receipt: Receipt) -> str:
        return tracking.link(receipt.ticket)

    @classmethod
    def of(cls, row: Receipt, **known: Any) -> dict[str, Any]:
        """With the version of the policy as this process knows it: without a query."""
        made = row.decision
        if made is not None:
            version = published.version_of(made.policy_id, made.policy_digest)
            known["decision"] = DecisionSummary.of(made, policy_version=version)
        return super().of(row, **known)


class TicketState(Shape):
    """Where a ticket stands: codes and times, nothing about the person."""

    reference = Words()
    status = code(TicketStatus)
    round = serializers.IntegerField(help_text="Goes up with each reopening.")
    channel = code(Channel)
    created_at = When()
    updated_at = When()
    resolved_at = When(allow_null=True)
    intent = Words(allow_null=True)
    intent_corrected = serializers.BooleanField(help_text="A person named the intent.")
    confidence = Number(allow_null=True)
    abstained = serializers.BooleanField()
    outcome = code(Outcome, allow_null=True)
    reasons = serializers.ListField(child=Words())
    queue = Words(allow_null=True, source="queue.slug")
    priority = code(Priority)
    assignee = Words(allow_null=True, source="assignee.username")
    merged_into = Words(allow_null=True, source="merged_into.reference")
    message_count = serializers.IntegerField()
    decision = DecisionSummary(allow_null=True, help_text="The newest.")

    @staticmethod
    def read_abstained(ticket: Ticket) -> bool:
        return ticket.no_intent is not None

    @staticmethod
    def read_decision(ticket: Ticket) -> Decision | None:
        decisions: list[Decision] = ticket.decisions_newest_first  # type: ignore[attr-defined]
        return decisions[0] if decisions else None


class TicketSummary(TicketState):
    """A row of the list."""

    name = Words(allow_blank=True, source="requester.name")
    email = Words(allow_null=True, source="requester.email")
    external_id = Words(allow_null=True)
    metadata = serializers.DictField()


class Alternative(Shape):
    intent = Words()
    confidence = Number()

    read_intent = staticmethod(itemgetter(0))
    read_confidence = staticmethod(itemgetter(1))


class PredictionSummary(Shape):
    intent = Words(allow_null=True)
    no_intent = code(NoIntent, allow_null=True)
    best_guess = Words(allow_null=True)
    confidence = Number(allow_null=True)
    runner_up = Words(allow_null=True)
    margin = Number(allow_null=True)
    alternatives = Alternative(many=True)
    language = Words(allow_null=True)
    failure = Words(allow_null=True)
    model = Words(allow_null=True)
    at = When()

    read_failure = or_none("failure")
    read_model = or_none("classifier")


class DueShape(Shape):
    """The deadlines that run now, and what was ever missed, of all targets of a ticket."""

    first_response = When(allow_null=True, help_text="Null: answered, or not promised.")
    resolution = When(allow_null=True, help_text="Null: resolved, waiting, or not promised.")
    breached = serializers.ListField(
        child=code(TargetKind),
        help_text="What was missed, in any round. A later answer stays late.",
    )

    @staticmethod
    def read_first_response(targets: Sequence[Target]) -> datetime | None:
        return _running(targets, TargetKind.FIRST_RESPONSE)

    @staticmethod
    def read_resolution(targets: Sequence[Target]) -> datetime | None:
        return _running(targets, TargetKind.RESOLUTION)

    @staticmethod
    def read_breached(targets: Sequence[Target]) -> list[str]:
        missed = {row.kind for row in targets if row.is_missed(timezone.now())}
        return [kind.value for kind in TargetKind if kind in missed]


def _running(targets: Sequence[Target], kind: TargetKind) -> datetime | None:
    due = [row.due_at for row in targets if row.is_open and row.kind == kind]
    return due[-1] if due else None


class MessageShape(Shape):
    number = serializers.IntegerField()
    author = code(Author)
    user = Words(allow_null=True, source="user.username")
    name = Words(allow_null=True, help_text="As given with the inquiry that this message began.")
    subject = Words(allow_blank=True)
    body = Words(allow_blank=True)
    internal = serializers.BooleanField()
    created_at = When()
    erased = serializers.BooleanField()

    read_name = or_none("sender_name")

    @staticmethod
    def read_erased(message: Message) -> bool:
        return message.erased_at is not None


class EventShape(Shape):
    kind = code(EventKind)
    round = serializers.IntegerField()
    actor = code(ActorKind, source="actor_kind")
    actor_name = Words(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    at = When()

    @staticmethod
    def read_actor_name(event: TicketEvent) -> str | None:
        if event.api_key:
            return event.api_key.name
        return event.user.get_username() if event.user else None


class TicketDetail(TicketSummary):
    """Everything about one ticket, notes included: keys belong to the staff's side."""

    helped = serializers.BooleanField(allow_null=True)
    rating = serializers.IntegerField(allow_null=True)
    prediction = PredictionSummary(allow_null=True)
    due = DueShape(help_text="Deadlines by the service level, which run now.")
    messages = MessageShape(many=True, help_text=f"The newest {MOST_SHOWN}, in their order.")
    events = EventShape(many=True, help_text=f"The newest {MOST_SHOWN}, in their order.")

    @staticmethod
    def read_prediction(ticket: Ticket) -> Prediction | None:
        return ticket.predictions.order_by("-id").first()

    @staticmethod
    def read_due(ticket: Ticket) -> Sequence[Target]:
        return list(ticket.targets.counted())

    @staticmethod
    def read_messages(ticket: Ticket) -> Iterator[Message]:
        return reversed(ticket.messages.select_related("user").order_by("-number")[:MOST_SHOWN])

    @staticmethod
    def read_events(ticket: Ticket) -> Iterator[TicketEvent]:
        rows = ticket.events.select_related("user", "api_key").order_by("-id")
        return reversed(rows[:MOST_SHOWN])


class TicketPage(PageShape):
    results = TicketSummary(many=True, source="page")
