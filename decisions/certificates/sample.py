"""The labelled tickets that a bound may be computed from.

Equal probability, the longest settled start, one row for each person and near-duplicate group.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from decisions.bounds import sampling
from decisions.bounds.sampling import Row, is_overdue
from decisions.certificates import draw
from decisions.certificates.terms import LIFE
from decisions.models import Decision, Quarantine, Review, ThresholdGrid
from decisions.rules.acceptance import would_automate
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import ReviewPart, ReviewVerdict
from tickets.models import Message, text_of

UNDRAWN_ROWS = 5_000  # newest decisions of which nobody was asked

# Numbers the groups of near-duplicates among texts. Who knows texts hands it over.
Twins = Callable[[Sequence[str]], Sequence[int]]


@dataclass(frozen=True, slots=True)
class Sample:
    """Labelled rows that a bound may be computed from."""

    rows: tuple[Row, ...]  # equal probability, settled, one for each group
    accepted: tuple[Row, ...]  # of these, what the policy would automate
    taken: Mapping[int, Decision]  # by ticket
    waiting: int


def sample_of(
    classifier_version: str,
    policy: PolicySnapshot,
    *,
    now: datetime,
    twins: Twins | None = None,
) -> Sample:
    """What was drawn under this classifier, answered, and may be counted."""
    reviews = _reviews(classifier_version, start_of(classifier_version, now))
    taken = {review.ticket_id: review.decision for review in reviews}
    rows = _rows(reviews, now, twins)
    let_through = {row.key: accepts(taken[int(row.key)], policy) for row in rows}
    lowest = _lowest_rate(rows, let_through, classifier_version, policy)
    drawn = sampling.equal_probability(rows, lowest=lowest)
    settled = sampling.settled_prefix(drawn)
    counted = sampling.one_for_each_group(settled)
    return Sample(
        rows=tuple(counted),
        accepted=tuple(row for row in counted if let_through[row.key]),
        taken=taken,
        waiting=sum(row.wrong is None and not row.overdue for row in rows),
    )


def start_of(classifier_version: str, now: datetime) -> datetime:
    """From when on reviews count: `LIFE` before the version was first judged for good.

    Looking as often as one likes is safe for evidence that only grows. With a start that moves
    along, every start would be a chance of its own.
    """
    grids = ThresholdGrid.objects.filter(classifier_version=classifier_version)
    first = grids.order_by("at").values_list("at", flat=True).first()
    return min(first or now, now) - LIFE


def _lowest_rate(
    rows: Sequence[Row],
    let_through: Mapping[str, bool],
    classifier_version: str,
    policy: PolicySnapshot,
) -> float:
    """The lowest rate that any stratum of the bound had: what the policy would not automate does
    not count, whatever its rate. Tickets that were not drawn are looked at too, since a stratum may
    have given none."""
    strata = {row.stratum for row in rows if let_through[row.key]}
    others = undrawn(classifier_version)
    strata |= {draw.stratum_of(one) for one in others if accepts(one, policy)}
    now = draw.rates()
    return min(
        [row.rate for row in rows if row.stratum in strata]
        + [now.of(stratum) for stratum in strata],
        default=1.0,
    )


def _reviews(classifier_version: str, since: datetime) -> list[Review]:
    """First parts of what was drawn under this classifier, in order of receipt."""
    return list(
        Review.objects.filter(
            part=ReviewPart.FIRST,
            created_at__gte=since,
            decision__facts__classifier=classifier_version,
        )
        .select_related("decision", "ticket")
        .order_by("ticket_id")
    )


def _rows(reviews: Sequence[Review], now: datetime, twins: Twins | None) -> list[Row]:
    parts = parts_of([review.ticket_id for review in reviews])
    named = twin_names([review.ticket_id for review in reviews], twins)
    return [
        row_of(review, parts[review.ticket_id], now, twin=named.get(review.ticket_id, ""))
        for review in reviews
    ]


def parts_of(tickets: Sequence[int]) -> dict[int, list[Review]]:
    """All parts of each ticket's review, in their order."""
    parts: dict[int, list[Review]] = {}
    for part in Review.objects.filter(ticket__in=list(tickets)).order_by("id"):
        parts.setdefault(part.ticket_id, []).append(part)
    return parts


def twin_names(tickets: Sequence[int], twins: Twins | None) -> dict[int, str]:
    """Which tickets open with nearly the same words. Erased words are like no others."""
    if twins is None:
        return {}
    openings = Message.objects.filter(number=1, erased_at=None, ticket__in=list(tickets))
    found = list(openings.values_list("ticket_id", "subject", "body"))
    groups = twins([text_of(subject, body) for _, subject, body in found])
    return {row[0]: str(group) for row, group in zip(found, groups, strict=True)}


def row_of(
    review: Review,
    parts: Sequence[Review],
    now: datetime,
    *,
    twin: str = "",
    predicted: str | None = None,
    confidence: float | None = None,
) -> Row:
    """A drawn ticket with its verdict, on what was predicted when it came or on what is given."""
    intent = review.decision.intent if predicted is None else predicted
    wrong = verdict_of(parts, intent)
    return Row(
        u=review.u,
        rate=review.rate,
        confidence=review.decision.confidence or 0.0 if confidence is None else confidence,
        group=str(review.ticket.requester_id),
        wrong=wrong,
        overdue=is_overdue(wrong, review.due_at, now),
        key=str(review.ticket_id),
        stratum=review.stratum,
        twin=twin,
    )


def accepts(decision: Decision, policy: PolicySnapshot) -> bool:
    return bool(decision.facts) and would_automate(Facts.from_record(decision.facts), policy)


def undrawn(classifier_version: str) -> list[Decision]:
    """The newest decisions of which nobody was asked."""
    return list(
        Decision.objects.filter(
            round=1, reviews=None, facts__classifier=classifier_version, confidence__isnull=False
        ).order_by("-id")[:UNDRAWN_ROWS]
    )


def tally_of(
    sample: Sample, classifier_version: str, policy: PolicySnapshot, *, threshold: float
) -> dict[str, list[bool]]:
    """Wrong or not, by intent, of what is automated at that threshold and at the policy's own.

    What came before a quarantine was lifted counts no more.
    """
    lifted = Quarantine.objects.filter(
        classifier_version=classifier_version, lifted_at__isnull=False
    ).order_by("lifted_at")
    since = {row.intent: row.lifted_at for row in lifted}
    tally: dict[str, list[bool]] = {}
    for row in sample.accepted:
        decision = sample.taken[int(row.key)]
        start = since.get(str(decision.intent))
        lowest = max(threshold, policy.for_intent(decision.intent).threshold)
        if row.confidence >= lowest and (start is None or decision.at > start):
            tally.setdefault(str(decision.intent), []).append(row.counts_as_wrong)
    return tally


def says_wrong(review: Review, predicted: str | None) -> bool:
    """Whether an automatic answer to `predicted` would have been wrong, by this review.

    All that counts wrong answers asks this: certificates, quarantine, breakers, backtests, figures.
    """
    if review.verdict != ReviewVerdict.INTENT or predicted is None:
        return True
    return review.intent != predicted or not review.machine_could


def differs(review: Review, predicted: str | None) -> bool:
    """Whether reviewer and machine differ. To name no intent can be what both say."""
    if predicted is None:
        return review.verdict == ReviewVerdict.INTENT
    return says_wrong(review, predicted)


def verdict_of(parts: Iterable[Review], predicted: str | None) -> bool | None:
    """Whether the machine was wrong, by all that was said of a ticket; None while that is open."""
    last = last_word(parts)
    return None if last is None else says_wrong(last, predicted)


def last_word(parts: Iterable[Review]) -> Review | None:
    """What counts of all that was said of a ticket: settled, else second, else first, once no
    further part is open."""
    ordered = sorted(parts, key=lambda part: part.pk)
    if not ordered or any(part.answered_at is None for part in ordered):
        return None
    return ordered[-1]
