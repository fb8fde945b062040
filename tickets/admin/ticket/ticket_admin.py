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
from django.utils.html import format_html

from tickets.admin.ticket import actions, page
from tickets.admin.ticket.fragments import TicketLookAdmin
from tickets.forms import displayable
from tickets.locks import ChangedMeanwhile, NotPossible
from tickets.models import Ticket

STALE = (
    "Nothing was sent: you have logged in again since you opened this page. Your text is here as "
    "you left it; please send it once more."
)


@admin.register(Ticket)
class TicketAdmin(TicketLookAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # tickets come in; nobody types them here

    def get_urls(self) -> list[URLPattern]:
        act = path("<int:ticket_id>/do/<slug:name>/", self.act_view, name="tickets_ticket_act")
        return [act, *super().get_urls()]

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
            "onlookers": self.onlookers(request, ticket),
            "back": self.list_address(request),
            "carried": request.GET.urlencode(),
            "composer": composer or {},
            **shown,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "console/ticket.html", context, status=status)

    def act_view(self, request: HttpRequest, ticket_id: int, name: str) -> HttpResponse:
        """Do one thing on a ticket. Whose session is over gets back what they wrote."""
        is_in = self.admin_site.has_permission(request)
        if request.method == "POST" and name in actions.COMPOSED and not is_in:
            return self.logged_out(request, ticket_id)
        inside = self.admin_site.admin_view(self.act)
        return inside(request, ticket_id=ticket_id, name=name)

    def act(self, request: HttpRequest, ticket_id: int, name: str) -> HttpResponse:
        """Do one thing on a ticket and go back to its page."""
        ticket = self.find(request, ticket_id)
        if not self.has_change_permission(request, ticket):
            raise PermissionDenied
        action = actions.ACTIONS.get(name)
        if action is None:
            raise Http404("There is no such action.")
        if request.method in {"GET", "HEAD"}:  # the way back from a login leads here
            return HttpResponseRedirect(self.address(request, ticket))
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
        self.tell(request, name, done, ticket)
        goes_on_in = form.cleaned_data["reference"] if name == "merge" else ticket
        return HttpResponseRedirect(self.address(request, goes_on_in))

    def tell(self, request: HttpRequest, name: str, done: str, ticket: Ticket) -> None:
        """Say what was done; where that ends somebody's work on a ticket, lead on to the next."""
        if name not in actions.FINISHING:
            messages.success(request, done)
            return
        onward = reverse("admin:tickets_ticket_next", args=[ticket.pk])
        address = f"{onward}?{request.GET.urlencode()}" if request.GET else onward
        link = '{} <a class="so-link" href="{}">Next ticket</a> <kbd>j</kbd>'
        messages.success(request, format_html(link, done, address))

    def refuse(
        self, request: HttpRequest, ticket: Ticket, name: str, form: forms.Form, why: str = ""
    ) -> HttpResponse:
        """Nothing was done. What was typed stays where it was typed."""
        found = [str(error) for errors in form.errors.values() for error in errors]
        if name not in actions.COMPOSED:
            for words in found or [why]:
                messages.error(request, words)
            return HttpResponseRedirect(self.address(request, ticket))
        gap = any(error.code == "gap" for error in form.errors.as_data().get("body", []))
        composer = self.typed(request, name) | {"errors": found or [why], "gap": gap}
        now = self.find(request, ticket.pk)  # as it stands, not as it was before the attempt
        return self.render_page(request, now, composer=composer, status=422)

    def typed(self, request: HttpRequest, name: str) -> dict[str, Any]:
        """What somebody wrote, in a shape that a page can show."""
        return {
            "kind": name,
            "body": displayable(request.POST.get("body", "")),
            "wrong": request.POST.get("wrong", ""),
        }

    def show_change(self, request: HttpRequest, ticket_id: int, form: forms.Form) -> HttpResponse:
        """Somebody else was faster: say what they did, keep the text, let the writer decide."""
        ticket = self.find(request, ticket_id)
        composer = self.typed(request, "reply") | {
            "changed": page.changed_since(ticket, form.cleaned_data["seen_at"]),
        }
        return self.render_page(request, ticket, composer=composer, status=409)

    def give_back(self, request: HttpRequest, ticket_id: int, name: str) -> HttpResponse | None:
        """For a form from before a new login: the page with its text. None where it had none."""
        if name not in actions.COMPOSED or not request.POST.get("body"):
            return None
        if not self.admin_site.has_permission(request):
            return self.logged_out(request, ticket_id)
        ticket = self.find(request, ticket_id)
        if not self.has_change_permission(request, ticket):
            raise PermissionDenied
        composer = self.typed(request, name) | {"errors": [STALE]}
        return self.render_page(request, ticket, composer=composer, status=403)

    def logged_out(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """The text, a way to log in, and a button to send it then. Says nothing of the ticket."""
        sent = {key: displayable(request.POST.get(key, "")) for key in ("seen_at", "mode")}
        context = {
            "body": displayable(request.POST.get("body", "")),
            "sent": sent,
            "login": reverse("admin:login"),
            "page": reverse("admin:tickets_ticket_change", args=[ticket_id]),
        }
        response = TemplateResponse(request, "console/logged_out.html", context, status=401)
        response["Cache-Control"] = "no-store"
        return response
