"""As much of a conversation and of a timeline as a page can carry. The rest comes on request."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from supportops.ui.show import person
from tickets.admin.ticket import timeline
from tickets.codes import Author
from tickets.models import Message, Outbox, Ticket, TicketEvent

AT_FIRST = 20  # messages beside the opening one
AT_ONCE = 50
EVENTS = 100


@dataclass(frozen=True, slots=True)
class Said:
    """A message with who wrote it and what became of its mail."""

    message: Message
    who: str
    role: str
    delivery: Outbox | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """The opening message and the latest ones; between them, perhaps, some that are not shown."""

    opening: Said | None
    later: list[Said]

    @property
    def hidden(self) -> int:
        """How many messages stand between the two. Numbers have no holes."""
        return self.later[0].message.number - 2 if self.later else 0

    @property
    def all(self) -> list[Said]:
        return [self.opening, *self.later] if self.opening else self.later


def conversation(ticket: Ticket) -> Conversation:
    """What the page shows of a ticket, in two queries."""
    latest = Q(number__gt=ticket.message_count - AT_FIRST)
    said = _said(ticket, Message.objects.filter(Q(number=1) | latest))
    has_opening = bool(said) and said[0].message.number == 1
    return Conversation(said[0] if has_opening else None, said[1:] if has_opening else said)


def before(ticket: Ticket, number: int) -> Conversation:
    """What was said before a message, without the opening one."""
    rows = Message.objects.filter(number__gt=max(1, number - 1 - AT_ONCE), number__lt=number)
    return Conversation(None, _said(ticket, rows))


def _said(ticket: Ticket, rows: QuerySet[Message]) -> list[Said]:
    shown = list(rows.filter(ticket=ticket).select_related("user").order_by("number"))
    mails = Outbox.objects.filter(ticket=ticket, message__in=shown)
    delivered = {row.message_id: row for row in mails}
    requester = str(ticket.requester)
    return [Said(row, *_author(row, requester), delivered.get(row.pk)) for row in shown]


def _author(message: Message, requester: str) -> tuple[str, str]:
    """Who wrote it, and in which role it is shown."""
    if message.author == Author.CUSTOMER:
        return requester, "customer"
    if message.author == Author.MACHINE:
        return "Automatic answer", "machine"
    who = person(message.user) if message.user else "An integration"
    return who, "note" if message.internal else "agent"


@dataclass(frozen=True, slots=True)
class Events:
    """Lines of the timeline, oldest first, and the event before which there are more."""

    lines: list[timeline.Line]
    more_before: int | None


def events(ticket: Ticket, *, before: int | None = None) -> Events:
    """The latest events of a ticket, or the latest before one of them."""
    rows = TicketEvent.objects.filter(ticket=ticket).select_related("user", "api_key")
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: EVENTS + 1])
    return Events(
        lines=_lines(reversed(found[:EVENTS]), ticket),
        more_before=found[EVENTS - 1].pk if len(found) > EVENTS else None,
    )


def _lines(rows: Iterable[TicketEvent], ticket: Ticket) -> list[timeline.Line]:
    return timeline.lines(rows, str(ticket.requester))
