"""How far reviewers can be relied upon: what a second blind look found."""

from dataclasses import dataclass
from datetime import datetime

from decisions.bounds.binomial import upper_bound
from decisions.certificates.sample import says_wrong
from decisions.models import Review
from tickets.codes import ReviewPart


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
        if says_wrong(first, predicted):
            continue  # asked because of that, not drawn
        looked += 1
        differed += not first.agrees_with(second)
        final = lead[0] if lead and lead[0].answered_at else second
        errors += says_wrong(final, predicted)
        to_settle += bool(lead) and lead[0].answered_at is None
    return Agreement(looked, differed, errors, to_settle)
