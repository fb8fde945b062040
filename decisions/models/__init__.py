"""Tables of decisions: policies, what was decided, and what may stop automation."""

from decisions.models.policies import (
    EscalationRule,
    IntentRule,
    Policy,
    Publication,
    ReplyTemplate,
)
from decisions.models.record import Certificate, Decision, Override
from decisions.models.reviews import Finding, Review
from decisions.models.stops import OVERALL, Breaker, Quota, Switch, lock_stops
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
    "Quota",
    "ReplyTemplate",
    "Review",
    "Scenario",
    "ShadowVerdict",
    "Switch",
    "lock_stops",
]
