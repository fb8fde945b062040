"""A ticket's events in words, with their true actors."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model

from decisions.why.words import reason_words
from supportops.ui.show import person, spoken
from tickets.codes import ActorKind, EventKind, TargetKind
from tickets.models import Queue, TicketEvent

ICONS: Mapping[str, str] = {
    EventKind.RECEIVED: "inbox",
    EventKind.AUTO_RESOLVED: "smart_toy",
    EventKind.ESCALATED: "front_hand",
    EventKind.CUSTOMER_REPLIED: "chat",
    EventKind.AGENT_REPLIED: "reply",
    EventKind.NOTE_ADDED: "sticky_note_2",
    EventKind.AUTO_REPLIED: "outgoing_mail",
    EventKind.ASSIGNED: "person",
    EventKind.QUEUE_CHANGED: "move_to_inbox",
    EventKind.PRIORITY_CHANGED: "flag",
    EventKind.INTENT_CORRECTED: "label",
    EventKind.TICKET_ESCALATED: "priority_high",
    EventKind.RESOLVED: "check_circle",
    EventKind.CLOSED: "lock",
    EventKind.REOPENED: "undo",
    EventKind.SPAM_MARKED: "report",
    EventKind.MERGED: "merge",
    EventKind.RECLASSIFIED: "model_training",
    EventKind.HELPED: "thumb_up",
    EventKind.NOT_HELPED: "thumb_down",
    EventKind.RATED: "star",
    EventKind.BREACHED: "alarm",
    EventKind.WARNED: "timer",
    EventKind.UNDONE: "undo",
}
PLAIN: Mapping[str, str] = {
    EventKind.AUTO_RESOLVED: "decided to answer automatically",
    EventKind.CUSTOMER_REPLIED: "wrote a message",
    EventKind.NOTE_ADDED: "added an internal note",
    EventKind.RESOLVED: "resolved the ticket",
    EventKind.CLOSED: "closed the ticket",
    EventKind.SPAM_MARKED: "marked the ticket as spam",
    EventKind.HELPED: "said that it is solved",
    EventKind.NOT_HELPED: "said that the answer did not help",
    EventKind.REVIEW_SAMPLED: "drew the ticket for review",
}
TARGETS: Mapping[str, str] = {
    TargetKind.FIRST_RESPONSE: "first answer",
    TargetKind.RESOLUTION: "resolution",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline."""

    event: int
    at: datetime
    who: str
    what: str
    kind: str
    icon: str
    actor_kind: str
    round: int


def lines(events: Iterable[TicketEvent], requester: str) -> list[Line]:
    """Events as lines, in their order. Needs two queries for the names of people and queues."""
    rows = list(events)
    names = _names(rows)
    return [
        Line(
            event=row.pk,
            at=row.at,
            who=who(row, requester),
            what=what(row, names),
            kind=row.kind,
            icon=ICONS.get(row.kind, "circle"),
            actor_kind=row.actor_kind,
            round=row.round,
        )
        for row in rows
    ]


def who(event: TicketEvent, requester: str) -> str:
    """The true actor: a colleague by name, the customer, an integration, a rule or the machine."""
    if event.actor_kind == ActorKind.PERSON:
        return person(event.user) if event.user else "A person"
    if event.actor_kind == ActorKind.INTEGRATION:
        return f"Integration “{event.api_key.name}”" if event.api_key else "An integration"
    if event.actor_kind == ActorKind.CUSTOMER:
        return requester
    return "A rule" if event.actor_kind == ActorKind.RULE else "The machine"


@dataclass(frozen=True, slots=True)
class _Names:
    people: Mapping[int | None, str]
    queues: Mapping[str, str]


def _names(events: Iterable[TicketEvent]) -> _Names:
    assigned = {
        event.data.get(key)
        for event in events
        if event.kind == EventKind.ASSIGNED
        for key in ("before", "after")
    }
    users = get_user_model().objects.filter(pk__in=assigned - {None})
    return _Names(
        people={user.pk: person(user) for user in users},
        queues=dict(Queue.objects.values_list("slug", "name")),
    )


def what(event: TicketEvent, names: _Names) -> str:
    """What the actor did, as the rest of a sentence."""
    tell = TOLD.get(event.kind)
    if tell is not None:
        return tell({**event.data, "by": event.user_id}, names)
    return PLAIN.get(event.kind, event.kind)


def _received(data: Mapping[str, Any], names: _Names) -> str:
    return f"sent the inquiry ({data.get('channel', 'unknown channel')})"


def _escalated(data: Mapping[str, Any], names: _Names) -> str:
    reasons = [reason_words(str(code)) for code in data.get("reasons", [])]
    return f"handed the ticket to a person: {' '.join(reasons)}"


def _auto_replied(data: Mapping[str, Any], names: _Names) -> str:
    return f"sent the automatic answer {data.get('template', '')}".strip()


def _assigned(data: Mapping[str, Any], names: _Names) -> str:
    before, after = data.get("before"), data.get("after")
    if data.get("by") == after is not None:
        return "took the ticket"
    if after is None:
        return f"took the ticket from {names.people.get(before, 'its assignee')}"
    return f"assigned the ticket to {names.people.get(after, 'somebody')}"


def _moved(data: Mapping[str, Any], names: _Names) -> str:
    before, after = data.get("before"), str(data.get("after"))
    origin = f" from {names.queues.get(before, before)}" if before else ""
    return f"moved the ticket{origin} to {names.queues.get(after, after)}"


def _priority(data: Mapping[str, Any], names: _Names) -> str:
    return f"changed the priority from {data.get('before')} to {data.get('after')}"


def _corrected(data: Mapping[str, Any], names: _Names) -> str:
    before = spoken(data.get("before")) or "no intent"
    after = spoken(data.get("after")) or "none of the intents"
    return f"corrected the intent from {before} to {after}"


def _word(data: Mapping[str, Any]) -> str:
    """What was said of the automatic answer on this occasion."""
    said = data.get("machine_was_wrong")
    return (
        "" if said is None else f" and called the automatic answer {'wrong' if said else 'right'}"
    )


def _replied(data: Mapping[str, Any], names: _Names) -> str:
    return f"replied{_word(data)}"


def _raised(data: Mapping[str, Any], names: _Names) -> str:
    queue = data.get("queue")
    where = f" to {names.queues.get(queue, queue)}" if queue else ""
    return f"escalated the ticket{where}{_word(data)}"


def _reopened(data: Mapping[str, Any], names: _Names) -> str:
    if data.get("status") == "spam":
        return "took the ticket out of spam"
    return "opened the ticket again"


def _merged(data: Mapping[str, Any], names: _Names) -> str:
    return f"merged the ticket into {data.get('into')}"


def _rated(data: Mapping[str, Any], names: _Names) -> str:
    return f"rated the answer with {data.get('rating')} of 5"


def _reclassified(data: Mapping[str, Any], names: _Names) -> str:
    after = data.get("after") or data.get("intent")
    return f"predicted again{f': {spoken(after)}' if after else ''}"


def _breached(data: Mapping[str, Any], names: _Names) -> str:
    return f"noticed that the {TARGETS.get(str(data.get('target')), 'target')} is overdue"


def _warned(data: Mapping[str, Any], names: _Names) -> str:
    return f"noticed that the {TARGETS.get(str(data.get('target')), 'target')} is due soon"


def _undone(data: Mapping[str, Any], names: _Names) -> str:
    return f"took back a change of many tickets ({data.get('change')})"


TOLD: Mapping[str, Callable[[Mapping[str, Any], _Names], str]] = {
    EventKind.RECEIVED: _received,
    EventKind.ESCALATED: _escalated,
    EventKind.AUTO_REPLIED: _auto_replied,
    EventKind.ASSIGNED: _assigned,
    EventKind.AGENT_REPLIED: _replied,
    EventKind.QUEUE_CHANGED: _moved,
    EventKind.PRIORITY_CHANGED: _priority,
    EventKind.INTENT_CORRECTED: _corrected,
    EventKind.TICKET_ESCALATED: _raised,
    EventKind.REOPENED: _reopened,
    EventKind.MERGED: _merged,
    EventKind.RATED: _rated,
    EventKind.RECLASSIFIED: _reclassified,
    EventKind.BREACHED: _breached,
    EventKind.WARNED: _warned,
    EventKind.UNDONE: _undone,
}
