"""Policies: drafts can be edited, a published version never changes."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q

from decisions.rules.policy import Condition, IntentPolicy, PolicySnapshot, Rule, RuleInvalid
from tickets.codes import Level, Priority
from tickets.models import HistoryIsReadOnly, HistoryModel
from tickets.models.ticket import choices, one_of


class ReplyTemplate(HistoryModel):
    """A reply as a business words it. Editing writes the next version."""

    slug = models.SlugField(max_length=64)
    version = models.PositiveIntegerField(default=1)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["slug", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["slug", "version"], name="template_version_once")
        ]

    def __str__(self) -> str:
        return f"{self.slug}@{self.version}"


FROZEN = "A published policy does not change; make a draft from it."


class Policy(models.Model):
    """A numbered version of the rules. Frozen from its first publication on."""

    number = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=100)
    published = models.BooleanField(default=False, editable=False)
    digest = models.CharField(max_length=64, blank=True, editable=False)
    requester_cap = models.PositiveSmallIntegerField(default=3)
    hourly_cap = models.PositiveIntegerField(null=True, blank=True)
    default_queue = models.SlugField(max_length=50, default="general")
    guard_queue = models.SlugField(max_length=50, blank=True)
    topics = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-number"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return f"v{self.number} {self.name}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            refuse_published(self.pk)
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            refuse_published(self.pk)
            return super().delete(*args, **kwargs)

    def snapshot(self) -> PolicySnapshot:
        """The policy as the engine reads it; two queries."""
        return PolicySnapshot(
            number=self.number,
            intents={rule.intent: rule.snapshot() for rule in self.intent_rules.all()},
            rules=tuple(rule.snapshot() for rule in self.escalation_rules.order_by("slug")),
            requester_cap=self.requester_cap,
            hourly_cap=self.hourly_cap,
            default_queue=self.default_queue or None,
            guard_queue=self.guard_queue or None,
            topics={
                topic: {language: tuple(entries) for language, entries in lists.items()}
                for topic, lists in self.topics.items()
            },
        )


def refuse_published(policy_id: int | None) -> None:
    """Refuse a change of a published policy, whatever the object in memory says.

    Holds the draft meanwhile, so that nobody publishes it in the middle of the change.

    Raises:
        HistoryIsReadOnly: the policy is published.
    """
    if policy_id is None:
        return
    held = Policy.objects.select_for_update().filter(pk=policy_id)
    if held.values_list("published", flat=True).first():
        raise HistoryIsReadOnly(FROZEN)


class Publication(HistoryModel):
    """Puts a policy in force. The latest row counts; going back is publishing again."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="publications")
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.policy} {self.at:%Y-%m-%d %H:%M}"


class PartOfPolicy(models.Model):
    """Rows that freeze with their policy. The database holds the same line by a trigger."""

    class Meta:
        abstract = True

    policy: models.ForeignKey[Policy, Policy]
    policy_id: int

    def save(self, *args: Any, **kwargs: Any) -> None:
        with transaction.atomic():
            refuse_published(self.policy_id)
            super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        with transaction.atomic():
            refuse_published(self.policy_id)
            return super().delete(*args, **kwargs)


class IntentRule(PartOfPolicy):
    """How far automation goes for one intent."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="intent_rules")
    intent = models.SlugField(max_length=64)
    level = models.CharField(max_length=8, choices=choices(Level), default=Level.OFF)
    threshold = models.FloatField(default=1.0)
    margin = models.FloatField(default=0.0)
    queue = models.SlugField(max_length=50, blank=True)
    priority = models.CharField(max_length=8, choices=choices(Priority), default=Priority.NORMAL)
    template = models.SlugField(max_length=64, blank=True)
    hourly_cap = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["intent"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "intent"], name="intent_rule_once"),
            one_of("level", Level, "intent_rule_level_known"),
            one_of("priority", Priority, "intent_rule_priority_known"),
            models.CheckConstraint(
                condition=Q(threshold__gt=0, threshold__lte=1),
                name="intent_rule_threshold_range",
                violation_error_message="A threshold is above 0 and at most 1.",
            ),
            models.CheckConstraint(
                condition=Q(margin__gte=0, margin__lte=1),
                name="intent_rule_margin_range",
                violation_error_message="A margin is from 0 to 1.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.intent}: {self.level}"

    def snapshot(self) -> IntentPolicy:
        return IntentPolicy(
            level=self.level,
            threshold=self.threshold,
            margin=self.margin,
            queue=self.queue or None,
            priority=self.priority,
            template=self.template or None,
            hourly_cap=self.hourly_cap,
        )


class EscalationRule(PartOfPolicy):
    """Hands a ticket to a person when all conditions hold."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="escalation_rules")
    slug = models.SlugField(max_length=64)
    reason = models.CharField(max_length=200, help_text="Shown to agents.")
    conditions = models.JSONField(default=list)
    queue = models.SlugField(max_length=50, blank=True)
    priority = models.CharField(  # noqa: DJ001
        max_length=8, choices=choices(Priority), null=True, blank=True
    )

    class Meta:
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["policy", "slug"], name="escalation_rule_once"),
            one_of("priority", Priority, "escalation_rule_priority", optional=True),
        ]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.snapshot().check()
        super().save(*args, **kwargs)

    def snapshot(self) -> Rule:
        """Raises RuleInvalid when the stored conditions are not of the expected shape."""
        try:
            conditions = tuple(Condition(**condition) for condition in self.conditions)
        except TypeError as error:
            raise RuleInvalid("A condition has a fact, an operator and a value.") from error
        return Rule(
            slug=self.slug,
            reason=self.reason,
            conditions=conditions,
            queue=self.queue or None,
            priority=self.priority or None,
        )

    def clean(self) -> None:
        try:
            self.snapshot().check()
        except RuleInvalid as error:
            raise ValidationError({"conditions": str(error)}) from error
