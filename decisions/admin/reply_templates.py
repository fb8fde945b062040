"""Reply templates. Editing one writes its next version; what was sent stays as it was."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget

from decisions.models import ReplyTemplate
from decisions.policies import drafts
from decisions.rules import replies
from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin, ConsoleChangeList
from tickets.history.record import Actor

SAMPLE = {
    "first_name": "Ada",
    "reference": "T-7K3M-Q9XD",
    "business_name": settings.BUSINESS_NAME,
}


class NewestVersions(ConsoleChangeList):
    """One row for each reply."""

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[ReplyTemplate]:
        newest = (
            ReplyTemplate.objects.filter(slug=OuterRef("slug"))
            .values("slug")
            .annotate(newest=Max("version"))
            .values("newest")
        )
        rows: QuerySet[ReplyTemplate] = super().get_queryset(*args, **kwargs)
        return rows.filter(version=Subquery(newest))


class ReplyTemplateForm(forms.ModelForm):
    class Meta:
        model = ReplyTemplate
        fields = ("slug", "subject", "body")
        widgets = {"body": UnfoldAdminTextareaWidget(attrs={"rows": 16, "class": "so-editor"})}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            drafts.check_wording(cleaned.get("subject", ""), cleaned.get("body", ""))
        except drafts.WordingInvalid as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        slug = self.instance.slug or cleaned.get("slug")
        newest = newest_version(slug)
        if self.instance.pk is None and newest:
            raise forms.ValidationError("There is a reply of that name already; edit that one.")
        if self.instance.pk is not None and newest != self.instance.version:
            raise forms.ValidationError(
                f"Version {newest} was written meanwhile. Look at it before you write another."
            )
        return cleaned


def newest_version(slug: str | None) -> int:
    rows = ReplyTemplate.objects.filter(slug=slug).order_by("-version")
    return rows.values_list("version", flat=True).first() or 0


@admin.register(ReplyTemplate)
class ReplyTemplateAdmin(ConsoleAdmin):
    form = ReplyTemplateForm
    fields = ("slug", "subject", "body")
    list_display = ("slug", "subject", "version", "gaps", "by_whom", "moment")
    list_select_related = ("created_by",)
    search_fields = ("slug", "subject", "body")
    change_form_template = "console/reply_template.html"
    ordering = ("slug", "-version")
    list_per_page = 100

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NewestVersions

    def get_readonly_fields(
        self, request: HttpRequest, obj: ReplyTemplate | None = None
    ) -> list[str]:
        return ["slug"] if obj else []

    def has_change_permission(self, request: HttpRequest, obj: ReplyTemplate | None = None) -> bool:
        """To edit is to add a version; older ones are history."""
        if not self.has_add_permission(request):
            return False
        return obj is None or obj.version == newest_version(obj.slug)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = ReplyTemplate.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        shown: dict[str, Any] = {"variables": replies.VARIABLES}
        if row is not None:
            rows = ReplyTemplate.objects.filter(slug=row.slug).select_related("created_by")
            shown |= {"versions": rows.order_by("-version"), "preview": preview(row)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        shown = {"variables": replies.VARIABLES}
        return super().add_view(request, form_url, {**(extra_context or {}), **shown})

    def save_model(
        self, request: HttpRequest, obj: ReplyTemplate, form: forms.ModelForm, change: bool
    ) -> None:
        row = drafts.write_reply(
            obj.slug,
            subject=obj.subject,
            body=obj.body,
            actor=Actor.person(request.user),
            now=timezone.now(),
            instead_of=obj.version if change else None,
        )
        obj.pk, obj.version = row.pk, row.version

    def response_add(
        self, request: HttpRequest, obj: ReplyTemplate, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._to_row(request, obj)

    def response_change(self, request: HttpRequest, obj: ReplyTemplate) -> HttpResponse:
        return self._to_row(request, obj)

    def _to_row(self, request: HttpRequest, obj: ReplyTemplate) -> HttpResponse:
        messages.success(request, f"Version {obj.version} of {obj.slug} is in use from now on.")
        return HttpResponseRedirect(reverse("admin:decisions_replytemplate_change", args=[obj.pk]))

    @display(description="Needs an agent")
    def gaps(self, row: ReplyTemplate) -> str | SafeString:
        if replies.is_complete(row.body):
            return "–"
        return format_html('<span title="{}">{}</span>', "It holds [gaps] to fill in", "yes")

    @display(description="By")
    def by_whom(self, row: ReplyTemplate) -> str:
        return show.person(row.created_by) if row.created_by else "the machine"

    @display(description="Written")
    def moment(self, row: ReplyTemplate) -> str | SafeString:
        return show.ago(row.created_at, "ago")


def preview(row: ReplyTemplate) -> str:
    """The reply as a customer would read it."""
    try:
        return replies.render(row.body, SAMPLE)
    except replies.TemplateIncomplete as refusal:
        return str(refusal)
