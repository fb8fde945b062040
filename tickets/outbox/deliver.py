"""The outbox: what waits for delivery is delivered at least once, with retries, or says why not."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from tickets import tracking
from tickets.codes import OutboxKind, OutboxState
from tickets.desk import customer_actions
from tickets.models import Outbox, Requester
from tickets.outbox import alert_notices

logger = logging.getLogger("supportops.delivery")

LEASE = timedelta(minutes=2)
DAY = timedelta(hours=24)
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=2)
UNCLEAR = "unclear"  # attempts of which nobody knows whether they ended in a mail

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a row ends that is not sent, and why."""

    state: OutboxState
    why: str


def deliver_due(*, now: datetime, limit: int = 100) -> int:
    """Deliver what is due; how many were tried. Rows that another worker holds are passed over."""
    due = Outbox.objects.due(now).filter(Q(leased_until=None) | Q(leased_until__lte=now))
    clock = _running_from(now)
    return sum(_deliver(pk, clock) for pk in list(due.values_list("pk", flat=True)[:limit]))


def _running_from(now: datetime) -> Clock:
    """A clock that shows `now` and goes on: a slow mail server eats into no later row's lease."""
    started = time.monotonic()
    return lambda: now + timedelta(seconds=time.monotonic() - started)


def _deliver(pk: int, clock: Clock) -> bool:
    """Whether sending was tried."""
    leased = _lease(pk, clock())
    if leased is None:
        return False
    row, refusal = leased
    if refusal is not None:
        _end(row, refusal, clock())
        return False
    try:
        _send(row)
    except Exception as error:  # noqa: BLE001
        # Mail servers and the libraries that speak to them fail in ways of their own. Whatever it
        # was, the row stays and says so. Its words may hold the address, so they are not logged.
        logger.warning("delivery failed: outbox %s, %s", pk, type(error).__name__)
        _postpone(row, _why(error), clock())
        return True
    Outbox.objects.filter(pk=pk, state=OutboxState.PENDING).update(
        state=OutboxState.SENT, sent_at=clock(), leased_until=None, last_error=""
    )
    return True


def _lease(pk: int, now: datetime) -> tuple[Outbox, Refusal | None] | None:
    """Take a row for two minutes; None when somebody else has it.

    Whether it may be sent is looked at while its person is held, so that two rows of one person do
    not both take the last place under the cap.
    """
    with transaction.atomic():
        people = Requester.objects.select_for_update(no_key=True)
        list(people.filter(pk__in=Outbox.objects.filter(pk=pk).values("requester_id")))
        row = (
            Outbox.objects.select_related("ticket", "message", "requester")
            .filter(Q(leased_until=None) | Q(leased_until__lte=now), pk=pk)
            .filter(state=OutboxState.PENDING)
            .first()
        )
        if row is None:
            return None
        before = row.leased_until
        if before is not None:  # whoever had it died, before or after sending
            row.data = {**row.data, UNCLEAR: row.data.get(UNCLEAR, 0) + 1}
        refusal = _refusal(row, now)
        row.leased_until, row.attempts = now + LEASE, row.attempts + 1
        pending = Outbox.objects.filter(pk=pk, state=OutboxState.PENDING, leased_until=before)
        taken = pending.update(leased_until=row.leased_until, attempts=row.attempts, data=row.data)
        return (row, refusal) if taken else None


def _refusal(row: Outbox, now: datetime) -> Refusal | None:
    """Why this must not be sent, ever; None when it may."""
    if row.kind in alert_notices.ALERT_KINDS:
        return _refusal_of_notice(row)
    if row.requester is None or not row.requester.email:
        return Refusal(OutboxState.SUPPRESSED, "no_address")
    if row.attempts >= MOST_ATTEMPTS:
        return Refusal(OutboxState.FAILED, "worker_died")
    if row.automatic and _automatic_mails(row, now) >= settings.AUTOMATIC_MAILS_A_DAY:
        return Refusal(OutboxState.SUPPRESSED, "above_cap")
    return None


def _refusal_of_notice(row: Outbox) -> Refusal | None:
    """Notices go to the business's own people and machines, so no cap of customers holds them."""
    never = alert_notices.why_never(row)
    if never:
        return Refusal(OutboxState.FAILED, never)
    if row.attempts >= MOST_ATTEMPTS:
        return Refusal(OutboxState.FAILED, "worker_died")
    return None


def _automatic_mails(row: Outbox, now: datetime) -> int:
    """Automatic mails that the row's person got in 24 hours, may have got or is getting now.

    An attempt counts when nobody knows how it ended, of this row as of the others.
    """
    recent = (
        Q(state=OutboxState.SENT, sent_at__gt=now - DAY)
        | Q(state=OutboxState.PENDING, attempts__gt=0)
        | Q(
            state__in=[OutboxState.FAILED, OutboxState.SUPPRESSED],
            attempts__gt=1,  # before it was given up, it was tried
            next_attempt_at__gt=now - DAY,
        )
    )
    others = Outbox.objects.filter(recent, requester=row.requester, automatic=True)
    mails: int = row.data.get(UNCLEAR, 0)
    for other in others.exclude(pk=row.pk).only("state", "leased_until", "data"):
        under_way = other.state == OutboxState.PENDING and other.leased_until is not None
        mails += other.data.get(UNCLEAR, 0) + (other.state == OutboxState.SENT or under_way)
    return mails


def _postpone(row: Outbox, error: str, now: datetime) -> None:
    """Try again later, each time after a longer pause; in the end give up, for people to see."""
    if row.attempts >= MOST_ATTEMPTS:
        _end(row, Refusal(OutboxState.FAILED, error), now)
        return
    _mine(row).update(
        next_attempt_at=now + min(FIRST_PAUSE * 2 ** (row.attempts - 1), LONGEST_PAUSE),
        leased_until=None,
        last_error=error[:100],
    )


def _end(row: Outbox, refusal: Refusal, now: datetime) -> None:
    """This will not be sent. An automatic answer that nobody got goes to a person first."""
    if row.kind == OutboxKind.REPLY and row.automatic and row.ticket_id is not None:
        customer_actions.answer_undelivered(row.ticket_id, now=now)
    _mine(row).update(
        state=refusal.state,
        next_attempt_at=now,
        leased_until=None,
        last_error=refusal.why[:100],
    )


def _mine(row: Outbox) -> QuerySet[Outbox]:
    """The row, as long as nobody else has taken it over."""
    return Outbox.objects.filter(
        pk=row.pk, state=OutboxState.PENDING, leased_until=row.leased_until
    )


def _send(row: Outbox) -> None:
    if row.kind in alert_notices.ALERT_KINDS:
        alert_notices.send(row, timezone.now())
    else:
        compose(row).send(fail_silently=False)


def _why(error: Exception) -> str:
    """What is kept of a failure: its kind, and the status that another machine answered with."""
    return str(error) if isinstance(error, alert_notices.NotTaken) else type(error).__name__


def compose(row: Outbox) -> EmailMessage:
    """The mail of an outbox row."""
    ticket, requester = row.ticket, row.requester
    if ticket is None or requester is None:
        raise ValueError("A mail needs a ticket and a person.")
    template = "confirmation" if row.kind == OutboxKind.CONFIRMATION else "reply"
    body = render_to_string(
        f"mail/{template}.txt",
        {
            "ticket": ticket,
            "message": row.message,
            "requester": requester,
            "automatic": row.automatic,
            "tracking_url": tracking.link(ticket),
            "business_name": settings.BUSINESS_NAME,
        },
    )
    headers = {"Message-ID": f"<outbox-{row.pk}@{settings.MAIL_DOMAIN}>"}
    if row.automatic:
        # RFC 3834: other machines know by this not to answer.
        headers |= {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    # A header is one line, whatever a template or a name brought along.
    subject = " ".join(_subject(row).split())
    return EmailMessage(subject=subject, body=body, to=[str(requester.email)], headers=headers)


def _subject(row: Outbox) -> str:
    reference = row.ticket.reference if row.ticket else ""
    if row.message is not None and row.message.subject:
        return f"{row.message.subject} [{reference}]"
    is_confirmation = row.kind == OutboxKind.CONFIRMATION
    words = _("We have received your message") if is_confirmation else _("Your inquiry")
    return f"{words} [{reference}]"
