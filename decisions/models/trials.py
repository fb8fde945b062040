"""What is tried before it decides: scenarios, and candidates in the shadow of the live policy."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from decisions.models.policies import Policy
from decisions.models.record import Decision
from tickets.codes import CandidateKind, Outcome
from tickets.models import HistoryModel, Ticket
from tickets.models.ticket import choices, one_of


class Proposal(HistoryModel):
    """One person's word for a publication that needs a second person's."""

    policy = models.ForeignKey(Policy, models.PROTECT, related_name="proposals")
    digest = models.CharField(max_length=64)  # void as soon as the draft says something else
    share_before = models.FloatField()
    share_after = models.FloatField()
    tickets = models.PositiveIntegerField()
    reason = models.CharField(max_length=300)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.policy} proposed by {self.proposed_by}"


class Scenario(models.Model):
    """Facts with the verdict that they must have. No policy is published while one comes out
    otherwise."""

    name = models.CharField(max_length=100, unique=True)
    facts = models.JSONField()
    outcome = models.CharField(max_length=16, choices=choices(Outcome))
    reason = models.CharField(
        max_length=80, blank=True, help_text="A reason that has to be among them; empty: any."
    )
    active = models.BooleanField(default=True, help_text="Others are kept and not asked.")
    ticket = models.ForeignKey(
        Ticket, models.PROTECT, null=True, blank=True, related_name="scenarios"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]
        constraints = [one_of("outcome", Outcome, "scenario_outcome_known")]

    def __str__(self) -> str:
        return self.name


class CandidateQuerySet(models.QuerySet["Candidate"]):
    def running(self) -> Self:
        return self.filter(ended_at=None)


class Candidate(models.Model):
    """A policy or a model that is asked beside the live one. Its word counts for nothing."""

    kind = models.CharField(max_length=8, choices=choices(CandidateKind))
    policy = models.ForeignKey(
        Policy, models.PROTECT, null=True, blank=True, related_name="candidacies"
    )
    model_version = models.CharField(max_length=64, blank=True)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    # Decisions up to this one are done with.
    after = models.PositiveBigIntegerField(default=0)

    objects = CandidateQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            one_of("kind", CandidateKind, "candidate_kind_known"),
            models.CheckConstraint(
                condition=Q(kind=CandidateKind.POLICY, policy__isnull=False, model_version="")
                | (Q(kind=CandidateKind.MODEL, policy__isnull=True) & ~Q(model_version="")),
                name="candidate_is_one_thing",
            ),
            models.UniqueConstraint(
                fields=["kind"], condition=Q(ended_at=None), name="candidate_one_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.policy or self.model_version}"


class ShadowVerdict(HistoryModel):
    """What a candidate would have decided on a ticket that was decided."""

    candidate = models.ForeignKey(Candidate, models.PROTECT, related_name="verdicts")
    decision = models.ForeignKey(Decision, models.PROTECT, related_name="shadow_verdicts")
    digest = models.CharField(max_length=64)  # of the policy it decided by
    intent = models.SlugField(max_length=64, null=True, db_index=False)  # noqa: DJ001
    confidence = models.FloatField(null=True)
    outcome = models.CharField(max_length=16, choices=choices(Outcome), null=True)  # noqa: DJ001
    reasons = models.JSONField(default=list)
    queue = models.SlugField(max_length=50, blank=True, db_index=False)
    failure = models.CharField(max_length=64, blank=True)  # what kind of error, never its words
    at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["candidate", "decision"], name="shadow_verdict_once"),
            one_of("outcome", Outcome, "shadow_verdict_outcome_known", optional=True),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True) ^ Q(failure=""), name="shadow_verdict_or_failure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.candidate_id}: {self.outcome or self.failure}"
