"""How the blind reviews stand: what they say of the machine and of the reviewers."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from decisions.certificates import agreement, earn, validity
from decisions.certificates.earn import Found
from decisions.certificates.terms import LATE_AFTER, LIFE
from decisions.in_force import NoPolicyInForce
from decisions.models import Review
from tickets.cache import remembered
from tickets.codes import ReviewPart

ALPHAS = (0.01, 0.02, 0.05)
DELTA = 0.05
REMEMBERED = 300  # seconds: hundreds of decisions are replayed for it


@dataclass(frozen=True, slots=True)
class Towards:
    """How far it is to a certificate at one error rate."""

    alpha: float
    threshold: float | None
    coverage: float | None
    missing: int


@dataclass(frozen=True, slots=True)
class Pile:
    """What was drawn, and what became of it."""

    drawn: int
    answered: int
    open: int
    second_open: int
    settle_open: int
    late: int  # open for longer than a fortnight: they count as wrong


def gather(now: datetime) -> dict[str, Any]:
    """Everything that the page shows."""
    version = validity.classifier_in_use() or ""
    return {
        "version": version,
        "pile": pile(now),
        "agreed": agreement.agreement(now - LIFE),
        "found": None,
        "life_days": LIFE.days,
        "late_days": LATE_AFTER.days,
        **remembered(f"standing:{version}", lambda: _judged(version, now) or {}, REMEMBERED),
    }


def pile(now: datetime) -> Pile:
    since = Review.objects.filter(created_at__gte=now - LIFE)
    drawn = since.filter(part=ReviewPart.FIRST)
    open_ones = since.filter(answered_at=None)
    return Pile(
        drawn=drawn.count(),
        answered=drawn.exclude(answered_at=None).count(),
        open=open_ones.filter(part=ReviewPart.FIRST).count(),
        second_open=open_ones.filter(part=ReviewPart.SECOND).count(),
        settle_open=open_ones.filter(part=ReviewPart.SETTLE).count(),
        late=open_ones.filter(due_at__lte=now).values("ticket").distinct().count(),
    )


def _judged(version: str, now: datetime) -> dict[str, Any]:
    if not version:
        return {}
    try:
        looks = [(alpha, _look(version, alpha, now)) for alpha in ALPHAS]
    except NoPolicyInForce:
        return {}
    towards = [
        Towards(
            alpha,
            found.permit.threshold if found.permit else None,
            found.permit.coverage if found.permit else None,
            found.missing,
        )
        for alpha, found in looks
    ]
    return {"found": looks[0][1], "towards": towards, "judged_at": now}


def _look(version: str, alpha: float, now: datetime) -> Found:
    return earn.judge(version, alpha=alpha, delta=DELTA, now=now)
