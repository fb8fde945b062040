"""Who writes, where tickets wait, and with which keys integrations come."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin, ReadOnlyAdmin
from tickets.admin.ticket_list.change_list import with_openings
from tickets.codes import Scope
from tickets.models import ApiKey, Queue, Requester, Ticket

SHOWN_TICKETS = 100
SCOPE_WORDS = {
    Scope.TICKETS_WRITE: "create tickets and add messages",
    Scope.TICKETS_READ: "read and search tickets",
    Scope.PREDICTIONS_READ: "ask for predictions",
    Scope.DECISIONS_READ: "read decisions",
    Scope.REVIEWS_WRITE: "review blind",
    Scope.METRICS_READ: "read metrics",
    Scope.SWITCH_WRITE: "turn the kill switch",
}


@admin.register(Requester)
class RequesterAdmin(ReadOnlyAdmin):
    """People who wrote, each with their tickets."""

    list_display = ("whom", "address", "trust", "since")
    list_display_links = ("whom",)
    search_fields = ("name", "email")
    search_help_text = "Name or e-mail"
    change_form_template = "console/requester.html"
    fields = ("name", "email", "trust", "created_at", "erased_at")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Requester], search_term: str
    ) -> tuple[QuerySet[Requester], bool]:
        for word in search_term.split()[:8]:
            queryset = queryset.filter(Q(name__icontains=word) | Q(email__icontains=word))
        return queryset, False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        requester = self.get_object(request, unquote(object_id))
        tickets = Ticket.objects.filter(requester=requester).select_related("assignee")
        shown = {"tickets": with_openings(tickets.order_by("-id")[:SHOWN_TICKETS])}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @display(description="Name")
    def whom(self, requester: Requester) -> SafeString:
        return format_html('<bdi class="so-cut" title="{0}">{0}</bdi>', requester)

    @display(description="E-mail")
    def address(self, requester: Requester) -> SafeString:
        return format_html('<bdi class="so-cut">{}</bdi>', requester.email or "erased")

    @display(description="Verified")
    def trust(self, requester: Requester) -> str | SafeString:
        return show.pill("Verified", "success") if requester.verified else "–"

    @display(description="Known for", ordering="id")
    def since(self, requester: Requester) -> str | SafeString:
        return show.ago(requester.created_at)


@admin.register(Queue)
class QueueAdmin(ConsoleAdmin):
    list_display = ("name", "slug", "calendar", "position")
    fields = ("name", "slug", "position", "calendar")

    def get_readonly_fields(self, request: HttpRequest, obj: Queue | None = None) -> list[str]:
        # Policies name queues by their slug.
        return ["slug"] if obj else []

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Queue | None = None
    ) -> dict[str, Any]:
        return {} if obj else {"slug": ("name",)}


class ApiKeyForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope.value, f"{scope.value} – {SCOPE_WORDS[scope]}") for scope in Scope],
        widget=forms.CheckboxSelectMultiple,
        help_text="As few as the integration needs.",
    )

    revoke = forms.BooleanField(
        required=False,
        label="Revoke it now",
        help_text="Whoever uses it is refused from now on. This cannot be taken back.",
    )

    class Meta:
        model = ApiKey
        fields = ("name", "scopes", "expires_at")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean_expires_at(self) -> datetime | None:
        moment: datetime | None = self.cleaned_data["expires_at"]
        if moment is not None and "expires_at" in self.changed_data and moment <= timezone.now():
            raise forms.ValidationError("This moment is over already.")
        return moment


@admin.register(ApiKey)
class ApiKeyAdmin(ConsoleAdmin):
    """Keys of integrations. The key itself is shown once, when it is issued, and stored nowhere."""

    form = ApiKeyForm
    list_display = ("name", "ends_in", "state", "scope_words", "used", "expires_at")
    readonly_fields = ("ends_in", "created_by", "created_at", "last_used_at")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        asked = ["name", "scopes", "expires_at"]
        if obj is None:
            return asked
        end = "revoked_at" if obj.revoked_at else "revoke"
        return [*asked, end, *self.readonly_fields]

    def get_readonly_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> list[str]:
        if obj is None:
            return []
        over = ["scopes", "expires_at", "revoked_at"] if obj.revoked_at else []
        return ["name", *over, *self.readonly_fields]

    def save_model(
        self, request: HttpRequest, obj: ApiKey, form: forms.ModelForm, change: bool
    ) -> None:
        if change:
            if form.cleaned_data.get("revoke"):
                obj.revoked_at = timezone.now()
            super().save_model(request, obj, form, change)
            return
        row, key = ApiKey.issue(
            name=obj.name,
            scopes=obj.scopes,
            expires_at=obj.expires_at,
            created_by=request.user,
        )
        obj.pk, obj.hint = row.pk, row.hint
        request.issued_key = key  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only moment at which the key is known. Not by way of a message: those are stored."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": obj.name,
            "key": request.issued_key,  # type: ignore[attr-defined]
            "issued": obj,
        }
        response = TemplateResponse(request, "console/key_issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def message_user(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        if not hasattr(request, "issued_key"):
            messages.add_message(request, messages.SUCCESS, "The key was changed.")

    @display(description="Ends in")
    def ends_in(self, key: ApiKey) -> SafeString:
        return format_html("<code>…{}</code>", key.hint)

    @display(description="State")
    def state(self, key: ApiKey) -> SafeString:
        now = timezone.now()
        if key.revoked_at is not None:
            return show.pill("Revoked", "plain")
        if key.expires_at is not None and key.expires_at <= now:
            return show.pill("Expired", "warning")
        return show.pill("In force", "success")

    @display(description="Scopes")
    def scope_words(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display(description="Last used")
    def used(self, key: ApiKey) -> str | SafeString:
        return show.ago(key.last_used_at)
