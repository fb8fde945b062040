"""What the page of a ticket shows, gathered in a fixed number of queries."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet

from classification import services as classification
from classification.contract import Term
from classification.models import Intent, Prediction
from classification.starter import corpus
from classification.starter.corpus import Example
from decisions.deciding.reply import draft_reply
from decisions.in_force import NoPolicyInForce
from decisions.models import Decision, Override, ReplyTemplate
from decisions.policies import reply_offers
from decisions.policies.reply_offers import Filled
from decisions.why.explain import why
from decisions.why.words import NO_INTENT_WORDS
from supportops.ui.show import person
from tickets.admin.staff import assignable
from tickets.admin.ticket import timeline, window
from tickets.admin.ticket_list.change_list import with_openings
from tickets.codes import Priority, TicketStatus
from tickets.desk.agent_actions import STOPPED
from tickets.desk.customer_actions import CONCLUDED
from tickets.models import Message, Queue, Ticket, TicketEvent, text_of
from tickets.pipeline import decide

OTHER_TICKETS = 6
MOST_TERMS = 12


def context(ticket: Ticket, user: Any) -> dict[str, Any]:
    """Everything but the composer."""
    decided = list(
        Decision.objects.filter(ticket=ticket)
        .select_related("policy", "template")
        .order_by("-round")
    )
    latest = decided[0] if decided else None
    conversation = window.conversation(ticket)
    opening = conversation.opening
    events = window.events(ticket)
    return {
        "ticket": ticket,
        # Not by the template: a customer may have sent a value by the name of a method.
        "sent_along": list(ticket.metadata.items()),
        "subject": opening.message.subject if opening else "",
        "opening": opening,
        "conversation": conversation,
        "said": conversation.all,
        "lines": events.lines,
        "more_before": events.more_before,
        "why": why(latest) if latest else None,
        "prediction": _prediction(latest),
        "earlier": decided[1:],
        "overrides": _overrides(ticket),
        "no_intent_words": NO_INTENT_WORDS.get(ticket.no_intent or "", ""),
        "others": with_openings(
            Ticket.objects.filter(requester=ticket.requester)
            .exclude(pk=ticket.pk)
            .order_by("-id")[:OTHER_TICKETS]
        ),
        "swallowed": list(Ticket.objects.filter(merged_into=ticket).order_by("id")),
        "may": possible(ticket) if user.has_perm("tickets.change_ticket") else {},
    }


def choices(ticket: Ticket, user: Any) -> dict[str, Any]:
    """What the forms of somebody who may act offer."""
    suggested = suggested_reply(ticket)
    return {
        "staff": [(row.pk, person(row)) for row in assignable()],
        "queues": list(Queue.objects.all()),
        "priorities": [code.value for code in Priority],
        "intents": list(Intent.objects.filter(active=True).order_by("slug")),
        "filled": suggested,
        "suggested": suggested.template if suggested else None,
        "templates": list(reply_offers.newest_templates()),
        "is_mine": ticket.assignee_id == user.pk,
    }


def _prediction(decision: Decision | None) -> Prediction | None:
    """What the classifier said before this decision."""
    if decision is None or decision.prediction_id is None:
        return None
    return Prediction.objects.filter(pk=decision.prediction_id).first()


def _overrides(ticket: Ticket) -> QuerySet[Override]:
    return Override.objects.filter(decision__ticket=ticket).select_related("user")


def suggested_reply(ticket: Ticket) -> Filled | None:
    """The reply that the policy in force words for the ticket's intent, filled in."""
    if ticket.intent is None:
        return None
    values = variables(ticket)
    try:
        reply = draft_reply(ticket.intent, values)
    except NoPolicyInForce:
        return None
    return reply_offers.fill_in(reply.template, values) if reply else None


def fill_in(ticket: Ticket, template: ReplyTemplate) -> Filled:
    """A reply template in the words of this ticket."""
    return reply_offers.fill_in(template, variables(ticket))


def subject_of(ticket: Ticket) -> str:
    """What a ticket is called beside its reference."""
    return with_openings([ticket])[0].opening  # type: ignore[attr-defined]


def variables(ticket: Ticket) -> Mapping[str, str]:
    """What reply templates may name, of this ticket."""
    names = ticket.messages.filter(number=1).values_list("sender_name", flat=True)
    return decide.variables_of(ticket, names.first() or "")


def possible(ticket: Ticket) -> Mapping[str, bool]:
    """Which actions the ticket's state allows. The services decide; this only hides buttons."""
    stopped = ticket.status in STOPPED
    concluded = ticket.status in CONCLUDED
    return {
        "act": True,
        "reply": not stopped,
        "resolve": not stopped
        and ticket.status not in {TicketStatus.RESOLVED, TicketStatus.CLOSED},
        "close": not stopped and ticket.status != TicketStatus.CLOSED,
        "reopen": concluded or ticket.status == TicketStatus.WAITING,
        "escalate": not stopped,
        "spam": not stopped,
        "unspam": ticket.status == TicketStatus.SPAM,
        "merge": not stopped,
    }


def changed_since(ticket: Ticket, seen_at: datetime) -> list[timeline.Line]:
    """What others did after the page was opened."""
    events = TicketEvent.objects.filter(ticket=ticket, at__gt=seen_at)
    return timeline.lines(events.select_related("user", "api_key"), str(ticket.requester))


@dataclass(frozen=True, slots=True)
class Near:
    """A training message much like the ticket's. Words and intent only where they ship with us."""

    id: str
    similarity: float
    example: Example | None


@dataclass(frozen=True, slots=True)
class Terms:
    """The words that carried a prediction, computed again: history keeps no words."""

    classifier: str
    terms: tuple[tuple[Term, int], ...]  # with the length of its bar in percent
    nearest: tuple[Near, ...]


def explain(ticket: Ticket) -> Terms | None:
    """What the classifier in force makes of the message that was decided on."""
    decision = Decision.objects.filter(ticket=ticket).order_by("-round").first()
    prediction = _prediction(decision)
    number = prediction.message_number if prediction else 1
    message = Message.objects.filter(ticket=ticket, number=number, erased_at=None).first()
    if message is None:
        return None
    told = classification.explain(text_of(message.subject, message.body))
    if told is None:
        return None
    version, explanation = told
    strongest = sorted(explanation.terms, key=lambda term: -abs(term.weight))[:MOST_TERMS]
    widest = max((abs(term.weight) for term in strongest), default=0.0) or 1.0
    bars = tuple((term, round(100 * abs(term.weight) / widest)) for term in strongest)
    known = corpus.examples_by_id() if explanation.nearest else {}
    nearest = tuple(Near(key, share, known.get(key)) for key, share in explanation.nearest)
    return Terms(version, bars, nearest)
