"""Which certificate counts: of a classifier version, for an intent, for a ticket.

Whoever asks that asks here, so that a ticket, a backtest, a trial and a page never differ.

A certificate speaks of some intents, of one version of the classifier and of what the policy that
was tested would automate. Under another policy it still covers what both would automate; what the
new policy adds is not covered until it is tested.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from decisions.models import Certificate, Decision, Policy, Quarantine, sql
from decisions.rules.acceptance import lowered, would_automate
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import CertificateKind
from tickets.models.sql import rows_of

RANK = {CertificateKind.DEMO: 0, CertificateKind.PROVISIONAL: 1, CertificateKind.LIVE: 2}
MOST_KEPT = 64
NEWEST = 20  # certificates of a version that are looked at; older ones are superseded

_tested: dict[str, PolicySnapshot | None] = {}


@dataclass(frozen=True)
class Held:
    """The certificates of one classifier version at one moment; what counts most comes first."""

    version: str
    at: datetime
    certificates: tuple[Certificate, ...]

    @cached_property
    def quarantined(self) -> frozenset[str]:
        """Intents that reviews have shown to be too often wrong. One query, where it is asked."""
        rows = Quarantine.objects.holding(self.version, self.at)
        return frozenset(rows.values_list("intent", flat=True))

    @property
    def first(self) -> Certificate | None:
        """The one that counts most, whatever it speaks of."""
        return next(iter(self.certificates), None)

    def for_intent(self, intent: str | None) -> Certificate | None:
        """The one that counts most for an intent, whatever policy it was earned with."""
        return next(iter(self._naming(intent)), None)

    def covering(self, facts: Facts, digest: str) -> Certificate | None:
        """The one that lets a ticket be automated under the policy with that digest."""
        return _first_covering(self._naming(facts.intent), facts, digest)

    def _naming(self, intent: str | None) -> list[Certificate]:
        named = [one for one in self.certificates if intent in one.intents]
        return [] if named and intent in self.quarantined else named


def held(version: str | None, at: datetime) -> Held:
    """What a classifier version held at a moment."""
    rows = Certificate.objects.in_force(version, at)[:NEWEST] if version else ()
    return Held(version or "", at, tuple(_by_weight(rows)))


def certificate_for(facts: Facts, digest: str, now: datetime) -> Certificate | None:
    """As `held(…).covering(…)`, in one statement: it is asked while all others wait."""
    if not facts.intent or not facts.classifier:
        return None
    rows = rows_of(Certificate, sql.IN_FORCE, facts.classifier, now, now, facts.intent)
    named = [one for one in _by_weight(rows) if facts.intent in one.intents]
    return _first_covering(named, facts, digest)


def with_certificate(facts: Facts, certificate: Certificate | None) -> Facts:
    """The facts of a ticket that this certificate covers, or none."""
    return replace(
        facts,
        certificate=certificate.pk if certificate else None,
        certified_threshold=certificate.threshold if certificate else None,
    )


def _first_covering(named: Iterable[Certificate], facts: Facts, digest: str) -> Certificate | None:
    return next((one for one in named if covers(one, facts, digest)), None)


def _by_weight(newest_first: Iterable[Certificate]) -> list[Certificate]:
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
    judged = Decision.objects.exclude(facts={}).order_by("-id")
    latest = judged.values_list("facts__classifier", flat=True).first()
    if latest:
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
