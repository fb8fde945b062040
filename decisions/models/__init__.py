"""Tables of decisions: policies, what was decided, and what may stop automation."""

from decisions.models.policies import (
    EscalationRule,
    IntentRule,
    Policy,
    Publication,
    ReplyTemplate,
)
from decisions.models.record import Certificate, Decision, Override
from decisions.models.reviews import Finding, ReserveTrial, Review, ThresholdGrid
from decisions.models.stops import OVERALL, Breaker, Quarantine, Quota, Switch, lock_stops
from decisions.models.trials import Candidate, Proposal, Scenario, ShadowVerdict

__all__ = [
    "OVERALL",
    "Breaker",
    "Candidate",
    "Certificate",
    "Decision",
    "EscalationRule",
    "Finding",
    "IntentRule",
    "Override",
    "Policy",
    "Proposal",
    "Publication",
    "Quarantine",
    "Quota",
    "ReplyTemplate",
    "ReserveTrial",
    "Review",
    "Scenario",
    "ShadowVerdict",
    "Switch",
    "ThresholdGrid",
    "lock_stops",
]
