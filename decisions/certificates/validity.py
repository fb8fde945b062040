"""Which certificate covers a ticket.

A certificate speaks of some intents, of one version of the classifier and of what the policy that
was tested would automate. Under another policy it still covers what both would automate; what the
new policy adds is not covered until it is tested.
"""

from collections.abc import Iterable
from datetime import datetime

from decisions.models import Certificate, Decision, Policy, sql
from decisions.rules.acceptance import lowered, would_automate
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import CertificateKind
from tickets.models.sql import rows_of

RANK = {CertificateKind.DEMO: 0, CertificateKind.PROVISIONAL: 1, CertificateKind.LIVE: 2}
MOST_KEPT = 64

_tested: dict[str, PolicySnapshot | None] = {}


def certificate_for(facts: Facts, digest: str, now: datetime) -> Certificate | None:
    """The certificate that lets this ticket be automated under the policy with that digest."""
    if not facts.intent or not facts.classifier:
        return None
    rows = rows_of(Certificate, sql.IN_FORCE, facts.classifier, now, now, facts.intent)
    for certificate in by_weight(rows):
        if facts.intent in certificate.intents and covers(certificate, facts, digest):
            return certificate
    return None


def by_weight(newest_first: Iterable[Certificate]) -> list[Certificate]:
    """What people judged before what held-out data say, and newer before older.

    A certificate that is older than one of greater weight is superseded and left out: what the
    weightier one refuses, it does not permit.
    """
    kept: list[Certificate] = []
    highest = -1
    for certificate in newest_first:
        rank = RANK[CertificateKind(certificate.kind)]
        if rank >= highest:
            kept.append(certificate)
        highest = max(highest, rank)
    return sorted(kept, key=lambda one: (-RANK[CertificateKind(one.kind)], -one.pk))


def classifier_in_use() -> str | None:
    """The version that decided last; before anything was decided, the one certified last."""
    latest = Decision.objects.order_by("-id").values_list("facts__classifier", flat=True).first()
    if latest is not None:
        return str(latest)
    rows = Certificate.objects.order_by("-id").values_list("classifier_version", flat=True)
    found: str | None = rows.first()
    return found


def covers(certificate: Certificate, facts: Facts, digest: str) -> bool:
    """Whether the policy that was tested would have let this ticket through too."""
    if certificate.policy_digest in ("", digest):
        return True
    policy = tested_policy(certificate.policy_digest)
    return policy is not None and would_automate(facts, policy)


def tested_policy(digest: str) -> PolicySnapshot | None:
    """The policy that a certificate was earned with, its thresholds lowered. Read once."""
    if digest not in _tested:
        if len(_tested) >= MOST_KEPT:
            _tested.clear()
        policy = Policy.objects.filter(published=True, digest=digest).first()
        _tested[digest] = lowered(policy.snapshot()) if policy else None
    return _tested[digest]


def forget_tested() -> None:
    """Read policies anew. For tests, in which ids and contents repeat."""
    _tested.clear()
