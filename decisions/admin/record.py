"""What was decided, by machine and by people, and what permitted it: read, never changed."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from decisions.certificates import parts
from decisions.in_force import NoPolicyInForce, policy_in_force
from decisions.models import Certificate, Decision, Override
from decisions.why.explain import why
from decisions.why.words import reason_words
from supportops.ui import show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.models import Ticket
from tickets.references import PATTERN


def ticket_link(ticket: Ticket) -> SafeString:
    address = reverse("admin:tickets_ticket_change", args=[ticket.pk])
    return format_html('<a class="so-link" href="{}">{}</a>', address, ticket)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = (
        "number",
        "to_ticket",
        "outcome_column",
        "first_reason",
        "intent",
        "how_sure",
        "policy",
        "moment",
    )
    list_select_related = ("ticket", "policy")
    list_filter = ("outcome", "shadow_outcome")
    search_fields = ("ticket__reference",)
    search_help_text = "Reference of a ticket"
    change_form_template = "console/decision.html"
    fields = ("facts",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Decision], search_term: str
    ) -> tuple[QuerySet[Decision], bool]:
        asked = search_term.strip().upper()
        if not asked:
            return queryset, False
        known = PATTERN.fullmatch(asked) is not None
        return queryset.filter(ticket__reference=asked if known else ""), False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        decision = self.get_object(request, unquote(object_id))
        shown: dict[str, Any] = {}
        if decision is not None:
            shown = {
                "why": why(decision),
                "overrides": decision.overrides.select_related("user"),
                "title": f"Decision {decision.pk}",
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @display(description="Number")
    def number(self, decision: Decision) -> str:
        return f"#{decision.pk}"

    @display(description="Ticket")
    def to_ticket(self, decision: Decision) -> SafeString:
        return ticket_link(decision.ticket)

    @display(description="Outcome")
    def outcome_column(self, decision: Decision) -> str | SafeString:
        return show.outcome_pill(decision.outcome)

    @display(description="First reason")
    def first_reason(self, decision: Decision) -> SafeString:
        code = str(decision.reasons[0]) if decision.reasons else ""
        return format_html('<span class="so-cut" title="{}">{}</span>', reason_words(code), code)

    @display(description="Confidence")
    def how_sure(self, decision: Decision) -> str:
        return show.percent(decision.confidence, 1)

    @display(description="When", ordering="-id")
    def moment(self, decision: Decision) -> str | SafeString:
        return show.clock(decision.at)


@admin.register(Override)
class OverrideAdmin(ReadOnlyAdmin):
    list_display = ("number", "to_ticket", "kind", "before", "after", "judged", "whom", "moment")
    list_select_related = ("decision__ticket", "user")
    list_filter = ("kind", "machine_was_wrong")
    ordering = ("-id",)
    when_empty = "Whenever a person puts their word in place of the machine's, it is kept here."

    @display(description="Number")
    def number(self, override: Override) -> str:
        return f"#{override.pk}"

    @display(description="Ticket")
    def to_ticket(self, override: Override) -> SafeString:
        return ticket_link(override.decision.ticket)

    @display(description="Machine was")
    def judged(self, override: Override) -> str | SafeString:
        if override.machine_was_wrong is None:
            return "not judged"
        wrong = override.machine_was_wrong
        return show.pill("Wrong" if wrong else "Right", "danger" if wrong else "success")

    @display(description="By")
    def whom(self, override: Override) -> str:
        return show.person(override.user)

    @display(description="When")
    def moment(self, override: Override) -> str | SafeString:
        return show.clock(override.at)


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """Automation permits: what was tested, what came out, what they promise and what not."""

    list_display = (
        "number",
        "kind_pill",
        "classifier_version",
        "promise",
        "tested",
        "at_confidence",
        "coverage_share",
        "ends",
    )
    list_filter = ("kind",)
    change_form_template = "console/certificate_page.html"
    fields = (
        "kind_pill",
        "statement",
        "promise",
        "tested",
        "at_confidence",
        "coverage_share",
        "intent_words",
        "classifier_version",
        "method",
        "delta",
        "passed",
        "policy_digest",
        "sample_digest",
        "issued_at",
        "expires_at",
    )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        certificate = self.get_object(request, unquote(object_id))
        shown: dict[str, Any] = {}
        if certificate is not None:
            now = timezone.now()
            shown = {
                "title": f"Certificate {certificate.pk}",
                "certificate": certificate,
                "is_valid": certificate.issued_at <= now < certificate.expires_at,
                "parts": parts.by_intent(certificate),
                "policy_part": self._policy_part(certificate, now),
            }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    @staticmethod
    def _policy_part(certificate: Certificate, now: datetime) -> parts.PolicyPart | None:
        try:
            return parts.under(certificate, policy_in_force(), now)
        except NoPolicyInForce:
            return None

    @display(description="Number")
    def number(self, certificate: Certificate) -> str:
        return f"#{certificate.pk}"

    @display(description="Kind")
    def kind_pill(self, certificate: Certificate) -> SafeString:
        tone = "success" if certificate.kind == "live" else "warning"
        return show.pill(certificate.kind.capitalize(), tone)

    @display(description="Wrong at most")
    def promise(self, certificate: Certificate) -> str:
        return f"{show.percent(certificate.alpha)} (bound {show.percent(certificate.bound, 1)})"

    @display(description="Errors")
    def tested(self, certificate: Certificate) -> str:
        return f"{certificate.errors} of {certificate.rows}"

    @display(description="From confidence")
    def at_confidence(self, certificate: Certificate) -> str:
        return show.number(certificate.threshold)

    @display(description="Coverage")
    def coverage_share(self, certificate: Certificate) -> str:
        return show.percent(certificate.coverage)

    @display(description="Intents")
    def intent_words(self, certificate: Certificate) -> str:
        return ", ".join(show.spoken(slug) for slug in certificate.intents)

    @display(description="Thresholds that passed")
    def passed(self, certificate: Certificate) -> str:
        return ", ".join(show.number(value) for value in certificate.thresholds)

    @display(description="Until")
    def ends(self, certificate: Certificate) -> str | SafeString:
        until = show.clock(certificate.expires_at)
        if certificate.expires_at > timezone.now():
            return until
        return format_html("{} {}", until, show.pill("Over"))
