"""The only writer of history: events, outbox rows and the audit chain, in one call.

Called last in a transaction: the head of the chain is the one lock that everybody shares.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from django.db import transaction

from tickets.codes import ActorKind, AuditKind, EventKind
from tickets.history import nudge
from tickets.models import (
    ApiKey,
    AuditHead,
    AuditRecord,
    Message,
    Outbox,
    Ticket,
    TicketEvent,
    TouchedHour,
)
from tickets.models.sql import AUDIT_HEAD, first_row, insert, insert_many, locking, update

GENESIS = "0" * 64
HEAD = 1  # the only row of its table
FEW = 4  # up to so many rows are inserted faster one by one than all at once


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it."""

    kind: ActorKind
    user_id: int | None = None
    api_key_id: int | None = None

    @classmethod
    def machine(cls) -> Self:
        return cls(ActorKind.MACHINE)

    @classmethod
    def customer(cls) -> Self:
        return cls(ActorKind.CUSTOMER)

    @classmethod
    def person(cls, user: Any) -> Self:
        return cls(ActorKind.PERSON, user_id=user.pk)

    @classmethod
    def integration(cls, key: ApiKey) -> Self:
        return cls(ActorKind.INTEGRATION, api_key_id=key.pk)

    def __str__(self) -> str:
        number = self.user_id or self.api_key_id
        return f"{self.kind}:{number}" if number else str(self.kind)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What a link of the chain will say. Codes, numbers and commitments only."""

    kind: AuditKind
    subject: str
    actor: Actor
    data: Mapping[str, Any] = field(default_factory=dict)


def event(ticket: Ticket, kind: EventKind, actor: Actor, now: datetime, **data: Any) -> TicketEvent:
    """A line of the timeline, not yet written."""
    return TicketEvent(
        ticket=ticket,
        kind=kind,
        round=ticket.round,
        actor_kind=actor.kind,
        user_id=actor.user_id,
        api_key_id=actor.api_key_id,
        data=data,
        at=now,
    )


def write(
    *,
    now: datetime,
    events: Sequence[TicketEvent] = (),
    outbox: Sequence[Outbox] = (),
    audit: Sequence[AuditEntry] = (),
    touched: Sequence[Ticket] = (),
) -> None:
    """Write history. The worker is nudged after the commit when something waits for delivery.

    The hours of the tickets that the events tell of are marked to be counted again; `touched` names
    tickets about which something changed that is no event of theirs.
    """
    # The caller's transaction, if there is one, is what is rolled back: no savepoint of its own.
    with transaction.atomic(savepoint=False):
        if len(events) > FEW:
            insert_many(events)
        else:
            for event in events:
                event.save()
        touch([*(event.ticket for event in events), *touched], now=now)
        if outbox:
            for row in outbox:
                # The unique key decides what was queued before, in this or any other process.
                insert(row, unless_there=True)
            # What is committed stays acknowledged, even where nobody can be nudged.
            transaction.on_commit(nudge.worker, robust=True)
        if audit:
            _append(audit, now)


def touch(tickets: Iterable[Ticket], *, now: datetime) -> None:
    """Mark the hours in which these tickets came in, but the hour of `now`: it is counted again
    until long after its end."""
    current = hour_of(now)
    hours = sorted({hour_of(ticket.created_at) for ticket in tickets} - {current})
    TouchedHour.objects.bulk_create(TouchedHour(hour=hour) for hour in hours)


def hour_of(moment: datetime) -> datetime:
    """When the hour of a moment began, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _append(entries: Sequence[AuditEntry], now: datetime) -> None:
    number, digest = _locked_head() or _first_head()
    records = []
    for entry in entries:
        records.append(link(entry, number=number + 1, previous=digest, now=now))
        number, digest = records[-1].number, records[-1].digest
    if len(records) > FEW:
        insert_many(records)
    else:
        for record in records:
            record.save()
    update(AuditHead(pk=HEAD, number=number, digest=digest), ["number", "digest"])


def _locked_head() -> tuple[int, str] | None:
    """Number and digest of the newest link; everybody else waits from here on."""
    found: tuple[int, str] | None = first_row(AUDIT_HEAD + locking("UPDATE"), HEAD)
    return found


def _first_head() -> tuple[int, str]:
    """The first of two writers who find no head makes it; both then wait for it."""
    AuditHead.objects.bulk_create(
        [AuditHead(pk=HEAD, number=0, digest=GENESIS)], ignore_conflicts=True
    )
    head = _locked_head()
    assert head is not None  # it was just made, by us or by the other
    return head


def link(entry: AuditEntry, *, number: int, previous: str, now: datetime) -> AuditRecord:
    """The record of an entry: its digest is the SHA-256 of its canonical JSON."""
    body = canonical(
        {
            "number": number,
            "kind": entry.kind,
            "subject": entry.subject,
            "actor": str(entry.actor),
            "at": now.astimezone(UTC).isoformat(timespec="microseconds"),
            "data": entry.data,
            "previous": previous,
        }
    )
    return AuditRecord(
        number=number,
        kind=entry.kind,
        subject=entry.subject,
        actor=str(entry.actor),
        at=now,
        body=body,
        previous=previous,
        digest=digest_of(body),
    )


def canonical(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest_of(text: str) -> str:
    """SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def commitment(message: Message) -> str:
    """HMAC-SHA-256 of what a message says, under its own salt. Says nothing once both are gone."""
    words = canonical([message.subject, message.body])
    return hmac.new(bytes.fromhex(message.salt), words.encode(), hashlib.sha256).hexdigest()
