"""Erasing a person: words, names, addresses and salts go; codes, numbers and the chain stay.

The audit chain holds commitments under random salts. With value and salt gone a commitment says
nothing, and the chain still verifies.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.http import QueryDict

from decisions.models import Review
from tickets.codes import AuditKind, OutboxState
from tickets.history import record
from tickets.history.record import Actor, AuditEntry
from tickets.models import IdempotencyKey, Message, Outbox, Requester, SavedView, Ticket
from tickets.models.ticket import new_nonce
from tickets.search import index

logger = logging.getLogger("supportops.erasure")


@dataclass(frozen=True, slots=True)
class Erased:
    """How many rows lost their words, or would."""

    requesters: int
    tickets: int
    messages: int
    outbox: int
    keys: int
    views: int  # saved searches for the person


def count(email: str) -> Erased:
    """What `erase` would touch. Writes nothing."""
    people = _people(email)
    tickets = Ticket.objects.filter(requester__in=people)
    return Erased(
        requesters=people.count(),
        tickets=tickets.count(),
        messages=Message.objects.filter(ticket__in=tickets, erased_at=None).count(),
        outbox=Outbox.objects.filter(ticket__in=tickets, state=OutboxState.PENDING).count(),
        keys=IdempotencyKey.objects.filter(ticket__in=tickets).count(),
        views=len({pk for person in people for pk in _views_of(person)}),
    )


def _views_of(person: Requester) -> list[int]:
    """Saved searches that name the person: by address, or by first and last name."""
    name = " ".join(person.name.casefold().split())
    named = [person.email or "", name if " " in name else ""]
    found = []
    for view in SavedView.objects.all():
        asked = f"{QueryDict(view.query).get('q', '')}\n{view.name}".casefold()
        if any(words and words in " ".join(asked.split()) for words in named):
            found.append(view.pk)
    return found


def erase(email: str, *, actor: Actor, now: datetime) -> Erased:
    """Erase a person by e-mail address, in one transaction; then what the file still held."""
    with transaction.atomic():
        people = list(_people(email).select_for_update().order_by("pk"))
        erased = count(email)
        for person in people:
            _erase_person(person, actor, now)
        if people:
            transaction.on_commit(_forget_pages)
    return erased


def _people(email: str) -> QuerySet[Requester]:
    return Requester.objects.filter(email=email.strip().lower())


def _erase_person(person: Requester, actor: Actor, now: datetime) -> None:
    tickets = Ticket.objects.filter(requester=person)
    messages = Message.objects.filter(ticket__in=tickets)
    IdempotencyKey.objects.filter(ticket__in=tickets).delete()
    Outbox.objects.filter(ticket__in=tickets, state=OutboxState.PENDING).update(
        state=OutboxState.SUPPRESSED, last_error="erased"
    )
    Outbox.objects.filter(ticket__in=tickets).update(data={})
    index.forget(list(tickets.values_list("pk", flat=True)))
    # Agents' answers and notes speak of the person too.
    number = messages.update(sender_name="", subject="", body="", salt="", erased_at=now)
    # What reviewers noted beside their answer may quote what they read.
    Review.objects.filter(ticket__in=tickets).exclude(note="").update(note="")
    for ticket in tickets.only("pk"):
        # A new nonce ends every tracking link that is still in somebody's mailbox.
        tickets.filter(pk=ticket.pk).update(tracking_nonce=new_nonce())
        ticket.reviews.update(note="")  # a reviewer's own words about the message
    SavedView.objects.filter(pk__in=_views_of(person)).delete()
    tickets.update(metadata={}, external_id=None, body_hash="", tracking_expires_at=now)
    Requester.objects.filter(pk=person.pk).update(email=None, name="", erased_at=now)
    data = {"tickets": tickets.count(), "messages": number}
    record.write(
        now=now,
        audit=[AuditEntry(AuditKind.ERASURE, f"requester:{person.pk}", actor, data)],
    )


def _forget_pages() -> None:
    """SQLite overwrites what is deleted (`secure_delete`); its write-ahead log is emptied here.

    PostgreSQL keeps old row versions until VACUUM; autovacuum takes them in time.
    """
    index.purge()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            # A reader holds the log open; the next checkpoint after it empties the log.
            logger.warning("the write-ahead log could not be emptied yet after an erasure")
        return
    with connection.cursor() as cursor:
        for model in (Message, Requester, Ticket, Outbox, IdempotencyKey):
            cursor.execute(f"VACUUM {model._meta.db_table}")
        cursor.execute(f"VACUUM {index.TABLE}")


def as_words(erased: Erased) -> str:
    return ", ".join(f"{number} {name}" for name, number in asdict(erased).items())
