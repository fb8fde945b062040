"""The clocks that run on tickets. Called by whoever changes a ticket, in the same transaction.

A person's turn lets them run, the customer's turn pauses them, an end stops them. What was missed
stays missed. The periodic job only notices sooner what the next change would notice as well.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F

from tickets.business_time import OpeningHours
from tickets.codes import Author, Channel, EventKind, TargetKind, TicketStatus
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import ServiceLevel, Target, Ticket, TicketEvent
from tickets.models.sql import SERVICE_LEVEL, first_row, insert_all
from tickets.promises import calendars

STOPPED = frozenset({TicketStatus.SPAM, TicketStatus.MERGED})
ENDED = frozenset({TicketStatus.RESOLVED, TicketStatus.CLOSED})
# Nobody promised anything yet, or the machine answered.
WITHOUT = frozenset({TicketStatus.RECEIVED, TicketStatus.ANSWERED})
CHANGING = (
    "service_level_id",
    "calendar_id",
    "promised_minutes",
    "due_at",
    "warn_at",
    "paused_at",
    "remaining",
    "met_at",
    "warned_at",
    "breached_at",
    "cancelled_at",
)


@dataclass(frozen=True, slots=True)
class Promise:
    """What a ticket is promised by its queue and priority. Without hours: around the clock."""

    level: ServiceLevel
    minutes: Mapping[TargetKind, int | None]
    calendar_id: int | None
    hours: OpeningHours | None


def promise(ticket: Ticket, now: datetime) -> Promise | None:
    """What counts for the ticket now; None when nothing is promised. One query."""
    row = first_row(SERVICE_LEVEL, ticket.queue_id, calendars.DEFAULT_SLUG, str(ticket.priority))
    if row is None:
        return None
    level, first_response, resolution, percent, calendar, *hours = row
    return Promise(
        ServiceLevel(pk=level, warn_percent=percent),
        {TargetKind.FIRST_RESPONSE: first_response, TargetKind.RESOLUTION: resolution},
        calendar,
        calendars.hours_of(*hours, now=now) if calendar else None,
    )


def begin(ticket: Ticket, now: datetime, *, since: datetime | None = None) -> None:
    """A person has the ticket: what is promised for its round runs from now on, or `since`.

    In the first round it runs since the customer wrote. What was written elsewhere long ago and
    then imported was promised nothing. One query and one insert.
    """
    if since is None:
        since = ticket.created_at if ticket.round == 1 else now
        if ticket.channel == Channel.IMPORT and since < now:
            return
    promised = promise(ticket, now)
    if promised is not None:
        insert_all(_new_targets(ticket, promised, since))


def _new_targets(ticket: Ticket, promised: Promise, since: datetime) -> list[Target]:
    rows = [
        Target(
            ticket=ticket,
            kind=kind,
            round=ticket.round,
            service_level=promised.level,
            calendar_id=promised.calendar_id,
            promised_minutes=minutes,
            started_at=since,
        )
        for kind, minutes in promised.minutes.items()
        if minutes is not None
    ]
    return [row for row in rows if row.run(promised.hours, since, row.promised)]


def hand_over(ticket: Ticket, now: datetime) -> None:
    """It is a person's turn again: what was promised for the round goes on, or begins now."""
    rows = _held(ticket)
    if any(row.round == ticket.round for row in rows):
        _follow(ticket, rows, now)
    else:
        begin(ticket, now, since=now)


def follow(ticket: Ticket, now: datetime) -> None:
    """Bring the clocks of a held ticket in line with its status. Begins none."""
    if ticket.status not in WITHOUT:
        _follow(ticket, _held(ticket), now)


def promise_again(ticket: Ticket, now: datetime) -> None:
    """Queue or priority changed: what is open goes by what is promised there, less the time used.

    A deadline that has passed by that is the present moment, never an earlier one.
    """
    rows = [row for row in _held(ticket) if row.round == ticket.round and row.is_open]
    promised = promise(ticket, now) if rows else None
    if promised is None:
        return
    states = _states(rows)
    events = [event for row in rows for event in _catch_up(ticket, row, now)]
    for row in rows:
        _repromise(row, promised, now)
    _save(rows, states)
    record.write(now=now, events=events)


def _held(ticket: Ticket) -> list[Target]:
    """All targets of a ticket that the caller holds, locked: the job marks them meanwhile."""
    rows = Target.objects.filter(ticket=ticket).select_related("service_level", "calendar")
    return list(rows.select_for_update(of=("self",)).order_by("id"))


def _follow(ticket: Ticket, rows: list[Target], now: datetime) -> None:
    states = _states(rows)
    events = []
    for row in rows:
        if ticket.status in STOPPED:
            row.cancelled_at = row.cancelled_at or now
        elif row.round == ticket.round:
            events += _catch_up(ticket, row, now)
            _step(ticket, row, now)
        elif row.met_at is not None or row.breached_at is not None:
            row.cancelled_at = None  # the ticket was no spam
    _save(rows, states)
    record.write(now=now, events=events)


def _step(ticket: Ticket, row: Target, now: datetime) -> None:
    """One target of the ticket's round, by whose turn it is."""
    if ticket.status == TicketStatus.OPEN:
        _go_on(ticket, row, now)
    elif ticket.status == TicketStatus.WAITING:
        _wait(row, now)
    elif ticket.status in ENDED:
        if row.met_at is not None or row.breached_at is not None:
            row.cancelled_at = None  # the ticket was no spam
        if row.is_open:
            _end(row, now)


def _go_on(ticket: Ticket, row: Target, now: datetime) -> None:
    """A person's turn. A clock that stood still goes on with what was left then."""
    stopped_at = row.cancelled_at
    if row.met_at is not None and not _lasts(ticket, row):
        stopped_at, row.met_at = row.met_at, None
    row.cancelled_at = None
    if row.met_at is not None or row.breached_at is not None:
        return
    hours = _hours(row, now)
    if stopped_at is not None or row.paused_at is not None:
        row.run(hours, now, row.left(hours, stopped_at or now))


def _lasts(ticket: Ticket, row: Target) -> bool:
    """Whether what was done stays done: an answer does; the end does not, nor does that nobody
    needed an answer any more."""
    if row.kind == TargetKind.RESOLUTION:
        return False
    if row.breached_at is None:
        return True  # without an answer it would have been cancelled
    answers = ticket.messages.filter(author=Author.AGENT, internal=False)
    return answers.filter(created_at__gte=row.started_at, created_at__lte=row.met_at).exists()


def _wait(row: Target, now: datetime) -> None:
    """Somebody answered: the customer's turn."""
    if row.kind == TargetKind.FIRST_RESPONSE:
        row.met_at, row.cancelled_at = row.met_at or now, None
        return
    if row.met_at is None:
        row.cancelled_at = None  # the ticket was no spam
    if row.is_open and row.paused_at is None:
        row.pause(_hours(row, now), now)


def _end(row: Target, now: datetime) -> None:
    """Resolved or closed. Where nobody had answered, no answer is owed any more."""
    if row.kind == TargetKind.FIRST_RESPONSE and row.breached_at is None:
        row.cancelled_at = now
        return
    if row.paused_at is not None:
        hours = _hours(row, now)
        row.run(hours, now, row.left(hours, now))
    row.met_at = now


def _repromise(row: Target, promised: Promise, now: datetime) -> None:
    minutes = promised.minutes[TargetKind(row.kind)]
    if row.breached_at or minutes is None or row.service_level_id == promised.level.pk:
        return
    used = row.promised - row.left(_hours(row, now), now)
    row.service_level, row.calendar_id = promised.level, promised.calendar_id
    row.promised_minutes = minutes
    left = max(row.promised - used, timedelta())
    if row.paused_at is not None:
        row.remaining = left
    elif row.run(promised.hours, now, left) and not row.is_nearly_over(now):
        row.warned_at = None  # the promise is another one


def _hours(row: Target, now: datetime) -> OpeningHours | None:
    return calendars.opening_hours(row.calendar, now) if row.calendar else None


def _states(rows: Iterable[Target]) -> list[tuple[object, ...]]:
    return [tuple(getattr(row, name) for name in CHANGING) for row in rows]


def _save(rows: list[Target], before: list[tuple[object, ...]]) -> None:
    for row, was, state in zip(rows, before, _states(rows), strict=True):
        if was != state:
            row.save(update_fields=[name.removesuffix("_id") for name in CHANGING])


# --- Noticing that time is nearly over, and over --------------------------------------------------


def _catch_up(ticket: Ticket, row: Target, now: datetime) -> list[TicketEvent]:
    """Notice on a held ticket what the job has not noticed yet, before anything else changes."""
    if not row.is_open or row.paused_at is not None or row.breached_at is not None:
        return []
    if row.is_missed(now):
        row.breached_at = row.due_at
        return [_told(ticket, row, EventKind.BREACHED, now)]
    if row.warned_at is None and row.is_nearly_over(now):
        row.warned_at = row.warn_at
        return [_told(ticket, row, EventKind.WARNED, now)]
    return []


def notice(*, now: datetime, limit: int = 200) -> int:
    """Mark targets whose time is over or nearly over, each once, with its event; how many."""
    missed = Target.objects.unnoticed_breaches(now).order_by("due_at")
    nearly = Target.objects.unnoticed_warnings(now).order_by("warn_at")
    noticed = sum(
        _notice(row, EventKind.BREACHED, now) for row in missed.select_related("ticket")[:limit]
    )
    return noticed + sum(
        _notice(row, EventKind.WARNED, now)
        for row in nearly.select_related("ticket")[: limit - noticed]
    )


def _notice(row: Target, kind: EventKind, now: datetime) -> bool:
    """False when it was kept, paused or noticed by somebody else meanwhile."""
    with transaction.atomic():
        if kind == EventKind.BREACHED:
            rows = Target.objects.unnoticed_breaches(now).filter(pk=row.pk, due_at=row.due_at)
            changed = rows.update(breached_at=F("due_at"))
        else:
            rows = Target.objects.unnoticed_warnings(now).filter(pk=row.pk, due_at=row.due_at)
            changed = rows.update(warned_at=F("warn_at"))
        if changed:
            record.write(now=now, events=[_told(row.ticket, row, kind, now)])
    return bool(changed)


def _told(ticket: Ticket, row: Target, kind: EventKind, now: datetime) -> TicketEvent:
    assert row.due_at is not None  # only what runs is noticed
    event = record.event(
        ticket, kind, Actor.machine(), now, target=row.kind, due_at=row.due_at.isoformat()
    )
    event.round = row.round
    return event
