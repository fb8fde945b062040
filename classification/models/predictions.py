"""What classifiers said about tickets: codes and numbers, no words."""

from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from classification.contract import REMOTE_PREFIX
from tickets.codes import NoIntent
from tickets.models import HistoryModel, Ticket
from tickets.models.history import HistoryQuerySet
from tickets.models.ticket import choices, one_of


class PredictionQuerySet(HistoryQuerySet["Prediction"]):
    def first_keys(self) -> Self:
        """Without second opinions: what the business's own classifier said."""
        return self.exclude(classifier__startswith=REMOTE_PREFIX)


PredictionManager = models.Manager.from_queryset(PredictionQuerySet)


class Prediction(HistoryModel):
    """One answer of one classifier for one message. Its terms are recomputed when shown."""

    ticket = models.ForeignKey(Ticket, models.PROTECT, related_name="predictions")
    message_number = models.PositiveIntegerField(default=1)
    round = models.PositiveIntegerField()
    classifier = models.CharField(max_length=64)  # version, e.g. linear-3fa9c1d2
    intent = models.SlugField(max_length=64, null=True, db_index=False)  # noqa: DJ001
    no_intent = models.CharField(max_length=16, choices=choices(NoIntent), null=True)  # noqa: DJ001
    best_guess = models.SlugField(max_length=64, null=True, db_index=False)  # noqa: DJ001
    confidence = models.FloatField(null=True)
    runner_up = models.SlugField(max_length=64, null=True, db_index=False)  # noqa: DJ001
    margin = models.FloatField(null=True)
    alternatives = models.JSONField(default=list)
    language = models.CharField(max_length=8, null=True)  # noqa: DJ001
    failure = models.CharField(max_length=64, blank=True)
    milliseconds = models.FloatField()
    at = models.DateTimeField()

    objects: ClassVar[Any] = PredictionManager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("no_intent", NoIntent, "prediction_no_intent_known", optional=True),
            models.CheckConstraint(
                condition=Q(confidence__isnull=True) | Q(confidence__gt=0, confidence__lte=1),
                name="prediction_confidence_in_range",
            ),
        ]
        indexes = [models.Index(fields=["at"], name="prediction_at")]

    def __str__(self) -> str:
        return f"{self.intent or self.no_intent or self.failure} #{self.pk}"
