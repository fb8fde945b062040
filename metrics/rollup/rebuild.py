"""Counting all of history again, on demand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from metrics.models import STATE, RollupState
from metrics.rollup import roll_up, store
from metrics.rollup.roll_up import HOUR, HOURS_AT_ONCE, Step
from tickets.history.record import hour_of
from tickets.models import Ticket


@dataclass(frozen=True, slots=True)
class Batch:
    """Hours that were counted, up to this one, and how many of them were stored otherwise."""

    until: datetime
    hours: int
    different: int


def rebuild(
    now: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    restart: bool = False,
    dry_run: bool = False,
) -> Iterator[Batch]:
    """Count every hour with tickets again; short transactions, may be stopped after any batch.

    Without `since` it goes on where the last one was stopped. With `dry_run` nothing is written,
    not even how far it came.
    """
    last = min(until or now, now)
    if not dry_run:
        roll_up.begin(hour_of(now) - roll_up.GRACE)
    at = since or _stopped_at(restart or dry_run)
    while (start := _next_hour(at, last)) is not None:
        end = min(start + HOURS_AT_ONCE * HOUR, _after(last))
        hours = roll_up.hours_between(start, end)
        step = Step(hours, rebuilt_until=end if since is None else None)
        different = _compare(hours, now) if dry_run else roll_up.take(step)
        if different is None:
            continue  # the worker was faster; again
        yield Batch(end, len(hours), different)
        at = end
    if since is None and not dry_run:
        RollupState.objects.filter(pk=STATE).update(rebuilt_until=None)


def _stopped_at(restart: bool) -> datetime | None:
    state = roll_up.state()
    return None if restart or state is None else state.rebuilt_until


def _after(moment: datetime) -> datetime:
    start = hour_of(moment)
    return start if start == moment else start + HOUR


def _next_hour(at: datetime | None, last: datetime) -> datetime | None:
    """The next hour with tickets before `last`."""
    tickets = Ticket.objects.filter(created_at__lt=last)
    if at is not None:
        tickets = tickets.filter(created_at__gte=hour_of(at))
    first = tickets.order_by("created_at").values_list("created_at", flat=True).first()
    return None if first is None else hour_of(first)


def _compare(hours: frozenset[datetime], now: datetime) -> int:
    state = roll_up.state()
    mature_at = state.mature_at if state else hour_of(now) - roll_up.GRACE
    return len(store.differing(roll_up.count(hours, mature_at=mature_at)))
