"""A ticket's page for its customer. Looking changes nothing; what is sent goes to the services."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from tickets import tracking
from tickets.codes import TicketStatus
from tickets.forms import ReplyForm, displayable
from tickets.models import Ticket
from tickets.views import problems
from tickets.views.actions import ACTIONS
from tickets.views.hours import answering
from tickets.views.problems import Problem

View = Callable[..., HttpResponse]

JUST_SENT = frozenset({TicketStatus.RECEIVED, TicketStatus.OPEN, TicketStatus.ANSWERED})
PERSONS_TURN = frozenset({TicketStatus.RECEIVED, TicketStatus.OPEN})
SHOWN = ("number", "author", "subject", "body", "created_at", "erased_at")
SENT_AGAIN = ("action", "rating", "after")


def private(view: View) -> View:
    """A page that is for one person: kept nowhere, found by no search engine."""

    @cache_control(private=True, no_store=True)
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        # Not "no-referrer": browsers would then hide the origin of our own forms as well.
        response["Referrer-Policy"] = "same-origin"
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return shown


@csrf_exempt  # checked one step further in, where a body that is too large is answered as well
@require_http_methods(["GET", "HEAD", "POST"])
@private
def track(request: HttpRequest, reference: str, signature: str) -> HttpResponse:
    """The conversation, and everything that its customer can do with it."""
    try:
        if request.method == "POST":
            return _act(request, reference, signature)
        return _page(request, found(reference, signature), ReplyForm())
    except problems.TOO_LARGE:
        problem, typed = problems.too_long(request)
        return given_back(request, found(reference, signature), typed, problem)
    except DatabaseError as error:
        return _apology(request, problems.unavailable(error))


@require_safe
@private
def sent(request: HttpRequest, reference: str, signature: str) -> HttpResponse:
    """What comes next, right after sending. Later on the conversation says more."""
    try:
        ticket = found(reference, signature)
        if ticket.round > 1 or ticket.status not in JUST_SENT:
            return redirect("track", reference, signature)
        context = _context(ticket) | {"link": tracking.link(ticket)}
        return render(request, "customer/sent.html", context)
    except DatabaseError as error:
        return _apology(request, problems.unavailable(error))


def found(reference: str, signature: str) -> Ticket:
    """The ticket of a link. A link that is wrong, foreign or over gets one and the same answer."""
    ticket = tracking.find(reference, signature, timezone.now())
    if ticket is None:
        raise Http404
    return ticket


@csrf_protect
def _act(request: HttpRequest, reference: str, signature: str) -> HttpResponse:
    ticket, form = found(reference, signature), ReplyForm(request.POST)
    name = request.POST.get("action", "")
    here = reverse("track", args=[reference, signature])
    if name not in ACTIONS:
        return redirect(here)
    if not problems.is_readable(request):
        return given_back(request, ticket, request.POST, problems.BROKEN)
    problem = ACTIONS[name](ticket, form, timezone.now())
    if problem is None:
        return redirect(f"{here}?done={name}")
    return _page(request, ticket, form, problem)


def given_back(
    request: HttpRequest, ticket: Ticket, typed: QueryDict, problem: Problem
) -> HttpResponse:
    """The conversation with the reply as it was typed, for another try."""
    form = ReplyForm(initial={"message": displayable(typed.get("message", ""))})
    return _page(request, ticket, form, problem)


def _page(
    request: HttpRequest, ticket: Ticket, form: ReplyForm, problem: Problem | None = None
) -> HttpResponse:
    context = _context(ticket) | {"form": form, "problem": problem, "done": request.GET.get("done")}
    response = render(request, "customer/track.html", context)
    return problem.marked(response) if problem else response


def _context(ticket: Ticket) -> dict[str, Any]:
    conversation = list(ticket.messages.visible_to_customer().only("ticket", *SHOWN))
    return {
        "ticket": ticket,
        "here": reverse("track", args=[ticket.reference, tracking.signature(ticket)]),
        "goes_on_in": _survivor(ticket),
        "conversation": conversation,
        "opening": conversation[0],
        "hours": answering(timezone.now()) if ticket.status in PERSONS_TURN else None,
    }


def _survivor(ticket: Ticket) -> Ticket | None:
    """Where a merged conversation goes on; None where it does so here."""
    survivor = ticket.merged_into
    while survivor is not None and survivor.merged_into is not None:
        survivor = survivor.merged_into
    return survivor


def _apology(request: HttpRequest, problem: Problem) -> HttpResponse:
    """A page that needs no database, with everything that was sent in a form to send it again."""
    typed = request.POST if request.method == "POST" else QueryDict()
    context = {
        "problem": problem,
        "message": displayable(typed.get("message", "")),
        "again": {name: displayable(typed[name]) for name in SENT_AGAIN if name in typed},
    }
    return problem.marked(render(request, "customer/unavailable.html", context))
