"""What each number means. Pure: no Django, counts in, figures out.

A function for each row of the table in `docs/metrics.md`, in the order in which they are shown.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from decisions.bounds.sampling import equal_probability, one_for_each_group, settled_prefix
from metrics.figures import intervals
from metrics.figures.figure import WIDEST, Figure, Unit, count, longest, rate, share, time_within
from metrics.figures.history import History
from metrics.figures.intervals import clopper_pearson, clustered

VERSION = 1  # another one makes everything be counted again
# Rows without error that show at most 5 % wrong (`statistics`): fewer say nothing of a bound.
ROWS_FOR_BOUND = 72
BINS = 10
Definition = Callable[[History], Figure]


@dataclass(frozen=True, slots=True)
class Metric:
    """A row of the table: its stable name, words for people, how it is read, what computes it."""

    name: str
    label: str
    unit: Unit
    of: Definition

    @property
    def words(self) -> str:
        """What it means, in one paragraph."""
        return " ".join((self.of.__doc__ or "").split())


METRICS: list[Metric] = []


def metric(label: str, unit: Unit) -> Callable[[Definition], Definition]:
    """Put a definition into the table, under the name of its function."""

    def enter(of: Definition) -> Definition:
        METRICS.append(Metric(of.__name__, label, unit, of))
        return of

    return enter


@metric("Tickets", Unit.COUNT)
def ticket_volume(found: History) -> Figure:
    """Tickets created in the period, less spam and merged duplicates."""
    return count(found.counts.tickets)


@metric("Auto-resolution, durable", Unit.SHARE)
def auto_resolution_durable(found: History) -> Figure:
    """Ended by automation and it held for N days ÷ tickets at least N days old. People are
    resampled: what becomes of one person's tickets is not independent."""
    if not len(found.held):
        return Figure(None, 0, 0, None, None, enough_data=False)
    return share(int(found.held.sum()), len(found.held), clustered(found.owners, found.held))


@metric("Auto-resolution, maturing", Unit.COUNT)
def auto_resolution_maturing(found: History) -> Figure:
    """Ended by automation, N days not over yet: in neither side of the durable rate."""
    return count(found.counts.maturing)


@metric("Auto-resolution, gross", Unit.SHARE)
def auto_resolution_gross(found: History) -> Figure:
    """Ended by automation with no message of a person ÷ tickets."""
    return rate(found.counts.automated, found.counts.tickets)


@metric("Auto-resolution, confirmed", Unit.SHARE)
def auto_resolution_confirmed(found: History) -> Figure:
    """Ended by automation and the customer said that it helped ÷ tickets."""
    return rate(found.counts.confirmed, found.counts.tickets)


@metric("Wrong automation", Unit.SHARE)
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
    wrong = sum(row.counts_as_wrong for row in kept)
    low, high = clopper_pearson(wrong, len(kept))
    enough = len(kept) >= ROWS_FOR_BOUND
    return Figure(wrong / len(kept), wrong, len(kept), low, high, enough_data=enough)


@metric("Wrong automation, weighted", Unit.SHARE)
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


@metric("Automation coverage", Unit.SHARE)
def automation_coverage(found: History) -> Figure:
    """Tickets that the policy allowed to automate ÷ tickets."""
    return rate(found.counts.permitted, found.counts.tickets)


@metric("Escalation rate", Unit.SHARE)
def escalation_rate(found: History) -> Figure:
    """Tickets handed to a person by their first decision ÷ tickets."""
    return rate(found.counts.escalated, found.counts.tickets)


@metric("Escalated by a guard or rule", Unit.SHARE)
def escalation_by_guard(found: History) -> Figure:
    """Handed over by a guard or a rule ÷ tickets."""
    return rate(found.counts.escalated_guard, found.counts.tickets)


@metric("Escalated without an intent", Unit.SHARE)
def escalation_by_abstention(found: History) -> Figure:
    """Handed over because no intent was named ÷ tickets."""
    return rate(found.counts.escalated_abstention, found.counts.tickets)


@metric("Escalated below threshold", Unit.SHARE)
def escalation_by_threshold(found: History) -> Figure:
    """Handed over for too little confidence or margin ÷ tickets."""
    return rate(found.counts.escalated_threshold, found.counts.tickets)


@metric("Escalated otherwise", Unit.SHARE)
def escalation_otherwise(found: History) -> Figure:
    """Handed over for another reason, such as a level or a missing certificate ÷ tickets."""
    return rate(found.counts.escalated_other, found.counts.tickets)


@metric("Abstention rate", Unit.SHARE)
def abstention_rate(found: History) -> Figure:
    """First predictions that named no intent ÷ first predictions."""
    return rate(found.counts.abstained, found.counts.predicted)


@metric("Override rate", Unit.SHARE)
def override_rate(found: History) -> Figure:
    """Outcomes that a person changed ÷ those that a person judged. Not judged means unknown."""
    return rate(found.counts.overridden, found.counts.judged)


@metric("First response, median", Unit.SECONDS)
def first_response_median(found: History) -> Figure:
    """Time to the first public message of a person, calendar time: median."""
    return time_within(found.took("first_response"), 0.5)


@metric("First response, 90 %", Unit.SECONDS)
def first_response_p90(found: History) -> Figure:
    """Time to the first public message of a person, calendar time: 90th percentile."""
    return time_within(found.took("first_response"), 0.9)


@metric("First response, business, median", Unit.SECONDS)
def first_response_business_median(found: History) -> Figure:
    """Time to the first public message of a person, in business hours: median."""
    return time_within(found.took("first_response_business"), 0.5)


@metric("First response, business, 90 %", Unit.SECONDS)
def first_response_business_p90(found: History) -> Figure:
    """Time to the first public message of a person, in business hours: 90th percentile."""
    return time_within(found.took("first_response_business"), 0.9)


@metric("Oldest unanswered", Unit.SECONDS)
def first_response_oldest(found: History) -> Figure:
    """Age of the oldest ticket of the period that still waits for a person's first message."""
    return longest(found.took("first_response_waiting"))


@metric("Automatic reply, median", Unit.SECONDS)
def automatic_response_median(found: History) -> Figure:
    """Time to the automatic reply, where there was one: median."""
    return time_within(found.took("automatic_response"), 0.5)


@metric("First resolution, median", Unit.SECONDS)
def resolution_first_median(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, calendar time: median."""
    return time_within(found.took("first_resolution"), 0.5)


@metric("First resolution, 90 %", Unit.SECONDS)
def resolution_first_p90(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, calendar time: 90th percentile."""
    return time_within(found.took("first_resolution"), 0.9)


@metric("First resolution, business, median", Unit.SECONDS)
def resolution_first_business_median(found: History) -> Figure:
    """Time to the first resolution of tickets that a person had, in business hours: median."""
    return time_within(found.took("first_resolution_business"), 0.5)


@metric("Last resolution, median", Unit.SECONDS)
def resolution_last_median(found: History) -> Figure:
    """Time to the last resolution of tickets that a person had, calendar time: median."""
    return time_within(found.took("last_resolution"), 0.5)


@metric("Last resolution, 90 %", Unit.SECONDS)
def resolution_last_p90(found: History) -> Figure:
    """Time to the last resolution of tickets that a person had, calendar time: 90th percentile."""
    return time_within(found.took("last_resolution"), 0.9)


@metric("Breaches, first response", Unit.SHARE)
def breach_rate_first_response(found: History) -> Figure:
    """Breached targets of first response ÷ those due in the period; by the hour of their due time.
    A later answer does not erase a breach."""
    return _breaches(found, "first_response")


@metric("Breaches, resolution", Unit.SHARE)
def breach_rate_resolution(found: History) -> Figure:
    """Breached targets of resolution ÷ those due in the period; by the hour of their due time."""
    return _breaches(found, "resolution")


@metric("Reopen rate", Unit.SHARE)
def reopen_rate(found: History) -> Figure:
    """Reopened within N days ÷ concluded."""
    it = found.counts
    return rate(
        it.reopened_automated + it.reopened_human, it.concluded_automated + it.concluded_human
    )


@metric("Reopen rate, automated", Unit.SHARE)
def reopen_rate_automated(found: History) -> Figure:
    """Reopened within N days ÷ concluded by an automatic answer."""
    return rate(found.counts.reopened_automated, found.counts.concluded_automated)


@metric("Reopen rate, human", Unit.SHARE)
def reopen_rate_human(found: History) -> Figure:
    """Reopened within N days ÷ concluded by a person."""
    return rate(found.counts.reopened_human, found.counts.concluded_human)


@metric("Satisfaction (4 or 5 of 5)", Unit.SHARE)
def satisfaction(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings."""
    it = found.counts
    return rate(it.satisfied_automated + it.satisfied_human, it.rated_automated + it.rated_human)


@metric("Satisfaction, automated", Unit.SHARE)
def satisfaction_automated(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings, of tickets concluded by an automatic answer."""
    return rate(found.counts.satisfied_automated, found.counts.rated_automated)


@metric("Satisfaction, human", Unit.SHARE)
def satisfaction_human(found: History) -> Figure:
    """Ratings of 4 and 5 ÷ ratings, of all other tickets."""
    return rate(found.counts.satisfied_human, found.counts.rated_human)


@metric("Satisfaction, answer rate", Unit.SHARE)
def satisfaction_answer_rate(found: History) -> Figure:
    """Ratings ÷ concluded tickets: how many say anything."""
    it = found.counts
    concluded = it.concluded_automated + it.concluded_human
    rated = it.rated_automated + it.rated_human
    return rate(min(rated, concluded), concluded)


@metric("Calibration error", Unit.ERROR)
def calibration_error(found: History) -> Figure:
    """Expected calibration error on blind reviews of equal probability. `low` and `high` are the
    95 % range that a perfect model would show on these rows, not an interval of the error."""
    confidence, right = calibration_rows(found)
    if not len(confidence):
        return Figure(None, 0, 0, None, None, enough_data=False)
    error, low, high = intervals.calibration(confidence, right)
    enough = high <= WIDEST / 2
    return Figure(error, int(right.sum()), len(confidence), low, high, enough_data=enough)


@metric("Receipt to decision, median", Unit.SECONDS)
def decision_time_median(found: History) -> Figure:
    """Time from receipt to the first decision: median."""
    return time_within(found.took("decision"), 0.5)


@metric("Receipt to decision, 99 %", Unit.SECONDS)
def decision_time_p99(found: History) -> Figure:
    """Time from receipt to the first decision: 99th percentile."""
    return time_within(found.took("decision"), 0.99)


@metric("Classifier, median", Unit.MILLISECONDS)
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


@metric("Classifier failures", Unit.SHARE)
def classifier_failure_rate(found: History) -> Figure:
    """First predictions that failed ÷ first predictions."""
    return rate(found.counts.classifier_failed, found.counts.predicted)


def _breaches(found: History, kind: str) -> Figure:
    settled, breached = found.targets.get(kind, (0, 0))
    return rate(breached, settled)


def calibration_rows(found: History) -> tuple[np.ndarray, np.ndarray]:
    """Stated confidence and whether it was right: float [rows], bool [rows]."""
    # Up to the first that is not settled: rows that differ from the machine's word take longer.
    ordered = sorted(found.judgements, key=lambda judgement: judgement.ticket_id)
    kept = settled_prefix(equal_probability([judgement.row(found.now) for judgement in ordered]))
    named = {str(judgement.ticket_id): judgement for judgement in ordered}
    judged = [named[row.key] for row in kept]
    rows = [
        (j.confidence, j.right) for j in judged if j.confidence is not None and j.right is not None
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


LABELS = {metric.name: metric.label for metric in METRICS}
UNITS = {metric.name: metric.unit for metric in METRICS}


def figures(found: History) -> dict[str, Figure]:
    """Every metric of the product by name."""
    return {metric.name: metric.of(found) for metric in METRICS}
