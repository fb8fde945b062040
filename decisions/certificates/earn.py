"""Earning a certificate from blind reviews of live tickets.

What is tested is what the whole policy would automate: stored facts are replayed with every
threshold lowered, so that guards, rules, margins and levels act as they would.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from django.db import transaction

from decisions.bounds import e_process
from decisions.bounds.binomial import LIVE_END, LIVE_STARTS, Permit, grid_of, permit_by
from decisions.bounds.sampling import Row
from decisions.certificates import agreement
from decisions.certificates import statement as certificates_statement
from decisions.certificates.sample import (
    Sample,
    Twins,
    accepts,
    sample_of,
    tally_of,
    undrawn,
)
from decisions.certificates.terms import LIFE
from decisions.certificates.validity import held
from decisions.in_force import policy_in_force
from decisions.models import Certificate, Quarantine, ThresholdGrid
from decisions.rules.acceptance import automatic_intents, lowered
from decisions.rules.policy import PolicySnapshot
from tickets.codes import AuditKind, CertificateKind
from tickets.history import record

FEWEST_FOR_GRID = 40  # with fewer unlabelled ones the grid is the one that was fixed for all
EVERYBODYS = 1 / (1 + np.exp(-np.linspace(6.9, 0.0, 40)))  # from 0.999 to 0.5, even in log odds
METHOD = "fixed sequence from two starts, e-process on blind reviews"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the labelled tickets say, whether or not they earn a certificate."""

    permit: Permit | None
    labelled: int  # rows of equal probability, settled, one for each person
    accepted: int  # of these, what the policy would automate at some threshold
    errors: int
    waiting: int  # drawn, not settled yet
    missing: int  # further accepted rows without error that a certificate needs
    quarantined: tuple[str, ...]
    shares: Mapping[str, float]  # of the rows above the threshold, by intent
    policy_digest: str
    sample_digest: str
    agreed: agreement.Agreement


def judge(
    classifier_version: str,
    *,
    alpha: float,
    delta: float,
    now: datetime,
    twins: Twins | None = None,
) -> Found:
    """Look at the reviews there are. May be done as often as one likes: the evidence allows it."""
    in_force = policy_in_force()
    policy = lowered(in_force.snapshot)
    sample = sample_of(classifier_version, policy, now=now, twins=twins)
    steps = fixed_grid(classifier_version, in_force.digest) or _grid(classifier_version, policy)
    found = tested(sample, steps, alpha=alpha, delta=delta)
    return Found(
        permit=found,
        labelled=len(sample.rows),
        accepted=len(sample.accepted),
        errors=sum(row.counts_as_wrong for row in sample.accepted),
        waiting=sample.waiting,
        missing=0 if found else _missing(sample.accepted, steps, alpha=alpha, delta=delta),
        quarantined=_quarantined(sample, classifier_version, in_force.snapshot, found, now),
        shares=_shares(sample, found),
        policy_digest=in_force.digest,
        sample_digest=digest_of_rows(sample.accepted),
        agreed=agreement.agreement(now - LIFE),
    )


def tested(sample: Sample, steps: Sequence[float], *, alpha: float, delta: float) -> Permit | None:
    """The permit that a sample earns on a fixed grid, by the e-process."""
    found = permit_by(
        [row.confidence for row in sample.accepted],
        [row.counts_as_wrong for row in sample.accepted],
        alpha=alpha,
        delta=delta,
        grid=steps,
        passes=lambda errors, n: e_process.passes(errors, n, alpha=alpha, delta=delta),
        starts=LIVE_STARTS if len(steps) > LIVE_STARTS[-1] else (0, len(steps) // 2),
    )
    return found and replace(found, coverage=_coverage(sample, found.threshold))


def _grid(classifier_version: str, policy: PolicySnapshot) -> list[float]:
    """Thresholds from confidences of tickets that were not drawn: no label plays a part."""
    others = undrawn(classifier_version)
    return grid_from([float(d.confidence or 0) for d in others if accepts(d, policy)])


def grid_from(confidences: Sequence[float]) -> list[float]:
    """40 thresholds of these confidences; where they are too few, 40 that hold for everybody."""
    if len(confidences) < FEWEST_FOR_GRID:
        return [float(step) for step in EVERYBODYS]
    return [float(step) for step in grid_of(np.asarray(confidences), end=LIVE_END)]


def fixed_grid(classifier_version: str, digest: str) -> list[float] | None:
    """The thresholds that were fixed for this model and policy, if they were."""
    row = ThresholdGrid.objects.filter(
        classifier_version=classifier_version, policy_digest=digest
    ).first()
    return [float(step) for step in row.thresholds] if row else None


def fix_grid(classifier_version: str, digest: str, steps: Sequence[float], now: datetime) -> None:
    """Fix the thresholds for good: tests that are repeated must test the same things."""
    ThresholdGrid.objects.get_or_create(
        classifier_version=classifier_version,
        policy_digest=digest,
        defaults={"thresholds": list(steps), "confidences": len(steps), "at": now},
    )


def _coverage(sample: Sample, threshold: float) -> float:
    """Share of all tickets that would be automated, from rows that all had the same chance."""
    lowest = min((row.rate for row in sample.rows), default=0.0)
    alike = [row for row in sample.rows if row.u < lowest]
    accepted = {row.key for row in sample.accepted if row.confidence >= threshold}
    return sum(row.key in accepted for row in alike) / len(alike) if alike else 0.0


def _missing(rows: Sequence[Row], steps: Sequence[float], *, alpha: float, delta: float) -> int:
    """Further accepted rows, none of them wrong, until one of the two chains can start."""
    starts = LIVE_STARTS if len(steps) > LIVE_STARTS[-1] else (0, len(steps) // 2)
    needed = []
    for start in starts:
        above = [row for row in rows if row.confidence >= steps[start]]
        wrong = sum(row.counts_as_wrong for row in above)
        missing = e_process.rows_missing(wrong, len(above), alpha=alpha, delta=delta)
        share = len(above) / len(rows) if above else 1.0
        needed.append(math.ceil(missing / share))
    return min(needed)


def _quarantined(
    sample: Sample,
    classifier_version: str,
    policy: PolicySnapshot,
    found: Permit | None,
    now: datetime,
) -> tuple[str, ...]:
    """What a certificate that was earned leaves out from the start; without one, what the one in
    force should leave out."""
    by = found or held(classifier_version, now).first
    if by is None:
        return ()
    tallies = tally_of(sample, classifier_version, policy, threshold=by.threshold)
    return tuple(too_often_wrong(tallies, policy, alpha=by.alpha, delta=by.delta))


def too_often_wrong(
    tallies: Mapping[str, Sequence[bool]], policy: PolicySnapshot, *, alpha: float, delta: float
) -> list[str]:
    """Intents that are shown to be worse than alpha. The rest keeps its certificate."""
    number = max(1, len(tallies), len(automatic_intents(policy)))
    return sorted(
        intent
        for intent, wrong in tallies.items()
        if e_process.to_quarantine(sum(wrong), len(wrong), alpha=alpha, delta=delta, intents=number)
    )


def _shares(sample: Sample, found: Permit | None) -> dict[str, float]:
    """Each intent's share of what a certificate would automate."""
    if found is None:
        return {}
    above = [row for row in sample.accepted if row.confidence >= found.threshold]
    intents = [str(sample.taken[int(row.key)].intent) for row in above]
    return {slug: round(intents.count(slug) / len(intents), 4) for slug in sorted(set(intents))}


def digest_of_rows(rows: Sequence[Row]) -> str:
    """Names the sample without its words: which tickets, and what was said of them."""
    content = [[row.key, row.confidence, row.wrong] for row in rows]
    return record.digest_of(record.canonical(content))


def issue(
    classifier_version: str,
    *,
    alpha: float,
    delta: float,
    actor: record.Actor,
    now: datetime,
    twins: Twins | None = None,
) -> tuple[Found, Certificate | None]:
    """Judge, and put a certificate on record if one was earned."""
    in_force = policy_in_force()
    if fixed_grid(classifier_version, in_force.digest) is None:
        steps = _grid(classifier_version, lowered(in_force.snapshot))
        fix_grid(classifier_version, in_force.digest, steps, now)
    found = judge(classifier_version, alpha=alpha, delta=delta, now=now, twins=twins)
    if found.permit is None:
        return found, None
    outside = set(found.quarantined) | set(quarantined_now(classifier_version))
    intents = [slug for slug in automatic_intents(in_force.snapshot) if slug not in outside]
    certificate = put_on_record(
        found.permit,
        kind=CertificateKind.LIVE,
        classifier_version=classifier_version,
        intents=intents,
        shares=found.shares,
        method=METHOD,
        policy_digest=found.policy_digest,
        sample_digest=found.sample_digest,
        statement=certificates_statement.live(found.permit, found.shares, found.agreed),
        actor=actor,
        now=now,
    )
    return found, certificate


def quarantined_now(classifier_version: str) -> list[str]:
    open_ones = Quarantine.objects.filter(classifier_version=classifier_version, lifted_at=None)
    return list(open_ones.values_list("intent", flat=True))


def put_on_record(
    permit: Permit,
    *,
    kind: CertificateKind,
    classifier_version: str,
    intents: Sequence[str],
    shares: Mapping[str, float],
    method: str,
    policy_digest: str,
    sample_digest: str,
    statement: str,
    actor: record.Actor,
    now: datetime,
) -> Certificate:
    """A certificate is a row and a link of the audit chain, or neither."""
    with transaction.atomic():
        certificate = Certificate.objects.create(
            kind=kind,
            classifier_version=classifier_version,
            intents=sorted(intents),
            shares=dict(shares),
            alpha=permit.alpha,
            delta=permit.delta,
            method=method,
            rows=permit.rows,
            errors=permit.errors,
            bound=permit.bound,
            coverage=permit.coverage,
            threshold=permit.threshold,
            thresholds=list(permit.thresholds),
            policy_digest=policy_digest,
            sample_digest=sample_digest,
            statement=statement,
            issued_at=now,
            expires_at=now + LIFE,
        )
        data = {
            "certificate": certificate.pk,
            "kind": certificate.kind,
            "classifier": classifier_version,
            "alpha": permit.alpha,
            "delta": permit.delta,
            "threshold": permit.threshold,
            "rows": permit.rows,
            "errors": permit.errors,
            "policy": policy_digest,
            "sample": sample_digest,
        }
        subject = f"certificate:{certificate.pk}"
        entry = record.AuditEntry(AuditKind.CERTIFICATE, subject, actor, data)
        record.write(now=now, audit=[entry])
    return certificate
