"""What stops automation: the switch, breakers and hourly quotas."""

from django.db import models
from django.db.models import Q

OVERALL = ""  # stands for all intents together


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
    """Stops one intent, or all, after confirmed wrong answers. Only a person arms it again."""

    intent = models.SlugField(max_length=64, blank=True, unique=True)
    open = models.BooleanField(default=False)
    reason = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["intent"]

    def __str__(self) -> str:
        return f"{self.intent or 'all intents'}: {'open' if self.open else 'armed'}"


class Quota(models.Model):
    """Automatic answers within one hour, of one intent or of all. Taken by a conditional UPDATE."""

    intent = models.SlugField(max_length=64, blank=True, db_index=False)
    hour = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["intent", "hour"], name="quota_once")]

    def __str__(self) -> str:
        return f"{self.intent or 'all'} {self.hour:%Y-%m-%d %H}h: {self.used}"
