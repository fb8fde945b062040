"""Policies, decisions, reviews, certificates and stops as rows.

May import tables of tickets.
Start reading in `record.py`, then `policies.py`.
"""

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
