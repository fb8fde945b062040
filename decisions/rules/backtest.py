"""What a draft would have done on decided tickets, tallied. Pure: no Django.

Statistics: what flips and where it would lie is exact. How many of the new automatic answers would
have been wrong is known as far as blind labels of equal probability reach (`hypergeometric`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import gammaln

from decisions.rules.engine import Verdict
from tickets.codes import Outcome, Reason

CONFIDENCE = 0.95
EXAMPLES = 5  # tickets that are named for each kind of flip
UP, DOWN = "escalate_to_auto", "auto_to_escalate"
DIRECTIONS = {
    (Outcome.ESCALATE, Outcome.AUTO_RESOLVE): UP,
    (Outcome.AUTO_RESOLVE, Outcome.ESCALATE): DOWN,
}
NOT_ESTIMABLE = (
    "Whether customers would have come back, been content, or written again after an answer that "
    "was never sent.",
    "Facts that earlier automation shaped (automatic replies in 24 hours, reopened tickets, used-up"
    " caps, open breakers, the kill switch) are replayed as they were recorded.",
    "Trying many drafts on one history and keeping the best is selection: only a certificate "
    "counts.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One decided ticket: what was decided, and what blind reviewers say of it.

    `wrong`: whether an automatic answer would have been wrong; None where nobody was asked with
    equal probability. `settled`: it lies where all that was drawn is answered. `judged_wrong`: what
    any person said of an automatic answer to it, however they came to look.
    """

    decision: int
    ticket: str
    at: str
    intent: str | None
    confidence: float | None
    outcome: str
    queue: str
    wrong: bool | None = None
    settled: bool = False
    judged_wrong: bool | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A ticket that the draft decides otherwise."""

    case: Case
    direction: str
    reasons: tuple[str, ...]  # of the draft where it escalates, else of what was decided

    def as_record(self) -> dict[str, Any]:
        return {
            "direction": self.direction,
            "ticket": self.case.ticket,
            "decision": self.case.decision,
            "at": self.case.at,
            "intent": self.case.intent,
            "confidence": self.case.confidence,
            "reasons": list(self.reasons),
        }


@dataclass(slots=True)
class Group:
    """Flips of one kind: the same direction, intent and first reason."""

    tickets: int = 0
    examples: list[Flip] = field(default_factory=list)

    def add(self, flip: Flip) -> None:
        self.tickets += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(flip)


@dataclass(frozen=True, slots=True)
class Wrongs:
    """How many of `flips` would have been answered wrongly."""

    flips: int
    labelled: int
    wrong: int
    low: int
    high: int

    @property
    def is_known(self) -> bool:
        return self.labelled > 0

    @property
    def words(self) -> str:
        if self.flips == 0:
            return "none: nothing more would be automated"
        if not self.is_known:
            return f"unknown, 0 to {self.flips}"
        return (
            f"{self.low} to {self.high} of {self.flips} "
            f"({self.wrong} of the {self.labelled} that were reviewed blind)"
        )

    def as_record(self) -> dict[str, Any]:
        return {
            "flips": self.flips,
            "labelled": self.labelled,
            "wrong": self.wrong if self.is_known else None,
            "low": self.low,
            "high": self.high,
            "known": self.is_known,
            "words": self.words,
        }


def _chances(population: int, hits: int, sample: int) -> np.ndarray:
    """How likely a sample holds 0, 1, 2 … of the population's hits: float [sample + 1]."""
    drawn = np.arange(sample + 1)
    possible = (drawn <= hits) & (sample - drawn <= population - hits)

    def log_choose(n: int, k: np.ndarray) -> np.ndarray:
        return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))

    held = drawn[possible]
    chances = np.zeros(sample + 1)
    chances[possible] = np.exp(
        log_choose(hits, held)
        + log_choose(population - hits, sample - held)
        - log_choose(population, np.array([sample]))
    )
    return chances


def hypergeometric(
    population: int, sample: int, hits: int, confidence: float = CONFIDENCE
) -> tuple[int, int]:
    """Interval for the hits in a population of which a random sample was looked at.

    The totals that an exact two-sided test does not reject, half of the error on each side: the
    finite form of Clopper and Pearson 1934.
    """
    tail = (1 - confidence) / 2
    fewest, most = hits, population - (sample - hits)
    low = _first(fewest, most, lambda k: _chances(population, k, sample)[hits:].sum() > tail)
    high = _last(fewest, most, lambda k: _chances(population, k, sample)[: hits + 1].sum() > tail)
    return low, high


def _first(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The smallest number that holds, where all above it do."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _last(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The largest number that holds, where all below it do."""
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(slots=True, kw_only=True)
class Backtest:
    """Counts of a replay; as large after a million tickets as after a thousand."""

    policy: int
    digest: str
    since: str
    until: str
    days: int
    replayed: int = 0
    left_out: int = 0  # without facts, or recorded by another version of them
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    groups: dict[tuple[str, str, str], Group] = field(default_factory=dict)
    load: dict[str, Counter[str]] = field(default_factory=dict)
    only_certificate: int = 0  # would be automated if a certificate spoke of it
    up_reachable: int = 0
    up_labelled: int = 0
    up_wrong: int = 0
    up_guess: float = 0.0
    down_judged: int = 0
    down_wrong: int = 0
    reread: int = 0  # messages that were searched again for edited topics
    not_reread: int = 0  # whose words were erased

    def add(self, case: Case, verdict: Verdict) -> Flip | None:
        """Count one ticket; the flip, if it is one."""
        self.replayed += 1
        self.outcomes[case.outcome, verdict.outcome] += 1
        self._weigh(case, verdict)
        self.only_certificate += verdict.reasons == (Reason.NOT_CERTIFIED.value,)
        direction = DIRECTIONS.get((Outcome(case.outcome), verdict.outcome))
        if direction is None:
            return None
        reasons = verdict.reasons if direction == DOWN else ()
        flip = Flip(case, direction, reasons)
        key = (direction, case.intent or "", reasons[0] if reasons else "")
        self.groups.setdefault(key, Group()).add(flip)
        self._judge(case, direction)
        return flip

    def _weigh(self, case: Case, verdict: Verdict) -> None:
        """Where people would find the ticket, before and after."""
        if case.outcome == Outcome.ESCALATE:
            self.load.setdefault(case.queue, Counter())["before"] += 1
        if not verdict.automates:
            self.load.setdefault(verdict.queue or "", Counter())["after"] += 1

    def _judge(self, case: Case, direction: str) -> None:
        if direction == UP:
            self.up_guess += 1 - (case.confidence or 0.0)
            self.up_reachable += case.settled
            self.up_labelled += case.settled and case.wrong is not None
            self.up_wrong += case.settled and bool(case.wrong)
            return
        self.down_judged += case.judged_wrong is not None
        self.down_wrong += bool(case.judged_wrong)

    def flips(self, direction: str) -> int:
        return sum(group.tickets for key, group in self.groups.items() if key[0] == direction)

    def wrongs(self) -> Wrongs:
        """Wrong answers among those that would be automatic now.

        Flips after the last settled draw, of which nobody could be asked yet, may all be wrong or
        all be right.
        """
        flips = self.flips(UP)
        if self.up_labelled == 0:
            return Wrongs(flips, 0, 0, 0, flips)
        low, high = hypergeometric(self.up_reachable, self.up_labelled, self.up_wrong)
        later = flips - self.up_reachable
        return Wrongs(flips, self.up_labelled, self.up_wrong, low, high + later)

    def share(self, *, after: bool) -> float:
        """Share of the replayed tickets that is automated."""
        number = 1 if after else 0
        automated = sum(
            count
            for outcomes, count in self.outcomes.items()
            if outcomes[number] == Outcome.AUTO_RESOLVE
        )
        return automated / max(self.replayed, 1)

    def table(self) -> list[tuple[tuple[str, str, str], Group]]:
        """Kinds of flips, the most frequent first."""
        return sorted(self.groups.items(), key=lambda item: (-item[1].tickets, item[0]))

    def queues(self) -> list[tuple[str, int, int]]:
        """Tickets for people in each queue, before and after."""
        return [(slug, n["before"], n["after"]) for slug, n in sorted(self.load.items())]

    def as_record(self) -> dict[str, Any]:
        """Everything, JSON-ready; the same for the same history and draft."""
        return {
            "policy": self.policy,
            "digest": self.digest,
            "since": self.since,
            "until": self.until,
            "days": self.days,
            "replayed": self.replayed,
            "left_out": self.left_out,
            "automated_before": round(self.share(after=False), 6),
            "automated_after": round(self.share(after=True), 6),
            "only_certificate_missing": self.only_certificate,
            "flips": {UP: self.flips(UP), DOWN: self.flips(DOWN)},
            "kinds": [_kind_record(key, group) for key, group in self.table()],
            "wrong_among_new_automatic": self.wrongs().as_record(),
            "models_own_guess": round(self.up_guess, 3),
            "observed_wrong_avoided": {"wrong": self.down_wrong, "labelled": self.down_judged},
            "queues": [
                {"queue": slug or None, "before": before, "after": after}
                for slug, before, after in self.queues()
            ],
            "searched_again_for_topics": self.reread,
            "not_searched_again": self.not_reread,
            "not_estimable": list(NOT_ESTIMABLE),
        }


def _kind_record(key: tuple[str, str, str], group: Group) -> dict[str, Any]:
    direction, intent, reason = key
    return {
        "direction": direction,
        "intent": intent or None,
        "reason": reason or None,
        "tickets": group.tickets,
        "examples": [flip.case.ticket for flip in group.examples],
    }
