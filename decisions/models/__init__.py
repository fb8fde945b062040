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

__all__ = [
    "OVERALL",
    "Breaker",
    "Certificate",
    "Decision",
    "EscalationRule",
    "Finding",
    "IntentRule",
    "Override",
    "Policy",
    "Publication",
    "Quota",
    "ReplyTemplate",
    "Review",
    "Switch",
    "lock_stops",
]
