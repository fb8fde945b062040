"""The kill switch and the breakers: seen by all who may, turned by few, with a reason."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from decisions.certificates import quarantine
from decisions.models import Breaker, Quarantine, Switch
from decisions.stops import breakers, operating_curve
from decisions.stops.kill_switch import arm_breaker, set_switch
from decisions.stops.operating_curve import Curve
from supportops.ui import charts, show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.history.record import Actor


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=300, error_messages={"required": "Say why, for those who read this later."}
    )


class SwitchForm(ReasonForm):
    on = forms.TypedChoiceField(
        choices=[("yes", "stop"), ("no", "go on")], coerce=lambda value: value == "yes"
    )


def show_errors(request: HttpRequest, form: forms.Form) -> None:
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))


@admin.register(Switch)
class SwitchAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "reason", "moment")
    fields = ("on", "reason", "changed_at")

    def get_urls(self) -> list[URLPattern]:
        turn = path(
            "turn/", self.admin_site.admin_view(self.turn_view), name="decisions_switch_turn"
        )
        return [turn, *super().get_urls()]

    def turn_view(self, request: HttpRequest) -> HttpResponse:
        """Stop all automation, or let it go on."""
        if not request.user.has_perm("decisions.change_switch"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = SwitchForm(request.POST)
        if form.is_valid():
            on = form.cleaned_data["on"]
            turned = set_switch(
                on,
                form.cleaned_data["reason"],
                actor=Actor.person(request.user),
                now=timezone.now(),
            )
            words = "Automation is stopped." if on else "Automation may go on."
            messages.success(request, words if turned else f"{words} It stood so already.")
        else:
            show_errors(request, form)
        return HttpResponseRedirect(reverse("admin:index"))

    @display(description="Since")
    def moment(self, switch: Switch) -> str | SafeString:
        return show.clock(switch.changed_at)


def _drawn(curve: Curve) -> charts.LogLines:
    known, reviewed = [p.all_known for p in curve.points], [p.reviewed for p in curve.points]
    return charts.log_lines([p.rate for p in curve.points], [known, reviewed])


@admin.register(Breaker)
class BreakerAdmin(ReadOnlyAdmin):
    list_display = ("intent_words", "state", "height_now", "drawn_now", "reason", "moment")
    change_form_template = "console/breaker.html"
    fields = ("intent", "open", "reason", "changed_at")

    def get_urls(self) -> list[URLPattern]:
        arm = path(
            "<int:breaker_id>/arm/",
            self.admin_site.admin_view(self.arm_view),
            name="decisions_breaker_arm",
        )
        return [arm, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        breaker = self.get_object(request, unquote(object_id))
        shown: dict[str, Any] = {"may_arm": request.user.has_perm("decisions.change_breaker")}
        if breaker is not None:
            now = timezone.now()
            curve = operating_curve.curve_of(breaker, now)
            shown |= {
                "title": f"Breaker for {self.intent_words(breaker)}",
                "curve": curve,
                "drawing": _drawn(curve),
                "path": breakers.path_of(breaker),
                "drawn_path": breakers.drawn_path_of(breaker),
                "heights": operating_curve.heights_of(breaker, curve.budget),
                "all_budget": settings.FALSE_TRIPS_A_YEAR,
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def arm_view(self, request: HttpRequest, breaker_id: int) -> HttpResponse:
        """Let an intent be automated again."""
        if not request.user.has_perm("decisions.change_breaker"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        breaker = get_object_or_404(Breaker, pk=breaker_id)
        form = ReasonForm(request.POST)
        if form.is_valid():
            armed = arm_breaker(
                breaker.intent,
                form.cleaned_data["reason"],
                actor=Actor.person(request.user),
                now=timezone.now(),
            )
            messages.success(
                request, "The breaker is armed." if armed else "The breaker was armed already."
            )
        else:
            show_errors(request, form)
        return HttpResponseRedirect(reverse("admin:decisions_breaker_change", args=[breaker_id]))

    @display(description="Intent")
    def intent_words(self, breaker: Breaker) -> str:
        return show.spoken(breaker.intent) if breaker.intent else "All intents"

    @display(description="All answers")
    def height_now(self, breaker: Breaker) -> str:
        return f"{breaker.level} of {breaker.height}"

    @display(description="Reviewed answers")
    def drawn_now(self, breaker: Breaker) -> str:
        return f"{breaker.drawn_level} of {breaker.drawn_height or '–'}"

    @display(description="State")
    def state(self, breaker: Breaker) -> SafeString:
        return show.pill(*(("Open", "danger") if breaker.open else ("Armed", "success")))

    @display(description="Since")
    def moment(self, breaker: Breaker) -> str | SafeString:
        return show.clock(breaker.changed_at)


@admin.register(Quarantine)
class QuarantineAdmin(ReadOnlyAdmin):
    """Intents that reviews have shown to be wrong more often than their certificate allows."""

    list_display = ("intent_words", "classifier_version", "state", "evidence", "moment")
    when_empty = "No intent is stopped: none failed its blind reviews."
    change_form_template = "console/quarantine.html"
    fields = ("intent", "classifier_version", "rows", "errors", "at", "lifted_at", "reason")

    def get_urls(self) -> list[URLPattern]:
        lift = path(
            "<int:quarantine_id>/lift/",
            self.admin_site.admin_view(self.lift_view),
            name="decisions_quarantine_lift",
        )
        return [lift, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        may = {"may_lift": request.user.has_perm("decisions.change_quarantine")}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **may})

    def lift_view(self, request: HttpRequest, quarantine_id: int) -> HttpResponse:
        """Let an intent back into its certificate."""
        if not request.user.has_perm("decisions.change_quarantine"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        row = get_object_or_404(Quarantine, pk=quarantine_id)
        form = ReasonForm(request.POST)
        if form.is_valid():
            lifted = quarantine.lift(
                row.pk,
                form.cleaned_data["reason"],
                actor=Actor.person(request.user),
                now=timezone.now(),
            )
            words = "It is back in its certificate." if lifted else "It was lifted already."
            messages.success(request, words)
        else:
            show_errors(request, form)
        return HttpResponseRedirect(reverse("admin:decisions_quarantine_change", args=[row.pk]))

    @display(description="Intent")
    def intent_words(self, row: Quarantine) -> str:
        return show.spoken(row.intent)

    @display(description="State")
    def state(self, row: Quarantine) -> SafeString:
        lifted = row.lifted_at is not None
        return show.pill(*(("Lifted", "plain") if lifted else ("In quarantine", "danger")))

    @display(description="Wrong")
    def evidence(self, row: Quarantine) -> str:
        return f"{row.errors} of {row.rows} against {show.percent(row.alpha)}"

    @display(description="Since")
    def moment(self, row: Quarantine) -> str | SafeString:
        return show.clock(row.at)
