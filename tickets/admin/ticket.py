"""Tickets in the console: the list, a ticket's page, and what people do there."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from tickets.admin import actions, page
from tickets.admin.ticket_list import TicketListAdmin
from tickets.forms import displayable
from tickets.holding import ChangedMeanwhile, NotPossible
from tickets.models import Ticket


@admin.register(Ticket)
class TicketAdmin(TicketListAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # tickets come in; nobody types them here

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<int:ticket_id>/do/<slug:name>/",
                self.admin_site.admin_view(self.act_view),
                name="tickets_ticket_act",
            ),
            path(
                "<int:ticket_id>/terms/",
                self.admin_site.admin_view(self.terms_view),
                name="tickets_ticket_terms",
            ),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The page of a ticket. Nothing is changed here; forms post to `act_view`."""
        if request.method not in {"GET", "HEAD"}:
            return HttpResponseNotAllowed(["GET", "HEAD"])
        return self.render_page(request, self.find(request, object_id))

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A ticket's own timeline says more."""
        return HttpResponseRedirect(self.address(request, self.find(request, object_id)))

    def find(self, request: HttpRequest, object_id: str | int) -> Ticket:
        """The ticket, for those who may look at tickets."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        try:
            ticket_id = int(object_id)
        except ValueError as error:
            raise Http404("There is no such ticket.") from error
        rows = Ticket.objects.select_related("requester", "queue", "assignee", "merged_into")
        ticket = rows.filter(pk=ticket_id).first() if ticket_id < 2**63 else None
        if ticket is None:
            raise Http404("There is no such ticket.")
        return ticket

    def render_page(
        self,
        request: HttpRequest,
        ticket: Ticket,
        *,
        composer: dict[str, Any] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        shown = page.context(ticket, request.user)
        if shown["may"]:
            shown |= page.choices(ticket, request.user)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": ticket,
            "title": ticket.reference,
            "seen_at": ticket.updated_at.isoformat(),
            "back": self.list_address(request),
            "carried": request.GET.urlencode(),
            "composer": composer or {},
            **shown,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "console/ticket.html", context, status=status)

    def list_address(self, request: HttpRequest) -> str:
        """The list as it was filtered when the ticket was opened."""
        address = reverse("admin:tickets_ticket_changelist")
        filtered = request.GET.get("_changelist_filters", "")
        return f"{address}?{filtered}" if filtered else address

    def address(self, request: HttpRequest, ticket: Ticket) -> str:
        address = reverse("admin:tickets_ticket_change", args=[ticket.pk])
        return f"{address}?{request.GET.urlencode()}" if request.GET else address

    def terms_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """What carried the prediction. Fetched when somebody asks why, for it takes its time."""
        ticket = self.find(request, ticket_id)
        return TemplateResponse(
            request, "console/terms.html", {"terms": page.explain(ticket), "ticket": ticket}
        )

    def act_view(self, request: HttpRequest, ticket_id: int, name: str) -> HttpResponse:
        """Do one thing on a ticket and go back to its page."""
        ticket = self.find(request, ticket_id)
        if not self.has_change_permission(request, ticket):
            raise PermissionDenied
        action = actions.ACTIONS.get(name)
        if action is None:
            raise Http404("There is no such action.")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = action.form(request.POST)
        if not form.is_valid():
            return self.refuse(request, ticket, name, form)
        try:
            done = action.run(actions.asked(request, ticket_id, form.cleaned_data))
        except ChangedMeanwhile:
            return self.show_change(request, ticket_id, form)
        except NotPossible as refusal:
            return self.refuse(request, ticket, name, form, str(refusal))
        messages.success(request, done)
        return HttpResponseRedirect(self.address(request, ticket))

    def refuse(
        self, request: HttpRequest, ticket: Ticket, name: str, form: forms.Form, why: str = ""
    ) -> HttpResponse:
        """Nothing was done. What was typed stays where it was typed."""
        found = [str(error) for errors in form.errors.values() for error in errors]
        if name not in actions.COMPOSED:
            for words in found or [why]:
                messages.error(request, words)
            return HttpResponseRedirect(self.address(request, ticket))
        composer = {
            "kind": name,
            "body": displayable(request.POST.get("body", "")),
            "errors": found or [why],
            "gap": any(error.code == "gap" for error in form.errors.as_data().get("body", [])),
        }
        now = self.find(request, ticket.pk)  # as it stands, not as it was before the attempt
        return self.render_page(request, now, composer=composer, status=422)

    def show_change(self, request: HttpRequest, ticket_id: int, form: forms.Form) -> HttpResponse:
        """Somebody else was faster: say what they did, keep the text, let the writer decide."""
        ticket = self.find(request, ticket_id)
        composer = {
            "kind": "reply",
            "body": form.cleaned_data["body"],
            "changed": page.changed_since(ticket, form.cleaned_data["seen_at"]),
        }
        return self.render_page(request, ticket, composer=composer, status=409)
