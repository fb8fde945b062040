"""What customers may want: the business's list of intents."""

from django.db import models

from tickets.codes import RiskClass
from tickets.models.ticket import choices, one_of


class Intent(models.Model):
    """One kind of inquiry. The slug is a stable identifier and never changes."""

    slug = models.SlugField(max_length=64, unique=True)
    description = models.CharField(max_length=200)
    not_this = models.CharField(max_length=200, blank=True)
    risk = models.CharField(  # noqa: DJ001
        max_length=12,
        choices=choices(RiskClass),
        null=True,
        blank=True,
        help_text="Without a risk class a person always answers.",
    )
    position = models.PositiveSmallIntegerField(default=0)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["position", "slug"]
        constraints = [one_of("risk", RiskClass, "intent_risk_known", optional=True)]

    def __str__(self) -> str:
        return self.slug
