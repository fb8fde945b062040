"""A ticket, where it waits, and what was said on it."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Self
from zoneinfo import available_timezones

import holidays
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, F, Prefetch, Q

from tickets.business_time import HoursInvalid, read_closing_days, read_week
from tickets.codes import (
    Author,
    Channel,
    NoIntent,
    Outcome,
    Priority,
    TicketStatus,
)
from tickets.models.people import ApiKey, Requester
from tickets.references import new_reference

MESSAGE_LIMIT = 20_000
NONCE_BYTES = 16


def choices(codes: type) -> list[tuple[str, str]]:
    """Admin choices of a StrEnum, with readable words."""
    return [(code.value, code.value.replace("_", " ").capitalize()) for code in codes]  # type: ignore[attr-defined]


def one_of(field: str, codes: type, name: str, *, optional: bool = False) -> models.CheckConstraint:
    """The database refuses any code that the enum does not know."""
    condition = Q(**{f"{field}__in": [code.value for code in codes]})  # type: ignore[attr-defined]
    if optional:
        condition |= Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=condition, name=name)


def new_nonce() -> str:
    return secrets.token_hex(NONCE_BYTES)


class Calendar(models.Model):
    """When the business works, for answers in business time."""

    slug = models.SlugField(unique=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # weekday (0 = Monday) -> list of [opens, closes] as "HH:MM"
    hours = models.JSONField(default=dict)
    holiday_country = models.CharField(max_length=8, blank=True)
    holiday_subdivision = models.CharField(max_length=8, blank=True)
    # own closing days beside the public ones: list of ["YYYY-MM-DD", "what for"]
    closing_days = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return self.slug

    def clean(self) -> None:
        """Every decision reads the hours, so nonsense must not get into the row."""
        found: dict[str, str] = {}
        try:
            read_week(self.hours)
        except HoursInvalid as error:
            found["hours"] = str(error)
        if self.time_zone not in available_timezones():
            found["time_zone"] = "Use a name such as Europe/Berlin."
        try:
            read_closing_days(self.closing_days)
        except HoursInvalid as error:
            found["closing_days"] = str(error)
        found |= self._complaint_about_holidays()
        if found:
            raise ValidationError(found)

    def _complaint_about_holidays(self) -> dict[str, str]:
        known = holidays.list_supported_countries()
        if self.holiday_country and self.holiday_country not in known:
            return {"holiday_country": "Use a country code such as DE."}
        regions = known.get(self.holiday_country, [])
        if self.holiday_subdivision and self.holiday_subdivision not in regions:
            offered = ", ".join(regions) or "none"
            return {"holiday_subdivision": f"This country's regions are: {offered}."}
        return {}


class Queue(models.Model):
    """Where tickets wait for people who know about them."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    calendar = models.ForeignKey(Calendar, models.PROTECT, null=True, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "slug"]

    def __str__(self) -> str:
        return self.name


def _targets() -> Any:
    """They stand above tickets, which therefore know them by name only."""
    return apps.get_model("tickets", "Target")._default_manager.all()


class TicketQuerySet(models.QuerySet["Ticket"]):
    def undecided(self) -> Self:
        return self.filter(status=TicketStatus.RECEIVED)

    def needing_a_person(self) -> Self:
        return self.filter(status=TicketStatus.OPEN)

    def counted(self) -> Self:
        """Tickets that numbers speak of: no spam, no merged duplicates."""
        return self.exclude(status__in=[TicketStatus.SPAM, TicketStatus.MERGED])

    def lately(
        self, requester_ids: Sequence[int], *, since: datetime, now: datetime
    ) -> models.QuerySet["Ticket", tuple[int, int, int]]:
        """Who of these people, how many tickets they wrote here, how many automatic answers they
        got. Imports are no writing."""
        written = Q(created_at__gt=since, created_at__lte=now) & ~Q(channel=Channel.IMPORT)
        answered = Q(auto_replied_at__gt=since)
        rows = self.filter(requester_id__in=requester_ids)
        return (
            rows.filter(Q(created_at__gt=since) | answered)
            .order_by()
            .values("requester_id")
            .annotate(written=Count("pk", filter=written), answered=Count("pk", filter=answered))
            .values_list("requester_id", "written", "answered")
        )

    def with_next_target(self) -> Self:
        """Each with `.open_targets`: what is not kept yet, by deadline, and what is paused last."""
        rows = _targets().still_open().order_by(F("due_at").asc(nulls_last=True), "id")
        return self.prefetch_related(Prefetch("targets", rows, to_attr="open_targets"))

    def overdue(self, now: datetime) -> Self:
        """With a clock that has ended, and what it was for is still not done."""
        missed, unnoticed = _targets().missed(), _targets().due_before(now)
        return self.filter(Q(pk__in=missed.values("ticket")) | Q(pk__in=unnoticed.values("ticket")))

    def breached(self) -> Self:
        """With a promise that was missed at any time, whatever came later."""
        return self.filter(pk__in=_targets().breached().values("ticket"))


class Ticket(models.Model):
    """One inquiry. Words live in its messages; here stand codes, numbers and times."""

    reference = models.CharField(max_length=11, unique=True, default=new_reference, editable=False)
    requester = models.ForeignKey(Requester, models.PROTECT, related_name="tickets")
    channel = models.CharField(max_length=8, choices=choices(Channel))
    status = models.CharField(
        max_length=10, choices=choices(TicketStatus), default=TicketStatus.RECEIVED
    )
    round = models.PositiveIntegerField(default=1)
    message_count = models.PositiveIntegerField(default=0)

    intent = models.SlugField(max_length=64, null=True, blank=True, db_index=False)  # noqa: DJ001
    no_intent = models.CharField(  # noqa: DJ001
        max_length=16, choices=choices(NoIntent), null=True, blank=True
    )
    intent_corrected = models.BooleanField(default=False)
    confidence = models.FloatField(null=True, blank=True)
    outcome = models.CharField(  # noqa: DJ001
        max_length=16, choices=choices(Outcome), null=True, blank=True
    )
    reasons = models.JSONField(default=list, blank=True)

    queue = models.ForeignKey(Queue, models.PROTECT, null=True, blank=True, related_name="tickets")
    priority = models.CharField(max_length=8, choices=choices(Priority), default=Priority.NORMAL)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="assigned_tickets",
    )
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="merged_tickets"
    )

    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, blank=True, related_name="+")
    external_id = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001
    body_hash = models.CharField(max_length=64, blank=True, editable=False)
    metadata = models.JSONField(default=dict, blank=True)

    tracking_nonce = models.CharField(max_length=32, default=new_nonce, editable=False)
    tracking_expires_at = models.DateTimeField()

    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    first_human_reply_at = models.DateTimeField(null=True, blank=True)
    auto_replied_at = models.DateTimeField(null=True, blank=True)
    last_customer_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    first_resolved_at = models.DateTimeField(null=True, blank=True)
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    helped = models.BooleanField(null=True, blank=True)

    objects = TicketQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("channel", Channel, "ticket_channel_known"),
            one_of("status", TicketStatus, "ticket_status_known"),
            one_of("priority", Priority, "ticket_priority_known"),
            one_of("outcome", Outcome, "ticket_outcome_known", optional=True),
            one_of("no_intent", NoIntent, "ticket_no_intent_known", optional=True),
            models.CheckConstraint(condition=Q(round__gte=1), name="ticket_round_positive"),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__gt=0, confidence__lte=1),
                name="ticket_confidence_in_range",
            ),
            models.CheckConstraint(
                condition=Q(rating__isnull=True) | Q(rating__gte=1, rating__lte=5),
                name="ticket_rating_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status=TicketStatus.RECEIVED) | Q(decided_at__isnull=False),
                name="ticket_decided_unless_received",
            ),
            models.CheckConstraint(
                condition=~Q(status=TicketStatus.MERGED) | Q(merged_into__isnull=False),
                name="ticket_merged_names_target",
            ),
            models.UniqueConstraint(
                fields=["api_key", "external_id"],
                condition=Q(external_id__isnull=False),
                name="ticket_external_id_once_per_key",
            ),
        ]
        indexes = [
            models.Index(fields=["status", "-id"], name="ticket_status_id"),
            models.Index(fields=["assignee", "status", "-id"], name="ticket_assignee_status"),
            models.Index(fields=["queue", "status", "-id"], name="ticket_queue_status"),
            models.Index(fields=["intent", "-id"], name="ticket_intent_id"),
            models.Index(fields=["outcome", "-id"], name="ticket_outcome_id"),
            models.Index(fields=["requester", "created_at"], name="ticket_requester_created"),
            models.Index(fields=["created_at"], name="ticket_created"),
            models.Index(
                fields=["status", "-id"], name="ticket_reopened", condition=Q(round__gt=1)
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    def tracking_valid(self, now: datetime) -> bool:
        return now < self.tracking_expires_at


def text_of(subject: str, body: str) -> str:
    """What is classified, searched for topics and compared: the subject is often the whole
    question."""
    return f"{subject}\n\n{body}" if subject.strip() else body


class MessageQuerySet(models.QuerySet["Message"]):
    def visible_to_customer(self) -> Self:
        return self.filter(internal=False)

    def openings(self) -> Self:
        """The first message of each ticket."""
        return self.filter(number=1)


class Message(models.Model):
    """Something said on a ticket. The only place, beside requesters, where words live."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="messages")
    number = models.PositiveIntegerField()
    author = models.CharField(max_length=8, choices=choices(Author))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    # As given with this message: addresses are easily typed, so names are not taken from others.
    sender_name = models.CharField(max_length=200, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(max_length=MESSAGE_LIMIT)
    internal = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    # The audit chain holds HMAC(salt, words) only; without the salt it says nothing.
    salt = models.CharField(max_length=32, default=new_nonce, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["ticket_id", "number"]
        constraints = [
            one_of("author", Author, "message_author_known"),
            models.UniqueConstraint(fields=["ticket", "number"], name="message_number_once"),
            models.CheckConstraint(
                condition=~Q(author=Author.CUSTOMER) | Q(internal=False),
                name="message_of_customer_is_public",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ticket_id}/{self.number}"
