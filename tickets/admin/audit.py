"""The audit chain in the console: search it, verify it, take it away."""

import json
from collections.abc import Callable
from datetime import timedelta

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportops.ui import show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.admin.history import ticket_link
from tickets.history import verify
from tickets.history.heads import HeadsUnreadable
from tickets.models import AuditRecord, Ticket
from tickets.references import PATTERN

MOST_COLLEAGUES = 20
SPANS = {"1": "Last 24 hours", "7": "Last 7 days", "30": "Last 30 days", "90": "Last 90 days"}


class MomentFilter(admin.SimpleListFilter):
    """When it was written, as spans that the index on time serves."""

    title, parameter_name = "time", "days"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return list(SPANS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord]
    ) -> QuerySet[AuditRecord]:
        if self.value() not in SPANS:
            return queryset
        return queryset.filter(at__gte=timezone.now() - timedelta(days=int(str(self.value()))))


def _colleagues(asked: str) -> list[int]:
    """Staff who are called so."""
    named = Q(username__iexact=asked) | Q(email__iexact=asked) | Q(last_name__iexact=asked)
    for word in asked.split()[:2]:
        named |= Q(first_name__iexact=word, last_name__iexact=asked.removeprefix(word).strip())
    return list(User.objects.filter(named).values_list("pk", flat=True)[:MOST_COLLEAGUES])


def _verified() -> tuple[Callable[[HttpRequest, str], None], str]:
    """How to say what came out of a check, and what."""
    found = verify.verify()
    if found.finding is not None:
        return messages.error, f"The chain is not sound. {str(found.finding).capitalize()}."
    signed = f"signed up to #{found.signed_up_to}" if found.signed_up_to else "no head signed yet"
    return messages.success, f"All {found.records} records follow from one another; {signed}."


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """The audit chain. `manage.py audit verify` checks that nothing was changed."""

    list_display = ("link", "kind", "subject_link", "actor", "moment", "short_digest")
    list_display_links = ("link",)
    list_filter = ("kind", MomentFilter)
    list_before_template = "console/audit_tools.html"
    search_fields = ("subject", "actor")
    search_help_text = "T-7K3M-Q9XD, a colleague's name, ticket:17, person:4"
    fields = ("number", "kind", "subject", "actor", "at", "words", "previous", "digest")
    ordering = ("-number",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        """Whole subjects and actors by their index; references and names as people know them."""
        asked = search_term.strip()
        if PATTERN.fullmatch(asked.upper()):
            ticket = Ticket.objects.filter(reference=asked.upper()).first()
            return queryset.filter(subject=f"ticket:{ticket.pk if ticket else 0}"), False
        if not asked:
            return queryset, False
        actors = [asked, *(f"person:{pk}" for pk in _colleagues(asked))]
        return queryset.filter(Q(subject=asked) | Q(actor__in=actors)), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("verify/", view(self.verify_view), name="tickets_auditrecord_verify"),
            path("export/", view(self.export_view), name="tickets_auditrecord_export"),
            *super().get_urls(),
        ]

    def verify_view(self, request: HttpRequest) -> HttpResponse:
        """Check every link now, and say what came out."""
        self._refuse_strangers(request)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            tell, words = _verified()
        except HeadsUnreadable as error:
            tell, words = messages.error, str(error)
        tell(request, words)
        return HttpResponseRedirect(reverse("admin:tickets_auditrecord_changelist"))

    def export_view(self, request: HttpRequest) -> StreamingHttpResponse:
        """The whole chain with its signed heads, for a verifier that needs nothing of ours."""
        self._refuse_strangers(request)
        answer = StreamingHttpResponse(verify.lines(), content_type="application/jsonl")
        answer["Content-Disposition"] = 'attachment; filename="audit-chain.jsonl"'
        return answer

    def _refuse_strangers(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    @display(description="Number")
    def link(self, row: AuditRecord) -> str:
        return f"#{row.number}"

    @display(description="About")
    def subject_link(self, row: AuditRecord) -> str | SafeString:
        kind, _, number = row.subject.partition(":")
        return ticket_link(int(number), row.subject) if kind == "ticket" else row.subject

    @display(description="When")
    def moment(self, row: AuditRecord) -> str | SafeString:
        return show.clock(row.at)

    @display(description="Digest")
    def short_digest(self, row: AuditRecord) -> SafeString:
        return format_html('<code title="{}">{}</code>', row.digest, row.digest[:12])

    @display(description="Body")
    def words(self, row: AuditRecord) -> SafeString:
        """Indented for reading. The digest speaks of the compact form."""
        return format_html(
            '<pre class="so-pre">{}</pre>', json.dumps(json.loads(row.body), indent=2)
        )
