"""What a ticket's page fetches beside the page itself. Nothing here changes a row."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from decisions.policies.reply_offers import newest_templates
from tickets.admin.ticket import merge, page, presence, window
from tickets.admin.ticket_list.change_list import OLDEST_FIRST, TicketListAdmin
from tickets.models import Ticket

MOST_DIGITS = 9
# Who came from no list goes on with what waits for a person, the oldest first.
UNFILTERED = f"status=open&o={OLDEST_FIRST}"


class TicketLookAdmin(TicketListAdmin):
    """Finds tickets for those who may look at them, and answers what their pages ask."""

    def get_urls(self) -> list[URLPattern]:
        views = {
            "terms": self.terms_view,
            "here": self.here_view,
            "earlier": self.earlier_view,
            "events": self.events_view,
            "template": self.template_view,
            "merge": self.merge_view,
            "next": self.next_view,
        }
        own = [
            path(
                f"<int:ticket_id>/{name}/",
                self.admin_site.admin_view(view),
                name=f"tickets_ticket_{name}",
            )
            for name, view in views.items()
        ]
        return own + super().get_urls()

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

    def list_address(self, request: HttpRequest) -> str:
        """The list as it was filtered when the ticket was opened."""
        address = reverse("admin:tickets_ticket_changelist")
        filtered = request.GET.get("_changelist_filters", "")
        return f"{address}?{filtered}" if filtered else address

    def address(self, request: HttpRequest, ticket: Ticket) -> str:
        address = reverse("admin:tickets_ticket_change", args=[ticket.pk])
        return f"{address}?{request.GET.urlencode()}" if request.GET else address

    def part(self, request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
        """A piece of a page, made again each time."""
        response = TemplateResponse(request, f"console/{name}.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def terms_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """What carried the prediction. Fetched when somebody asks why, for it takes its time."""
        ticket = self.find(request, ticket_id)
        return self.part(request, "terms", {"terms": page.explain(ticket), "ticket": ticket})

    def here_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Who else looks at the ticket, and what was done since the page was opened."""
        ticket = self.find(request, ticket_id)
        seen_at = _moment(request.GET.get("seen_at", ""))
        writing = request.GET.get("writing") == "yes"
        stale = seen_at is not None and ticket.updated_at != seen_at
        return self.part(
            request,
            "here",
            {
                "onlookers": self.onlookers(request, ticket, writing=writing),
                "changed": page.changed_since(ticket, seen_at) if stale and seen_at else [],
                "stale": stale,
            },
        )

    def onlookers(
        self, request: HttpRequest, ticket: Ticket, *, writing: bool = False
    ) -> list[presence.Onlooker]:
        """Colleagues with the ticket open. Who may only read is in nobody's way and not told of."""
        if not self.has_change_permission(request, ticket):
            return []
        return presence.look(ticket.pk, request.user, timezone.now(), writing=writing)

    def earlier_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Messages before the first one that a page shows."""
        ticket = self.find(request, ticket_id)
        earlier = window.before(ticket, _number(request, "before"))
        return self.part(request, "earlier", {"ticket": ticket, "conversation": earlier})

    def events_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Lines of the timeline before the first one that a page shows."""
        ticket = self.find(request, ticket_id)
        events = window.events(ticket, before=_number(request, "before"))
        context = {"ticket": ticket, "lines": events.lines, "more_before": events.more_before}
        return self.part(request, "timeline_lines", context)

    def template_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """A reply template in the words of this ticket, to be read before it is used."""
        ticket = self.find(request, ticket_id)
        template = newest_templates().filter(slug=request.GET.get("template", "")).first()
        if template is None:
            raise Http404("There is no such template.")
        return self.part(request, "filled", {"filled": page.fill_in(ticket, template)})

    def merge_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """Which ticket to merge into, and what will happen, before anything does."""
        ticket = self.find(request, ticket_id)
        if not self.has_change_permission(request, ticket):
            raise PermissionDenied
        typed = request.GET.get("reference", "")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": ticket,
            "title": f"Merge {ticket.reference}",
            "ticket": ticket,
            "subject": page.subject_of(ticket),
            "candidates": merge.candidates(ticket),
            "typed": typed,
            "plan": merge.plan(ticket, typed) if typed.strip() else None,
            "possible": page.possible(ticket)["merge"],
            "carried": _carried(request),
            "filters": request.GET.get("_changelist_filters", ""),
        }
        return TemplateResponse(request, "console/merge.html", context)

    def next_view(self, request: HttpRequest, ticket_id: int) -> HttpResponse:
        """On to the next ticket of the list from which this one was opened."""
        self.find(request, ticket_id)
        filtered = request.GET.get("_changelist_filters", "") or UNFILTERED
        step = -1 if request.GET.get("back") else 1
        found = neighbour(self.keys_of_list(request, filtered), ticket_id, step)
        if found is None:
            messages.info(request, "That was the last ticket of this list.")
            return HttpResponseRedirect(self.list_address(request))
        carried = _carried(request)
        address = reverse("admin:tickets_ticket_change", args=[found])
        return HttpResponseRedirect(f"{address}?{carried}" if carried else address)

    def keys_of_list(self, request: HttpRequest, filtered: str) -> list[int]:
        """The keys of the list in its order, as far as the list itself counts."""
        asked = request.GET
        request.GET = QueryDict(filtered)
        try:
            return list(self.get_changelist_instance(request).paginator.keys)
        except IncorrectLookupParameters:
            return []  # an address that nobody's list made
        finally:
            request.GET = asked


def neighbour(keys: list[int], here: int, step: int) -> int | None:
    """The key after (or before) this one. One that has left the list leaves its place behind."""
    if here in keys:
        position = keys.index(here) + step
        return keys[position] if 0 <= position < len(keys) else None
    descending = len(keys) < 2 or keys[0] > keys[1]
    beyond = [key for key in keys if (key < here) == (descending == (step > 0))]
    if not beyond:
        return None
    return beyond[0] if step > 0 else beyond[-1]


def _carried(request: HttpRequest) -> str:
    """The list's filters, and nothing else that an address may hold."""
    kept = QueryDict(mutable=True)
    if "_changelist_filters" in request.GET:
        kept["_changelist_filters"] = request.GET["_changelist_filters"]
    return kept.urlencode()


def _moment(text: str) -> datetime | None:
    try:
        seen = datetime.fromisoformat(text)
        return seen.astimezone(UTC) if seen.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _number(request: HttpRequest, name: str) -> int:
    typed = request.GET.get(name, "")
    if not (typed.isascii() and typed.isdigit() and len(typed) <= MOST_DIGITS):
        raise Http404("There is nothing before that.")
    return int(typed)
