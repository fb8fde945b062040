"""What each number means, and how sure it is. Pure: no Django, counts in, figures out.

A function for each row of the table in `docs/metrics.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import numpy as np

from decisions.sampling import Row, equal_probability, one_for_each_group, settled_prefix
from metrics import intervals
from metrics.intervals import clopper_pearson, clustered, quantile, wilson

VERSION = 1  # another one makes everything be counted anew
WIDEST = 0.20  # an interval wider than this says nothing yet
# Rows without error that show at most 5 % wrong (`statistics`): fewer say nothing of a bound.
ROWS_FOR_BOUND = 72
BINS = 10


class Unit(StrEnum):
    """How a figure is read."""

    COUNT = "count"
    SHARE = "share"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    ERROR = "error"  # a difference of shares


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


@dataclass(frozen=True, slots=True)
class Times:
    """How long something took, in seconds, and how long what is still open has lasted."""

    ended: np.ndarray = field(default_factory=lambda: NOTHING)
    open: np.ndarray = field(default_factory=lambda: NOTHING)


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
            overdue=self.wrong is None and self.due_at <= now,
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


# --- Shapes of figures ----------------------------------------------------------------------------


def rate(numerator: int, denominator: int) -> Figure:
    """A share with Wilson's interval; no value without a denominator."""
    if denominator == 0:
        return Figure(None, numerator, 0, None, None, enough_data=False)
    return _share(numerator, denominator, wilson(numerator, denominator))


def _share(numerator: int, denominator: int, interval: tuple[float, float]) -> Figure:
    low, high = interval
    value = numerator / denominator
    return Figure(value, numerator, denominator, low, high, enough_data=high - low <= WIDEST)


def count(number: int) -> Figure:
    """A plain number: nothing is estimated."""
    return Figure(float(number), number, 1, float(number), float(number), enough_data=True)


def time_within(times: Times, share: float) -> Figure:
    """The time within which that share of all ended; open ones count as lasting on.

    Numerator: how many ended. Denominator: with those still open. Enough data: where a share of so
    many rows would be known to 20 points.
    """
    ended, rows = len(times.ended), len(times.ended) + len(times.open)
    value, low, high = quantile(times.ended, times.open, share)
    span = wilson(round(share * rows), rows)
    enough = value is not None and span[1] - span[0] <= WIDEST
    return Figure(value, ended, rows, low, high, enough_data=enough)


def longest(times: Times) -> Figure:
    """The age of the oldest one that is still open, and how many are."""
    if not len(times.open):
        return Figure(None, 0, 0, None, None, enough_data=False)
    waiting = len(times.open)
    return Figure(float(times.open.max()), waiting, waiting, None, None, enough_data=True)


# --- A function for each row ----------------------------------------------------------------------


def ticket_volume(found: History) -> Figure:
    """Tickets created in the period, less spam and merged duplicates."""
    return count(found.counts.tickets)


def auto_resolution_gross(found: History) -> Figure:
    """Ended by automation with no message of a person ÷ tickets."""
    return rate(found.counts.automated, found.counts.tickets)


def auto_resolution_confirmed(found: History) -> Figure:
    """Ended by automation and the customer said that it helped ÷ tickets."""
    return rate(found.counts.confirmed, found.counts.tickets)


def auto_resolution_durable(found: History) -> Figure:
    """Ended by automation and it held for N days ÷ tickets at least N days old. People are
    resampled: what becomes of one person's tickets is not independent."""
    if not len(found.held):
        return Figure(None, 0, 0, None, None, enough_data=False)
    return _share(int(found.held.sum()), len(found.held), clustered(found.owners, found.held))


def auto_resolution_maturing(found: History) -> Figure:
    """Ended by automation, N days not over yet: in neither side of the durable rate."""
    return count(found.counts.maturing)


def wrong_automation_rate(found: History) -> Figure:
    """Wrong among automatic answers reviewed blind, from rows of equal probability up to the first
    that is not settled; an overdue one counts as wrong; a person counts once."""
    rows = [
        judgement.row(found.now)
        for judgement in sorted(found.judgements, key=lambda j: j.ticket_id)
        if judgement.automated
    ]
    kept = one_for_each_group(settled_prefix(equal_probability(rows)))
    if not kept:
        return Figure(None, 0, 0, None, None, enough_data=False)
    wrong = sum(bool(row.wrong or row.overdue) for row in kept)
    low, high = clopper_pearson(wrong, len(kept))
    enough = len(kept) >= ROWS_FOR_BOUND
    return Figure(wrong / len(kept), wrong, len(kept), low, high, enough_data=enough)


def wrong_automation_estimate(found: History) -> Figure:
    """The same from all settled rows, each weighted by 1 ÷ its rate: an estimate without interval,
    since none is safe at such counts."""
    rows = [j for j in found.judgements if j.automated and j.wrong is not None]
    if not rows:
        return Figure(None, 0, 0, None, None, enough_data=False)
    weights = sum(1 / row.rate for row in rows)
    value = sum(1 / row.rate for row in rows if row.wrong) / weights
    wrong = sum(bool(row.wrong) for row in rows)
    enough = len(rows) >= ROWS_FOR_BOUND
    return Figure(value, wrong, len(rows), None, None, enough_data=enough)


def automation_coverage(found: History) -> Figure:
    """Tickets that the policy allowed to automate ÷ tickets."""
    return rate(found.counts.permitted, found.counts.tickets)


def escalation_rate(found: History) -> Figure:
    """Tickets handed to a person by their first decision ÷ tickets."""
    return rate(found.counts.escalated, found.counts.tickets)


def escalation_by_guard(found: History) -> Figure:
    """Handed over by a guard or a rule ÷ tickets."""
    return rate(found.counts.escalated_guard, found.counts.tickets)


def escalation_by_abstention(found: History) -> Figure:
    """Handed over because no intent was named ÷ tickets."""
    return rate(found.counts.escalated_abstention, found.counts.tickets)


def escalation_by_threshold(found: History) -> Figure:
    """Handed over for too little confidence or margin ÷ tickets."""
    return rate(found.counts.escalated_threshold, found.counts.tickets)


def escalation_otherwise(found: History) -> Figure:
    """Handed over for another reason, such as a level or a missing certificate ÷ tickets."""
    return rate(found.counts.escalated_other, found.counts.tickets)


def abstention_rate(found: History) -> Figure:
    """First predictions that named no intent ÷ first predictions."""
    return rate(found.counts.abstained, found.counts.predicted)


def override_rate(found: History) -> Figure:
    """Outcomes that a person changed ÷ those that a person judged. Not judged means unknown."""
    return rate(found.counts.overridden, found.counts.judged)


def first_response_median(found: History) -> Figure:
    """Time to the first public message of a person, calendar time: median."""
    return time_within(found.took("first_response"), 0.5)


def first_response_p90(found: History) -> Figure:
    """Time to the first public message of a person, calendar time: 90th percentile."""
    return time_within(found.took("first_response"), 0.9)


def first_response_business_median(found: History) -> Figure:
    """Time to the first public message of a person, in business hours: median."""
    return time_within(found.took("first_response_business"), 0.5)


def first_response_business_p90(found: History) -> Figure:
    """Time to the first public message of a person, in business hours: 90th percentile."""
    return time_within(found.took("first_response_business"), 0.9)


def first_response_oldest(found: History) -> Figure:
    """Age of the oldest ticket of the period that still waits for a person's first message."""
    return longest(found.took("first_response_waiting"))


def automatic_response_median(found: History) -> Figure:
    """Time to the automatic reply, where there was one: median."""
    return time_within(found.took("automatic_response"), 0.5)


def resolution_first_median(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, calendar time: median."""
    return time_within(found.took("first_resolution"), 0.5)


def resolution_first_p90(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, calendar time: 90th percentile."""
    return time_within(found.took("first_resolution"), 0.9)


def resolution_first_business_median(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, in business hours: median."""
    return time_within(found.took("first_resolution_business"), 0.5)


def resolution_last_median(found: History) -> Figure:
    """Time to the last resolution of tickets that a person had, calendar time: median."""
    return time_within(found.took("last_resolution"), 0.5)


def resolution_last_p90(found: History) -> Figure:
    """Time to the last resolution of tickets that a person had, calendar time: 90th percentile."""
    return time_within(found.took("last_resolution"), 0.9)


def _breaches(found: History, kind: str) -> Figure:
    settled, breached = found.targets.get(kind, (0, 0))
    return rate(breached, settled)


def breach_rate_first_response(found: History) -> Figure:
    """Breached targets of first response ÷ those due in the period; by the hour of their due time.
    A later answer does not erase a breach."""
    return _breaches(found, "first_response")


def breach_rate_resolution(found: History) -> Figure:
    """Breached targets of resolution ÷ those due in the period; by the hour of their due time."""
    return _breaches(found, "resolution")


def reopen_rate(found: History) -> Figure:
    """Reopened within N days ÷ concluded."""
    it = found.counts
    return rate(
        it.reopened_automated + it.reopened_human, it.concluded_automated + it.concluded_human
    )


def reopen_rate_automated(found: History) -> Figure:
    """Reopened within N days ÷ concluded by an automatic answer."""
    return rate(found.counts.reopened_automated, found.counts.concluded_automated)


def reopen_rate_human(found: History) -> Figure:
    """Reopened within N days ÷ concluded by a person."""
    return rate(found.counts.reopened_human, found.counts.concluded_human)


def satisfaction(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings."""
    it = found.counts
    return rate(it.satisfied_automated + it.satisfied_human, it.rated_automated + it.rated_human)


def satisfaction_automated(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings, of tickets concluded by an automatic answer."""
    return rate(found.counts.satisfied_automated, found.counts.rated_automated)


def satisfaction_human(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings, of all other tickets."""
    return rate(found.counts.satisfied_human, found.counts.rated_human)


def satisfaction_answer_rate(found: History) -> Figure:
    """Ratings ÷ concluded tickets: how many say anything."""
    it = found.counts
    concluded = it.concluded_automated + it.concluded_human
    rated = it.rated_automated + it.rated_human
    return rate(min(rated, concluded), concluded)


def calibration(found: History) -> Figure:
    """Expected calibration error on blind reviews of equal probability. `low` and `high` are the
    95 % range that a perfect model would show on these rows, not an interval of the error."""
    confidence, right = calibration_rows(found)
    if not len(confidence):
        return Figure(None, 0, 0, None, None, enough_data=False)
    error, low, high = intervals.calibration(confidence, right)
    enough = high <= WIDEST / 2
    return Figure(error, int(right.sum()), len(confidence), low, high, enough_data=enough)


def calibration_rows(found: History) -> tuple[np.ndarray, np.ndarray]:
    """Stated confidence and whether it was right: float [rows], bool [rows]."""
    lowest = min((j.rate for j in found.judgements), default=0.0)
    rows = [
        (j.confidence, j.right)
        for j in found.judgements
        if j.u < lowest and j.confidence is not None and j.right is not None
    ]
    return np.array([c for c, _ in rows], float), np.array([r for _, r in rows], bool)


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of about equal confidence: what was stated, and what came true."""

    low: float
    high: float
    rows: int
    stated: float
    right: int


def calibration_bins(found: History) -> list[Bin]:
    """Stated confidence against observed correctness in ten bins of equal width; empty ones left
    out."""
    confidence, right = calibration_rows(found)
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return [
        Bin(
            number / BINS,
            (number + 1) / BINS,
            int(inside.sum()),
            float(confidence[inside].mean()),
            int(right[inside].sum()),
        )
        for number in range(BINS)
        if (inside := place == number).any()
    ]


def decision_time_median(found: History) -> Figure:
    """Time from receipt to the first decision: median."""
    return time_within(found.took("decision"), 0.5)


def decision_time_p99(found: History) -> Figure:
    """Time from receipt to the first decision: 99th percentile."""
    return time_within(found.took("decision"), 0.99)


def classifier_time_median(found: History) -> Figure:
    """How long the classifier took for a message: median, in milliseconds."""
    figure = time_within(found.took("classifier"), 0.5)
    in_ms = [None if x is None else x / 1000 for x in (figure.value, figure.low, figure.high)]
    return Figure(
        in_ms[0],
        figure.numerator,
        figure.denominator,
        in_ms[1],
        in_ms[2],
        enough_data=figure.enough_data,
    )


def classifier_failure_rate(found: History) -> Figure:
    """First predictions that failed ÷ first predictions."""
    return rate(found.counts.classifier_failed, found.counts.predicted)


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the table: its stable name, words for people, how it is read, what computes it."""

    name: str
    label: str
    unit: Unit
    of: Callable[[History], Figure]

    @property
    def words(self) -> str:
        """What it means, in one paragraph."""
        return " ".join((self.of.__doc__ or "").split())


METRICS: tuple[Metric, ...] = (
    Metric("ticket_volume", "Tickets", Unit.COUNT, ticket_volume),
    Metric(
        "auto_resolution_durable", "Auto-resolution, durable", Unit.SHARE, auto_resolution_durable
    ),
    Metric(
        "auto_resolution_maturing",
        "Auto-resolution, maturing",
        Unit.COUNT,
        auto_resolution_maturing,
    ),
    Metric("auto_resolution_gross", "Auto-resolution, gross", Unit.SHARE, auto_resolution_gross),
    Metric(
        "auto_resolution_confirmed",
        "Auto-resolution, confirmed",
        Unit.SHARE,
        auto_resolution_confirmed,
    ),
    Metric("wrong_automation_rate", "Wrong automation", Unit.SHARE, wrong_automation_rate),
    Metric(
        "wrong_automation_estimate",
        "Wrong automation, weighted",
        Unit.SHARE,
        wrong_automation_estimate,
    ),
    Metric("automation_coverage", "Automation coverage", Unit.SHARE, automation_coverage),
    Metric("escalation_rate", "Escalation rate", Unit.SHARE, escalation_rate),
    Metric("escalation_by_guard", "Escalated by a guard or rule", Unit.SHARE, escalation_by_guard),
    Metric(
        "escalation_by_abstention",
        "Escalated without an intent",
        Unit.SHARE,
        escalation_by_abstention,
    ),
    Metric(
        "escalation_by_threshold", "Escalated below threshold", Unit.SHARE, escalation_by_threshold
    ),
    Metric("escalation_otherwise", "Escalated otherwise", Unit.SHARE, escalation_otherwise),
    Metric("abstention_rate", "Abstention rate", Unit.SHARE, abstention_rate),
    Metric("override_rate", "Override rate", Unit.SHARE, override_rate),
    Metric("first_response_median", "First response, median", Unit.SECONDS, first_response_median),
    Metric("first_response_p90", "First response, 90 %", Unit.SECONDS, first_response_p90),
    Metric(
        "first_response_business_median",
        "First response, business, median",
        Unit.SECONDS,
        first_response_business_median,
    ),
    Metric(
        "first_response_business_p90",
        "First response, business, 90 %",
        Unit.SECONDS,
        first_response_business_p90,
    ),
    Metric("first_response_oldest", "Oldest unanswered", Unit.SECONDS, first_response_oldest),
    Metric(
        "automatic_response_median",
        "Automatic reply, median",
        Unit.SECONDS,
        automatic_response_median,
    ),
    Metric(
        "resolution_first_median", "First resolution, median", Unit.SECONDS, resolution_first_median
    ),
    Metric("resolution_first_p90", "First resolution, 90 %", Unit.SECONDS, resolution_first_p90),
    Metric(
        "resolution_first_business_median",
        "First resolution, business, median",
        Unit.SECONDS,
        resolution_first_business_median,
    ),
    Metric(
        "resolution_last_median", "Last resolution, median", Unit.SECONDS, resolution_last_median
    ),
    Metric("resolution_last_p90", "Last resolution, 90 %", Unit.SECONDS, resolution_last_p90),
    Metric(
        "breach_rate_first_response",
        "Breaches, first response",
        Unit.SHARE,
        breach_rate_first_response,
    ),
    Metric("breach_rate_resolution", "Breaches, resolution", Unit.SHARE, breach_rate_resolution),
    Metric("reopen_rate", "Reopen rate", Unit.SHARE, reopen_rate),
    Metric("reopen_rate_automated", "Reopen rate, automated", Unit.SHARE, reopen_rate_automated),
    Metric("reopen_rate_human", "Reopen rate, human", Unit.SHARE, reopen_rate_human),
    Metric("satisfaction", "Satisfaction (4 or 5 of 5)", Unit.SHARE, satisfaction),
    Metric("satisfaction_automated", "Satisfaction, automated", Unit.SHARE, satisfaction_automated),
    Metric("satisfaction_human", "Satisfaction, human", Unit.SHARE, satisfaction_human),
    Metric(
        "satisfaction_answer_rate",
        "Satisfaction, answer rate",
        Unit.SHARE,
        satisfaction_answer_rate,
    ),
    Metric("calibration_error", "Calibration error", Unit.ERROR, calibration),
    Metric(
        "decision_time_median", "Receipt to decision, median", Unit.SECONDS, decision_time_median
    ),
    Metric("decision_time_p99", "Receipt to decision, 99 %", Unit.SECONDS, decision_time_p99),
    Metric(
        "classifier_time_median", "Classifier, median", Unit.MILLISECONDS, classifier_time_median
    ),
    Metric("classifier_failure_rate", "Classifier failures", Unit.SHARE, classifier_failure_rate),
)

LABELS: Mapping[str, str] = {metric.name: metric.label for metric in METRICS}
UNITS: Mapping[str, Unit] = {metric.name: metric.unit for metric in METRICS}


def figures(found: History) -> dict[str, Figure]:
    """Every metric of the product by name."""
    return {metric.name: metric.of(found) for metric in METRICS}
