"""Everything about a person, for the person: what they wrote, what was answered and decided."""

from typing import Any

from tickets.models import Message, Outbox, Requester, Ticket

FORMAT = 1


def person(email: str) -> dict[str, Any] | None:
    """All that is stored about whoever has this address, JSON-ready; None when nothing is."""
    requester = Requester.objects.filter(email=email.strip().lower()).first()
    if requester is None:
        return None
    tickets = Ticket.objects.filter(requester=requester).select_related("queue", "api_key")
    return {
        "format": FORMAT,
        "email": requester.email,
        "name": requester.name,
        "verified": requester.verified,
        "known_since": requester.created_at,
        "tickets": [_ticket(ticket) for ticket in tickets.order_by("id")],
        "mail": [_mail(row) for row in Outbox.objects.filter(requester=requester).order_by("id")],
    }


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return {
        "reference": ticket.reference,
        "channel": ticket.channel,
        "came_by": ticket.api_key.name if ticket.api_key else None,
        "external_id": ticket.external_id,
        "metadata": ticket.metadata,
        "status": ticket.status,
        "intent": ticket.intent,
        "queue": ticket.queue.slug if ticket.queue else None,
        "priority": ticket.priority,
        "created_at": ticket.created_at,
        "resolved_at": ticket.resolved_at,
        "rating": ticket.rating,
        "helped": ticket.helped,
        "messages": [_message(message) for message in ticket.messages.order_by("number")],
        "predictions": list(
            ticket.predictions.order_by("id").values(
                "at", "classifier", "intent", "no_intent", "confidence", "language"
            )
        ),
        # What a machine decided about somebody, and on what, is theirs to know.
        "decisions": list(
            ticket.decisions.order_by("id").values("at", "round", "outcome", "reasons", "facts")
        ),
        "events": list(ticket.events.order_by("id").values("at", "kind", "actor_kind", "data")),
        "reviews": list(ticket.reviews.order_by("id").values("created_at", "verdict", "note")),
    }


def _message(message: Message) -> dict[str, Any]:
    return {
        "at": message.created_at,
        "author": message.author,
        "name": message.sender_name,
        "subject": message.subject,
        "text": message.body,
        "internal": message.internal,
    }


def _mail(row: Outbox) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "state": row.state,
        "queued_at": row.created_at,
        "sent_at": row.sent_at,
    }
