"""Which tickets are reviewed blind: drawn at receipt by a number that nobody can foresee."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from decisions.bounds import sampling
from decisions.bounds.sampling import Rates
from decisions.certificates import terms
from decisions.models import Decision, Review, sql
from decisions.rules.acceptance import LOWEST_TESTED
from decisions.rules.engine import Verdict
from tickets.codes import Outcome
from tickets.models.sql import first_row

PASSING = frozenset({"guard:kill_switch", "guard:breaker_open"})  # stops for a time


def secret() -> bytes:
    return settings.SECRET_KEY.encode()


def rates() -> Rates:
    return Rates(settings.REVIEW_RATE, settings.REVIEW_RATE_LIKELY)


def draw(
    decision: Decision, *, could_automate: bool, lowest: float, all_of_them: bool, now: datetime
) -> Review | None:
    """Draw a ticket for review at its first decision, or not. Runs in the deciding transaction.

    `lowest` is the lowest confidence worth testing; `all_of_them` while the first answers of a new
    intent are all reviewed.
    """
    u = sampling.number_of(secret(), decision.ticket_id)
    stratum = sampling.stratum_of(
        could_automate=could_automate, confidence=decision.confidence, lowest=lowest
    )
    rate = 1.0 if all_of_them else rates().of(stratum)
    if u >= rate:
        return None
    return Review.objects.create(
        ticket_id=decision.ticket_id,
        decision=decision,
        u=u,
        rate=rate,
        stratum=stratum,
        created_at=now,
        due_at=now + terms.LATE_AFTER,
    )


def draw_for(decision: Decision, verdict: Verdict, *, now: datetime) -> Review | None:
    """Draw a ticket, or not, at its first decision; later rounds are never drawn."""
    if decision.round != 1:
        return None
    fresh = verdict.automates and is_new(str(decision.intent))
    return draw(
        decision,
        could_automate=could_automate([step.as_record() for step in verdict.trace], decision),
        lowest=LOWEST_TESTED,
        all_of_them=fresh,
        now=now,
    )


def could_automate(trace: Sequence[Mapping[str, Any]], decision: Decision) -> bool:
    """Whether guards and rules let this ticket through, stops aside that only hold for a time."""
    barred = any(
        step["fired"] and step["stage"] in ("guard", "rule") and step["name"] not in PASSING
        for step in trace
    )
    return not barred and decision.intent is not None


def stratum_of(decision: Decision) -> str:
    """The stratum that a ticket fell into at its first decision, drawn or not."""
    return sampling.stratum_of(
        could_automate=could_automate(decision.trace, decision),
        confidence=decision.confidence,
        lowest=LOWEST_TESTED,
    )


def is_new(intent: str) -> bool:
    """Whether the intent has had fewer automatic answers than are all reviewed."""
    # Asked when the answer in hand is on record already.
    return first_row(sql.ANSWERED, Outcome.AUTO_RESOLVE, intent, terms.REVIEWED_FIRST) is None
