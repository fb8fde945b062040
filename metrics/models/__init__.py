"""Hourly sums, alerts and looks at drift as rows.

May import tables of tickets.
Start reading in `rollup.py`.
"""

from metrics.models.alerts import (
    GRAVEST_FIRST,
    Alert,
    AlertEvent,
    AlertNotice,
    AuditCheck,
    DriftLook,
    UnexplainedGroup,
)
from metrics.models.rollup import (
    STATE,
    DueTally,
    Judged,
    LatestFigures,
    RollupState,
    Series,
    Span,
    Tally,
)

__all__ = [
    "GRAVEST_FIRST",
    "STATE",
    "Alert",
    "AlertEvent",
    "AlertNotice",
    "AuditCheck",
    "DriftLook",
    "DueTally",
    "Judged",
    "LatestFigures",
    "RollupState",
    "Series",
    "Span",
    "Tally",
    "UnexplainedGroup",
]
