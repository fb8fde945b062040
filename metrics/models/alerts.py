"""What watchers noticed: alerts with their history, and what they looked at last."""

from datetime import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from tickets.codes import ActorKind, AlertKind, AlertState, AlertStep, Severity
from tickets.models import HistoryModel, Outbox
from tickets.models.ticket import choices, one_of
from tickets.outbox import alert_words

# Firing before acknowledged, critical before warning, then the longest.
GRAVEST_FIRST = (
    models.Case(
        models.When(state=AlertState.FIRING, severity=Severity.CRITICAL, then=0),
        models.When(state=AlertState.FIRING, then=1),
        models.When(state=AlertState.ACKNOWLEDGED, then=2),
        default=3,
    ).asc(),
    "first_seen_at",
    "id",
)


class AlertQuerySet(models.QuerySet["Alert"]):
    def unresolved(self) -> Self:
        return self.exclude(state=AlertState.RESOLVED)

    def gravest_first(self) -> Self:
        return self.order_by(*GRAVEST_FIRST)


class Alert(models.Model):
    """Something that somebody should look at, from when it was first seen until it was over."""

    kind = models.CharField(max_length=32, choices=choices(AlertKind))
    subject = models.CharField(max_length=64, blank=True)  # an intent, a queue; empty: everything
    severity = models.CharField(max_length=8, choices=choices(Severity))
    state = models.CharField(max_length=12, choices=choices(AlertState), default=AlertState.FIRING)
    facts = models.JSONField(default=dict)  # codes and numbers of the newest look
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    silenced_until = models.DateTimeField(null=True, blank=True)
    # The last that people and machines were told: nothing, a severity, or that it is over.
    mailed = models.CharField(max_length=8, blank=True)
    posted = models.CharField(max_length=8, blank=True)

    objects = AlertQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("kind", AlertKind, "alert_kind_known"),
            one_of("severity", Severity, "alert_severity_known"),
            one_of("state", AlertState, "alert_state_known"),
            models.UniqueConstraint(
                fields=["kind", "subject"],
                condition=~Q(state=AlertState.RESOLVED),
                name="alert_once_while_it_fires",
            ),
            models.CheckConstraint(
                condition=Q(state=AlertState.RESOLVED, resolved_at__isnull=False)
                | (~Q(state=AlertState.RESOLVED) & Q(resolved_at__isnull=True)),
                name="alert_resolved_with_a_time",
            ),
        ]
        indexes = [models.Index(fields=["kind", "subject", "-id"], name="alert_kind_subject")]

    def __str__(self) -> str:
        return alert_words.title(self.kind, self.subject)

    def is_silent(self, now: datetime) -> bool:
        return self.silenced_until is not None and now < self.silenced_until


class AlertEvent(HistoryModel):
    """One line of an alert's history."""

    alert = models.ForeignKey(Alert, models.PROTECT, related_name="events")
    step = models.CharField(max_length=12, choices=choices(AlertStep))
    actor_kind = models.CharField(max_length=12, choices=choices(ActorKind))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    data = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            one_of("step", AlertStep, "alert_event_step_known"),
            one_of("actor_kind", ActorKind, "alert_event_actor_known"),
        ]

    def __str__(self) -> str:
        return f"{self.step} #{self.alert_id}"


class AlertNotice(models.Model):
    """Which rows of the outbox tell of which alert: with their attempts, the log of delivery."""

    alert = models.ForeignKey(Alert, models.PROTECT, related_name="notices")
    outbox = models.OneToOneField(Outbox, models.CASCADE, related_name="+")

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"#{self.alert_id}: {self.outbox_id}"


class AuditCheck(models.Model):
    """How far the audit chain was checked in this round. One row."""

    number = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64)
    round_started_at = models.DateTimeField()
    checked_at = models.DateTimeField()
    whole_at = models.DateTimeField(null=True, blank=True)  # when a round last came to the end
    broken_at = models.PositiveBigIntegerField(null=True, blank=True)  # number of a record
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="audit_check_single")]

    def __str__(self) -> str:
        return f"#{self.number}"


class DriftLook(models.Model):
    """One look at one series: the last seven days against the sample of the certificate."""

    day = models.DateField()  # the first day that does not belong to the week
    series = models.CharField(max_length=16)
    classifier = models.CharField(max_length=64)
    reference = models.CharField(max_length=16)  # what the sample is
    rows_before = models.PositiveIntegerField()
    rows_now = models.PositiveIntegerField()
    weeks = models.PositiveSmallIntegerField()
    stability = models.FloatField()
    expected = models.FloatField()
    p = models.FloatField(null=True)
    allowed_p = models.FloatField()
    fires = models.BooleanField()
    moved = models.JSONField(default=list)  # the largest changes: kind, shares, counts
    at = models.DateTimeField()

    class Meta:
        ordering = ["-day", "series"]
        constraints = [
            models.UniqueConstraint(fields=["day", "series"], name="drift_look_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.day}"

    @property
    def corrected(self) -> float:
        return self.stability - self.expected


class UnexplainedGroup(models.Model):
    """Messages of a week that no intent explains and that resemble each other. Ids, no words."""

    day = models.DateField()  # the first day that does not belong to the week
    position = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()
    closeness = models.FloatField()
    tickets = models.JSONField()  # ids, the most typical first
    at = models.DateTimeField()

    class Meta:
        ordering = ["-day", "position"]
        constraints = [
            models.UniqueConstraint(fields=["day", "position"], name="unexplained_group_once")
        ]

    def __str__(self) -> str:
        return f"{self.size} messages, {self.day}"
