"""Reading from rows what is known of tickets."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet

from classification.models import Prediction
from decisions.certificates import sample
from decisions.models import Decision, Override, Review
from metrics.figures.history import Judgement
from metrics.rollup import tally
from metrics.rollup.tally import Decided, Predicted, Target, TicketFacts
from tickets.codes import Outcome, ReviewPart, ReviewVerdict, TicketStatus
from tickets.models import Target as TargetRow
from tickets.models import Ticket

Span = tuple[datetime, datetime]  # from the first moment until just before the second
AT_ONCE = 500
# Left out of a statement, where `pk=None` would keep the database from its indexes.
NONE = Q(pk__in=[])
Row = dict[str, Any]

TICKET_FIELDS = {
    "pk": "ticket_id",
    "requester_id": "requester_id",
    "created_at": "created_at",
    "channel": "channel",
    "status": "status",
    "round": "round",
    "intent": "intent",
    "queue__slug": "queue",
    "queue__calendar_id": "calendar",
    "rating": "rating",
    "helped": "helped",
    "first_human_reply_at": "human_reply_at",
    "first_resolved_at": "first_resolved_at",
    "resolved_at": "resolved_at",
}


# As the metrics count: `TicketFacts.ended_by_machine`, for lists of tickets.
ENDED_BY_MACHINE = Q(
    outcome=Outcome.AUTO_RESOLVE,
    status__in=[status.value for status in tally.ENDED_BY_MACHINE],
    first_human_reply_at=None,
    round=1,
)


def created_within(spans: Iterable[Span]) -> Q:
    """Tickets that came in within one of these; with none, no ticket."""
    parts = (Q(created_at__gte=since, created_at__lt=until) for since, until in spans)
    return reduce(or_, parts, NONE)


def facts(spans: Sequence[Span], *, days: int) -> Iterator[TicketFacts]:
    """What is known of the tickets that came in within these spans, a few queries for hundreds."""
    if not spans:
        return
    rows = Ticket.objects.filter(created_within(spans)).order_by("pk").values(*TICKET_FIELDS)
    tickets = [{name: row[field] for field, name in TICKET_FIELDS.items()} for row in rows]
    for start in range(0, len(tickets), AT_ONCE):
        yield from _facts(tickets[start : start + AT_ONCE], days)


def _facts(tickets: Sequence[Row], days: int) -> Iterator[TicketFacts]:
    ids = [ticket["ticket_id"] for ticket in tickets]
    decisions = _decisions(ids)
    first = {pk: found for (pk, round_), found in decisions.items() if round_ == 1}
    predictions, (words, overridden) = _predictions(ids), _words(ids)
    reviews, again = _reviews(ids), _came_again(tickets, first, days)
    targets = _targets(ids)
    for ticket in tickets:
        pk = ticket["ticket_id"]
        decision, reopened = first.get(pk), decisions.get((pk, 2))
        judgement = _judgement(ticket, decision, reviews[pk]) if pk in reviews else None
        settled = judgement if judgement and judgement.automated else None
        said = [wrong for wrong in words.get(pk, ()) if wrong is not None]
        if settled and settled.wrong is not None:
            said.append(settled.wrong)
        yield TicketFacts(
            **ticket,
            decided=_decided(decision) if decision else None,
            reopened_at=reopened.at if reopened else None,
            predicted=predictions.get(pk),
            came_again=pk in again,
            overridden_at=overridden.get(pk),
            judged=bool(said),
            judged_wrong=any(said),
            judgement=judgement,
            targets=tuple(targets.get(pk, ())),
        )


def _decisions(ids: Sequence[int]) -> dict[tuple[int, int], Decision]:
    rows = Decision.objects.filter(ticket__in=ids, round__lte=2).only(
        "ticket_id", "round", "outcome", "reasons", "at", "intent", "confidence"
    )
    return {(row.ticket_id, row.round): row for row in rows}


def _decided(decision: Decision) -> Decided:
    reason = decision.reasons[0] if decision.reasons else ""
    return Decided(outcome=decision.outcome, reason=reason, at=decision.at)


def _predictions(ids: Sequence[int]) -> dict[int, Predicted]:
    """The first word of the business's own classifier on each ticket."""
    rows = (
        Prediction.objects.first_keys()
        .filter(ticket__in=ids, round=1, message_number=1)
        .order_by("-pk")
        .values_list("ticket_id", "intent", "no_intent", "failure", "milliseconds")
    )
    return {
        pk: Predicted(intent=intent, no_intent=why, failure=failure, milliseconds=took)
        for pk, intent, why, failure, took in rows
    }


def _words(ids: Sequence[int]) -> tuple[dict[int, list[bool | None]], dict[int, datetime]]:
    """What people who overruled a decision said about the machine (None: nothing), and when
    somebody first did."""
    found: dict[int, list[bool | None]] = defaultdict(list)
    first: dict[int, datetime] = {}
    rows = Override.objects.filter(decision__ticket__in=ids).order_by("at")
    for pk, wrong, at in rows.values_list("decision__ticket_id", "machine_was_wrong", "at"):
        found[pk].append(wrong)
        first.setdefault(pk, at)
    return found, first


def _targets(ids: Sequence[int]) -> dict[int, list[Target]]:
    """Service levels that were kept or missed. What still runs or is paused is not due yet."""
    found: dict[int, list[Target]] = defaultdict(list)
    rows = settled_targets().filter(ticket__in=ids)
    for pk, kind, due_at, missed_at in rows.values_list(
        "ticket_id", "kind", "due_at", "breached_at"
    ):
        if due_at is not None:
            found[pk].append(Target(kind=kind, due_at=due_at, breached=missed_at is not None))
    return found


def settled_targets() -> QuerySet[TargetRow]:
    """Targets that were kept or missed, and have a due time."""
    kept_or_missed = Q(met_at__isnull=False) | Q(breached_at__isnull=False)
    return TargetRow.objects.counted().filter(kept_or_missed, due_at__isnull=False)


def settled_between(since: datetime, until: datetime) -> dict[str, tuple[int, int]]:
    """Settled targets due in [since, until) and how many of them were missed, by kind. For a house
    that has not counted yet."""
    rows = settled_targets().filter(due_at__gte=since, due_at__lt=until)
    rows = rows.exclude(ticket__status__in=tally.LEFT_OUT)
    sums = rows.order_by().values_list("kind").annotate(Count("pk"), Count("breached_at"))
    return {kind: (settled, missed) for kind, settled, missed in sums}


def _reviews(ids: Sequence[int]) -> dict[int, list[Review]]:
    found: dict[int, list[Review]] = defaultdict(list)
    for review in Review.objects.filter(ticket__in=ids).order_by("pk"):
        found[review.ticket_id].append(review)
    return found


def _judgement(ticket: Row, decision: Decision | None, parts: Sequence[Review]) -> Judgement:
    drawn = next(part for part in parts if part.part == ReviewPart.FIRST)
    intent = decision.intent if decision else None
    wrong, last = sample.verdict_of(parts, intent), parts[-1]
    right = last.verdict == ReviewVerdict.INTENT and last.intent == intent
    return Judgement(
        ticket_id=ticket["ticket_id"],
        requester_id=ticket["requester_id"],
        u=drawn.u,
        rate=drawn.rate,
        due_at=drawn.due_at,
        automated=decision is not None and decision.outcome == Outcome.AUTO_RESOLVE,
        confidence=decision.confidence if decision and intent else None,
        wrong=wrong,
        right=None if wrong is None else right,
    )


def _came_again(
    tickets: Sequence[Row],
    first: dict[int, Decision],
    days: int,
) -> set[int]:
    """Tickets answered automatically after which the same person wrote about the same intent,
    before their N days were over. A later duplicate is a later ticket; spam is none."""
    answered = [
        (ticket, first[ticket["ticket_id"]].at + timedelta(days=days))
        for ticket in tickets
        if ticket["intent"] is not None
        and ticket["ticket_id"] in first
        and first[ticket["ticket_id"]].outcome == Outcome.AUTO_RESOLVE
    ]
    if not answered:
        return set()
    others = Ticket.objects.exclude(status=TicketStatus.SPAM).filter(
        requester__in={ticket["requester_id"] for ticket, _ in answered},
        created_at__gt=min(ticket["created_at"] for ticket, _ in answered),
        created_at__lte=max(until for _, until in answered),
    )
    came: dict[tuple[int, str | None], list[datetime]] = defaultdict(list)
    for requester, intent, at in others.values_list("requester_id", "intent", "created_at"):
        came[requester, intent].append(at)
    return {
        ticket["ticket_id"]
        for ticket, until in answered
        if any(
            ticket["created_at"] < at <= until
            for at in came[ticket["requester_id"], ticket["intent"]]
        )
    }
