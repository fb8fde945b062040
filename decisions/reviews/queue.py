"""Who may review what, and what comes next."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from decisions.models import Review
from tickets.codes import ReviewPart
from tickets.models import Message, TicketEvent

CLAIM = timedelta(minutes=15)


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

    @property
    def total(self) -> int:
        return max(1, self.done_today + self.open)


def progress_of(user: User, *, may_settle: bool, midnight: datetime) -> Progress:
    waiting = open_for(user, may_settle=may_settle).order_by()
    found = waiting.aggregate(
        open=Count("id"),
        to_settle=Count("id", filter=Q(part=ReviewPart.SETTLE)),
    )
    done = Review.objects.filter(reviewer=user, answered_at__gte=midnight).count()
    return Progress(done, found["open"], found["to_settle"])


def opening_of(review: Review) -> Message:
    """The customer's first message: all that a reviewer sees."""
    return Message.objects.get(ticket_id=review.ticket_id, number=1)


def skip(review_id: int, user: User, *, now: datetime) -> None:
    """Put a review back, behind the others. It stays open: unanswered ones count as wrong."""
    review = Review.objects.get(pk=review_id)
    Review.objects.filter(pk=review_id, claimed_by_id=user.pk, answered_at=None).update(
        claimed_by=None, claimed_until=None, skips=review.skips + 1
    )
