"""What stops automation: the switch, breakers and hourly quotas."""

from datetime import datetime
from typing import Self

from django.db import connection, models
from django.db.models import Q

OVERALL = ""  # stands for all intents together
STOPS = 4_920_731_077  # any number; the name of a lock of PostgreSQL


def lock_stops(*, shared: bool) -> None:
    """Deciding shares this lock; stopping takes it alone, until the end of the transaction.

    So who stops automation waits for decisions under way, and is obeyed by every later one. Locks
    of rows would not do: those who share one keep overtaking who wants it alone. On SQLite writers
    queue up by themselves.
    """
    if connection.vendor == "postgresql":
        kind = "_shared" if shared else ""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_advisory_xact_lock{kind}(%s)", [STOPS])


class Switch(models.Model):
    """The kill switch. One row; no row means off."""

    on = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "switches"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="switch_single")]

    def __str__(self) -> str:
        return "automation stopped" if self.on else "automation allowed"


class Breaker(models.Model):
    """Stops one intent, or all, after confirmed wrong answers. Only a person arms it again.

    The chart is fixed when it is armed, so that its path can be worked out again at any time.
    """

    intent = models.SlugField(max_length=64, blank=True, unique=True)
    open = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()
    alpha = models.FloatField(default=0.05)
    step = models.PositiveIntegerField(default=8)
    height = models.PositiveIntegerField(default=40)
    start = models.PositiveIntegerField(default=0)
    # Decisions after this one count; what came before was another chart's matter.
    armed_after = models.PositiveBigIntegerField(default=0)
    level = models.PositiveIntegerField(default=0)
    # A second chart for the answers that were drawn for review alone: their outcomes become known,
    # so it sees what the first one, in which the unknown counts as right, can hardly see.
    drawn_height = models.PositiveIntegerField(null=True)
    drawn_start = models.PositiveIntegerField(default=0)
    drawn_level = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["intent"]
        constraints = [
            models.CheckConstraint(
                condition=Q(start__lt=models.F("height")), name="breaker_starts_below_height"
            ),
            models.CheckConstraint(
                condition=Q(drawn_height=None) | Q(drawn_start__lt=models.F("drawn_height")),
                name="breaker_drawn_below_height",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent or 'all intents'}: {'open' if self.open else 'armed'}"


class QuarantineQuerySet(models.QuerySet["Quarantine"]):
    def holding(self, classifier_version: str, at: datetime) -> Self:
        """Those that kept intents of a classifier version from the machine at a moment."""
        return self.filter(
            models.Q(lifted_at=None) | models.Q(lifted_at__gt=at),
            classifier_version=classifier_version,
            at__lte=at,
        )


QuarantineManager = models.Manager.from_queryset(QuarantineQuerySet)


class Quarantine(models.Model):
    """An intent that reviews have shown to be wrong more often than its certificate allows.

    It holds for one classifier version, until a person lifts it with a reason; the evidence then
    starts again.
    """

    intent = models.SlugField(max_length=64, db_index=False)
    classifier_version = models.CharField(max_length=64)
    alpha = models.FloatField()
    delta = models.FloatField()
    rows = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    sample_digest = models.CharField(max_length=64)
    at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    objects = QuarantineManager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["intent", "classifier_version"],
                condition=Q(lifted_at=None),
                name="quarantine_open_once",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | ~Q(reason=""), name="quarantine_lifted_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent} for {self.classifier_version}"


class Quota(models.Model):
    """Automatic answers within one hour, of one intent or of all. Taken by a conditional UPDATE."""

    intent = models.SlugField(max_length=64, blank=True, db_index=False)
    hour = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["intent", "hour"], name="quota_once")]

    def __str__(self) -> str:
        return f"{self.intent or 'all'} {self.hour:%Y-%m-%d %H}h: {self.used}"
