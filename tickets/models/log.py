"""What is on record, and what waits to be delivered."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from tickets.codes import ActorKind, AuditKind, EventKind, OutboxKind, OutboxState
from tickets.models.history import HistoryModel
from tickets.models.people import ApiKey, Requester
from tickets.models.ticket import Message, Ticket, choices, one_of


class TicketEvent(HistoryModel):
    """One line of a ticket's timeline: codes and numbers, never words of people."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=32, choices=choices(EventKind))
    round = models.PositiveIntegerField(default=1)
    actor_kind = models.CharField(max_length=12, choices=choices(ActorKind))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, blank=True, related_name="+")
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            one_of("kind", EventKind, "event_kind_known"),
            one_of("actor_kind", ActorKind, "event_actor_known"),
        ]
        indexes = [models.Index(fields=["kind", "at"], name="event_kind_at")]

    def __str__(self) -> str:
        return f"{self.kind} #{self.ticket_id}"


class AuditRecord(HistoryModel):
    """A link of the audit chain: SHA-256 of its canonical JSON, which holds its predecessor's."""

    number = models.PositiveBigIntegerField(unique=True)
    kind = models.CharField(max_length=16, choices=choices(AuditKind))
    subject = models.CharField(max_length=64, db_index=True)  # e.g. "ticket:17", "policy:3"
    actor = models.CharField(max_length=64, db_index=True)  # e.g. "person:4", "machine"
    at = models.DateTimeField(db_index=True)
    body = models.TextField()  # canonical JSON, exactly as hashed
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        ordering = ["number"]
        constraints = [one_of("kind", AuditKind, "audit_kind_known")]

    def __str__(self) -> str:
        return f"#{self.number} {self.kind}"


class AuditHead(models.Model):
    """The newest link. One row; whoever writes history locks it, last in the transaction."""

    number = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="audit_head_single")]

    def __str__(self) -> str:
        return f"#{self.number}"


class OutboxQuerySet(models.QuerySet["Outbox"]):
    def due(self, now: datetime) -> Self:
        return self.filter(state=OutboxState.PENDING, next_attempt_at__lte=now).order_by("id")


class Outbox(models.Model):
    """Something to deliver outside, written with the change it tells of. At least once."""

    kind = models.CharField(max_length=24, choices=choices(OutboxKind))
    # Once for ever: the same thing is never queued twice, whatever runs again.
    dedupe = models.CharField(max_length=100, unique=True)
    ticket = models.ForeignKey(Ticket, models.PROTECT, null=True, blank=True, related_name="outbox")
    message = models.ForeignKey(Message, models.PROTECT, null=True, blank=True, related_name="+")
    requester = models.ForeignKey(
        Requester, models.PROTECT, null=True, blank=True, related_name="+"
    )
    automatic = models.BooleanField(default=False)
    data = models.JSONField(default=dict, blank=True)
    state = models.CharField(
        max_length=10, choices=choices(OutboxState), default=OutboxState.PENDING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "outbox"
        constraints = [
            one_of("kind", OutboxKind, "outbox_kind_known"),
            one_of("state", OutboxState, "outbox_state_known"),
        ]
        indexes = [
            models.Index(
                fields=["next_attempt_at"], name="outbox_due", condition=Q(state="pending")
            ),
            models.Index(
                fields=["next_attempt_at"], name="outbox_failed", condition=Q(state="failed")
            ),
            models.Index(fields=["requester", "automatic", "sent_at"], name="outbox_automatic"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk}"


class IdempotencyKey(models.Model):
    """Remembers which ticket a repeated request made. Holds a hash of the body, not the body."""

    # 0 stands for the form page, which has no key: NULLs would not be unique.
    owner = models.PositiveBigIntegerField(default=0)
    key = models.CharField(max_length=255)
    body_hash = models.CharField(max_length=64)
    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once")
        ]

    def __str__(self) -> str:
        return f"{self.owner}/{self.key}"


class JobLease(models.Model):
    """When a periodic job is due, and who runs it now. One row a job."""

    name = models.CharField(max_length=64, unique=True)
    due_at = models.DateTimeField()
    holder = models.CharField(max_length=64, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    last_started_at = models.DateTimeField(null=True, blank=True)
    last_finished_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class TouchedHour(models.Model):
    """An hour of the past in which something came to count otherwise than it did.

    Rows are added by whoever changes a ticket of that hour, in the same transaction, and taken away
    by who has counted the hour again. Never one row an hour: who counts takes away only what it
    saw, so a change that commits meanwhile keeps its mark and nobody waits for anybody.
    """

    hour = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h"


class DemoRun(models.Model):
    """One filling with demo tickets: its numbers, and how many of them are there.

    The numbers give the plan (`tickets.data.demo.plan`), so an interrupted run can be finished.
    """

    tickets = models.PositiveIntegerField()
    days = models.PositiveIntegerField()
    seed = models.IntegerField()
    started_at = models.DateTimeField()
    played = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(played__lte=models.F("tickets")), name="demo_played_at_most_all"
            )
        ]

    def __str__(self) -> str:
        return f"{self.played} of {self.tickets} demo tickets"
