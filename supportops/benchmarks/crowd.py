"""A crowd of demo tickets, to measure with: a million in a few minutes.

Requesters, tickets, messages, events, promises of open tickets and the index of words, written past
the services. Decisions,
predictions and audit records are not among them: what nobody decided is not put on record.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.color import no_style
from django.db import connection, models, transaction

from classification.starter.corpus import OUT_OF_SCOPE, Example, held_out_examples
from tickets.codes import (
    ActorKind,
    Author,
    Channel,
    EventKind,
    NoIntent,
    Outcome,
    Priority,
    Role,
    TargetKind,
    TicketStatus,
)
from tickets.data.demo import DOMAIN, FIRST, HOURS, LAST, REPLIES, WEEKDAYS
from tickets.models import Message, Queue, Requester, ServiceLevel, Target, Ticket, TicketEvent
from tickets.models.ticket import new_nonce
from tickets.references import ALPHABET
from tickets.search import index
from tickets.search.words import words_of

BATCH = 5_000
TICKETS_A_PERSON = 4
SYLLABLES = "ba den fol gri hal kem lo mar nis pol qua ren sto tur vel wim xan yor zeb".split()
GUARDS = ("sensitive_topic", "asks_for_person", "two_requests", "personal_data")
REASONS = ("below_threshold", "not_certified", "too_close", "level_suggest", "guard:", "guard:")
CHANNELS = ([c.value for c in Channel], [60, 25, 14, 1])
PRIORITIES = ([p.value for p in Priority], [10, 74, 13, 3])
FRESH = timedelta(days=2)
DAY = timedelta(days=1)
STRIDE = 387_420_489_217  # has no divisor in common with the number of references


@dataclass(slots=True)
class Keys:
    """The next free number of each table."""

    requester: int
    ticket: int
    message: int
    event: int
    target: int

    @classmethod
    def next(cls) -> "Keys":
        tables = (Requester, Ticket, Message, TicketEvent, Target)
        last = [
            table.objects.order_by("-pk").values_list("pk", flat=True).first() for table in tables
        ]
        return cls(*((number or 0) + 1 for number in last))


class Crowd:
    """Draws and writes the crowd. The same seed on an empty database gives the same crowd."""

    def __init__(self, *, tickets: int, days: int, seed: int, now: datetime) -> None:
        self.tickets, self.days, self.now = tickets, days, now
        self.draw = random.Random(seed)  # noqa: S311  demo data, nothing secret
        self.examples = held_out_examples()
        self.queues: list[int | None] = [*Queue.objects.values_list("pk", flat=True)] or [None]
        agents = get_user_model().objects.filter(groups__name=Role.AGENT)
        self.agents = list(agents.values_list("pk", flat=True))
        self.levels = list(ServiceLevel.objects.filter(active=True).values_list("pk", flat=True))
        self.keys = Keys.next()
        self.people: list[tuple[int, str, str]] = []

    def write(self) -> Iterator[int]:
        """Write it in batches; how many tickets there are after each."""
        self._write_people()
        done, batch = 0, []
        for at in self._moments():
            batch.append(at)
            if len(batch) == BATCH:
                done += self._write_batch(batch)
                batch = []
                yield done
        if batch:
            yield done + self._write_batch(batch)
        settle()

    def _moments(self) -> Iterator[datetime]:
        """When tickets come: in order, on working days and in working hours more."""
        first = self.now - self.days * DAY
        weights = [WEEKDAYS[(first + n * DAY).weekday()] for n in range(self.days)]
        ends = [round(self.tickets * part / sum(weights)) for part in accumulate(weights)]
        for number, (end, before) in enumerate(zip(ends, [0, *ends], strict=False)):
            # A day of the crowd ends at the hour of its present, so that nothing lies ahead.
            start = first + number * DAY
            hours = HOURS[start.hour :] + HOURS[: start.hour]
            drawn = self.draw.choices(range(24), hours, k=end - before)
            for seconds in sorted(h * 3600 + self.draw.random() * 3600 for h in drawn):
                yield start + timedelta(seconds=seconds)

    @transaction.atomic
    def _write_people(self) -> None:
        rows = []
        for number in range(max(self.tickets // TICKETS_A_PERSON, 1)):
            first, last = self.draw.choice(FIRST), self.draw.choice(LAST) + self._made_up(1)
            key = self.keys.requester + number
            email = f"{first}.{last}{key}@{DOMAIN}".lower()
            self.people.append((key, f"{first} {last}", email))
            rows.append((key, email, f"{first} {last}", False, self.now, None))
        insert_many(Requester, ["id", "email", "name", "verified", "created_at", "erased_at"], rows)

    @transaction.atomic
    def _write_batch(self, moments: Sequence[datetime]) -> int:
        tickets, messages, events, targets, lines = [], [], [], [], []
        for at in moments:
            person, example = self.draw.choice(self.people), self.draw.choice(self.examples)
            ticket = self._ticket(person[0], example, at)
            said = self._conversation(ticket, person[1], example)
            tickets.append(list(ticket.values()))
            messages += said
            events += self._events(ticket)
            targets += self._targets(ticket)
            words = words_of(str(ticket["reference"]), person[1], person[2], *(m[6] for m in said))
            lines.append((int(ticket["id"]), words))
        insert_many(Ticket, list(ticket), tickets)
        insert_many(Message, MESSAGE_COLUMNS, messages)
        insert_many(TicketEvent, EVENT_COLUMNS, events)
        insert_many(Target, TARGET_COLUMNS, targets)
        index.add_many(lines)
        return len(moments)

    def _ticket(self, requester: int, example: Example, at: datetime) -> dict[str, Any]:
        """The columns of a ticket as the pipeline and the people behind it would leave them."""
        draw, key = self.draw, self.keys.ticket
        self.keys.ticket += 1
        known = example.intent != OUT_OF_SCOPE
        confidence = round(min(max(draw.betavariate(6, 1.4 if known else 4), 0.02), 0.999), 4)
        automatic = known and confidence > 0.9 and draw.random() < 0.7
        status = self._status(automatic, at)
        waits = status in {TicketStatus.OPEN, TicketStatus.WAITING}
        ended = min(at + timedelta(hours=draw.expovariate(1 / 20)), self.now)
        resolved = ended if status in {TicketStatus.RESOLVED, TicketStatus.CLOSED} else None
        return {
            "id": key,
            "reference": self._reference(key),
            "requester_id": requester,
            "channel": draw.choices(*CHANNELS)[0],
            "status": status.value,
            "round": 1 if draw.random() < 0.96 else 2,
            "message_count": 1 if status == TicketStatus.OPEN else 2,
            "intent": example.intent if known else None,
            "no_intent": None if known else NoIntent.OUT_OF_SCOPE.value,
            "intent_corrected": known and draw.random() < 0.03,
            "confidence": confidence,
            "outcome": (Outcome.AUTO_RESOLVE if automatic else Outcome.ESCALATE).value,
            "reasons": [self._reason(automatic, known)],
            "queue_id": draw.choice(self.queues),
            "priority": draw.choices(*PRIORITIES)[0],
            "assignee_id": self._assignee(automatic, waits),
            "merged_into_id": None,
            "api_key_id": None,
            "external_id": None,
            "body_hash": "",
            "metadata": {"demo": True},
            "tracking_nonce": new_nonce(),
            "tracking_expires_at": at + 180 * DAY,
            "created_at": at,
            "updated_at": resolved or at,
            "decided_at": at,
            "first_human_reply_at": None if automatic or status == TicketStatus.OPEN else ended,
            "auto_replied_at": at if automatic else None,
            "last_customer_at": at,
            "resolved_at": resolved,
            "first_resolved_at": resolved,
            "rating": draw.choice([None, None, None, 2, 4, 5]) if resolved else None,
            "helped": True if automatic and resolved else None,
        }

    def _status(self, automatic: bool, at: datetime) -> TicketStatus:
        chance = self.draw.random()
        if chance < 0.01:
            return TicketStatus.SPAM
        if at > self.now - FRESH:
            if automatic:
                return TicketStatus.ANSWERED
            return TicketStatus.OPEN if chance < 0.6 else TicketStatus.WAITING
        if automatic:
            return TicketStatus.RESOLVED
        if chance < 0.02:
            return TicketStatus.OPEN
        if chance < 0.04:
            return TicketStatus.WAITING
        return TicketStatus.CLOSED if chance < 0.2 else TicketStatus.RESOLVED

    def _reason(self, automatic: bool, known: bool) -> str:
        if automatic:
            return "permitted"
        if not known:
            return f"no_intent:{NoIntent.OUT_OF_SCOPE}"
        reason = self.draw.choice(REASONS)
        return reason + self.draw.choice(GUARDS) if reason.endswith(":") else reason

    def _assignee(self, automatic: bool, waits: bool) -> int | None:
        if not self.agents or automatic or (waits and self.draw.random() < 0.5):
            return None
        return self.draw.choice(self.agents)

    def _reference(self, key: int) -> str:
        """Looks drawn, yet no two are the same: a multiple of the key, on a circle of them all."""
        number, letters = key * STRIDE % len(ALPHABET) ** 8, ""
        for _ in range(8):
            number, letter = divmod(number, len(ALPHABET))
            letters += ALPHABET[letter]
        return f"T-{letters[:4]}-{letters[4:]}"

    def _made_up(self, syllables: int) -> str:
        return "".join(self.draw.choices(SYLLABLES, k=syllables))

    def _conversation(self, ticket: dict[str, Any], name: str, example: Example) -> list[Any]:
        """The opening, with a number and a product that make its words its own; the answer."""
        at = ticket["created_at"]
        detail = f"Order {self.draw.randrange(10**6)}, {self._made_up(3)}."
        said = [self._message(ticket, 1, Author.CUSTOMER, name, f"{example.text}\n{detail}", at)]
        if ticket["message_count"] > 1:
            author = Author.MACHINE if ticket["auto_replied_at"] else Author.AGENT
            said.append(
                self._message(
                    ticket, 2, author, "", self.draw.choice(REPLIES), ticket["updated_at"]
                )
            )
        return said

    def _message(
        self,
        ticket: dict[str, Any],
        number: int,
        author: Author,
        name: str,
        body: str,
        at: datetime,
    ) -> tuple[Any, ...]:
        key = self.keys.message
        self.keys.message += 1
        return (
            key,
            ticket["id"],
            number,
            author.value,
            None,
            name,
            body,
            "",
            False,
            at,
            new_nonce(),
        )

    def _events(self, ticket: dict[str, Any]) -> list[tuple[Any, ...]]:
        decided = (
            EventKind.AUTO_RESOLVED
            if ticket["outcome"] == Outcome.AUTO_RESOLVE
            else EventKind.ESCALATED
        )
        at = ticket["created_at"]
        told = [(EventKind.RECEIVED, ActorKind.CUSTOMER, at), (decided, ActorKind.MACHINE, at)]
        if ticket["resolved_at"]:
            told.append((EventKind.RESOLVED, ActorKind.MACHINE, ticket["resolved_at"]))
        rows: list[tuple[Any, ...]] = []
        for kind, actor, when in told:
            rows.append(
                (self.keys.event, ticket["id"], kind.value, ticket["round"], actor.value, {}, when)
            )
            self.keys.event += 1
        return rows

    def _targets(self, ticket: dict[str, Any]) -> list[tuple[Any, ...]]:
        """What is promised on a ticket that a person has: around the clock, up to two days. Where
        the customer's turn is, it is paused with what was left."""
        waits = ticket["status"] == TicketStatus.WAITING
        if not self.levels or not (waits or ticket["status"] == TicketStatus.OPEN):
            return []
        kinds = [TargetKind.RESOLUTION] if waits else [*TargetKind]
        level, rows = self.draw.choice(self.levels), []
        for kind in kinds:
            minutes = self.draw.choice((60, 240, 480) if kind != TargetKind.RESOLUTION else (2880,))
            due = ticket["created_at"] + timedelta(minutes=minutes)
            running = (due, due - timedelta(minutes=minutes / 5), None, None)
            paused = (None, None, ticket["created_at"], timedelta(minutes=minutes / 2))
            missed = due if due < self.now and not waits else None
            rows.append(
                (
                    self.keys.target,
                    ticket["id"],
                    kind.value,
                    ticket["round"],
                    level,
                    minutes,
                    ticket["created_at"],
                    *(paused if waits else running),
                    missed,
                    missed,
                )
            )
            self.keys.target += 1
        return rows


TARGET_COLUMNS = [
    "id",
    "ticket_id",
    "kind",
    "round",
    "service_level_id",
    "promised_minutes",
    "started_at",
    "due_at",
    "warn_at",
    "paused_at",
    "remaining",
    "warned_at",
    "breached_at",
]
MESSAGE_COLUMNS = [
    "id",
    "ticket_id",
    "number",
    "author",
    "user_id",
    "sender_name",
    "body",
    "subject",
    "internal",
    "created_at",
    "salt",
]
EVENT_COLUMNS = ["id", "ticket_id", "kind", "round", "actor_kind", "data", "at"]


def insert_many(model: type[models.Model], columns: Sequence[str], rows: Sequence[Any]) -> None:
    """Insert plain rows, each value as the database keeps it."""
    quote, meta = connection.ops.quote_name, model._meta
    by_column = {str(field.column): field for field in meta.local_concrete_fields}
    others = [name for name in by_column if name not in columns]
    named = [*columns, *others]
    rest = tuple(by_column[name].get_default() for name in others)
    adapt = [(at, kept) for at, name in enumerate(named) if (kept := _adapter(by_column[name]))]
    marks, names = ", ".join(["%s"] * len(named)), ", ".join(map(quote, named))
    sql = f"INSERT INTO {quote(meta.db_table)} ({names}) VALUES ({marks})"  # noqa: S608
    prepared = [[*row, *rest] for row in rows]
    for row in prepared:
        for at, kept in adapt:
            if row[at] is not None:
                row[at] = kept(row[at])
    with connection.cursor() as cursor:
        cursor.executemany(sql, prepared)


def _adapter(field: Any) -> Callable[[Any], Any] | None:
    """How a value is kept where the database does not take it as it is. The short way where there
    is one: a crowd has a hundred million values."""
    if isinstance(field, models.DateTimeField):
        return _as_text if connection.vendor == "sqlite" else None
    if isinstance(field, models.DurationField):
        return _microseconds if connection.vendor == "sqlite" else None
    if isinstance(field, models.JSONField):
        return json.dumps  # PostgreSQL reads the text
    return None


def _as_text(moment: datetime) -> str:
    return str(moment.astimezone(UTC).replace(tzinfo=None))


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def settle() -> None:
    """What a database wants after many rows at once: numbers that go on, and its statistics."""
    tables = [Requester, Ticket, Message, TicketEvent, Target]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)
        cursor.execute("ANALYZE")
