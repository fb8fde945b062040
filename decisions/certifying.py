"""Earning a certificate from blind reviews of live tickets.

What is tested is what the whole policy would automate: stored facts are replayed with every
threshold lowered, so that guards, rules, margins and levels act as they would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from django.db import transaction

from decisions import evidence, reviewing, sampling
from decisions.certification import Permit, grid_of, permit_by
from decisions.engine import decide
from decisions.facts import Facts
from decisions.models import Certificate, Decision, Review
from decisions.policy import PolicySnapshot
from decisions.sampling import Row
from decisions.services import policy_in_force
from tickets import record
from tickets.codes import AuditKind, CertificateKind, Level, ReviewPart

LIFE = timedelta(days=90)
LOWEST = 1e-9
GRID_ROWS = 5_000  # newest unlabelled decisions that give the grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the labelled tickets say, whether or not they earn a certificate."""

    permit: Permit | None
    labelled: int  # rows of equal probability, settled, one for each person
    accepted: int  # of these, what the policy would automate at some threshold
    errors: int
    waiting: int  # drawn, not settled yet
    missing: int  # further accepted rows without error that the strictest threshold needs
    quarantined: tuple[str, ...]
    policy_digest: str
    sample_digest: str


def lowered(policy: PolicySnapshot) -> PolicySnapshot:
    """The policy with every threshold of its automatic intents at the bottom."""
    intents = {
        slug: replace(intent, threshold=LOWEST) if intent.level == Level.AUTO else intent
        for slug, intent in policy.intents.items()
    }
    return replace(policy, intents=intents)


def would_automate(facts: Facts, lowered_policy: PolicySnapshot) -> bool:
    """Whether some threshold would let this ticket through; switch, breaker and caps left aside."""
    free = replace(
        facts,
        kill_switch=False,
        breaker_open=False,
        cap_reached=False,
        certified_threshold=LOWEST,
    )
    return decide(free, lowered_policy).automates


def judge(classifier_version: str, *, alpha: float, delta: float, now: datetime) -> Found:
    """Look at the reviews there are. May be done as often as one likes: the evidence allows it."""
    in_force = policy_in_force()
    policy = lowered(in_force.snapshot)
    reviews = _reviews(classifier_version, now - LIFE)
    settled = sampling.settled_prefix(sampling.equal_probability(_rows(reviews, now)))
    rows = sampling.one_for_each_group(settled)
    taken = {review.ticket_id: review.decision for review in reviews}
    accepted = [row for row in rows if _accepts(taken[int(row.key)], policy)]
    wrong = [bool(row.wrong or row.overdue) for row in accepted]
    found = permit_by(
        [row.confidence for row in accepted],
        wrong,
        alpha=alpha,
        delta=delta,
        grid=_grid(classifier_version, policy),
        passes=lambda errors, n: evidence.passes(errors, n, alpha=alpha, delta=delta),
        of=len(rows),
    )
    return Found(
        permit=found,
        labelled=len(rows),
        accepted=len(accepted),
        errors=sum(wrong),
        waiting=len(reviews) - len(settled),
        missing=evidence.rows_missing(sum(wrong), len(accepted), alpha=alpha, delta=delta),
        quarantined=_quarantined(accepted, taken, alpha=alpha, delta=delta),
        policy_digest=in_force.digest,
        sample_digest=_digest(accepted),
    )


def _reviews(classifier_version: str, since: datetime) -> list[Review]:
    """First parts of what was drawn under this classifier, in order of receipt."""
    return list(
        Review.objects.filter(
            part=ReviewPart.FIRST,
            created_at__gte=since,
            decision__facts__classifier=classifier_version,
        )
        .select_related("decision", "ticket")
        .order_by("ticket_id")
    )


def _rows(reviews: Sequence[Review], now: datetime) -> list[Row]:
    parts: dict[int, list[Review]] = {}
    for part in Review.objects.filter(ticket__in=[r.ticket_id for r in reviews]).order_by("id"):
        parts.setdefault(part.ticket_id, []).append(part)
    return [_row(review, parts[review.ticket_id], now) for review in reviews]


def _row(review: Review, parts: Sequence[Review], now: datetime) -> Row:
    wrong = reviewing.verdict_of(parts, review.decision.intent)
    return Row(
        u=review.u,
        rate=review.rate,
        confidence=review.decision.confidence or 0.0,
        group=str(review.ticket.requester_id),
        wrong=wrong,
        overdue=wrong is None and review.due_at <= now,
        key=str(review.ticket_id),
    )


def _accepts(decision: Decision, policy: PolicySnapshot) -> bool:
    return bool(decision.facts) and would_automate(Facts.from_record(decision.facts), policy)


def _grid(classifier_version: str, policy: PolicySnapshot) -> list[float]:
    """Thresholds from confidences of tickets that were not drawn: no label plays a part."""
    undrawn = Decision.objects.filter(
        round=1, reviews=None, facts__classifier=classifier_version, confidence__isnull=False
    ).order_by("-id")[:GRID_ROWS]
    confidences = [float(d.confidence) for d in undrawn if d.confidence and _accepts(d, policy)]
    return [float(step) for step in grid_of(np.asarray(confidences))]


def _quarantined(
    rows: Sequence[Row], taken: dict[int, Decision], *, alpha: float, delta: float
) -> tuple[str, ...]:
    """Intents that are shown to be worse than alpha. The rest keeps its certificate."""
    tally: dict[str, list[bool]] = {}
    for row in rows:
        intent = str(taken[int(row.key)].intent)
        tally.setdefault(intent, []).append(bool(row.wrong or row.overdue))
    return tuple(
        sorted(
            intent
            for intent, wrong in tally.items()
            if evidence.to_quarantine(
                sum(wrong), len(wrong), alpha=alpha, delta=delta, intents=len(tally)
            )
        )
    )


def _digest(rows: Sequence[Row]) -> str:
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
) -> tuple[Found, Certificate | None]:
    """Judge, and put a certificate on record if one was earned."""
    found = judge(classifier_version, alpha=alpha, delta=delta, now=now)
    if found.permit is None:
        return found, None
    policy = policy_in_force().snapshot
    automatic = [s for s, intent in policy.intents.items() if intent.level == Level.AUTO]
    intents = sorted(set(automatic) - set(found.quarantined))
    permit = found.permit
    with transaction.atomic():
        certificate = Certificate.objects.create(
            kind=CertificateKind.LIVE,
            classifier_version=classifier_version,
            intents=intents,
            alpha=alpha,
            delta=delta,
            method="fixed sequence from two starts, e-process on blind reviews",
            rows=permit.rows,
            errors=permit.errors,
            bound=permit.bound,
            coverage=permit.coverage,
            threshold=permit.threshold,
            thresholds=list(permit.thresholds),
            policy_digest=found.policy_digest,
            sample_digest=found.sample_digest,
            statement=statement(found, now),
            issued_at=now,
            expires_at=now + LIFE,
        )
        data = {
            "certificate": certificate.pk,
            "kind": certificate.kind,
            "classifier": classifier_version,
            "alpha": alpha,
            "delta": delta,
            "threshold": permit.threshold,
            "rows": permit.rows,
            "errors": permit.errors,
            "sample": found.sample_digest,
        }
        subject = f"certificate:{certificate.pk}"
        record.write(
            now=now, audit=[record.AuditEntry(AuditKind.CERTIFICATE, subject, actor, data)]
        )
    return found, certificate


def statement(found: Found, now: datetime) -> str:
    """In plain words, what a live certificate promises and what not."""
    permit = found.permit
    assert permit is not None  # there is nothing to state without one
    agreed = reviewing.agreement(now - LIFE)
    tenth = 0.1
    share = min(1.0, permit.alpha / tenth)
    return (
        f"As judged by your reviewers: of the tickets that this policy automates at confidence "
        f"{permit.threshold:.3f} or more, at most {permit.alpha:.0%} are answered wrongly, with "
        f"{1 - permit.delta:.0%} confidence ({permit.errors} of {permit.rows} reviewed ones were). "
        f"This speaks of the whole: of an intent with a tenth of the automatic answers it says "
        f"only that at most {share:.0%} are wrong. It holds as long as tomorrow resembles the "
        f"sample, for this model and policy. Of {agreed.rows} rows looked at twice, "
        f"{agreed.differed} were judged differently."
    )
