"""What the ticket endpoints answer: a hand-written dict each, and its description for the document.

The tests hold real answers against the descriptions.
"""

from typing import Any

from django.db.models import Prefetch, QuerySet
from django.utils import timezone
from rest_framework import serializers

from decisions.models import Decision
from decisions.policies import published
from tickets import tracking
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
from tickets.models import Message, Requester, Ticket, TicketEvent
from tickets.pipeline.inquiry import Receipt

MOST_SHOWN = 500  # messages and events of one ticket, the newest

# --- Dicts ----------------------------------------------------------------------------------------


def with_state(tickets: QuerySet[Ticket]) -> QuerySet[Ticket]:
    """Tickets with all that `state_of` and `summary_of` show: two queries for any number."""
    decisions = Decision.objects.select_related("policy").only(
        "ticket_id", "round", "outcome", "reasons", "policy__number"
    )
    return tickets.select_related("requester", "queue", "assignee", "merged_into").prefetch_related(
        Prefetch("decisions", decisions.order_by("-round"), to_attr="decisions_newest_first")
    )


def receipt_of(receipt: Receipt) -> dict[str, Any]:
    """The answer to an inquiry, made from what never changes: a repeated one gets the same."""
    ticket, decision = receipt.ticket, receipt.decision
    intent = decision.intent if decision else None
    return {
        "reference": ticket.reference,
        "status": _first_status(decision),
        "created_at": ticket.created_at,
        "intent": intent,
        "confidence": decision.confidence if decision else None,
        "abstained": decision is not None and intent is None,
        "decision": decision
        and _decision(decision, published.version_of(decision.policy_id, decision.policy_digest)),
        "tracking_url": tracking.link(ticket),
    }


def _first_status(decision: Decision | None) -> TicketStatus:
    if decision is None:
        return TicketStatus.RECEIVED
    automatic = decision.outcome == Outcome.AUTO_RESOLVE
    return TicketStatus.ANSWERED if automatic else TicketStatus.OPEN


def _decision(decision: Decision, version: int | None) -> dict[str, Any]:
    return {
        "id": decision.pk,
        "outcome": decision.outcome,
        "reasons": decision.reasons,
        "policy_version": version,
    }


def state_of(ticket: Ticket) -> dict[str, Any]:
    """Where a ticket stands: codes and times, nothing about the person."""
    decisions: list[Decision] = ticket.decisions_newest_first  # type: ignore[attr-defined]
    newest = decisions[0] if decisions else None
    return {
        "reference": ticket.reference,
        "status": ticket.status,
        "round": ticket.round,
        "channel": ticket.channel,
        "created_at": ticket.created_at,
        "updated_at": ticket.updated_at,
        "resolved_at": ticket.resolved_at,
        "intent": ticket.intent,
        "intent_corrected": ticket.intent_corrected,
        "confidence": ticket.confidence,
        "abstained": ticket.no_intent is not None,
        "outcome": ticket.outcome,
        "reasons": ticket.reasons,
        "queue": ticket.queue.slug if ticket.queue else None,
        "priority": ticket.priority,
        "assignee": ticket.assignee.get_username() if ticket.assignee else None,
        "merged_into": ticket.merged_into.reference if ticket.merged_into else None,
        "message_count": ticket.message_count,
        "decision": newest
        and _decision(newest, newest.policy.number if newest.policy is not None else None),
    }


def summary_of(ticket: Ticket) -> dict[str, Any]:
    """A row of the list."""
    requester: Requester = ticket.requester
    return {
        **state_of(ticket),
        "name": requester.name,
        "email": requester.email,
        "external_id": ticket.external_id,
        "metadata": ticket.metadata,
    }


def detail_of(ticket: Ticket) -> dict[str, Any]:
    """Everything about one ticket, notes included: keys belong to the staff's side."""
    messages = ticket.messages.select_related("user").order_by("-number")[:MOST_SHOWN]
    events = ticket.events.select_related("user", "api_key").order_by("-id")[:MOST_SHOWN]
    return {
        **summary_of(ticket),
        "helped": ticket.helped,
        "rating": ticket.rating,
        "prediction": _prediction(ticket),
        "due": _due(ticket),
        "messages": [_message(message) for message in reversed(messages)],
        "events": [_event(event) for event in reversed(events)],
    }


def _prediction(ticket: Ticket) -> dict[str, Any] | None:
    """The newest one."""
    said = ticket.predictions.order_by("-id").first()
    if said is None:
        return None
    return {
        "intent": said.intent,
        "no_intent": said.no_intent,
        "best_guess": said.best_guess,
        "confidence": said.confidence,
        "runner_up": said.runner_up,
        "margin": said.margin,
        "alternatives": alternatives_of(said.alternatives),
        "language": said.language,
        "failure": said.failure or None,
        "model": said.classifier or None,
        "at": said.at,
    }


def _due(ticket: Ticket) -> dict[str, Any]:
    """The deadlines that run now, and what was ever missed."""
    rows = list(ticket.targets.counted())
    running = {row.kind: row.due_at for row in rows if row.is_open}
    missed = {row.kind for row in rows if row.is_missed(timezone.now())}
    return {
        **{kind.value: running.get(kind) for kind in TargetKind},
        "breached": [kind.value for kind in TargetKind if kind in missed],
    }


def alternatives_of(pairs: Any) -> list[dict[str, Any]]:
    return [{"intent": slug, "confidence": confidence} for slug, confidence in pairs]


def _message(message: Message) -> dict[str, Any]:
    return {
        "number": message.number,
        "author": message.author,
        "user": message.user.get_username() if message.user else None,
        "name": message.sender_name or None,
        "subject": message.subject,
        "body": message.body,
        "internal": message.internal,
        "created_at": message.created_at,
        "erased": message.erased_at is not None,
    }


def _event(event: TicketEvent) -> dict[str, Any]:
    name = event.user.get_username() if event.user else None
    return {
        "kind": event.kind,
        "round": event.round,
        "actor": event.actor_kind,
        "actor_name": event.api_key.name if event.api_key else name,
        "data": event.data,
        "at": event.at,
    }


# --- Descriptions ---------------------------------------------------------------------------------

Shape = serializers.Serializer[Any]
Words = serializers.CharField
Number = serializers.FloatField
When = serializers.DateTimeField


def code(codes: Any, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=[(each.value, each.name) for each in codes], **options)


class DecisionSummary(Shape):
    id = serializers.IntegerField()
    outcome = code(Outcome)
    reasons = serializers.ListField(child=Words(), help_text="Codes such as `below_threshold`.")
    policy_version = serializers.IntegerField(allow_null=True)


class ReceiptShape(Shape):
    reference = Words()
    status = code(TicketStatus)
    created_at = When()
    intent = Words(allow_null=True)
    confidence = Number(allow_null=True)
    abstained = serializers.BooleanField(help_text="The classifier named no intent.")
    decision = DecisionSummary(allow_null=True)
    tracking_url = serializers.URLField(help_text="For the customer. It is shown only here.")


class TicketState(Shape):
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
    queue = Words(allow_null=True)
    priority = code(Priority)
    assignee = Words(allow_null=True)
    merged_into = Words(allow_null=True)
    message_count = serializers.IntegerField()
    decision = DecisionSummary(allow_null=True, help_text="The newest.")


class TicketSummary(TicketState):
    name = Words(allow_blank=True)
    email = Words(allow_null=True)
    external_id = Words(allow_null=True)
    metadata = serializers.DictField()


class Alternative(Shape):
    intent = Words()
    confidence = Number()


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


class DueShape(Shape):
    first_response = When(allow_null=True, help_text="Null: answered, or not promised.")
    resolution = When(allow_null=True, help_text="Null: resolved, waiting, or not promised.")
    breached = serializers.ListField(
        child=code(TargetKind),
        help_text="What was missed, in any round. A later answer stays late.",
    )


class MessageShape(Shape):
    number = serializers.IntegerField()
    author = code(Author)
    user = Words(allow_null=True)
    name = Words(allow_null=True, help_text="As given with the inquiry that this message began.")
    subject = Words(allow_blank=True)
    body = Words(allow_blank=True)
    internal = serializers.BooleanField()
    created_at = When()
    erased = serializers.BooleanField()


class EventShape(Shape):
    kind = code(EventKind)
    round = serializers.IntegerField()
    actor = code(ActorKind)
    actor_name = Words(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]
    at = When()


class TicketDetail(TicketSummary):
    helped = serializers.BooleanField(allow_null=True)
    rating = serializers.IntegerField(allow_null=True)
    prediction = PredictionSummary(allow_null=True)
    due = DueShape(help_text="Deadlines by the service level, which run now.")
    messages = MessageShape(many=True, help_text=f"The newest {MOST_SHOWN}, in their order.")
    events = EventShape(many=True, help_text=f"The newest {MOST_SHOWN}, in their order.")


class TicketPage(Shape):
    results = TicketSummary(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
