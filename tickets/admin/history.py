"""What is on record and what waits for delivery: read, never changed."""

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportops.ui import show
from supportops.ui.listing import ReadOnlyAdmin
from tickets.models import JobLease, Outbox, TicketEvent

STATE_TONES = {"pending": "info", "sent": "success", "failed": "danger", "suppressed": "plain"}


def ticket_link(ticket_id: int | None, words: Any = "") -> str | SafeString:
    """A link to a ticket's page."""
    if ticket_id is None:
        return "–"
    address = reverse("admin:tickets_ticket_change", args=[ticket_id])
    return format_html('<a class="so-link" href="{}">{}</a>', address, words or f"#{ticket_id}")


@admin.register(Outbox)
class OutboxAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "to_ticket", "state_pill", "attempts", "last_error", "waits")
    list_filter = ("state", "kind")
    list_select_related = ("ticket",)
    ordering = ("-id",)

    @display(description="Number")
    def number(self, row: Outbox) -> str:
        return f"#{row.pk}"

    @display(description="Ticket")
    def to_ticket(self, row: Outbox) -> str | SafeString:
        return ticket_link(row.ticket_id, row.ticket)

    @display(description="State")
    def state_pill(self, row: Outbox) -> SafeString:
        return show.pill(row.state.capitalize(), STATE_TONES.get(row.state, "plain"))

    @display(description="Sent or next attempt")
    def waits(self, row: Outbox) -> str | SafeString:
        return show.clock(row.sent_at or row.next_attempt_at)


@admin.register(TicketEvent)
class TicketEventAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "to_ticket", "actor_kind", "user", "at")
    list_filter = ("kind", "actor_kind")
    list_select_related = ("ticket", "user")
    ordering = ("-id",)

    @display(description="Number")
    def number(self, event: TicketEvent) -> str:
        return f"#{event.pk}"

    @display(description="Ticket")
    def to_ticket(self, event: TicketEvent) -> str | SafeString:
        return ticket_link(event.ticket_id, event.ticket)


@admin.register(JobLease)
class JobLeaseAdmin(ReadOnlyAdmin):
    list_display = ("name", "started", "finished", "due", "last_error")

    @display(description="Last started")
    def started(self, job: JobLease) -> str | SafeString:
        return show.ago(job.last_started_at, "ago")

    @display(description="Last finished")
    def finished(self, job: JobLease) -> str | SafeString:
        return show.ago(job.last_finished_at, "ago")

    @display(description="Due")
    def due(self, job: JobLease) -> str | SafeString:
        return show.clock(job.due_at)
