"""Forms whose token is missing or too old: nothing was done, and the text is given back."""

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from tickets.admin.ticket.ticket_admin import TicketAdmin
from tickets.models import Ticket
from tickets.views import form_page, problems, tracking_page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Called by Django wherever a form comes without a valid token, in the console as well."""
    match = request.resolver_match
    if match is not None and match.url_name == "inquiry":
        return form_page.given_back(request, request.POST, problems.STALE)
    if match is not None and match.url_name == "track":
        ticket = tracking_page.found(**match.kwargs)
        return tracking_page.given_back(request, ticket, request.POST, problems.STALE)
    if match is not None and match.url_name == "tickets_ticket_act":
        page = TicketAdmin(Ticket, admin.site).give_back(request, **match.kwargs)
        if page is not None:
            return page
    return render(request, "403.html", {"stale": True}, status=403)
