"""A reviewer's answer, and who is asked next.

A second person answers where reviewer and machine differ and for a tenth of the rest; a lead
settles where those two differ. Nobody sees what the machine or anybody else said.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from decisions.bounds import sampling
from decisions.certificates import draw, terms
from decisions.certificates.sample import differs, verdict_of
from decisions.models import Review
from decisions.reviews.queue import open_for
from decisions.stops import breakers
from tickets.codes import AuditKind, FindingSource, ReviewPart, ReviewVerdict
from tickets.history import record
from tickets.models import Ticket


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
    if differs(review, review.decision.intent):
        return True
    # Another number than the one that drew the ticket, so that both draws are independent.
    u = sampling.number_of(b"second|" + draw.secret(), review.ticket_id)
    return u < terms.SECOND_SHARE


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
