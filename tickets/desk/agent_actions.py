"""What agents and integrations do on a ticket. A person's word stands over the machine's."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, User

from decisions.models import Decision, Override
from decisions.stops import breakers
from tickets import tracking
from tickets.codes import (
    AuditKind,
    Author,
    BulkKind,
    EventKind,
    FindingSource,
    OutboxKind,
    Outcome,
    OverrideKind,
    Priority,
    TicketStatus,
)
from tickets.desk import customer_actions
from tickets.history import record
from tickets.history.record import Actor, AuditEntry
from tickets.locks import NotPossible, held, locked_tickets
from tickets.models import Message, Queue, Ticket
from tickets.pipeline import messages
from tickets.promises import targets

TAKEN = (
    "Nothing was changed: somebody assigned this ticket while you had it open. See who has it now, "
    "and assign it again if you mean it."
)
STOPPED = frozenset({TicketStatus.SPAM, TicketStatus.MERGED})


def agent_reply(
    ticket_id: int,
    body: str,
    *,
    actor: Actor,
    now: datetime,
    seen_at: datetime | None = None,
    machine_was_wrong: bool | None = None,
) -> Message:
    """Answer the customer; the ticket then waits for them.

    An answer that follows the machine's own takes its place: that is on record. Only what is said
    explicitly of the machine is evidence.

    Raises:
        ChangedMeanwhile: somebody else changed the ticket after `seen_at`.
        NotPossible: the ticket is spam or merged.
    """
    with held(ticket_id, seen_at=seen_at) as ticket:
        _refuse(ticket, STOPPED, "cannot be answered")
        message = messages.add_message(
            ticket, Author.AGENT, body=body, user_id=actor.user_id, now=now
        )
        if ticket.status == TicketStatus.RECEIVED:
            targets.begin(ticket, now)  # a person was faster than the machine
        ticket.status = TicketStatus.WAITING
        targets.follow(ticket, now)
        ticket.first_human_reply_at = ticket.first_human_reply_at or now
        ticket.decided_at = ticket.decided_at or now
        if ticket.assignee_id is None:
            ticket.assignee_id = actor.user_id
        tracking.renew(ticket, now)  # the answer's mail brings the link along
        ticket.resolved_at = None
        ticket.updated_at = now
        ticket.save()
        said = _word_on_machine(machine_was_wrong)
        told = record.event(
            ticket, EventKind.AGENT_REPLIED, actor, now, message=message.number, **said
        )
        mails = (
            [messages.mail(ticket, message, OutboxKind.REPLY, now, automatic=False)]
            if ticket.requester.email
            else []
        )
        override = _override_reply(ticket, message, actor, now, machine_was_wrong)
        record.write(now=now, events=[told], outbox=mails, audit=override)
        return message


def add_note(ticket_id: int, body: str, *, actor: Actor, now: datetime) -> Message:
    """An internal note. Customers never see it."""
    with held(ticket_id) as ticket:
        message = messages.add_message(
            ticket, Author.AGENT, body=body, user_id=actor.user_id, internal=True, now=now
        )
        _save(ticket, EventKind.NOTE_ADDED, actor, now, message=message.number)
        return message


@dataclass(frozen=True, slots=True)
class SeenAssignee:
    """Who had a ticket when somebody looked at it; None: nobody."""

    user_id: int | None


def assign(
    ticket_id: int,
    assignee: AbstractBaseUser | None,
    *,
    actor: Actor,
    now: datetime,
    seen: SeenAssignee | None = None,
) -> None:
    """Give the ticket to somebody, or to nobody.

    Raises:
        NotPossible: it was given to somebody else since it was `seen`.
    """
    with held(ticket_id) as ticket:
        before = ticket.assignee_id
        after = assignee.pk if assignee else None
        if before == after:
            return
        if seen is not None and seen.user_id != before:
            raise NotPossible(TAKEN)
        ticket.assignee_id = after
        _save(ticket, EventKind.ASSIGNED, actor, now, before=before, after=after)


def move(ticket_id: int, queue: Queue, *, actor: Actor, now: datetime) -> None:
    """Put the ticket into another queue."""
    with held(ticket_id) as ticket:
        before = ticket.queue.slug if ticket.queue else None
        if before == queue.slug:
            return
        ticket.queue = queue
        targets.promise_again(ticket, now)
        _save(ticket, EventKind.QUEUE_CHANGED, actor, now, before=before, after=queue.slug)


def set_priority(ticket_id: int, priority: Priority, *, actor: Actor, now: datetime) -> None:
    with held(ticket_id) as ticket:
        before = ticket.priority
        if before == priority:
            return
        ticket.priority = priority
        targets.promise_again(ticket, now)
        _save(ticket, EventKind.PRIORITY_CHANGED, actor, now, before=before, after=priority)


def escalate(
    ticket_id: int,
    *,
    actor: Actor,
    now: datetime,
    queue: Queue | None = None,
    machine_was_wrong: bool | None = None,
) -> None:
    """Hand the ticket to whoever is responsible for hard ones: high priority, unassigned, open."""
    with held(ticket_id) as ticket:
        _refuse(ticket, STOPPED, "cannot be escalated")
        override = _override_outcome(ticket, actor, now, machine_was_wrong)
        _book(ticket, actor, now, machine_was_wrong)
        ticket.status, ticket.assignee = TicketStatus.OPEN, None
        ticket.decided_at = ticket.decided_at or now
        ticket.resolved_at = None
        if ticket.priority in {Priority.LOW, Priority.NORMAL}:
            ticket.priority = Priority.HIGH
        ticket.queue = queue or ticket.queue
        targets.hand_over(ticket, now)
        targets.promise_again(ticket, now)
        name = ticket.queue.slug if ticket.queue else None
        ticket.updated_at = now
        ticket.save()
        said = _word_on_machine(machine_was_wrong)
        told = record.event(ticket, EventKind.TICKET_ESCALATED, actor, now, queue=name, **said)
        record.write(now=now, events=[told], audit=override)


def _word_on_machine(wrong: bool | None) -> dict[str, bool]:
    return {} if wrong is None else {"machine_was_wrong": wrong}


def resolve(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    with held(ticket_id) as ticket:
        _refuse(ticket, STOPPED, "cannot be resolved")
        if ticket.status == TicketStatus.RESOLVED:
            return
        ticket.decided_at = ticket.decided_at or now
        customer_actions.resolve_held(ticket, actor, now, [EventKind.RESOLVED])


def close(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    with held(ticket_id) as ticket:
        _refuse(ticket, STOPPED, "cannot be closed")
        if ticket.status == TicketStatus.CLOSED:
            return
        ticket.status = TicketStatus.CLOSED
        ticket.decided_at = ticket.decided_at or now
        ticket.resolved_at = ticket.resolved_at or now
        ticket.first_resolved_at = ticket.first_resolved_at or now
        targets.follow(ticket, now)
        _save(ticket, EventKind.CLOSED, actor, now)


def mark_spam(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    with held(ticket_id) as ticket:
        if ticket.status in STOPPED:
            return
        before = ticket.status
        ticket.status = TicketStatus.SPAM
        targets.follow(ticket, now)
        ticket.decided_at = ticket.decided_at or now
        _save(ticket, EventKind.SPAM_MARKED, actor, now, before=before)


def unmark_spam(ticket_id: int, *, actor: Actor, now: datetime) -> None:
    """Spam was no spam: the ticket is a person's turn again."""
    with held(ticket_id) as ticket:
        if ticket.status != TicketStatus.SPAM:
            return
        ticket.status, ticket.resolved_at = TicketStatus.OPEN, None
        targets.hand_over(ticket, now)
        _save(ticket, EventKind.REOPENED, actor, now, status=TicketStatus.SPAM)


def correct_intent(
    ticket_id: int,
    intent: str | None,
    *,
    actor: Actor,
    now: datetime,
    machine_was_wrong: bool | None = None,
) -> None:
    """A person says what the customer wants. None: none of the intents."""
    with held(ticket_id) as ticket:
        before = ticket.intent
        if before == intent and ticket.intent_corrected and machine_was_wrong is None:
            return
        ticket.intent, ticket.intent_corrected = intent, True
        if intent is not None:
            ticket.no_intent = None
        override = _override(
            ticket,
            OverrideKind.INTENT,
            actor,
            now,
            before=before or "",
            after=intent or "",
            machine_was_wrong=machine_was_wrong,
        )
        _book(ticket, actor, now, machine_was_wrong)
        ticket.updated_at = now
        ticket.save()
        told = record.event(
            ticket, EventKind.INTENT_CORRECTED, actor, now, before=before, after=intent
        )
        record.write(now=now, events=[told], audit=[override] if override else [])


def merge(ticket_id: int, into: Ticket, *, actor: Actor, now: datetime) -> None:
    """Make a duplicate follow another ticket of the same person.

    Raises:
        NotPossible: other person, the same ticket, or a target that is itself merged or spam.
    """
    with held(ticket_id) as ticket:
        if into.requester_id != ticket.requester_id:
            raise NotPossible("Only tickets of the same person can be merged.")
        # As it stands now, not as the caller saw it: two tickets must not swallow each other.
        target = locked_tickets().get(pk=into.pk)
        if target.pk == ticket.pk or target.status in STOPPED:
            raise NotPossible("Choose another ticket to merge into.")
        _refuse(ticket, STOPPED, "cannot be merged")
        before = ticket.status
        ticket.status, ticket.merged_into = TicketStatus.MERGED, target
        targets.follow(ticket, now)
        ticket.decided_at = ticket.decided_at or now
        _save(ticket, EventKind.MERGED, actor, now, into=target.reference, before=before)


def restore(
    ticket: Ticket, values: Mapping[str, Any], *, undoes: BulkKind, actor: Actor, now: datetime
) -> None:
    """Make a ticket that the caller holds what it was before a change. What was said of its intent
    stays on record, and so does that it was taken back."""
    override = None
    if undoes == BulkKind.INTENT:
        override = _override(
            ticket,
            OverrideKind.INTENT,
            actor,
            now,
            before=ticket.intent or "",
            after=values["intent"] or "",
            machine_was_wrong=None,
        )
    for name, value in values.items():
        setattr(ticket, name, value)
    ticket.updated_at = now
    ticket.save()
    if ticket.status == TicketStatus.OPEN:
        targets.hand_over(ticket, now)
    else:
        targets.follow(ticket, now)
    if undoes in {BulkKind.QUEUE, BulkKind.PRIORITY}:
        targets.promise_again(ticket, now)
    told = record.event(ticket, EventKind.UNDONE, actor, now, change=undoes)
    record.write(now=now, events=[told], audit=[override] if override else [])


def _refuse(ticket: Ticket, states: frozenset[TicketStatus], words: str) -> None:
    if ticket.status in states:
        raise NotPossible(f"A ticket that is {ticket.status} {words}.")


def _save(ticket: Ticket, kind: EventKind, actor: Actor, now: datetime, **data: Any) -> None:
    ticket.updated_at = now
    ticket.save()
    record.write(now=now, events=[record.event(ticket, kind, actor, now, **data)])


def _override_reply(
    ticket: Ticket,
    message: Message,
    actor: Actor,
    now: datetime,
    machine_was_wrong: bool | None,
) -> list[AuditEntry]:
    """A person's answer in place of the machine's. Silence about an earlier round is no word."""
    answered = ticket.decisions.filter(outcome=Outcome.AUTO_RESOLVE).order_by("-round").first()
    silent = machine_was_wrong is None
    if answered is None or (silent and answered.round != ticket.round):
        return []
    if silent and answered.overrides.exclude(kind=OverrideKind.INTENT).exists():
        return []
    entry = _override(
        ticket,
        OverrideKind.REPLY,
        actor,
        now,
        decision=answered,
        before=str(answered.template or ""),
        after=f"message:{message.number}",
        machine_was_wrong=machine_was_wrong,
    )
    _book(ticket, actor, now, machine_was_wrong)
    return [entry] if entry else []


def _override_outcome(
    ticket: Ticket, actor: Actor, now: datetime, machine_was_wrong: bool | None
) -> list[AuditEntry]:
    """Taking an automatic answer away from the machine is on record for itself, once."""
    if ticket.outcome != Outcome.AUTO_RESOLVE or ticket.status == TicketStatus.OPEN:
        return []
    taken = Override.objects.filter(
        decision__ticket=ticket, decision__round=ticket.round, kind=OverrideKind.OUTCOME
    )
    if taken.exists():
        return []
    entry = _override(
        ticket,
        OverrideKind.OUTCOME,
        actor,
        now,
        before=Outcome.AUTO_RESOLVE,
        after=Outcome.ESCALATE,
        machine_was_wrong=machine_was_wrong,
    )
    return [entry] if entry else []


def _override(
    ticket: Ticket,
    kind: OverrideKind,
    actor: Actor,
    now: datetime,
    *,
    before: str,
    after: str,
    machine_was_wrong: bool | None,
    decision: Decision | None = None,
) -> AuditEntry | None:
    """An override needs a decision and a person; without either there is nothing to override."""
    decision = decision or ticket.decisions.order_by("-round").first()
    if decision is None or actor.user_id is None:
        return None
    row = Override.objects.create(
        decision=decision,
        kind=kind,
        user_id=actor.user_id,
        before=before,
        after=after,
        machine_was_wrong=machine_was_wrong,
        at=now,
    )
    data = {"override": row.pk, "decision": decision.pk, "kind": kind}
    return AuditEntry(
        AuditKind.OVERRIDE,
        f"ticket:{ticket.pk}",
        actor,
        {**data, "before": before, "after": after, "wrong": machine_was_wrong},
    )


def _book(ticket: Ticket, actor: Actor, now: datetime, machine_was_wrong: bool | None) -> None:
    """An explicit word about an automatic answer is evidence; silence is none."""
    answered = ticket.decisions.filter(outcome=Outcome.AUTO_RESOLVE).order_by("-round").first()
    if machine_was_wrong is None or answered is None or actor.user_id is None:
        return
    user = User.objects.get(pk=actor.user_id)
    came_back = ticket.round > answered.round
    source = FindingSource.REOPEN if came_back else FindingSource.OVERRIDE
    breakers.book(answered, wrong=machine_was_wrong, source=source, user=user, now=now)
