"""Before a merge: which tickets it may be, and what will happen."""

from dataclasses import dataclass

from tickets.admin.ticket_list.change_list import with_openings
from tickets.desk.agent_actions import STOPPED
from tickets.desk.customer_actions import CONCLUDED
from tickets.models import Ticket

OFFERED = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """A merge that was thought of and not done. `problem` says why it cannot be."""

    ticket: Ticket
    into: Ticket | None
    problem: str = ""

    @property
    def goes_on_concluded(self) -> bool:
        return self.into is not None and self.into.status in CONCLUDED


def candidates(ticket: Ticket) -> list[Ticket]:
    """Other tickets of the same person that can take this one up, newest first."""
    rows = Ticket.objects.filter(requester=ticket.requester).exclude(pk=ticket.pk)
    alive = rows.exclude(status__in=STOPPED).select_related("requester", "queue", "assignee")
    return with_openings(alive.order_by("-id")[:OFFERED])


def plan(ticket: Ticket, typed: str) -> Plan:
    """What merging into the ticket of this reference would mean."""
    rows = Ticket.objects.filter(reference=typed.strip().upper())
    found = with_openings(rows.select_related("requester", "queue", "assignee"))
    if not found:
        return Plan(ticket, None, f"There is no ticket {typed.strip()}.")
    into = found[0]
    if into.pk == ticket.pk:
        return Plan(ticket, None, "That is this very ticket. Choose another one.")
    if into.requester_id != ticket.requester_id:
        problem = f"{into.reference} is of another person. Only tickets of one person are merged."
        return Plan(ticket, None, problem)
    if into.status in STOPPED:
        return Plan(ticket, None, f"{into.reference} is {into.status} itself. Choose another one.")
    return Plan(ticket, into)
