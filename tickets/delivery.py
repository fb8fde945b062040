"""The outbox: what waits for delivery is delivered at least once, with retries, or says why not."""

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone

from tickets import tracking
from tickets.codes import OutboxKind, OutboxState
from tickets.models import Outbox, Requester

logger = logging.getLogger("supportops.delivery")

LEASE = timedelta(minutes=2)
DAY = timedelta(hours=24)
MOST_ATTEMPTS = 12
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=2)


def deliver_due(*, now: datetime, limit: int = 100) -> int:
    """Deliver what is due; how many were tried. Rows that another worker holds are passed over."""
    due = Outbox.objects.due(now).filter(Q(leased_until=None) | Q(leased_until__lte=now))
    return sum(_deliver(pk, now) for pk in list(due.values_list("pk", flat=True)[:limit]))


def _deliver(pk: int, now: datetime) -> bool:
    row = _lease(pk, now)
    if row is None:
        return False
    try:
        _send(row)
    except (SMTPException, OSError, ValueError) as error:
        # Whatever the mail server or the address did: the row stays and says so.
        logger.warning("delivery failed: outbox %s, %s", pk, type(error).__name__)
        _postpone(row, type(error).__name__, timezone.now())
        return True
    Outbox.objects.filter(pk=pk, state=OutboxState.PENDING).update(
        state=OutboxState.SENT, sent_at=timezone.now(), leased_until=None, last_error=""
    )
    return True


def _lease(pk: int, now: datetime) -> Outbox | None:
    """Take a row for two minutes. The cap of automatic mail is checked while its person is held."""
    with transaction.atomic():
        row = Outbox.objects.filter(pk=pk).first()
        if row is None:
            return None
        if row.requester_id is not None:
            Requester.objects.select_for_update().get(pk=row.requester_id)
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        taken = Outbox.objects.filter(free, pk=pk, state=OutboxState.PENDING).update(
            leased_until=now + LEASE, attempts=row.attempts + 1
        )
        if not taken:
            return None
        row = Outbox.objects.select_related("ticket", "message", "requester").get(pk=pk)
        if _has_address(row) and not _above_cap(row, now):
            return row
        Outbox.objects.filter(pk=pk).update(state=OutboxState.SUPPRESSED, leased_until=None)
        return None


def _has_address(row: Outbox) -> bool:
    return row.requester is not None and bool(row.requester.email)


def _above_cap(row: Outbox, now: datetime) -> bool:
    """No reply loop: at most three automatic mails to a person in 24 hours."""
    if not row.automatic or row.requester_id is None:
        return False
    others = Outbox.objects.filter(requester_id=row.requester_id, automatic=True).exclude(pk=row.pk)
    sent = others.filter(state=OutboxState.SENT, sent_at__gt=now - DAY)
    under_way = others.filter(state=OutboxState.PENDING, leased_until__gt=now)
    return sent.count() + under_way.count() >= settings.AUTOMATIC_MAILS_A_DAY


def _postpone(row: Outbox, error: str, now: datetime) -> None:
    given_up = row.attempts >= MOST_ATTEMPTS
    pause = min(FIRST_PAUSE * 2 ** (row.attempts - 1), LONGEST_PAUSE)
    Outbox.objects.filter(pk=row.pk).update(
        state=OutboxState.FAILED if given_up else OutboxState.PENDING,
        next_attempt_at=now + pause,
        leased_until=None,
        last_error=error[:100],
    )


def _send(row: Outbox) -> None:
    compose(row).send(fail_silently=False)


def compose(row: Outbox) -> EmailMessage:
    """The mail of an outbox row. Django refuses line breaks in headers."""
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
    return EmailMessage(
        subject=_subject(row), body=body, to=[str(requester.email)], headers=headers
    )


def _subject(row: Outbox) -> str:
    reference = row.ticket.reference if row.ticket else ""
    if row.message is not None and row.message.subject:
        return f"{row.message.subject} [{reference}]"
    words = (
        "We have received your message" if row.kind == OutboxKind.CONFIRMATION else "Your inquiry"
    )
    return f"{words} [{reference}]"
