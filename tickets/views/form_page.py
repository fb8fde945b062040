"""The form: one inquiry in, one redirect out. Whatever goes wrong, the text is given back."""

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from tickets import tracking
from tickets.api.throttling import form_must_wait
from tickets.forms import InquiryForm, browser_key, displayable
from tickets.pipeline import idempotency, receive
from tickets.pipeline.inquiry import Receipt
from tickets.views import problems
from tickets.views.problems import Problem

TYPED = ("name", "email", "subject", "message")


@csrf_exempt  # checked one step further in, where a body that is too large is answered as well
@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_cache=True)
def inquiry(request: HttpRequest) -> HttpResponse:
    """The form, and where it is sent to."""
    if request.method != "POST":
        return _page(request, InquiryForm(initial={"key": browser_key(request)}))
    try:
        return _send(request)
    except problems.TOO_LARGE:
        problem, typed = problems.too_long(request)
        return given_back(request, typed, problem)


@csrf_protect
def _send(request: HttpRequest) -> HttpResponse:
    form = InquiryForm(request.POST, initial={"key": browser_key(request)})
    if not problems.is_readable(request):
        return given_back(request, request.POST, problems.BROKEN)
    if form.looks_like_a_robot:
        return given_back(request, request.POST, problems.ROBOT)
    if not form.is_valid():
        return _page(request, form, problems.FAULTY)
    try:
        taken = _take(request, form)
    except DatabaseError as error:
        return given_back(request, request.POST, problems.unavailable(error))
    if isinstance(taken, Problem):
        return given_back(request, request.POST, taken)
    ticket = taken.ticket
    response = redirect("sent", ticket.reference, tracking.signature(ticket))
    response["Cache-Control"] = "no-store"
    return response


def _take(request: HttpRequest, form: InquiryForm) -> Receipt | Problem:
    """Hand the inquiry over. Who sends too often still gets what was taken before."""
    inquiry, now = form.inquiry(), timezone.now()
    wait = form_must_wait(request)
    if wait is None:
        return receive.receive(inquiry, now=now)
    return idempotency.find_earlier(inquiry, now) or problems.too_often(wait)


def given_back(request: HttpRequest, typed: QueryDict, problem: Problem) -> HttpResponse:
    """The form as it was typed, for another try. No field is found fault with."""
    names = (*TYPED, *settings.FORM_FIELDS)
    shown = {name: displayable(typed.get(name, "")) for name in names}
    form = InquiryForm(initial={**shown, "key": browser_key(request)})
    return _page(request, form, problem)


def _page(request: HttpRequest, form: InquiryForm, problem: Problem | None = None) -> HttpResponse:
    response = render(request, "customer/inquiry.html", {"form": form, "problem": problem})
    return problem.marked(response) if problem else response
