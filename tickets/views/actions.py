"""What a customer does on a ticket's page, handed to the services. None means: done."""

from collections.abc import Callable
from datetime import datetime

from tickets.api.throttling import seconds_to_wait
from tickets.codes import TicketStatus
from tickets.desk import customer_actions
from tickets.forms import ReplyForm
from tickets.locks import NotPossible
from tickets.models import Ticket
from tickets.views import problems
from tickets.views.problems import Problem

Action = Callable[[Ticket, ReplyForm, datetime], Problem | None]

RATED = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
RATINGS = {str(number): number for number in range(1, 6)}


def reply(ticket: Ticket, form: ReplyForm, now: datetime) -> Problem | None:
    if not form.is_valid():
        return problems.FAULTY
    wait = _must_wait(ticket)
    if wait is not None:
        return problems.too_often(wait)
    typed = form.cleaned_data
    try:
        customer_actions.customer_reply(ticket.pk, typed["message"], now=now, after=typed["after"])
    except NotPossible:
        return problems.ENDED
    return None


def helped(ticket: Ticket, form: ReplyForm, now: datetime) -> None:
    customer_actions.helped(ticket.pk, now=now)


def not_helped(ticket: Ticket, form: ReplyForm, now: datetime) -> None:
    customer_actions.not_helped(ticket.pk, now=now)


def person(ticket: Ticket, form: ReplyForm, now: datetime) -> None:
    customer_actions.talk_to_person(ticket.pk, now=now)


def rate(ticket: Ticket, form: ReplyForm, now: datetime) -> Problem | None:
    rating = RATINGS.get(form.data.get("rating", ""))
    if rating is None or rating == ticket.rating or ticket.status not in RATED:
        return None
    wait = _must_wait(ticket)
    if wait is not None:
        return problems.too_often(wait)
    customer_actions.rate(ticket.pk, rating, now=now)
    return None


# The way to a person is never counted: it can be gone once only.
ACTIONS: dict[str, Action] = {
    "reply": reply,
    "helped": helped,
    "not_helped": not_helped,
    "person": person,
    "rate": rate,
}


def _must_wait(ticket: Ticket) -> int | None:
    return seconds_to_wait("form", f"ticket-{ticket.pk}")
