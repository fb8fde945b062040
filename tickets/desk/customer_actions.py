"""What a customer does on a ticket, and the way back to a person.

A reopening is a new round, and a new round always goes to a person.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings

from tickets.codes import Author, EventKind, TicketStatus
from tickets.desk.thanks import is_only_thanks
from tickets.history import record
from tickets.history.record import Actor
from tickets.locks import NotPossible, held, locked_tickets
from tickets.models import Message, Ticket, TicketEvent
from tickets.pipeline import ask, decide, messages
from tickets.promises import targets

# From here a customer's word starts a new round.
CONCLUDED = frozenset({TicketStatus.ANSWERED, TicketStatus.RESOLVED, TicketStatus.CLOSED})
DOUBLE_CLICK = timedelta(minutes=10)
QUESTION_MARKS = "?？؟;"  # the last one: Greek
# From here a ticket goes back to a person; elsewhere one has it, or it is spam.
BACK = CONCLUDED | {TicketStatus.WAITING}


def customer_reply(
    ticket_id: int,
    body: str,
    *,
    now: datetime,
    actor: Actor | None = None,
    after: int | None = None,
) -> Message:
    """Add what the customer wrote. Thanks alone changes nothing else; anything more reopens.

    `after` is the number of the ticket's last message that the customer saw while writing. The
    same words twice behind it are a double click: the first ones count.
    """
    actor = actor or Actor.customer()
    question = ask.ask("", body)  # before the transaction: it may take its time
    with held(ticket_id) as asked:
        ticket = _survivor(asked)
        if ticket.status == TicketStatus.SPAM:
            raise NotPossible("This conversation is closed.")
        earlier = _said_already(asked, ticket, body, after, now)
        if earlier is not None:
            return earlier
        message = messages.add_message(ticket, Author.CUSTOMER, body=body, now=now)
        ticket.last_customer_at = ticket.updated_at = now
        told = record.event(ticket, EventKind.CUSTOMER_REPLIED, actor, now, message=message.number)
        if is_only_thanks(body) and not _answers_a_question(ticket, message):
            _finish(ticket, [told], now)
        elif ticket.status in CONCLUDED:
            _new_round(ticket, message, question, actor, now, events=[told])
        else:
            if ticket.status == TicketStatus.WAITING:
                ticket.status = TicketStatus.OPEN
                targets.hand_over(ticket, now)
            _finish(ticket, [told], now)
        return message


def not_helped(ticket_id: int, *, now: datetime) -> bool:
    """The customer says that the answer did not help. False when a person has it already."""
    return _back_to_person(ticket_id, Actor.customer(), now, kind=EventKind.NOT_HELPED)


def talk_to_person(ticket_id: int, *, now: datetime) -> bool:
    """The customer wants a person. False when a person has it already."""
    return _back_to_person(ticket_id, Actor.customer(), now, of={TicketStatus.RECEIVED, *BACK})


def reopen(ticket_id: int, *, actor: Actor, now: datetime) -> bool:
    """Open a concluded ticket again. False when it is open already."""
    return _back_to_person(ticket_id, actor, now)


def answer_undelivered(ticket_id: int, *, now: datetime) -> bool:
    """The automatic answer reached nobody: a person takes over. False when one has it already."""
    return _back_to_person(
        ticket_id, Actor.machine(), now, of={TicketStatus.ANSWERED}, undelivered=True
    )


def _back_to_person(
    ticket_id: int,
    actor: Actor,
    now: datetime,
    *,
    of: Collection[TicketStatus] = BACK,
    kind: EventKind | None = None,
    **why: bool,
) -> bool:
    """Whether a ticket in one of the states `of`, or the one it was merged into, went back."""
    opening = Message.objects.get(ticket_id=_goes_on_in(ticket_id), number=1)
    question = ask.ask(opening.subject, opening.body)
    with held(opening.ticket_id) as asked:
        ticket = _survivor(asked)
        if ticket.status not in of:
            return False
        told = [record.event(ticket, kind, actor, now)] if kind else []
        if kind == EventKind.NOT_HELPED:
            ticket.helped = False
        if ticket.status == TicketStatus.RECEIVED:
            wanted = replace(question, asks_for_person=True)
            decide.decide(ticket, opening, wanted, now=now, events=told)
        elif ticket.status == TicketStatus.WAITING:
            ticket.status = TicketStatus.OPEN
            targets.hand_over(ticket, now)
            told.append(record.event(ticket, EventKind.REOPENED, actor, now, same_round=True))
            _finish(ticket, told, now)
        else:
            _new_round(ticket, opening, question, actor, now, events=told, **why)
        return True


def _new_round(
    ticket: Ticket,
    message: Message,
    question: ask.Question,
    actor: Actor,
    now: datetime,
    *,
    events: list[TicketEvent],
    **why: bool,
) -> None:
    """Start the next round. The engine's guard sees to it that a person gets it."""
    before = ticket.status
    ticket.round += 1
    ticket.status = TicketStatus.RECEIVED
    ticket.resolved_at = None
    ticket.save()
    reopened = record.event(ticket, EventKind.REOPENED, actor, now, status=before, **why)
    decide.decide(ticket, message, question, now=now, events=[*events, reopened])


def helped(ticket_id: int, *, now: datetime) -> bool:
    """The customer says that it is solved. False when there was nothing to confirm."""
    with held(ticket_id) as asked:
        ticket = _survivor(asked)
        if ticket.status not in {TicketStatus.ANSWERED, TicketStatus.WAITING}:
            return False
        ticket.helped = True
        resolve_held(ticket, Actor.customer(), now, [EventKind.HELPED, EventKind.RESOLVED])
        return True


def rate(ticket_id: int, rating: int, *, now: datetime) -> bool:
    """Keep the customer's rating, 1 to 5; False for spam. A later one replaces it on the ticket,
    both stay in its timeline."""
    with held(ticket_id) as asked:
        ticket = _survivor(asked)
        if ticket.status == TicketStatus.SPAM:
            return False
        ticket.rating = rating
        told = record.event(ticket, EventKind.RATED, Actor.customer(), now, rating=rating)
        _finish(ticket, [told], now)
        return True


def settle_silent(*, now: datetime, limit: int = 500) -> int:
    """Automatic answers to which nobody replied for N days count as resolved; how many did."""
    before = now - timedelta(days=settings.SILENT_DAYS)
    silent = Ticket.objects.filter(status=TicketStatus.ANSWERED, updated_at__lte=before)
    settled = 0
    for pk in list(silent.order_by("id").values_list("pk", flat=True)[:limit]):
        with held(pk) as ticket:
            if ticket.status == TicketStatus.ANSWERED and ticket.updated_at <= before:
                resolve_held(ticket, Actor.machine(), now, [EventKind.RESOLVED])
                settled += 1
    return settled


def resolve_held(ticket: Ticket, actor: Actor, now: datetime, kinds: list[EventKind]) -> None:
    """Resolve a ticket that the caller holds."""
    ticket.status = TicketStatus.RESOLVED
    ticket.resolved_at = now
    ticket.first_resolved_at = ticket.first_resolved_at or now
    targets.follow(ticket, now)
    _finish(ticket, [record.event(ticket, kind, actor, now) for kind in kinds], now)


def _said_already(
    asked: Ticket, ticket: Ticket, body: str, after: int | None, now: datetime
) -> Message | None:
    """What was sent before with the same words. A merged ticket's page knows no numbers of the
    ticket in which its conversation goes on, so there the last minutes count."""
    if after is None:
        return None
    said = ticket.messages.filter(author=Author.CUSTOMER, body=body)
    if ticket.pk == asked.pk:
        return said.filter(number__gt=after).first()
    return said.filter(created_at__gt=now - DOUBLE_CLICK).first()


def _answers_a_question(ticket: Ticket, message: Message) -> bool:
    """Whether the customer's turn was to answer: "Sure, thanks" is more than thanks then."""
    if ticket.status != TicketStatus.WAITING:
        return False
    before = ticket.messages.visible_to_customer().filter(number__lt=message.number)
    asked = before.exclude(author=Author.CUSTOMER).order_by("-number").first()
    return asked is not None and any(sign in asked.body for sign in QUESTION_MARKS)


def _goes_on_in(ticket_id: int) -> int:
    """The ticket in which the conversation goes on: itself, or what it was merged into."""
    followed = Ticket.objects.values_list("merged_into_id", flat=True)
    while (target := followed.get(pk=ticket_id)) is not None:
        ticket_id = target
    return ticket_id


def _survivor(ticket: Ticket) -> Ticket:
    """Where a merged ticket's conversation goes on. Held by the caller's transaction."""
    while ticket.merged_into_id is not None:
        ticket = locked_tickets().get(pk=ticket.merged_into_id)
    return ticket


def _finish(ticket: Ticket, events: list[TicketEvent], now: datetime) -> None:
    ticket.updated_at = now
    ticket.save()
    record.write(now=now, events=events)
