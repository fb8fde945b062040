"""What people do on the ticket list: change many tickets, take it back, keep views."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from supportops.ui.listing import ConsoleAdmin
from tickets.admin.act_forms import AssignForm, IntentForm, PriorityForm, QueueForm
from tickets.admin.ticket_list.filters import FILTERS
from tickets.codes import BulkKind
from tickets.desk import bulk, saved_views
from tickets.locks import NotPossible
from tickets.models import SavedView

NOTHING = "none"
DONE_LAST = "bulk_change"  # of a session
KNOWN = frozenset({*(str(each.parameter_name) for each in FILTERS), "q", "o"})
# The form of a ticket's page that says whether a value is one, and its field.
VALUES: Mapping[BulkKind, tuple[type[forms.Form], str]] = {
    BulkKind.ASSIGN: (AssignForm, "to"),
    BulkKind.QUEUE: (QueueForm, "queue"),
    BulkKind.PRIORITY: (PriorityForm, "priority"),
    BulkKind.INTENT: (IntentForm, "intent"),
}
WORDS: Mapping[str, str] = {
    BulkKind.ASSIGN: "assigned",
    BulkKind.QUEUE: "moved",
    BulkKind.PRIORITY: "given another priority",
    BulkKind.RESOLVE: "resolved",
    BulkKind.SPAM: "marked as spam",
    BulkKind.INTENT: "given another intent",
}
MOST_NAMED = 5  # tickets in one sentence
LONGEST_KEY = 19  # digits that any database takes


class ViewForm(forms.Form):
    name = forms.CharField(max_length=40, error_messages={"required": "Give the view a name."})
    shared = forms.BooleanField(required=False)
    query = forms.CharField(max_length=2_000, required=False)


def read(asked: str, user: Any) -> tuple[BulkKind, Any]:
    """What is to be done, from the one choice of the list: `assign:me`, `queue:3`, `resolve`.

    Raises:
        NotPossible: it is none of the choices.
    """
    name, _, value = asked.partition(":")
    if name not in set(BulkKind):
        raise NotPossible("Choose what to do with the tickets.")
    kind = BulkKind(name)
    if kind not in VALUES:
        return kind, None
    form_class, field = VALUES[kind]
    if kind == BulkKind.ASSIGN:
        value = {"me": str(user.pk), NOTHING: ""}.get(value, value)
    return kind, checked(form_class({field: value, "wrong": "unsure"}))[field]


def checked(form: forms.Form) -> dict[str, Any]:
    """What was typed.

    Raises:
        NotPossible: something in it is wrong; the message says what.
    """
    if not form.is_valid():
        raise NotPossible(" ".join(str(words) for found in form.errors.values() for words in found))
    return form.cleaned_data


def chosen_of(request: HttpRequest) -> list[int]:
    """Raises NotPossible when no ticket is chosen."""
    keys = [key for key in request.POST.getlist("ticket") if key.isascii() and key.isdecimal()]
    chosen = [int(key) for key in keys if len(key) < LONGEST_KEY]
    if not chosen:
        raise NotPossible("Choose tickets first.")
    return chosen


def numbered(number: int) -> str:
    return "1 ticket" if number == 1 else f"{number} tickets"


def named(references: Any) -> str:
    shown = list(references)
    more = f" and {len(shown) - MOST_NAMED} more" if len(shown) > MOST_NAMED else ""
    return ", ".join(shown[:MOST_NAMED]) + more


class ListActions(ConsoleAdmin):
    """The addresses behind the list's own forms. Each posts, acts and leads back to the list."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            ("do/", self.bulk_view, "tickets_ticket_bulk"),
            ("undo/<int:change_id>/", self.undo_view, "tickets_ticket_undo"),
            ("views/", self.save_view, "tickets_ticket_save_view"),
            ("views/<int:view_id>/<slug:what>/", self.edit_view, "tickets_ticket_edit_view"),
        ]
        wrap = self.admin_site.admin_view
        return [*(path(at, wrap(view), name=name) for at, view, name in own), *super().get_urls()]

    def bulk_view(self, request: HttpRequest) -> HttpResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            kind, value = read(request.POST.get("do", ""), request.user)
            chosen = chosen_of(request)
            done = bulk.change(kind, chosen, value, user=request.user, now=timezone.now())
        except NotPossible as refusal:
            messages.error(request, str(refusal))
            return self._back(request)
        if done.change is not None:
            request.session[DONE_LAST] = done.change.pk
        for words in sorted({why for _, why in done.refused}):
            which = named(reference for reference, why in done.refused if why == words)
            messages.warning(request, f"{which}: {words}")
        if not done.changed and not done.refused:
            messages.info(request, "Nothing to change: they are so already.")
        return self._back(request)

    def undo_view(self, request: HttpRequest, change_id: int) -> HttpResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            undone = bulk.undo(change_id, user=request.user, now=timezone.now())
        except NotPossible as refusal:
            messages.error(request, str(refusal))
            return self._back(request)
        if undone.restored:
            messages.success(request, f"Undone: {numbered(undone.restored)} as before.")
        if undone.left:
            messages.warning(
                request, f"Changed by somebody since, so left as they are: {named(undone.left)}."
            )
        return self._back(request)

    def save_view(self, request: HttpRequest) -> HttpResponse:
        if (refused := self._refused(request)) is not None:
            return refused
        shares = request.user.has_perm("tickets.share_savedview")
        try:
            given = checked(ViewForm(request.POST))
            row = saved_views.save(
                given["name"],
                given["query"],
                known=KNOWN,
                user=request.user,
                now=timezone.now(),
                shared=given["shared"] and shares,
            )
        except NotPossible as refusal:
            messages.error(request, str(refusal))
            return self._back(request)
        messages.success(request, f"“{row}” is saved{' for everybody' if row.shared else ''}.")
        return self._back(request)

    def edit_view(self, request: HttpRequest, view_id: int, what: str) -> HttpResponse:
        """Rename or delete a view of one's own."""
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            if what == "delete":
                saved_views.delete(view_id, user=request.user)
                messages.success(request, "The view is deleted. No ticket has changed.")
            else:
                name = checked(ViewForm(request.POST))["name"]
                saved_views.rename(view_id, name, user=request.user)
        except NotPossible as refusal:
            messages.error(request, str(refusal))
        return self._back(request)

    def _refused(self, request: HttpRequest) -> HttpResponse | None:
        if not self.has_change_permission(request):
            raise PermissionDenied
        return None if request.method == "POST" else HttpResponseNotAllowed(["POST"])

    def _back(self, request: HttpRequest) -> HttpResponse:
        """To the list as it was; of its address only what the list knows."""
        kept = saved_views.cleaned(request.POST.get("back", ""), KNOWN | {"p"})
        address = reverse("admin:tickets_ticket_changelist")
        return HttpResponseRedirect(f"{address}?{kept}" if kept else address)


def views_of(user: Any) -> list[SavedView]:
    """Somebody's own views and those that are shared."""
    return list(SavedView.objects.seen_by(user).select_related("owner"))
