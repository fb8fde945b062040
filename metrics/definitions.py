"""What each number means, and how sure it is. Pure: no Django, counts in, figures out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

Z95 = 1.959963984540054  # two-sided 95 %
WIDEST = 0.20  # an interval wider than this says nothing yet


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with what it is made of. `low` and `high` bound it with 95 % confidence."""

    value: float | None
    numerator: int
    denominator: int
    low: float | None
    high: float | None
    enough_data: bool

    def as_record(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened in a period. Tickets that are spam or merged count nowhere."""

    tickets: int = 0
    decided: int = 0
    automated: int = 0  # ended by automation, no message of a person
    confirmed: int = 0  # automated, and the customer said that it helped
    mature: int = 0  # at least N days old
    durable: int = 0  # mature, automated, no reopen, no new ticket of the same kind, no override
    permitted: int = 0  # the policy allowed automation
    escalated: int = 0
    abstained: int = 0
    predicted: int = 0
    reviewed: int = 0
    overridden: int = 0
    resolved: int = 0
    reopened: int = 0
    rated: int = 0
    satisfied: int = 0


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    centre = share + Z95**2 / (2 * trials)
    spread = Z95 * sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    scale = 1 + Z95**2 / trials
    # At the ends the formula gives 0 and 1 but for rounding.
    low = (centre - spread) / scale if successes else 0.0
    high = (centre + spread) / scale if successes < trials else 1.0
    return low, high


def rate(numerator: int, denominator: int) -> Figure:
    """A share with its interval; no value without a denominator."""
    if denominator == 0:
        return Figure(None, numerator, 0, None, None, enough_data=False)
    low, high = wilson(numerator, denominator)
    return Figure(
        numerator / denominator,
        numerator,
        denominator,
        low,
        high,
        enough_data=high - low <= WIDEST,
    )


def count(number: int) -> Figure:
    """A plain number: nothing is estimated."""
    return Figure(float(number), number, 1, float(number), float(number), enough_data=True)


def figures(counts: Counts) -> Mapping[str, Figure]:
    """Every metric of the product by name."""
    return {
        "ticket_volume": count(counts.tickets),
        "auto_resolution_durable": rate(counts.durable, counts.mature),
        "auto_resolution_gross": rate(counts.automated, counts.tickets),
        "auto_resolution_confirmed": rate(counts.confirmed, counts.tickets),
        "automation_coverage": rate(counts.permitted, counts.tickets),
        "escalation_rate": rate(counts.escalated, counts.tickets),
        "abstention_rate": rate(counts.abstained, counts.predicted),
        "override_rate": rate(counts.overridden, counts.reviewed),
        "reopen_rate": rate(counts.reopened, counts.resolved),
        "satisfaction": rate(counts.satisfied, counts.rated),
    }


LABELS: Mapping[str, str] = {
    "ticket_volume": "Tickets",
    "auto_resolution_durable": "Auto-resolution, durable",
    "auto_resolution_gross": "Auto-resolution, gross",
    "auto_resolution_confirmed": "Auto-resolution, confirmed",
    "automation_coverage": "Automation coverage",
    "escalation_rate": "Escalation rate",
    "abstention_rate": "Abstention rate",
    "override_rate": "Override rate",
    "reopen_rate": "Reopen rate",
    "satisfaction": "Satisfaction (4 or 5 of 5)",
}
