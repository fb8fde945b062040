"""What the figures of a period are made of. Pure: no Django."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cached_property
from typing import Self

import numpy as np

from decisions.bounds.sampling import Row, is_overdue
from metrics.figures import intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What happened to the tickets that came in within a period.

    Spam and merged duplicates count in the first three lines only, which therefore never shrink.
    """

    received: int = 0
    received_permitted: int = 0
    received_escalated: int = 0

    tickets: int = 0
    decided: int = 0
    permitted: int = 0  # the policy allowed automation, at the first decision
    escalated: int = 0  # handed to a person, at the first decision
    escalated_guard: int = 0  # by a guard or a rule
    escalated_abstention: int = 0  # no intent was named
    escalated_threshold: int = 0  # too little confidence or margin
    escalated_other: int = 0
    predicted: int = 0
    abstained: int = 0
    classifier_failed: int = 0

    automated: int = 0  # ended by automation, no message of a person
    confirmed: int = 0  # automated, and the customer said that it helped
    mature: int = 0  # N days are over
    maturing: int = 0  # automated, N days are not over
    durable: int = 0  # mature, automated, no reopening, no new ticket of the kind, no override

    judged: int = 0  # a person said whether the outcome was right
    overridden: int = 0  # and it was not

    concluded_automated: int = 0  # first concluded by an automatic answer
    reopened_automated: int = 0  # within N days of it
    concluded_human: int = 0
    reopened_human: int = 0
    rated_automated: int = 0
    satisfied_automated: int = 0  # 4 or 5 of 5
    rated_human: int = 0
    satisfied_human: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{n: getattr(self, n) + getattr(other, n) for n in COUNTED})

    @classmethod
    def total(cls, many: Sequence[Mapping[str, int]]) -> Self:
        return cls(**{name: sum(one.get(name) or 0 for one in many) for name in COUNTED})


COUNTED: tuple[str, ...] = tuple(f.name for f in fields(Counts))
NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Times:
    """How long something took, in seconds, and how long what is still open has lasted."""

    ended: np.ndarray = field(default_factory=lambda: NOTHING)
    open: np.ndarray = field(default_factory=lambda: NOTHING)

    @cached_property
    def curve(self) -> intervals.Curve:
        """Which share lasts longer than what: worked out once for any number of percentiles."""
        return intervals.survival(self.ended, self.open)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A ticket that was drawn for blind review."""

    ticket_id: int
    requester_id: int
    u: float
    rate: float
    due_at: datetime
    automated: bool
    confidence: float | None
    wrong: bool | None
    right: bool | None

    def row(self, now: datetime) -> Row:
        return Row(
            u=self.u,
            rate=self.rate,
            confidence=self.confidence or 0.0,
            group=str(self.requester_id),
            wrong=self.wrong,
            overdue=is_overdue(self.wrong, self.due_at, now),
            key=str(self.ticket_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that the figures of a period are made of."""

    now: datetime
    counts: Counts = field(default_factory=Counts)
    # Mature tickets: whose, and whether durable. int64 [mature] each.
    owners: np.ndarray = field(default_factory=lambda: NOTHING)
    held: np.ndarray = field(default_factory=lambda: NOTHING)
    judgements: Sequence[Judgement] = ()
    times: Mapping[str, Times] = field(default_factory=dict)
    # kind of target -> settled, breached
    targets: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def took(self, name: str) -> Times:
        return self.times.get(name, Times())
