"""Scenarios, and candidates in the shadow."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from classification.models import ModelVersion
from decisions.admin.policy_pages import candidate_address
from decisions.admin.record import ticket_link
from decisions.admin.stops import show_errors
from decisions.models import Candidate, Decision, Policy, Scenario
from decisions.policies import scenarios
from decisions.policies.scenarios import ScenarioInvalid, Tried
from decisions.trials import shadow
from decisions.trials.shadow import AlreadyRunning
from supportops.ui import show
from supportops.ui.listing import ConsoleAdmin, ReadOnlyAdmin
from tickets.codes import Outcome
from tickets.history.record import Actor


class KeepForm(forms.Form):
    name = forms.CharField(max_length=100)
    outcome = forms.ChoiceField(choices=[(code.value, code.value) for code in Outcome])
    reason = forms.CharField(max_length=80, required=False)


@admin.register(Scenario)
class ScenarioAdmin(ConsoleAdmin):
    """Each with what the newest version says to it: a draft while there is one."""

    list_display = ("name", "expected", "comes_out", "active", "from_ticket", "by_whom", "moment")
    list_select_related = ("ticket", "created_by")
    list_filter = ("active", "outcome")
    search_fields = ("name",)
    when_empty = (
        "A ticket whose outcome must never change can be kept as a scenario: on its page, under "
        "Why?. No policy is published that decides it otherwise."
    )
    fields = ("name", "outcome", "reason", "active")

    def get_urls(self) -> list[URLPattern]:
        keep = path(
            "keep/<int:decision_id>/",
            self.admin_site.admin_view(self.keep_view),
            name="decisions_scenario_keep",
        )
        return [keep, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # a scenario is kept from a decision, with its facts

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        newest = Policy.objects.order_by("-number").first()
        title = f"Scenarios, asked of {newest}" if newest else "Scenarios"
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's rows with what the newest version says to them."""
        listed = super().get_changelist_instance(request)
        listed.result_list = rows = list(listed.result_list)
        newest = Policy.objects.order_by("-number").first()
        asked = [row for row in rows if row.active]
        tried = scenarios.try_all(newest.snapshot(), asked) if newest and asked else []
        said = {one.scenario.pk: one for one in tried}
        for row in rows:
            row.tried = said.get(row.pk)
        return listed

    def keep_view(self, request: HttpRequest, decision_id: int) -> HttpResponse:
        """Keep the facts of a decision with what should have come of them."""
        if not request.user.has_perm("decisions.add_scenario"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        decision = get_object_or_404(Decision, pk=decision_id)
        back = reverse("admin:tickets_ticket_change", args=[decision.ticket_id])
        form = KeepForm(request.POST)
        if not form.is_valid():
            show_errors(request, form)
            return HttpResponseRedirect(back)
        try:
            row = scenarios.keep(
                decision,
                **form.cleaned_data,
                actor=Actor.person(request.user),
                now=timezone.now(),
            )
        except ScenarioInvalid as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(back)
        messages.success(request, f"“{row}” is kept. No policy that breaks it is published.")
        return HttpResponseRedirect(reverse("admin:decisions_scenario_changelist"))

    @display(description="Should come out as")
    def expected(self, row: Scenario) -> SafeString:
        reason = format_html(" <code>{}</code>", row.reason) if row.reason else ""
        return format_html("{}{}", show.outcome_pill(row.outcome), reason)

    @display(description="Comes out")
    def comes_out(self, row: Scenario) -> SafeString:
        tried: Tried | None = row.tried  # type: ignore[attr-defined]
        if tried is None:
            return show.pill("Not asked", "faint")
        if tried.passes:
            return show.pill("As it should", "success")
        return format_html(
            '{} <span class="so-cut" title="{}">{}</span>',
            show.pill("Otherwise", "danger"),
            tried.problem,
            tried.problem,
        )

    @display(description="From")
    def from_ticket(self, row: Scenario) -> str | SafeString:
        return ticket_link(row.ticket) if row.ticket else "–"

    @display(description="By")
    def by_whom(self, row: Scenario) -> str:
        return show.person(row.created_by) if row.created_by else "the machine"

    @display(description="Kept")
    def moment(self, row: Scenario) -> str | SafeString:
        return show.ago(row.created_at, "ago")


@admin.register(Candidate)
class CandidateAdmin(ReadOnlyAdmin):
    list_display = ("title", "state", "by_whom", "moment")
    list_select_related = ("policy", "started_by")
    when_empty = (
        "A draft of a policy or another model can decide every ticket beside the one in force, "
        "without effect. Start it on the draft's or the model's page."
    )
    change_form_template = "console/candidate.html"
    fields = ("kind",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("model/<str:version>/", view(self.model_view), name="decisions_candidate_model"),
            path("<int:pk>/end/", view(self.end_view), name="decisions_candidate_end"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        candidate = self.get_object(request, unquote(object_id))
        shown: dict[str, Any] = {}
        if candidate is not None:
            shown = {
                "found": shadow.disagreement(candidate),
                "title": f"In the shadow: {candidate}",
                "may_end": request.user.has_perm("decisions.change_candidate"),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    def model_view(self, request: HttpRequest, version: str) -> HttpResponse:
        """Try a model that is not in force."""
        if not request.user.has_perm("decisions.add_candidate"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        model = get_object_or_404(ModelVersion, version=version)
        try:
            candidate = shadow.start(
                actor=Actor.person(request.user), now=timezone.now(), model_version=model.version
            )
        except AlreadyRunning as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(reverse("admin:decisions_candidate_changelist"))
        messages.success(request, f"{version} is asked about every new ticket; nobody hears it.")
        return HttpResponseRedirect(candidate_address(candidate))

    def end_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop asking a candidate."""
        if not request.user.has_perm("decisions.change_candidate"):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        candidate = get_object_or_404(Candidate, pk=pk)
        ended = shadow.end(candidate, now=timezone.now())
        messages.success(request, "It is no longer asked." if ended else "It had ended already.")
        return HttpResponseRedirect(candidate_address(candidate))

    @display(description="Candidate")
    def title(self, candidate: Candidate) -> str:
        return str(candidate).capitalize()

    @display(description="State")
    def state(self, candidate: Candidate) -> SafeString:
        return show.pill(*(("Ended", "plain") if candidate.ended_at else ("Asked", "info")))

    @display(description="By")
    def by_whom(self, candidate: Candidate) -> str:
        return show.person(candidate.started_by) if candidate.started_by else "the machine"

    @display(description="Since")
    def moment(self, candidate: Candidate) -> str | SafeString:
        return show.clock(candidate.started_at)
