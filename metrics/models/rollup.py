"""What was counted: sums by hour and day, and the rows of which no sums can be made.

Everything here can be thrown away and counted again from the rows that it speaks of.
"""

from django.db import models
from django.db.models import Q

from metrics.figures.history import COUNTED

STATE = 1  # the only row of its table


class Span(models.TextChoices):
    """How long a counted span is. Days begin at midnight UTC."""

    HOUR = "h"
    DAY = "d"


class RollupState(models.Model):
    """How far counting has come. One row; none means that nothing was counted yet."""

    # Hours before this one are counted, but for those that carry a mark.
    counted_until = models.DateTimeField(null=True)
    # Tickets whose N days were over by then are mature.
    mature_at = models.DateTimeField()
    days = models.PositiveSmallIntegerField()  # N
    definitions = models.PositiveSmallIntegerField()  # version of what is counted
    # Counted up on each change, so that two who count at the same time cannot both write.
    turn = models.PositiveBigIntegerField(default=0)
    # Where `rebuild_metrics` goes on; null while nobody rebuilds.
    rebuilt_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=STATE), name="rollup_state_single")]

    def __str__(self) -> str:
        return f"counted until {self.counted_until}"


class LatestFigures(models.Model):
    """What the home page and `/metrics` show, as it was last worked out. One row, kept by a job."""

    since = models.DateTimeField()
    until = models.DateTimeField()  # when it was worked out
    days = models.PositiveSmallIntegerField()  # N
    definitions = models.PositiveSmallIntegerField()
    content = models.JSONField()

    class Meta:
        verbose_name_plural = "latest figures"
        constraints = [models.CheckConstraint(condition=Q(pk=STATE), name="latest_figures_single")]

    def __str__(self) -> str:
        return f"figures of {self.until}"


class Tally(models.Model):
    """Sums over the tickets that came in within one hour or day, by one dimension.

    The dimension `all` holds every ticket once, under the empty key; each other one splits the same
    tickets by intent, channel, queue, reason or what was predicted. The sums are the fields of
    `metrics.figures.history.Counts`, a column each.
    """

    span = models.CharField(max_length=1, choices=Span.choices)
    start = models.DateTimeField()
    dimension = models.CharField(max_length=10)
    key = models.CharField(max_length=80, blank=True)

    class Meta:
        verbose_name_plural = "tallies"
        constraints = [
            models.CheckConstraint(condition=Q(span__in=Span.values), name="tally_span_known"),
            models.UniqueConstraint(
                fields=["span", "dimension", "start", "key"], name="tally_once"
            ),
        ]
        indexes = [models.Index(fields=["span", "start"], name="tally_start")]

    def __str__(self) -> str:
        return f"{self.span} {self.start:%Y-%m-%d %H} {self.dimension} {self.key}"


for _name in COUNTED:
    Tally.add_to_class(_name, models.PositiveIntegerField(default=0))


class Series(models.Model):
    """Numbers of single tickets within one hour or day, of which no sums can be made.

    Percentiles do not add up, so durations are kept one by one; packed, since a year of them is
    read at once. `data` holds little-endian 64-bit integers, whose meaning goes with the kind.
    """

    span = models.CharField(max_length=1, choices=Span.choices)
    start = models.DateTimeField()
    kind = models.CharField(max_length=40)
    data = models.BinaryField()

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.CheckConstraint(condition=Q(span__in=Span.values), name="series_span_known"),
            models.UniqueConstraint(fields=["span", "kind", "start"], name="series_once"),
        ]
        indexes = [models.Index(fields=["span", "start"], name="series_start")]

    def __str__(self) -> str:
        return f"{self.span} {self.start:%Y-%m-%d %H} {self.kind}"


class Judged(models.Model):
    """A ticket that was drawn for blind review, with what the review says so far.

    Bounds and calibration need single rows: whose ticket, how likely drawn, settled or not.
    """

    hour = models.DateTimeField(db_index=True)
    ticket_id = models.PositiveBigIntegerField(unique=True)
    requester_id = models.PositiveBigIntegerField()
    u = models.FloatField()
    rate = models.FloatField()
    due_at = models.DateTimeField()
    automated = models.BooleanField()
    confidence = models.FloatField(null=True)  # of the intent named; null where none was
    wrong = models.BooleanField(null=True)  # an automatic answer would be; null: not settled
    right = models.BooleanField(null=True)  # the intent named is the one that reviewers name

    class Meta:
        verbose_name_plural = "judged tickets"

    def __str__(self) -> str:
        return f"judged {self.ticket_id}"


class DueTally(models.Model):
    """Service levels: targets by the hour in which their ticket came and that in which they fall
    due. A target counts once it is met or breached."""

    hour = models.DateTimeField(db_index=True)  # of the ticket
    due = models.DateTimeField()
    kind = models.CharField(max_length=16)
    settled = models.PositiveIntegerField()
    breached = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hour", "due", "kind"], name="due_tally_once")
        ]
        indexes = [models.Index(fields=["due"], name="due_tally_due")]

    def __str__(self) -> str:
        return f"{self.kind} due {self.due:%Y-%m-%d %H}h"
