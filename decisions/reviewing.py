"""Blind review: drawn at receipt, answered by somebody who did not handle the ticket.

A second person answers where reviewer and machine differ and for a tenth of the rest; a lead
settles where those two differ. Nobody sees what the machine or anybody else said.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from decisions import breakers, sampling
from decisions.acceptance import LOWEST_TESTED
from decisions.certification import upper_bound
from decisions.engine import Verdict
from decisions.models import Decision, Review
from decisions.sampling import Rates
from tickets import record
from tickets.codes import AuditKind, FindingSource, ReviewPart, ReviewVerdict
from tickets.models import Message, Ticket, TicketEvent, insert

CLAIM = timedelta(minutes=15)
LATE_AFTER = timedelta(days=14)
SECOND_SHARE = 0.10
PASSING = frozenset({"guard:kill_switch", "guard:breaker_open"})  # stops for a time


class NotYours(Exception):
    """This review is not open for this person. Nothing was changed."""


class AnswerIncomplete(ValueError):
    """The answer lacks something. The message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reviewer says. `intent` and `machine_could` go with the verdict `intent` only."""

    verdict: ReviewVerdict
    intent: str | None = None
    machine_could: bool | None = None
    note: str = ""

    def check(self) -> None:
        named = self.intent is not None and self.machine_could is not None
        if self.verdict == ReviewVerdict.INTENT and not named:
            raise AnswerIncomplete("Name the intent, and whether a machine could have answered.")
        if self.verdict != ReviewVerdict.INTENT and self.intent is not None:
            raise AnswerIncomplete("An intent goes with the verdict 'intent' only.")


def secret() -> bytes:
    return settings.SECRET_KEY.encode()


def rates() -> Rates:
    return Rates(settings.REVIEW_RATE, settings.REVIEW_RATE_LIKELY)


def draw(
    decision: Decision, *, could_automate: bool, lowest: float, all_of_them: bool, now: datetime
) -> Review | None:
    """Draw a ticket for review at its first decision, or not. Runs in the deciding transaction.

    `lowest` is the lowest confidence worth testing; `all_of_them` while the first answers of a new
    intent are all reviewed.
    """
    u = sampling.number_of(secret(), decision.ticket_id)
    stratum = sampling.stratum_of(
        could_automate=could_automate, confidence=decision.confidence, lowest=lowest
    )
    rate = 1.0 if all_of_them else rates().of(stratum)
    if u >= rate:
        return None
    review = Review(
        ticket_id=decision.ticket_id,
        decision=decision,
        u=u,
        rate=rate,
        stratum=stratum,
        created_at=now,
        due_at=now + LATE_AFTER,
    )
    insert(review)
    return review


def draw_for(decision: Decision, verdict: Verdict, *, now: datetime) -> Review | None:
    """Draw a ticket, or not, at its first decision; later rounds are never drawn."""
    if decision.round != 1:
        return None
    fresh = verdict.automates and breakers.is_new(str(decision.intent))
    return draw(
        decision,
        could_automate=could_automate([step.as_record() for step in verdict.trace], decision),
        lowest=LOWEST_TESTED,
        all_of_them=fresh,
        now=now,
    )


def could_automate(trace: Sequence[Mapping[str, Any]], decision: Decision) -> bool:
    """Whether guards and rules let this ticket through, stops aside that only hold for a time."""
    barred = any(
        step["fired"] and step["stage"] in ("guard", "rule") and step["name"] not in PASSING
        for step in trace
    )
    return not barred and decision.intent is not None


def stratum_of(decision: Decision) -> str:
    """The stratum that a ticket fell into at its first decision, drawn or not."""
    return sampling.stratum_of(
        could_automate=could_automate(decision.trace, decision),
        confidence=decision.confidence,
        lowest=LOWEST_TESTED,
    )


def open_for(user: User, *, may_settle: bool) -> QuerySet[Review]:
    """Reviews that this person may answer: no ticket they acted on, no second look at their own."""
    acted = TicketEvent.objects.filter(ticket=OuterRef("ticket"), user_id=user.pk)
    before = Review.objects.filter(ticket=OuterRef("ticket"), reviewer_id=user.pk)
    erased = Message.objects.filter(
        ticket=OuterRef("ticket"), number=1, erased_at__isnull=False
    )  # nobody can judge those any more: in time they count as wrong
    parts = [ReviewPart.FIRST, ReviewPart.SECOND]
    if may_settle:
        parts.append(ReviewPart.SETTLE)
    return (
        Review.objects.open()
        .filter(~Exists(acted), ~Exists(before), ~Exists(erased), part__in=parts)
        .order_by("skips", "id")
    )


def next_for(
    user: User, *, may_settle: bool, now: datetime, part: ReviewPart | None = None
) -> Review | None:
    """The next review for this person, put into their hands for a quarter of an hour.

    `part`: only those; a lead who settles goes through what is to be settled.
    """
    mine = Q(claimed_by_id=user.pk, claimed_until__gt=now)
    free = Q(claimed_until=None) | Q(claimed_until__lte=now)
    candidates = open_for(user, may_settle=may_settle)
    if part is not None:
        candidates = candidates.filter(part=part)
    held = candidates.filter(mine).first()
    if held is not None:
        return held
    for pk in candidates.filter(free).values_list("pk", flat=True)[:5]:
        taken = Review.objects.filter(free, pk=pk, answered_at=None).update(
            claimed_by_id=user.pk, claimed_until=now + CLAIM
        )
        if taken:
            return Review.objects.get(pk=pk)
    return None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far somebody has come today, and what is left of what was drawn."""

    done_today: int
    open: int
    to_settle: int
    oldest_due: datetime | None  # then the oldest open one starts to count as wrong

    @property
    def total(self) -> int:
        return max(1, self.done_today + self.open)


def progress_of(user: User, *, may_settle: bool, midnight: datetime) -> Progress:
    waiting = open_for(user, may_settle=may_settle).order_by()
    found = waiting.aggregate(
        open=Count("id"),
        to_settle=Count("id", filter=Q(part=ReviewPart.SETTLE)),
        due=Min("due_at"),
    )
    done = Review.objects.filter(reviewer=user, answered_at__gte=midnight).count()
    return Progress(done, found["open"], found["to_settle"], found["due"])


def opening_of(review: Review) -> Message:
    """The customer's first message: all that a reviewer sees."""
    return Message.objects.get(ticket_id=review.ticket_id, number=1)


def skip(review_id: int, user: User, *, now: datetime) -> None:
    """Put a review back, behind the others. It stays open: unanswered ones count as wrong."""
    review = Review.objects.get(pk=review_id)
    Review.objects.filter(pk=review_id, claimed_by_id=user.pk, answered_at=None).update(
        claimed_by=None, claimed_until=None, skips=review.skips + 1
    )


def answer(
    review_id: int,
    user: User,
    given: Answer,
    *,
    may_settle: bool,
    now: datetime,
) -> Review:
    """Keep a reviewer's answer, and ask the next person where that is needed.

    Raises:
        AnswerIncomplete: nothing was changed.
        NotYours: answered already, in other hands, or this person acted on the ticket.
    """
    given.check()
    with transaction.atomic():
        ticket_id = Review.objects.values_list("ticket_id", flat=True).get(pk=review_id)
        ticket = Ticket.objects.select_for_update(of=("self",)).get(pk=ticket_id)
        review = open_for(user, may_settle=may_settle).filter(pk=review_id).first()
        in_other_hands = (
            review is not None
            and review.claimed_until is not None
            and review.claimed_until > now
            and review.claimed_by_id != user.pk
        )
        if review is None or in_other_hands:
            raise NotYours("This review is not open for you.")
        _keep(review, user, given, now)
        _ask_next(review, now)
        _book(review, user, now)
        record.write(now=now, audit=[_entry(review, user)], touched=[ticket])
        return review


def _keep(review: Review, user: User, given: Answer, now: datetime) -> None:
    review.reviewer_id, review.answered_at = user.pk, now
    review.verdict, review.intent = given.verdict, given.intent
    review.machine_could, review.note = given.machine_could, given.note
    review.claimed_by = review.claimed_until = None
    review.save()


def _entry(review: Review, user: User) -> record.AuditEntry:
    data = {
        "review": review.pk,
        "part": review.part,
        "verdict": review.verdict,
        "intent": review.intent,
        "machine_could": review.machine_could,
    }
    actor = record.Actor.person(user)
    return record.AuditEntry(AuditKind.REVIEW, f"ticket:{review.ticket_id}", actor, data)


def _ask_next(review: Review, now: datetime) -> None:
    """A second person where the first differs from the machine or is drawn; a lead to settle."""
    if review.part == ReviewPart.FIRST and _needs_second(review):
        _create_part(review, ReviewPart.SECOND, now)
    if review.part == ReviewPart.SECOND:
        first = Review.objects.get(ticket_id=review.ticket_id, part=ReviewPart.FIRST)
        if not first.agrees_with(review):
            _create_part(review, ReviewPart.SETTLE, now)


def _needs_second(review: Review) -> bool:
    if review.differs_from(review.decision.intent):
        return True
    # Another number than the one that drew the ticket, so that both draws are independent.
    u = sampling.number_of(b"second|" + secret(), review.ticket_id)
    return u < SECOND_SHARE


def _create_part(review: Review, part: ReviewPart, now: datetime) -> None:
    Review.objects.create(
        ticket_id=review.ticket_id,
        decision_id=review.decision_id,
        part=part,
        u=review.u,
        rate=review.rate,
        stratum=review.stratum,
        created_at=now,
        due_at=review.due_at,
    )


def _book(review: Review, user: User, now: datetime) -> None:
    """Evidence for the breaker, once an automatic answer has been judged for good."""
    parts = list(Review.objects.filter(ticket_id=review.ticket_id).order_by("id"))
    wrong = verdict_of(parts, review.decision.intent)
    if wrong is not None:
        breakers.book(review.decision, wrong=wrong, source=FindingSource.REVIEW, user=user, now=now)


def verdict_of(parts: Iterable[Review], predicted: str | None) -> bool | None:
    """Whether the machine was wrong, by all that was said of a ticket; None while that is open."""
    last = last_word(parts)
    return None if last is None else last.says_wrong(predicted)


def last_word(parts: Iterable[Review]) -> Review | None:
    """What counts of all that was said of a ticket: settled, else second, else first, once no
    further part is open."""
    ordered = sorted(parts, key=lambda part: part.pk)
    if not ordered or any(part.answered_at is None for part in ordered):
        return None
    return ordered[-1]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a second blind look at a random tenth found, where the first agreed with the machine."""

    rows: int
    differed: int
    errors_found: int  # machine errors that the first reviewer had let pass
    to_settle: int  # of the errors: a lead has not had the last word yet

    @property
    def missed_at_most(self) -> float | None:
        """Upper bound on the share of errors that one reviewer lets pass; None without rows."""
        return upper_bound(self.errors_found, self.rows, 0.05) if self.rows else None


def agreement(since: datetime) -> Agreement:
    """What the second look at a random tenth of rows found, of messages that got an intent."""
    seconds = Review.objects.answered().filter(
        part=ReviewPart.SECOND, created_at__gte=since, decision__intent__isnull=False
    )
    parts: dict[int, list[Review]] = {}
    rows = Review.objects.filter(ticket__in=seconds.values("ticket")).select_related("decision")
    for part in rows.order_by("id"):
        parts.setdefault(part.ticket_id, []).append(part)
    looked = differed = errors = to_settle = 0
    for first, second, *lead in parts.values():
        predicted = first.decision.intent
        if first.says_wrong(predicted):
            continue  # asked because of that, not drawn
        looked += 1
        differed += not first.agrees_with(second)
        final = lead[0] if lead and lead[0].answered_at else second
        errors += final.says_wrong(predicted)
        to_settle += bool(lead) and lead[0].answered_at is None
    return Agreement(looked, differed, errors, to_settle)
