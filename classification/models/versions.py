"""Model versions, and which one is in force."""

from django.conf import settings
from django.db import models

from tickets.models import HistoryModel


class ModelVersion(HistoryModel):
    """A trained model in its directory, pinned by the SHA-256 of its manifest."""

    version = models.CharField(max_length=64, unique=True)
    classifier = models.CharField(max_length=32)
    name = models.CharField(max_length=100, blank=True)
    manifest_sha256 = models.CharField(max_length=64)
    training_rows = models.PositiveIntegerField()
    training_sha256 = models.CharField(max_length=64)
    scores = models.JSONField(default=dict)
    trained_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.version


class Promotion(HistoryModel):
    """Puts a model version in force. The latest row counts."""

    model = models.ForeignKey(ModelVersion, models.PROTECT, related_name="promotions")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.model} {self.at:%Y-%m-%d %H:%M}"
