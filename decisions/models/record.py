"""What was decided, by machine and by people, and what permitted it."""

from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from decisions.models.policies import Policy, ReplyTemplate
from tickets.codes import CertificateKind, Outcome, OverrideKind
from tickets.models import HistoryModel, Ticket
from tickets.models.history import HistoryQuerySet
from tickets.models.ticket import choices, one_of


class Decision(HistoryModel):
    """A verdict as recorded. One for each ticket and round."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="decisions")
    round = models.PositiveIntegerField()
    # Handed over as plain data: nothing here points to the classifier's tables.
    prediction_id = models.PositiveBigIntegerField(null=True)
    intent = models.SlugField(max_length=64, null=True, db_index=False)  # noqa: DJ001
    confidence = models.FloatField(null=True)
    outcome = models.CharField(max_length=16, choices=choices(Outcome))
    shadow_outcome = models.CharField(  # noqa: DJ001
        max_length=16, choices=choices(Outcome), null=True
    )
    reasons = models.JSONField()
    queue = models.SlugField(max_length=50, blank=True)
    priority = models.CharField(max_length=8)
    template = models.ForeignKey(ReplyTemplate, models.PROTECT, null=True, related_name="+")
    policy = models.ForeignKey(Policy, models.PROTECT, null=True, related_name="+")
    policy_digest = models.CharField(max_length=64, blank=True)
    facts = models.JSONField()
    trace = models.JSONField()
    engine_version = models.PositiveSmallIntegerField()
    software_version = models.CharField(max_length=32)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["ticket", "round"], name="decision_once_per_round"),
            one_of("outcome", Outcome, "decision_outcome_known"),
            one_of("shadow_outcome", Outcome, "decision_shadow_known", optional=True),
        ]
        indexes = [
            models.Index(fields=["at"], name="decision_at"),
            models.Index(fields=["outcome", "-id"], name="decision_outcome_id"),
            models.Index(
                fields=["intent", "id"],
                name="decision_automated",
                condition=Q(outcome=Outcome.AUTO_RESOLVE),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} #{self.pk}"


class Override(HistoryModel):
    """A person's word in place of the machine's. Never disappears."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="overrides")
    kind = models.CharField(max_length=8, choices=choices(OverrideKind))
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    before = models.CharField(max_length=64, blank=True)
    after = models.CharField(max_length=64, blank=True)
    machine_was_wrong = models.BooleanField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [one_of("kind", OverrideKind, "override_kind_known")]

    def __str__(self) -> str:
        return f"{self.kind}: {self.before} → {self.after}"


class CertificateQuerySet(HistoryQuerySet):
    def in_force(self, classifier_version: str, now: datetime) -> Self:
        return self.filter(
            classifier_version=classifier_version, issued_at__lte=now, expires_at__gt=now
        ).order_by("-id")


CertificateManager = models.Manager.from_queryset(CertificateQuerySet)


class Certificate(HistoryModel):
    """An automation permit: at most `alpha` wrong, at confidence 1 - `delta`."""

    kind = models.CharField(max_length=12, choices=choices(CertificateKind))
    classifier_version = models.CharField(max_length=64, db_index=True)
    intents = models.JSONField()  # slugs it speaks of
    alpha = models.FloatField()
    delta = models.FloatField()
    method = models.CharField(max_length=200)
    rows = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    bound = models.FloatField()
    coverage = models.FloatField()
    threshold = models.FloatField()  # the most lenient that passed
    thresholds = models.JSONField()  # all that passed
    policy_digest = models.CharField(max_length=64, blank=True)
    shares = models.JSONField(default=dict)  # each intent's share of the rows it was earned on
    sample_digest = models.CharField(max_length=64)
    statement = models.TextField()
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    objects: ClassVar[Any] = CertificateManager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("kind", CertificateKind, "certificate_kind_known"),
            models.CheckConstraint(
                condition=Q(bound__lte=models.F("alpha")), name="certificate_bound_holds"
            ),
            models.CheckConstraint(
                condition=Q(threshold__gt=0, threshold__lte=1), name="certificate_threshold_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.pk} for {self.classifier_version}"
