"""What a single ticket adds to which sum. Pure: no Django."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from metrics.figures.history import Judgement
from tickets.codes import Channel, Outcome, Reason, TicketStatus

ALL, INTENT, CHANNEL, QUEUE, REASON, PREDICTED = (
    "all",
    "intent",
    "channel",
    "queue",
    "reason",
    "predicted",
)
DIMENSIONS = (ALL, INTENT, CHANNEL, QUEUE, REASON, PREDICTED)
LEFT_OUT = frozenset({TicketStatus.SPAM, TicketStatus.MERGED})
OVER = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
ENDED_BY_MACHINE = frozenset({TicketStatus.ANSWERED, *OVER})
SATISFIED = 4
THRESHOLDS = frozenset({Reason.BELOW_THRESHOLD, Reason.TOO_CLOSE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The first decision on a ticket."""

    outcome: str
    reason: str  # the first one
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """The first prediction for a ticket."""

    intent: str | None
    no_intent: str | None
    failure: str
    milliseconds: float

    @property
    def key(self) -> str:
        if self.intent is not None:
            return self.intent
        return f"no_intent:{self.no_intent}" if self.no_intent else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A service level that was due, met or breached."""

    kind: str
    due_at: datetime
    breached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketFacts:
    """What is known of one ticket, from all the tables that speak of it."""

    ticket_id: int
    requester_id: int
    created_at: datetime
    channel: str
    status: str
    round: int
    intent: str | None
    queue: str | None
    calendar: int | None
    rating: int | None
    helped: bool | None
    human_reply_at: datetime | None
    first_resolved_at: datetime | None
    resolved_at: datetime | None
    decided: Decided | None = None
    reopened_at: datetime | None = None
    predicted: Predicted | None = None
    came_again: bool = False  # the same person, about the same intent, before the cohort closed
    overridden_at: datetime | None = None  # first time
    judged: bool = False
    judged_wrong: bool = False
    judgement: Judgement | None = None
    targets: tuple[Target, ...] = field(default=())

    @property
    def counts(self) -> bool:
        return self.status not in LEFT_OUT

    @property
    def permitted(self) -> bool:
        return self.decided is not None and self.decided.outcome == Outcome.AUTO_RESOLVE

    @property
    def ended_by_machine(self) -> bool:
        return (
            self.permitted
            and self.round == 1
            and self.human_reply_at is None
            and self.status in ENDED_BY_MACHINE
        )

    @property
    def had_by_person(self) -> bool:
        """Whether it was ever a person's turn, or still may become it."""
        return not (self.permitted and self.round == 1 and self.human_reply_at is None)

    def is_mature(self, by: datetime, days: int) -> bool:
        """Whether N days are over: since the automatic reply, else since it came in."""
        since = self.decided.at if self.decided and self.permitted else self.created_at
        return since + timedelta(days=days) <= by

    def is_durable(self, days: int) -> bool:
        """Whether an automatic answer held for N days. What comes later changes it no more."""
        if not self.permitted or self.decided is None:
            return False
        end = self.decided.at + timedelta(days=days)
        spoiled = (self.reopened_at, self.human_reply_at, self.overridden_at)
        if self.came_again or any(at is not None and at <= end for at in spoiled):
            return False
        return not (self.helped is False and self.reopened_at is None)

    @property
    def concluded_at(self) -> datetime | None:
        """When it was first answered automatically, or resolved."""
        if self.decided is not None and self.permitted:
            return self.decided.at
        return self.first_resolved_at

    def reopened_within(self, days: int) -> bool:
        return (
            self.reopened_at is not None
            and self.concluded_at is not None
            and self.reopened_at <= self.concluded_at + timedelta(days=days)
        )


def keys_of(facts: TicketFacts) -> list[tuple[str, str]]:
    """Under which dimension and key a ticket counts: each dimension once at most."""
    keys = [(ALL, ""), (CHANNEL, facts.channel), (INTENT, facts.intent or "")]
    keys.append((QUEUE, facts.queue or ""))
    if facts.decided is not None:
        keys.append((REASON, facts.decided.reason))
    if facts.predicted is not None:
        keys.append((PREDICTED, facts.predicted.key))
    return keys


def additions(facts: TicketFacts, *, mature_at: datetime, days: int) -> Iterator[str]:
    """Names of the sums to which a ticket adds one."""
    yield "received"
    if facts.decided is not None:
        yield "received_permitted" if facts.permitted else "received_escalated"
    if facts.counts:
        yield "tickets"
        yield from chain(
            _decision(facts), _automation(facts, mature_at, days), _afterwards(facts, days)
        )


def _decision(facts: TicketFacts) -> Iterator[str]:
    if facts.predicted is not None:
        yield "predicted"
        if facts.predicted.failure:
            yield "classifier_failed"
        elif facts.predicted.intent is None:
            yield "abstained"
    if facts.decided is None:
        return
    yield "decided"
    if facts.permitted:
        yield "permitted"
        return
    yield "escalated"
    reason = facts.decided.reason
    if reason.startswith(("guard:", "rule:")):
        yield "escalated_guard"
    elif reason.startswith("no_intent:"):
        yield "escalated_abstention"
    elif reason in THRESHOLDS:
        yield "escalated_threshold"
    else:
        yield "escalated_other"


def _automation(facts: TicketFacts, mature_at: datetime, days: int) -> Iterator[str]:
    if facts.is_mature(mature_at, days):
        yield "mature"
        if facts.is_durable(days):
            yield "durable"
    elif facts.ended_by_machine:
        yield "maturing"
    if facts.ended_by_machine:
        yield "automated"
        if facts.helped:
            yield "confirmed"
    if facts.judged:
        yield "judged"
        if facts.judged_wrong:
            yield "overridden"


def _afterwards(facts: TicketFacts, days: int) -> Iterator[str]:
    who = "automated" if facts.permitted else "human"
    if facts.concluded_at is not None:
        yield f"concluded_{who}"
        if facts.reopened_within(days):
            yield f"reopened_{who}"
    if facts.rating is not None:
        yield f"rated_{who}"
        if facts.rating >= SATISFIED:
            yield f"satisfied_{who}"


Sums = dict[tuple[str, str], dict[str, int]]


def tally(many: Iterable[TicketFacts], *, mature_at: datetime, days: int) -> Sums:
    """Sums by dimension and key."""
    sums: Sums = defaultdict(lambda: defaultdict(int))
    for facts in many:
        names = list(additions(facts, mature_at=mature_at, days=days))
        for key in keys_of(facts):
            held = sums[key]
            for name in names:
                held[name] += 1
    return {key: dict(held) for key, held in sums.items()}


# --- Numbers of single tickets --------------------------------------------------------------------

# Kinds of `metrics.models.Series`. Durations are in seconds, waiting ones are moments since 1970 at
# which it began, `durable` is twice the requester's number, plus one where it held.
DURABLE = "durable"
CLASSIFIER = "classifier"  # microseconds
LOST = "_lost"  # ended without what is measured
WAITING = "_waiting"
BUSINESS = "_business"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Something that took time, or still does where `end` is None."""

    kind: str
    start: datetime
    end: datetime | None
    business: bool = False  # counted in business time too


def stretches(facts: TicketFacts) -> Iterator[Stretch]:
    """What is timed about a ticket."""
    if not facts.counts:
        return
    began, decided = facts.created_at, facts.decided
    if decided is not None and facts.channel != Channel.IMPORT:
        yield Stretch("decision", began, decided.at)
        if facts.permitted:
            yield Stretch("automatic_response", began, decided.at)
    if not facts.had_by_person:
        return
    over = facts.resolved_at if facts.status in OVER else None
    if facts.channel == Channel.IMPORT and facts.status in OVER and over is None:
        return  # it ended elsewhere, nobody knows when
    if facts.human_reply_at is None and over is not None:
        yield Stretch("first_response" + LOST, began, over, business=True)
    else:
        yield Stretch("first_response", began, facts.human_reply_at, business=True)
    yield Stretch("first_resolution", began, facts.first_resolved_at, business=True)
    yield Stretch("last_resolution", began, over)


def durable_code(facts: TicketFacts, days: int) -> int:
    return facts.requester_id * 2 + facts.is_durable(days)
