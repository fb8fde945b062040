"""One thing done to many tickets at once, and taken back.

Each ticket changes by the same service as on its own page, in a transaction of its own. What it was
before is remembered for a few minutes. To undo is a change like any other: it has an event, and
what was done stays on record.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tickets.codes import BulkKind
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.locks import NotPossible, held
from tickets.models import BulkChange, Ticket

MOST = 200  # tickets at once
# What any of the changes may touch.
REMEMBERED = (
    "status",
    "assignee_id",
    "queue_id",
    "priority",
    "intent",
    "no_intent",
    "intent_corrected",
    "decided_at",
    "resolved_at",
    "first_resolved_at",
)
MOMENTS = ("decided_at", "resolved_at", "first_resolved_at")

CHANGES: Mapping[BulkKind, Callable[..., None]] = {
    BulkKind.ASSIGN: lambda pk, value, **by: agent_actions.assign(pk, value, **by),
    BulkKind.QUEUE: lambda pk, value, **by: agent_actions.move(pk, value, **by),
    BulkKind.PRIORITY: lambda pk, value, **by: agent_actions.set_priority(pk, value, **by),
    BulkKind.RESOLVE: lambda pk, value, **by: agent_actions.resolve(pk, **by),
    BulkKind.SPAM: lambda pk, value, **by: agent_actions.mark_spam(pk, **by),
    BulkKind.INTENT: lambda pk, value, **by: agent_actions.correct_intent(pk, value, **by),
}


@dataclass(frozen=True, slots=True)
class Done:
    """How many tickets changed; the references of those that could not, with the reason."""

    change: BulkChange | None
    changed: int
    refused: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Undone:
    """How many tickets are as they were; the references of those that somebody changed since."""

    restored: int
    left: tuple[str, ...]


def change(
    kind: BulkKind, ticket_ids: Sequence[int], value: Any, *, user: Any, now: datetime
) -> Done:
    """Do one thing to all of them. What is so already stays untouched.

    Raises:
        NotPossible: there are too many.
    """
    if len(ticket_ids) > MOST:
        raise NotPossible(f"At most {MOST} tickets can be changed at once.")
    changed: list[dict[str, Any]] = []
    refused = []
    row = BulkChange(user=user, kind=kind, at=now, tickets=changed)
    try:
        for pk in sorted(set(ticket_ids)):
            try:
                before = _change(kind, pk, value, user=user, now=now)
            except NotPossible as refusal:
                refused.append((_reference(pk), str(refusal)))
            except Ticket.DoesNotExist:
                continue
            else:
                changed += [before] if before else []
    finally:
        # Whatever stopped it, what was done can be taken back.
        if changed:
            row.save()
    return Done(row if changed else None, len(changed), tuple(refused))


def _change(
    kind: BulkKind, pk: int, value: Any, *, user: Any, now: datetime
) -> dict[str, Any] | None:
    """What the ticket was before; None when it is so already."""
    with held(pk) as ticket:
        before = _state(ticket)
        CHANGES[kind](pk, value, actor=Actor.person(user), now=now)
        after = Ticket.objects.get(pk=pk)
        if _state(after) == before:
            return None
        return {"ticket": pk, "changed_at": after.updated_at.isoformat(), "before": before}


def undo(change_id: int, *, user: Any, now: datetime) -> Undone:
    """Make the tickets what they were before somebody's own change of a moment ago.

    A ticket that anybody changed since stays as it is.

    Raises:
        NotPossible: it is somebody else's, too long ago, or undone already.
    """
    # The row that changes decides who undoes, should two try at once.
    mine = BulkChange.objects.undoable(user, now).filter(pk=change_id).order_by()
    if not mine.update(undone_at=now):
        raise NotPossible("This can be undone no more.")
    row = BulkChange.objects.get(pk=change_id)
    restored, left = 0, []
    for entry in row.tickets:
        if _restore(entry, BulkKind(row.kind), user=user, now=now):
            restored += 1
        else:
            left.append(_reference(entry["ticket"]))
    return Undone(restored, tuple(left))


def _restore(entry: Mapping[str, Any], kind: BulkKind, *, user: Any, now: datetime) -> bool:
    with held(entry["ticket"]) as ticket:
        if ticket.updated_at.isoformat() != entry["changed_at"]:
            return False
        agent_actions.restore(
            ticket, _values(entry["before"]), undoes=kind, actor=Actor.person(user), now=now
        )
        return True


def _state(ticket: Ticket) -> dict[str, Any]:
    """What a ticket is, as it can be kept in JSON."""
    values = {name: getattr(ticket, name) for name in REMEMBERED}
    return values | {name: values[name] and values[name].isoformat() for name in MOMENTS}


def _values(state: Mapping[str, Any]) -> dict[str, Any]:
    moments = {name: state[name] and datetime.fromisoformat(state[name]) for name in MOMENTS}
    return {**state, **moments}


def _reference(pk: int) -> str:
    return Ticket.objects.values_list("reference", flat=True).get(pk=pk)
