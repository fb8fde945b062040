"""The list of tickets: search, filters, built-in views; as fast at a million rows as at ten."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportops.ui import show
from supportops.ui.listing import ConsoleChangeList
from tickets.admin.ticket_list.bulk_actions import (
    DONE_LAST,
    KNOWN,
    WORDS,
    ListActions,
    numbered,
    views_of,
)
from tickets.admin.ticket_list.filters import FILTERS, VIEWS
from tickets.codes import BulkKind, NoIntent
from tickets.desk import saved_views
from tickets.models import BulkChange, Message, SavedView, Ticket
from tickets.search import index
from tickets.search.index import Window
from tickets.templatetags import clocks

MOST_FOUND = 200  # hits that a search lists; four pages
SNIPPET = 160  # characters of the opening message, more than a line shows
MOST_COUNTED = 99


BULK_TITLES: Mapping[str, str] = {
    BulkKind.ASSIGN: "Assign to",
    BulkKind.QUEUE: "Move to",
    BulkKind.PRIORITY: "Priority",
    BulkKind.INTENT: "Correct the intent to",
}


@dataclass(frozen=True, slots=True)
class SavedLink:
    """A saved view above the list."""

    view: SavedView
    chosen: bool
    mine: bool


def saved_links(request: HttpRequest) -> list[SavedLink]:
    here = saved_views.cleaned(request.GET.urlencode(), KNOWN)
    return [
        SavedLink(view, view.query == here, view.owner_id == request.user.pk)
        for view in views_of(request.user)
    ]


def undoable(request: HttpRequest) -> BulkChange | None:
    """What was done in this session a moment ago. Nothing is asked where nothing was done."""
    change = request.session.get(DONE_LAST)
    if change is None:
        return None
    return BulkChange.objects.undoable(request.user, timezone.now()).filter(pk=change).first()


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A link above the list."""

    title: str
    url: str
    chosen: bool
    count: str = ""


class TicketChangeList(ConsoleChangeList):
    """Adds to the page what each row says first, in one query for all rows."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.view_counts = count_views(request)
        self.may_change = self.model_admin.has_change_permission(request)
        self.may_share = request.user.has_perm("tickets.share_savedview")
        self.here = saved_views.cleaned(request.GET.urlencode(), KNOWN | {"p"})
        self.views = saved_links(request)
        self.undoable = undoable(request)
        self.result_list: list[Ticket] = with_openings(self.result_list)
        self.carried = self.model_admin.get_preserved_filters(request)
        # The drop-downs above the list take the place of the drawer.
        self.has_filters = False

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Ticket]) -> list[str]:
        """By key, which is in the order of arrival. Where days are asked for, by the index on
        them: else the database would sort all tickets of those days for the first fifty."""
        ordering = super().get_ordering(request, queryset)
        dated = self.params.get("created") or self.params.get("view") == "auto_today"
        if not dated:
            return list(ordering)
        return ["created_at", "id"] if ordering[0] == "id" else ["-created_at", "-id"]

    @property
    def rows(self) -> Iterator[tuple[Ticket, str, list[tuple[str, str | SafeString]]]]:
        """Each ticket with its address and its cells by column."""
        for ticket in self.result_list:
            address = reverse("admin:tickets_ticket_change", args=[ticket.pk])
            cells = [(name, getattr(self.model_admin, name)(ticket)) for name in self.list_display]
            yield ticket, f"{address}?{self.carried}" if self.carried else address, cells

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [
            (name, getattr(self.model_admin, name).short_description) for name in self.list_display
        ]

    @property
    def oldest_first(self) -> bool:
        return self.params.get("o") == OLDEST_FIRST

    @property
    def turned_url(self) -> str:
        """The same rows from the other end."""
        if self.oldest_first:
            return self.get_query_string(remove=["o"])
        return self.get_query_string({"o": OLDEST_FIRST})

    @property
    def view_links(self) -> list[ViewLink]:
        chosen = self.params.get("view", "")
        all_of_them = not chosen and not any(link.chosen for link in self.views)
        links = [ViewLink("All", self.get_query_string(remove=["view"]), all_of_them)]
        for key, (title, _) in VIEWS.items():
            if title or key == chosen:
                url = self.get_query_string({"view": key})
                words = title or show.spoken(key)
                links.append(ViewLink(words, url, key == chosen, self.view_counts.get(key, "")))
        return links

    @property
    def bulk_choices(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What can be done to the chosen tickets, in groups; the filters know the values."""
        given = {spec.parameter_name: spec.lookup_choices for spec in self.filter_specs}
        people = [(key, title) for key, title in given["assignee"] if key.isdecimal()]
        groups = {
            BulkKind.ASSIGN: [("me", "me"), ("none", "nobody"), *people],
            BulkKind.QUEUE: [choice for choice in given["queue"] if choice[0] != "none"],
            BulkKind.PRIORITY: given["priority"],
            BulkKind.INTENT: [(key, title) for key, title in given["intent"] if key != "none"]
            + [("none", "none of them")],
        }
        return [
            (BULK_TITLES[kind], [(f"{kind}:{key}", title) for key, title in choices])
            for kind, choices in groups.items()
        ]

    @property
    def done_words(self) -> str:
        """What may be taken back, as a sentence."""
        assert self.undoable is not None  # the page asks only where there is something
        return f"{numbered(len(self.undoable.tickets))} {WORDS[self.undoable.kind]}."

    @property
    def drop_downs(self) -> list[Any]:
        return [spec for spec in self.filter_specs if spec.parameter_name != "view"]

    @property
    def has_drop_downs_set(self) -> bool:
        return any(spec.value() for spec in self.drop_downs)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query) or any(spec.value() for spec in self.filter_specs)


def with_openings(tickets: Iterable[Ticket]) -> list[Ticket]:
    """The tickets, each with `.opening`: its subject or its first words."""
    rows = list(tickets)
    openings = (
        Message.objects.openings()
        .filter(ticket__in=[row.pk for row in rows])
        .values_list("ticket_id", "subject", Substr("body", 1, SNIPPET))
    )
    said = {ticket: subject or body for ticket, subject, body in openings}
    for row in rows:
        row.opening = said.get(row.pk, "")  # type: ignore[attr-defined]
    return rows


def count_views(request: HttpRequest) -> Mapping[str, str]:
    """How many tickets the built-in views hold; counted no further than is shown, all at once."""
    parts: list[str] = []
    values: list[Any] = []
    for key in (keys := [key for key, (title, _) in VIEWS.items() if title]):
        rows = VIEWS[key][1](Ticket.objects.all(), request).order_by()
        sql, given = rows.values("pk")[: MOST_COUNTED + 1].query.sql_with_params()
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS {key})")  # noqa: S608
        values += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        numbers = cursor.fetchone()
    return {key: counted(number) for key, number in zip(keys, numbers, strict=True)}


def counted(number: int) -> str:
    return f"{MOST_COUNTED}+" if number > MOST_COUNTED else str(number or "")


class TicketListAdmin(ListActions):
    """How the list looks; what happens on a ticket's page is elsewhere."""

    change_list_template = "console/ticket_list.html"
    list_display = (
        "reference",
        "opening",
        "from_whom",
        "intent_column",
        "status_column",
        "priority_column",
        "queue_column",
        "assignee_column",
        "age",
        "due",
    )
    list_select_related = ("requester", "queue", "assignee")
    list_filter = FILTERS
    search_fields = ("reference",)  # shows the field; the search itself is `tickets.search.index`
    search_help_text = "Name, e-mail, reference or words"
    ordering = ("-id",)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[TicketChangeList]:
        return TicketChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Ticket]:
        tickets: Any = super().get_queryset(request)
        return tickets.with_next_target()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Ticket], search_term: str
    ) -> tuple[QuerySet[Ticket], bool]:
        if not search_term.strip():
            return queryset, False
        window = Window(MOST_FOUND + 1, oldest_first=request.GET.get("o") == OLDEST_FIRST)
        return index.search(queryset, search_term, window), False

    def get_paginator(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Paginator:
        """A search counts less far than a list: whoever has so many hits types another word."""
        paginator: Any = super().get_paginator(request, *args, **kwargs)
        if request.GET.get("q", "").strip():
            paginator.cap = MOST_FOUND
        return paginator

    @display(description="Reference")
    def reference(self, ticket: Ticket) -> SafeString:
        return format_html('<span class="so-reference">{}</span>', ticket.reference)

    @display(description="Subject")
    def opening(self, ticket: Ticket) -> SafeString:
        words = " ".join(ticket.opening.split()) or "(no words)"  # type: ignore[attr-defined]
        return format_html('<bdi class="so-cut" title="{0}">{0}</bdi>', words)

    @display(description="From")
    def from_whom(self, ticket: Ticket) -> SafeString:
        return format_html(
            '<bdi class="so-cut" title="{} · {}">{}</bdi>',
            ticket.requester,
            ticket.requester.email or "erased",
            ticket.requester,
        )

    @display(description="Intent")
    def intent_column(self, ticket: Ticket) -> SafeString:
        return intent_cell(ticket)

    @display(description="Status")
    def status_column(self, ticket: Ticket) -> SafeString:
        again = (
            format_html(' <span class="so-faint" title="Reopened">↻{}</span>', ticket.round - 1)
            if ticket.round > 1
            else ""
        )
        return format_html("{}{}", show.status_pill(ticket.status), again)

    @display(description="Priority")
    def priority_column(self, ticket: Ticket) -> SafeString:
        return show.priority_pill(ticket.priority)

    @display(description="Queue")
    def queue_column(self, ticket: Ticket) -> SafeString:
        return format_html('<span class="so-cut">{}</span>', ticket.queue or "–")

    @display(description="Assignee")
    def assignee_column(self, ticket: Ticket) -> SafeString:
        if ticket.assignee is None:
            return format_html('<span class="so-faint">{}</span>', "nobody")
        name = show.person(ticket.assignee)
        return format_html('<bdi class="so-cut" title="{0}">{0}</bdi>', name)

    @display(description="Due")
    def due(self, ticket: Ticket) -> SafeString | str:
        return clocks.clock(ticket)

    @display(description="Age", ordering="-id")
    def age(self, ticket: Ticket) -> str | SafeString:
        return show.ago(ticket.created_at)


OLDEST_FIRST = f"-{TicketListAdmin.list_display.index('age')}"


def intent_cell(ticket: Ticket) -> SafeString:
    """The intent with its confidence, or why there is none."""
    if ticket.intent is None:
        why = NoIntent(ticket.no_intent).value.replace("_", " ") if ticket.no_intent else "none"
        words = "none of them" if ticket.intent_corrected else why
        return format_html('<span class="so-faint">{}</span>', words)
    if ticket.intent_corrected:
        how = format_html('<span class="so-faint" title="{}">by hand</span>', "Set by a person")
    else:
        how = format_html('<span class="so-faint">{}</span>', show.percent(ticket.confidence))
    return format_html(
        '<span class="so-cut" title="{0}">{0}</span> {1}', ticket.intent.replace("_", " "), how
    )
