"""Taking over tickets of another system: predicted, decided on and put on record, never answered.

One short transaction for each batch. A ticket is known by its id within its source, so a file may
be imported again after a crash, or after it grew: what is there is left alone.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.db import OperationalError, transaction

from tickets.codes import Author, Channel, EventKind, TicketStatus
from tickets.data.import_files import Bad, Old
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import (
    ApiKey,
    Message,
    Requester,
    Ticket,
    TicketEvent,
)
from tickets.models.sql import insert_all, insert_many, reserve
from tickets.pipeline import ask, decide_many
from tickets.pipeline.ask import Question
from tickets.pipeline.decide_many import Opened
from tickets.references import new_reference
from tickets.search import index
from tickets.search.words import words_of

logger = logging.getLogger("supportops.importing")

Pair = tuple[Old, Question]

BATCH = 100  # tickets a transaction: others wait for it no longer than a tenth of a second
THERE = "imported_intent"  # in the metadata: what people called it in the other system


@dataclass(slots=True)
class Batch:
    """What became of some lines of the file."""

    lines: int = 0
    imported: int = 0
    known: int = 0
    bad: list[Bad] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What became of all lines so far."""

    lines: int = 0
    imported: int = 0
    known: int = 0
    rejected: int = 0

    def add(self, batch: Batch) -> None:
        self.lines += batch.lines
        self.imported += batch.imported
        self.known += batch.known
        self.rejected += len(batch.bad)


def source_named(name: str, *, now: datetime) -> ApiKey:
    """The row that stands for a source: a key that opens nothing, under which ids are unique."""
    title = f"import: {name}"
    known = ApiKey.objects.filter(name=title).first()
    if known is not None:
        return known
    with transaction.atomic():
        row, _ = ApiKey.issue(name=title, scopes=[])
        row.revoked_at = now
        row.save(update_fields=["revoked_at"])
    return row


def find_source(name: str) -> ApiKey | None:
    return ApiKey.objects.filter(name=f"import: {name}").first()


def batches(
    lines: Iterable[Old | Bad], source: ApiKey | None, *, now: datetime, dry_run: bool = False
) -> Iterator[Batch]:
    """Import line by line; what each batch came to. A dry run looks only, and needs no source."""
    waiting = iter(lines)
    while chunk := list(islice(waiting, BATCH)):
        batch = Batch(len(chunk), bad=[line for line in chunk if isinstance(line, Bad)])
        fresh = _fresh([line for line in chunk if isinstance(line, Old)], source, batch)
        if dry_run or source is None:
            batch.imported = len(fresh)
        elif fresh:
            _import(fresh, source, batch, now)
        yield batch


def _fresh(olds: Sequence[Old], source: ApiKey | None, batch: Batch) -> list[Old]:
    """Those that were not imported before. A known id with other words is a bad line."""
    seen, fresh = _known(olds, source), []
    for old in olds:
        before = seen.setdefault(old.external_id, old)
        if before is old:
            fresh.append(old)
        elif old.body_hash() == (before.body_hash() if isinstance(before, Old) else before):
            batch.known += 1
        else:
            batch.bad.append(Bad(old.line, f"{old.external_id} came before with other words"))
    return fresh


def _known(olds: Sequence[Old], source: ApiKey | None) -> dict[str, Old | str]:
    """Id -> hash of the words, for what this source brought before."""
    if source is None:
        return {}
    rows = Ticket.objects.filter(api_key=source, external_id__in=[o.external_id for o in olds])
    return {str(known): words for known, words in rows.values_list("external_id", "body_hash")}


def _import(fresh: Sequence[Old], source: ApiKey, batch: Batch, now: datetime) -> None:
    questions = ask.ask_many([(old.subject, old.message) for old in fresh])
    pairs = list(zip(fresh, questions, strict=True))
    try:
        _write(pairs, source, now)
        batch.imported = len(pairs)
    except OperationalError:
        raise  # a database that cannot write; the file is imported again later
    except Exception:
        # One line that cannot be stored must not keep the others out.
        logger.exception("a batch is imported line by line")
        _import_singly(pairs, source, batch, now)


def _import_singly(pairs: Sequence[Pair], source: ApiKey, batch: Batch, now: datetime) -> None:
    for old, question in pairs:
        if _fresh([old], source, batch):
            try:
                _write([(old, question)], source, now)
                batch.imported += 1
            except OperationalError:
                raise
            except Exception as error:
                logger.exception("a line is not imported")
                problem = f"it could not be stored: {type(error).__name__}"
                batch.bad.append(Bad(old.line, problem))


@transaction.atomic
def _write(pairs: Sequence[Pair], source: ApiKey, now: datetime) -> None:
    """Everything about these tickets, at once or not at all."""
    people = _people([old for old, _ in pairs], now)
    opened = []
    for (old, question), key in zip(pairs, reserve(Ticket, len(pairs)), strict=True):
        ticket = _ticket(old, people[old.email], source, key, now)
        opened.append(Opened(ticket, _message(old, ticket), question))
    taken = decide_many.decide(opened, now=now)
    for (old, _), one in zip(pairs, opened, strict=True):
        one.ticket.status = old.status
    insert_many([one.ticket for one in opened])
    insert_many([one.message for one in opened])
    index.add_many((one.ticket.pk, _words(one)) for one in opened)
    taken.insert()
    record.write(
        now=now,
        events=_events(pairs, [one.ticket for one in opened], source, now),
        audit=decide_many.audit_entries(opened, taken),
    )


def _words(opened: Opened) -> list[str]:
    """By which the ticket is found."""
    ticket, message = opened.ticket, opened.message
    about = (ticket.reference, ticket.requester.name, ticket.requester.email or "")
    return words_of(*about, message.sender_name, message.subject, message.body)


def _people(olds: Sequence[Old], now: datetime) -> dict[str, Requester]:
    """Those who wrote, by address; who is not known yet is made known."""
    names = {old.email: old.name for old in reversed(olds)}
    people = _by_address(names)
    missing = [
        Requester(email=email, name=name, created_at=now)
        for email, name in names.items()
        if email not in people
    ]
    insert_all(missing)
    return people | _by_address([person.email for person in missing])


def _by_address(addresses: Iterable[str | None]) -> dict[str, Requester]:
    found = Requester.objects.filter(email__in=list(addresses))
    return {str(person.email): person for person in found}


def _ticket(old: Old, person: Requester, source: ApiKey, key: int, now: datetime) -> Ticket:
    written = old.created_at or now
    return Ticket(
        pk=key,
        reference=new_reference(),
        requester=person,
        channel=Channel.IMPORT,
        status=TicketStatus.RECEIVED,
        message_count=1,
        api_key=source,
        external_id=old.external_id,
        body_hash=old.body_hash(),
        metadata={THERE: old.intent} if old.intent else {},
        tracking_expires_at=now + timedelta(days=settings.TRACKING_DAYS),
        created_at=written,
        updated_at=now,
        last_customer_at=written,
    )


def _message(old: Old, ticket: Ticket) -> Message:
    return Message(
        ticket=ticket,
        number=1,
        author=Author.CUSTOMER,
        sender_name=old.name,
        subject=old.subject,
        body=old.message,
        created_at=ticket.created_at,
    )


def _events(
    pairs: Sequence[Pair], tickets: Sequence[Ticket], source: ApiKey, now: datetime
) -> list[TicketEvent]:
    """Received from the other system; then closed as it was there, or in a person's hands."""
    actor, events = Actor.integration(source), []
    for (old, _), ticket in zip(pairs, tickets, strict=True):
        came = {"channel": Channel.IMPORT, "line": old.line.number}
        events.append(record.event(ticket, EventKind.RECEIVED, actor, now, **came))
        if ticket.status == TicketStatus.CLOSED:
            events.append(record.event(ticket, EventKind.CLOSED, actor, now))
        else:
            why = {"reasons": ticket.reasons}
            events.append(record.event(ticket, EventKind.ESCALATED, Actor.machine(), now, **why))
    return events
