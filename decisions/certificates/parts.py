"""What a certificate still says when the policy has changed since it was earned.

A part with a share v of what was certified is only known to be at most alpha / v wrong.
"""

from dataclasses import dataclass
from datetime import datetime

from decisions.certificates import validity
from decisions.certificates.terms import LIFE
from decisions.in_force import PolicyInForce
from decisions.models import Certificate, Decision, Quarantine
from decisions.rules.acceptance import lowered, would_automate
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot

NEWEST = 2_000  # decisions that are replayed


@dataclass(frozen=True, slots=True)
class IntentPart:
    """One intent of a certificate: its share of the answers, and what is known of it."""

    intent: str
    share: float | None
    known: float | None  # at most so many of its answers are wrong
    quarantined: bool


@dataclass(frozen=True, slots=True)
class PolicyPart:
    """What the policy in force leaves of what was certified, counted on recent decisions."""

    unchanged: bool
    certified: int  # recent decisions that the tested policy lets through
    left: int  # of these, what the policy in force lets through
    added: int  # what it lets through in addition: not covered
    known: float | None


def by_intent(certificate: Certificate) -> list[IntentPart]:
    held = set(
        Quarantine.objects.filter(
            classifier_version=certificate.classifier_version, lifted_at=None
        ).values_list("intent", flat=True)
    )
    return [
        IntentPart(
            intent=slug,
            share=certificate.shares.get(slug),
            known=known_of(certificate.alpha, certificate.shares.get(slug)),
            quarantined=slug in held,
        )
        for slug in sorted(certificate.intents)
    ]


def known_of(alpha: float, share: float | None) -> float | None:
    """At most alpha / share; None where nothing of it was in the sample."""
    return min(1.0, alpha / share) if share else None


def under(certificate: Certificate, in_force: PolicyInForce, now: datetime) -> PolicyPart:
    """Replay recent decisions of the certified model through both policies."""
    current = in_force.snapshot
    stricter = any(
        current.for_intent(slug).threshold > certificate.threshold for slug in certificate.intents
    )
    if certificate.policy_digest == "" or (
        certificate.policy_digest == in_force.digest and not stricter
    ):
        return PolicyPart(True, 0, 0, 0, certificate.alpha)
    tested = validity.tested_policy(certificate.policy_digest)
    recent = Decision.objects.filter(
        round=1,
        facts__classifier=certificate.classifier_version,
        at__gt=now - LIFE,
        confidence__gte=certificate.threshold,
    ).order_by("-id")[:NEWEST]
    free = lowered(current)
    certified = left = added = 0
    for decision in recent:
        facts = Facts.from_record(decision.facts)
        before = tested is not None and would_automate(facts, tested)
        after = _passes(facts, free, current)
        certified += before
        left += before and after
        added += after and not before
    share = left / certified if certified else None
    return PolicyPart(False, certified, left, added, known_of(certificate.alpha, share))


def _passes(facts: Facts, free: PolicySnapshot, policy: PolicySnapshot) -> bool:
    high = (facts.confidence or 0.0) >= policy.for_intent(facts.intent).threshold
    return high and would_automate(facts, free)
