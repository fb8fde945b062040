"""Forms whose token is missing or too old: nothing was done, and the text is given back."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tickets.admin.ticket import TicketAdmin
from tickets.models import Ticket
from tickets.views import following, inquiring, problems


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Called by Django wherever a form comes without a valid token, in the console as well."""
    match = request.resolver_match
    if match is not None and match.url_name == "inquiry":
        return inquiring.given_back(request, request.POST, problems.STALE)
    if match is not None and match.url_name == "track":
        ticket = following.found(**match.kwargs)
        return following.given_back(request, ticket, request.POST, problems.STALE)
    if match is not None and match.url_name == "tickets_ticket_act":
        page = TicketAdmin(Ticket, admin.site).give_back(request, **match.kwargs)
        if page is not None:
            return page
    return render(request, "403.html", {"stale": True}, status=403)
