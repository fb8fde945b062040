"""Alerts, drift and unexplained messages in the console."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from metrics.alerts import alerts, pages
from metrics.models import GRAVEST_FIRST, Alert, DriftLook
from supportops.ui import show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.codes import AlertState, Severity
from tickets.history.record import Actor
from tickets.outbox import alert_words

STATE_TONES = {"firing": "danger", "acknowledged": "warning", "resolved": "success"}
SEVERITY_TONES = {Severity.CRITICAL: "danger", Severity.WARNING: "warning"}
SPANS = {
    "1": ("an hour", timedelta(hours=1)),
    "8": ("eight hours", timedelta(hours=8)),
    "24": ("a day", timedelta(days=1)),
    "168": ("a week", timedelta(days=7)),
}


class SilenceForm(forms.Form):
    """`hours` is one of the spans; empty ends the silence."""

    hours = forms.ChoiceField(choices=[("", ""), *((key, "") for key in SPANS)], required=False)


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("what", "grave", "state_pill", "since", "over", "taken_by")
    when_empty = "Nothing has ever fired. The worker looks every minute."
    list_filter = ("state", "kind", "severity")
    list_select_related = ("acknowledged_by",)
    change_form_template = "console/alert.html"
    fields = ("kind", "subject")

    def get_ordering(self, request: HttpRequest) -> tuple[Any, ...]:
        return GRAVEST_FIRST

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:alert_id>/acknowledge/", view(self.acknowledge_view), name="alert_take"),
            path("<int:alert_id>/silence/", view(self.silence_view), name="alert_silence"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = request.user.has_perm("metrics.change_alert")
        sees_outbox = request.user.has_perm("tickets.view_outbox")
        alert = Alert.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        more = pages.alert(alert, timezone.now()) if alert and self._sees(request) else {}
        more |= {"may_act": may, "sees_outbox": sees_outbox, "spans": SPANS}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def _sees(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def acknowledge_view(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        """Say that one looks after it."""
        self._may_act(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        taken = alerts.acknowledge(alert_id, actor=Actor.person(request.user), now=timezone.now())
        if taken:
            messages.success(request, "You look after it.")
        else:
            messages.warning(request, "It is over, or somebody looks after it already.")
        return self._back(alert_id)

    def silence_view(self, request: HttpRequest, alert_id: int) -> HttpResponse:
        """Tell nobody for a while, or tell again."""
        self._may_act(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = SilenceForm(request.POST)
        if not form.is_valid():
            messages.error(request, "Choose for how long.")
            return self._back(alert_id)
        now, chosen = timezone.now(), form.cleaned_data["hours"]
        until = now + SPANS[chosen][1] if chosen else None
        done = alerts.silence(alert_id, until, actor=Actor.person(request.user), now=now)
        words = f"Silent for {SPANS[chosen][0]}." if chosen else "Not silent any more."
        messages.success(request, words) if done else messages.warning(request, "It is over.")
        return self._back(alert_id)

    def _may_act(self, request: HttpRequest) -> None:
        if not request.user.has_perm("metrics.change_alert"):
            raise PermissionDenied

    def _back(self, alert_id: int) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:metrics_alert_change", args=[alert_id]))

    @display(description="What")
    def what(self, alert: Alert) -> str:
        return alert_words.title(alert.kind, alert.subject)

    @display(description="Severity")
    def grave(self, alert: Alert) -> SafeString:
        tone = SEVERITY_TONES[Severity(alert.severity)]
        over = alert.state == AlertState.RESOLVED
        return show.pill(alert.severity.capitalize(), "plain" if over else tone)

    @display(description="State")
    def state_pill(self, alert: Alert) -> SafeString:
        pill = show.pill(alert.state.capitalize(), STATE_TONES[alert.state])
        if alert.is_silent(timezone.now()) and alert.state != AlertState.RESOLVED:
            return format_html("{} {}", pill, show.pill("Silent"))
        return pill

    @display(description="Since")
    def since(self, alert: Alert) -> str | SafeString:
        return show.clock(alert.first_seen_at)

    @display(description="Over")
    def over(self, alert: Alert) -> str | SafeString:
        return show.clock(alert.resolved_at)

    @display(description="Looked after by")
    def taken_by(self, alert: Alert) -> str:
        return show.person(alert.acknowledged_by) if alert.acknowledged_by else "–"


@admin.register(DriftLook)
class DriftLookAdmin(ReadOnlyAdmin):
    """The list is one page: the newest look of each series, and unexplained messages."""

    list_display = ("day", "series", "verdict", "index", "chance", "rows_now", "rows_before")
    fields = (
        "day",
        "series",
        "classifier",
        "reference",
        "rows_before",
        "rows_now",
        "weeks",
        "stability",
        "expected",
        "p",
        "allowed_p",
        "fires",
        "at",
    )

    def get_urls(self) -> list[URLPattern]:
        earlier = path(
            "earlier/", self.admin_site.admin_view(self.earlier_view), name="drift_earlier"
        )
        return [earlier, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Drift",
            **pages.drift(timezone.now(), words=request.user.has_perm("tickets.view_ticket")),
        }
        return TemplateResponse(request, "console/drift.html", context)

    def earlier_view(self, request: HttpRequest) -> HttpResponse:
        """All looks as a list."""
        return super().changelist_view(request, {"title": "Looks for drift"})

    @display(description="Verdict")
    def verdict(self, look: DriftLook) -> SafeString:
        return pages.verdict(look)

    @display(description="Index, corrected")
    def index(self, look: DriftLook) -> str:
        return show.number(look.corrected)

    @display(description="p")
    def chance(self, look: DriftLook) -> str:
        return show.number(look.p, 4)
