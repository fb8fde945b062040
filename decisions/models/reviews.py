"""Blind reviews: what certificates are made of."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from decisions.models.record import Decision
from tickets.codes import FindingSource, ReviewPart, ReviewVerdict
from tickets.models import HistoryModel, Ticket
from tickets.models.ticket import choices, one_of


class ReviewQuerySet(models.QuerySet["Review"]):
    def open(self) -> Self:
        return self.filter(answered_at=None)

    def answered(self) -> Self:
        return self.filter(answered_at__isnull=False)


class Review(models.Model):
    """One person's blind answer about the first message of a drawn ticket."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="reviews")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="reviews")
    part = models.CharField(max_length=8, choices=choices(ReviewPart), default=ReviewPart.FIRST)
    # The draw: number, rate and stratum as they were at receipt.
    u = models.FloatField()
    rate = models.FloatField()
    stratum = models.CharField(max_length=8)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()

    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    skips = models.PositiveSmallIntegerField(default=0)

    reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="reviews"
    )
    answered_at = models.DateTimeField(null=True, blank=True)
    verdict = models.CharField(  # noqa: DJ001
        max_length=12, choices=choices(ReviewVerdict), null=True, blank=True
    )
    intent = models.SlugField(max_length=64, null=True, blank=True)  # noqa: DJ001
    machine_could = models.BooleanField(null=True, blank=True)
    reply_fits = models.BooleanField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        permissions = [("settle_review", "Settle where two reviewers differ")]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "part"], name="review_part_once"),
            one_of("part", ReviewPart, "review_part_known"),
            one_of("verdict", ReviewVerdict, "review_verdict_known", optional=True),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True)
                | Q(verdict__isnull=False, reviewer__isnull=False),
                name="review_answer_is_whole",
            ),
            models.CheckConstraint(
                condition=~Q(verdict=ReviewVerdict.INTENT)
                | Q(intent__isnull=False, machine_could__isnull=False),
                name="review_intent_is_named",
            ),
        ]
        indexes = [
            models.Index(fields=["part", "id"], name="review_open", condition=Q(answered_at=None)),
            models.Index(fields=["answered_at"], name="review_answered"),
        ]

    def __str__(self) -> str:
        return f"{self.part} review of {self.ticket_id}"

    def agrees_with(self, other: "Review") -> bool:
        return (self.verdict, self.intent, self.machine_could) == (
            other.verdict,
            other.intent,
            other.machine_could,
        )


class Finding(HistoryModel):
    """A person confirmed that an automatic answer was right or wrong: evidence for the breaker."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="findings")
    source = models.CharField(max_length=8, choices=choices(FindingSource))
    wrong = models.BooleanField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            one_of("source", FindingSource, "finding_source_known"),
        ]

    def __str__(self) -> str:
        return f"{'wrong' if self.wrong else 'right'} by {self.source}"


class ReserveTrial(HistoryModel):
    """A model version that was tried on the reserve; the v-th may err with delta / (v (v + 1))."""

    classifier_version = models.CharField(max_length=64, unique=True)
    number = models.PositiveIntegerField(unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["number"]

    def __str__(self) -> str:
        return f"{self.number}. {self.classifier_version}"


class ThresholdGrid(HistoryModel):
    """The thresholds that are tested for a model and a policy, fixed before labels play a part."""

    classifier_version = models.CharField(max_length=64)
    policy_digest = models.CharField(max_length=64)
    thresholds = models.JSONField()  # from strict to lenient
    confidences = models.PositiveIntegerField()  # unlabelled ones that they come from
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["classifier_version", "policy_digest"], name="grid_fixed_once"
            )
        ]

    def __str__(self) -> str:
        return f"{len(self.thresholds)} thresholds for {self.classifier_version}"
