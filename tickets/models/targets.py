"""What the business promises its customers, and how it keeps it."""

from datetime import datetime, timedelta
from typing import Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from tickets.business_time import (
    OpeningHours,
    add_business_time,
    business_time_between,
    is_overdue,
    warn_moment,
)
from tickets.codes import Priority, TargetKind
from tickets.models.ticket import Calendar, Queue, Ticket, choices, one_of

MOST_MINUTES = 43_200  # 30 days around the clock, 90 working days of eight hours

PROMISE = [MinValueValidator(1), MaxValueValidator(MOST_MINUTES)]


class ServiceLevel(models.Model):
    """What is promised for tickets of a queue, a priority, or both; what is left open fits all.

    The most specific one counts: queue and priority, then queue, then priority, then the rest.
    """

    name = models.CharField(max_length=80)
    queue = models.ForeignKey(
        Queue, models.PROTECT, null=True, blank=True, related_name="service_levels"
    )
    priority = models.CharField(  # noqa: DJ001
        max_length=8, choices=choices(Priority), null=True, blank=True
    )
    first_response_minutes = models.PositiveIntegerField(null=True, blank=True, validators=PROMISE)
    resolution_minutes = models.PositiveIntegerField(null=True, blank=True, validators=PROMISE)
    # None: the hours of the ticket's queue, or else those of the business.
    calendar = models.ForeignKey(
        Calendar, models.PROTECT, null=True, blank=True, related_name="service_levels"
    )
    around_the_clock = models.BooleanField(default=False)
    warn_percent = models.PositiveSmallIntegerField(
        default=80, validators=[MinValueValidator(1), MaxValueValidator(99)]
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["queue__position", "priority", "id"]
        constraints = [
            one_of("priority", Priority, "service_level_priority_known", optional=True),
            # NULL stands for all, and there is one promise for all.
            models.UniqueConstraint(
                Coalesce("queue_id", Value(0)),
                Coalesce("priority", Value("")),
                name="service_level_once",
                violation_error_message="There is a service level for this queue and priority.",
            ),
            models.CheckConstraint(
                condition=Q(first_response_minutes__isnull=True)
                | Q(first_response_minutes__gte=1, first_response_minutes__lte=MOST_MINUTES),
                name="service_level_first_response_in_range",
            ),
            models.CheckConstraint(
                condition=Q(resolution_minutes__isnull=True)
                | Q(resolution_minutes__gte=1, resolution_minutes__lte=MOST_MINUTES),
                name="service_level_resolution_in_range",
            ),
            models.CheckConstraint(
                condition=Q(warn_percent__gte=1, warn_percent__lte=99),
                name="service_level_warn_percent_in_range",
            ),
            models.CheckConstraint(
                condition=Q(around_the_clock=False) | Q(calendar__isnull=True),
                name="service_level_hours_or_around_the_clock",
                violation_error_message="Around the clock needs no calendar.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


OPEN = Q(met_at__isnull=True, cancelled_at__isnull=True)
RUNNING = OPEN & Q(paused_at__isnull=True)


class TargetQuerySet(models.QuerySet["Target"]):
    def counted(self) -> Self:
        """Targets that numbers speak of: not those of spam and merged duplicates."""
        return self.filter(cancelled_at__isnull=True)

    def breached(self) -> Self:
        """Counted targets that were missed. A later answer takes none away."""
        return self.counted().filter(breached_at__isnull=False)

    def still_open(self) -> Self:
        """Not kept yet: running, paused or missed."""
        return self.filter(OPEN)

    def running(self) -> Self:
        return self.filter(RUNNING)

    def due_before(self, moment: datetime) -> Self:
        """Running targets that end before the moment and are not marked as missed."""
        return self.running().filter(breached_at__isnull=True, due_at__lt=moment)

    def missed(self) -> Self:
        """Marked as missed, and what they were for is still not done."""
        return self.running().filter(breached_at__isnull=False)

    def unnoticed_breaches(self, now: datetime) -> Self:
        """Running targets whose time is over, and nobody has said so."""
        return self.due_before(now)

    def unnoticed_warnings(self, now: datetime) -> Self:
        """Running targets whose time is nearly over, and nobody has said so."""
        rows = self.running().filter(breached_at__isnull=True, warned_at__isnull=True)
        return rows.filter(warn_at__lte=now, due_at__gte=now)


class Target(models.Model):
    """A promise on one ticket, in one round. Not kept in time it stays breached for ever.

    While it waits for the customer it is paused: then it has no deadline, but time that is left.
    """

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="targets")
    kind = models.CharField(max_length=16, choices=choices(TargetKind))
    round = models.PositiveIntegerField(default=1)
    service_level = models.ForeignKey(ServiceLevel, models.PROTECT, related_name="+")
    # None: around the clock.
    calendar = models.ForeignKey(Calendar, models.PROTECT, null=True, blank=True, related_name="+")
    promised_minutes = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    warn_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    remaining = models.DurationField(null=True, blank=True)  # business time left, while paused
    met_at = models.DateTimeField(null=True, blank=True)
    warned_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)  # the deadline that was missed
    cancelled_at = models.DateTimeField(null=True, blank=True)

    objects = TargetQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            one_of("kind", TargetKind, "target_kind_known"),
            models.UniqueConstraint(fields=["ticket", "kind", "round"], name="target_once"),
            models.CheckConstraint(condition=Q(round__gte=1), name="target_round_positive"),
            models.CheckConstraint(
                condition=Q(
                    paused_at__isnull=True,
                    remaining__isnull=True,
                    due_at__isnull=False,
                    warn_at__isnull=False,
                )
                | Q(
                    paused_at__isnull=False,
                    remaining__isnull=False,
                    due_at__isnull=True,
                    warn_at__isnull=True,
                ),
                name="target_due_or_paused",
            ),
            models.CheckConstraint(
                condition=Q(breached_at__isnull=True) | Q(breached_at=F("due_at")),
                name="target_breached_when_due",
            ),
        ]
        indexes = [
            models.Index(fields=["kind", "due_at"], name="target_kind_due"),
            # What was missed lies together, apart from what still can be kept.
            models.Index(
                fields=["breached_at", "due_at"], name="target_running_due", condition=RUNNING
            ),
            models.Index(
                fields=["warn_at"],
                name="target_running_warn",
                condition=RUNNING & Q(breached_at__isnull=True, warned_at__isnull=True),
            ),
            models.Index(
                fields=["breached_at"],
                name="target_breached",
                condition=Q(breached_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.ticket_id}/{self.round}"

    @property
    def promised(self) -> timedelta:
        return timedelta(minutes=self.promised_minutes)

    @property
    def is_open(self) -> bool:
        return self.met_at is None and self.cancelled_at is None

    def is_missed(self, now: datetime) -> bool:
        """Whether its time is over, noticed or not."""
        return self.breached_at is not None or (self.is_open and is_overdue(self.due_at, now))

    def is_nearly_over(self, now: datetime) -> bool:
        return self.warn_at is not None and now >= self.warn_at

    def left(self, hours: OpeningHours | None, now: datetime) -> timedelta:
        """Business time that is left; nothing once it is over."""
        if self.due_at is None:
            return self.remaining or timedelta()
        return business_time_between(hours, now, self.due_at)

    def pause(self, hours: OpeningHours | None, now: datetime) -> None:
        """The customer's turn. What was missed stays missed, and goes on being late."""
        if self.paused_at is None and self.breached_at is None:
            self.remaining = self.left(hours, now)
            self.paused_at, self.due_at, self.warn_at = now, None, None

    def run(self, hours: OpeningHours | None, now: datetime, left: timedelta) -> bool:
        """Let so much business time run from now on; False when the business hardly ever opens."""
        due_at = add_business_time(hours, now, left)
        warn_at = warn_moment(
            hours,
            now,
            left=left,
            promised=self.promised,
            percent=self.service_level.warn_percent,
        )
        if due_at is None or warn_at is None:
            return False
        self.due_at, self.warn_at = due_at, warn_at
        self.paused_at = self.remaining = None
        return True
