"""Which tickets are reviewed blind. Pure: no Django.

Each ticket gets one number at receipt, u = HMAC(secret, ticket) in [0, 1), and is drawn at rate r
when u < r (permanent random numbers, Ohlsson 1995). Nobody who handles tickets can foresee it.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

BASE, LIKELY = "base", "likely"


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares that are drawn: of all tickets, and of those that could be automated."""

    base: float = 0.05
    likely: float = 0.20

    def of(self, stratum: str) -> float:
        return max(self.base, self.likely) if stratum == LIKELY else self.base


def number_of(secret: bytes, ticket_id: int) -> float:
    """u in [0, 1), with 53 bits."""
    digest = hmac.new(secret, f"sample|{ticket_id}".encode(), hashlib.sha256).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / (1 << 53)


def in_reserve(secret: bytes, requester: str) -> bool:
    """Half of the people are never trained on, so that a new model can be tested on them."""
    digest = hmac.new(secret, f"reserve|{requester}".encode(), hashlib.sha256).digest()
    return digest[0] < 128


def stratum_of(*, could_automate: bool, confidence: float | None, lowest: float) -> str:
    """`likely` where guards and rules allow automation and the confidence is worth testing."""
    high = confidence is not None and confidence >= lowest
    return LIKELY if could_automate and high else BASE


@dataclass(frozen=True, slots=True)
class Row:
    """A drawn ticket with what its review says. `wrong` is None while that is open."""

    u: float
    rate: float
    confidence: float
    group: str  # requester or near-duplicate group: one row each counts
    wrong: bool | None
    overdue: bool = False
    key: str = ""  # names the ticket
    stratum: str = BASE
    twin: str = ""  # near-duplicates of one another share it; "" where nobody looked

    @property
    def counts_as_wrong(self) -> bool:
        """What nobody answered in time counts as wrong."""
        return bool(self.wrong or self.overdue)


def is_overdue(wrong: bool | None, due_at: datetime, now: datetime) -> bool:
    """Whether a drawn ticket should have been judged by now and was not."""
    return wrong is None and due_at <= now


def equal_probability(rows: Sequence[Row], *, lowest: float | None = None) -> list[Row]:
    """Rows that all strata had the same chance to give: u below the lowest rate of the period.

    `lowest` is that of the strata that the bound speaks of, if not of all.
    """
    if not rows:
        return []
    limit = min(row.rate for row in rows) if lowest is None else lowest
    return [row for row in rows if row.u < limit]


def settled_prefix(rows: Sequence[Row]) -> list[Row]:
    """The longest start, by time of receipt, in which all is answered; overdue counts as wrong."""
    prefix: list[Row] = []
    for row in rows:
        if row.wrong is None and not row.overdue:
            break
        prefix.append(row)
    return prefix


def one_for_each_group(rows: Sequence[Row]) -> list[Row]:
    """The first row of each requester and of each near-duplicate group."""
    seen: set[str] = set()
    kept = []
    for row in rows:
        names = {f"group|{row.group}"} | ({f"twin|{row.twin}"} if row.twin else set())
        if not names & seen:
            kept.append(row)
        seen |= names  # whoever shares either with a row that was left out is left out too
    return kept
