"""The demo permit of a fresh install, from out-of-fold answers of the starter model."""

from collections.abc import Sequence
from datetime import datetime

from decisions.bounds.binomial import Permit, permit
from decisions.certificates.earn import put_on_record
from decisions.models import Certificate
from tickets.codes import CertificateKind
from tickets.history import record

DELTA = 0.05
DEMO_ALPHAS = (0.05, 0.10, 0.20)
FEWEST_COVERED = 0.10  # of the rows that these intents hold; less would show a newcomer nothing


def issue_demo(
    *,
    classifier_version: str,
    intents: Sequence[str],
    answered: Sequence[str | None],
    confidence: Sequence[float],
    right: Sequence[bool],
    sample_sha256: str,
    actor: record.Actor,
    now: datetime,
) -> Certificate | None:
    """A permit for first steps, from out-of-fold answers on the training data.

    Tests the strictest error rate first and takes the first that lets a useful share through. None
    when not even the most lenient does.
    """
    rows = [
        (stated, not correct)
        for intent, stated, correct in zip(answered, confidence, right, strict=True)
        if intent in set(intents)
    ]
    stated, wrong = [row[0] for row in rows], [row[1] for row in rows]
    for alpha in DEMO_ALPHAS:
        found = permit(stated, wrong, alpha=alpha, delta=DELTA, of=len(answered))
        if found is not None and found.rows >= FEWEST_COVERED * len(rows):
            return put_on_record(
                found,
                kind=CertificateKind.DEMO,
                classifier_version=classifier_version,
                intents=intents,
                shares={},
                method="fixed sequence from two starts, exact binomial tail, out of fold",
                policy_digest="",
                sample_digest=sample_sha256,
                statement=demo_statement(found),
                actor=actor,
                now=now,
            )
    return None


def demo_statement(found: Permit) -> str:
    """In plain words, what a demo certificate promises and what not."""
    return (
        f"Demo. On the messages that this model was trained on, each answered by a model that had "
        f"not seen it, {found.errors} of {found.rows} answers at confidence {found.threshold:.3f} "
        f"or more were wrong: at most {found.bound:.1%} with {1 - found.delta:.0%} confidence. "
        f"Those messages were written for training, not by your customers, so this says little "
        f"about your traffic. Review real tickets to earn a certificate that does."
    )
