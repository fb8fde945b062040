"""Demo tickets: people who write, agents who answer, on a clock of the past.

Everything goes through the same services as real tickets; only the time is given.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.utils import timezone

from classification import services as classification
from classification.starter.corpus import Example, held_out_examples
from decisions.certificates import validity
from tickets.codes import AuditKind, CertificateKind, Channel, OutboxState, Role, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history import record
from tickets.history.record import Actor, AuditEntry
from tickets.models import DemoRun, Outbox, Ticket
from tickets.pipeline import receive
from tickets.pipeline.inquiry import Inquiry
from tickets.promises import targets

DOMAIN = "customers.example"
FIRST = (
    "Ada Ben Chloe Dinesh Elif Femi Greta Hugo Ines Jamal Katya Liam Mei Noor Olga Pablo Quinn "
    "Rosa Sven Tariq Uma Viktor Wanda Ximena Yusuf Zoe"
).split()
LAST = (
    "Adler Bianchi Costa Dubois Evans Fischer Garcia Haddad Ito Jensen Kowalski Lopez Mbeki Novak "
    "Okafor Petrov Rossi Singh Tanaka Weber"
).split()
REPLIES = [
    "Hello, thank you for writing. I have looked into it and it is taken care of; you will get a "
    "confirmation by mail today.",
    "Hi, I am sorry for the trouble. I have passed this to a colleague in the warehouse and will "
    "come back to you tomorrow morning.",
    "Hello, could you send me the order number, please? Then I can look it up right away.",
    "Good day, this is done. Please tell me if anything is still missing.",
]
# Hour weights of a working day, and how busy weekdays are.
HOURS = [0.2] * 6 + [0.5, 1, 2, 4, 5, 5, 4, 4, 5, 5, 4, 3, 2, 2, 2, 1.5, 1, 0.5]
WEEKDAYS = [1.3, 1.2, 1.1, 1.0, 1.0, 0.5, 0.4]


class PlayedElsewhere(Exception):
    """Another process plays the same demo tickets at this moment."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One demo customer, what they write and when, and the draw that says what follows.

    Nothing happens after `until`, the present of the demo.
    """

    at: datetime
    until: datetime
    name: str
    email: str
    example: Example
    draw: random.Random


def plan(*, tickets: int, days: int, seed: int, now: datetime) -> list[Visit]:
    """Who writes when; the same numbers give the same plan."""
    draw = random.Random(seed)  # noqa: S311  demo data, nothing secret
    examples = held_out_examples()
    people = [f"{first} {last}" for first in FIRST for last in LAST]
    moments = sorted(_moment(draw, days, now) for _ in range(tickets))
    return [_visit(at, now, draw, people, examples) for at in moments]


def _moment(draw: random.Random, days: int, now: datetime) -> datetime:
    while True:
        at = now - timedelta(days=draw.uniform(0.01, days))
        hour = draw.choices(range(24), HOURS)[0]
        moved = at.replace(hour=hour, minute=draw.randrange(60))
        if moved < now and draw.random() < WEEKDAYS[moved.weekday()] / max(WEEKDAYS):
            return moved


def _visit(
    at: datetime,
    until: datetime,
    draw: random.Random,
    people: Sequence[str],
    examples: Sequence[Example],
) -> Visit:
    name = draw.choice(people)
    email = f"{name.lower().replace(' ', '.')}@{DOMAIN}"
    follows = random.Random(draw.random())  # noqa: S311
    return Visit(at, until, name, email, draw.choice(examples), follows)


def unfinished() -> DemoRun | None:
    """A run that somebody interrupted, the oldest first."""
    return DemoRun.objects.filter(finished_at=None).order_by("pk").first()


def run(run: DemoRun) -> Iterator[int]:
    """Play what is missing of a run, a transaction a ticket; yields how many are there by then.

    Raises:
        PlayedElsewhere: another process plays this run as well.
    """
    visits = plan(tickets=run.tickets, days=run.days, seed=run.seed, now=run.started_at)
    begin(visits)
    for number, visit in enumerate(visits[run.played :], run.played):
        with transaction.atomic():
            mine = DemoRun.objects.filter(pk=run.pk, played=number).update(played=number + 1)
            if not mine:
                raise PlayedElsewhere(f"Demo ticket {number + 1} was written by another process.")
            play(visit)
        yield number + 1
    end(visits)
    DemoRun.objects.filter(pk=run.pk).update(finished_at=timezone.now())


@transaction.atomic
def begin(visits: Sequence[Visit]) -> None:
    """Let the demo permit of the model in force speak of the demo's past as well.

    The copy ends with the demo's present: what comes after it is decided under the real one.
    """
    first, until = visits[0].at, visits[0].until
    version = classification.serving_version() or ""
    permit = validity.held(version, until).first
    if permit is None or permit.kind != CertificateKind.DEMO:
        return
    if validity.held(version, first).first is not None:
        return
    permit.pk, permit._state.adding = None, True
    permit.issued_at, permit.expires_at = first, until
    permit.statement = f"{permit.statement} Dated back for demo tickets."
    permit.save()
    data = {"certificate": permit.pk, "kind": permit.kind, "classifier": version, "demo": True}
    entry = AuditEntry(AuditKind.CERTIFICATE, f"certificate:{permit.pk}", Actor.machine(), data)
    record.write(now=until, audit=[entry])


@transaction.atomic
def play(visit: Visit) -> Ticket:
    """One ticket from its arrival to where it stands today; no worker sees its mail waiting."""
    receipt = receive.receive(
        Inquiry(
            name=visit.name,
            email=visit.email,
            message=visit.example.text,
            channel=Channel.FORM,
            metadata={"demo": True},
        ),
        now=visit.at,
    )
    if receipt.ticket.status == TicketStatus.ANSWERED:
        _customer_reacts(receipt.ticket, visit)
    else:
        _agent_works(receipt.ticket, visit)
    keep_mail_inside()
    # On the clock of the past every ticket came in just now; by the real one its hour is long over.
    record.touch([receipt.ticket], now=visit.until)
    return receipt.ticket


def end(visits: Sequence[Visit]) -> None:
    """The demo's present: of what still waits, the worker has noticed what is late."""
    while targets.notice(now=visits[-1].until):
        pass


def _customer_reacts(ticket: Ticket, visit: Visit) -> None:
    chance = visit.draw.random()
    later = visit.at + timedelta(minutes=visit.draw.randrange(10, 300))
    if later > visit.until:
        return
    if chance < 0.45:
        customer_actions.helped(ticket.pk, now=later)
        if visit.draw.random() < 0.5:
            customer_actions.rate(ticket.pk, visit.draw.choice([3, 4, 5, 5]), now=later)
    elif chance < 0.55:
        customer_actions.not_helped(ticket.pk, now=later)


def _agent_works(ticket: Ticket, visit: Visit) -> None:
    """Older tickets were answered by somebody; of the last two days some still wait."""
    people = get_user_model().objects.filter(groups__name=Role.AGENT, is_active=True)
    agents = list(people.order_by("pk"))
    if not agents:
        return
    agent = visit.draw.choice(agents)
    chance = visit.draw.random()
    recent = visit.at > visit.until - timedelta(days=2)
    if chance < (0.6 if recent else 0.08):
        return
    _answer(ticket, agent, visit, resolves=chance > 0.3)


def _answer(ticket: Ticket, agent: AbstractBaseUser, visit: Visit, *, resolves: bool) -> None:
    actor = Actor.person(agent)
    assigned = visit.at + timedelta(minutes=visit.draw.randrange(8, 600))
    replied = assigned + timedelta(minutes=visit.draw.randrange(2, 30))
    resolved = replied + timedelta(minutes=visit.draw.randrange(30, 900))
    words, rating = visit.draw.choice(REPLIES), visit.draw.choice([2, 3, 4, 4, 5, 5])
    if assigned <= visit.until:
        agent_actions.assign(ticket.pk, agent, actor=actor, now=assigned)
    if replied <= visit.until:
        agent_actions.agent_reply(ticket.pk, words, actor=actor, now=replied)
    if resolves and resolved <= visit.until:
        agent_actions.resolve(ticket.pk, actor=actor, now=resolved)
        if visit.draw.random() < 0.3:
            customer_actions.rate(ticket.pk, rating, now=resolved)


def keep_mail_inside() -> int:
    """Demo customers get no mail, whatever mail server is set; how many rows were held back."""
    demo = Outbox.objects.filter(state=OutboxState.PENDING, requester__email__endswith=f"@{DOMAIN}")
    return demo.update(state=OutboxState.SUPPRESSED, last_error="demo")
