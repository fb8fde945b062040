"""Work on many rows, in one process: import and reclassify beside the bare loops they are held to.

    python -m supportops.benchmarks.rows --tickets 20000

Run by `make bench` in an installation of its own. Prints one line of JSON.
"""

# ruff: noqa: E402  Django is set up first
import argparse
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

import django

django.setup()

from django.db import connection, transaction
from django.utils import timezone

from classification import services as classification
from classification.models import Prediction
from supportops.benchmarks.posting import text
from tickets.codes import ActorKind, Author, Channel, EventKind, TicketStatus
from tickets.data import import_files, import_tickets
from tickets.data import reclassify as data_reclassify
from tickets.data.import_files import Line, Reading
from tickets.models import Message, Requester, Ticket, TicketEvent

BATCH = 200


def lines(first: int, count: int) -> Iterator[Line]:
    for number in range(first, first + count):
        person = f"p{number // 4}@rows.example"
        yield Line(number, {"id": str(number), "email": person, "name": "P", "body": text(number)})


def timed(work: Callable[[], Any]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def memory() -> float:
    """The most that was resident so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def import_rows(first: int, count: int) -> None:
    names = ["id", "email", "name", "body"]
    now = timezone.now()
    reading = Reading(
        columns=import_files.columns_of(names, {}),
        status=TicketStatus.OPEN,
        zone=timezone.get_current_timezone(),
        now=now,
    )
    source = import_tickets.source_named("bench", now=now)
    checked = import_files.checked(lines(first, count), reading)
    for _ in import_tickets.batches(checked, source, now=now):
        pass


def bare_sets(first: int, count: int) -> None:
    """Five rows for each ticket by `bulk_create`, without predicting, deciding or a record."""
    now = timezone.now()
    for start in range(first, first + count, BATCH):
        numbers = range(start, min(start + BATCH, first + count))
        with transaction.atomic():
            people = Requester.objects.bulk_create(
                Requester(email=f"b{n}@rows.example", created_at=now) for n in numbers
            )
            tickets = Ticket.objects.bulk_create(
                Ticket(
                    requester=person,
                    channel=Channel.IMPORT,
                    status=TicketStatus.OPEN,
                    message_count=1,
                    tracking_expires_at=now,
                    created_at=now,
                    updated_at=now,
                    decided_at=now,
                )
                for person in people
            )
            pairs = list(zip(numbers, tickets, strict=True))
            Message.objects.bulk_create(
                Message(ticket=t, number=1, author=Author.CUSTOMER, body=text(n), created_at=now)
                for n, t in pairs
            )
            Prediction.objects.bulk_create(
                Prediction(ticket=t, round=1, classifier="x", milliseconds=0, at=now)
                for _, t in pairs
            )
            TicketEvent.objects.bulk_create(
                TicketEvent(ticket=t, kind=EventKind.RECEIVED, actor_kind=ActorKind.MACHINE, at=now)
                for _, t in pairs
            )


def reclassify(limit: int) -> tuple[float, float]:
    """CPU seconds, and the longest write transaction in milliseconds."""
    longest = 0.0

    class Watched:
        """Notes how long each outermost transaction that writes lasts."""

        began = 0.0

        def __call__(self, execute: Any, sql: str, *rest: Any) -> Any:
            nonlocal longest
            if sql.startswith(("INSERT", "UPDATE")) and not self.began:
                self.began = time.perf_counter()
                connection.on_commit(self.ended)
            return execute(sql, *rest)

        def ended(self) -> None:
            nonlocal longest
            longest, self.began = max(longest, time.perf_counter() - self.began), 0.0

    def work() -> None:
        done = 0
        with connection.execute_wrapper(Watched()):
            for batch in data_reclassify.batches(now=timezone.now()):
                done += batch.tickets
                if done >= limit:
                    return

    return timed(work), longest * 1000


def bare_loop(limit: int) -> None:
    """Predict, one prediction row, one event row, one update; nothing else."""
    now = timezone.now()
    messages = Message.objects.filter(number=1).select_related("ticket").order_by("ticket_id")
    for start in range(0, limit, BATCH):
        batch = list(messages[start : start + BATCH])
        answers = classification.predict_many([message.body for message in batch])
        with transaction.atomic():
            pairs = list(zip(batch, answers, strict=True))
            Prediction.objects.bulk_create(
                classification.row_of(a, m.ticket, message_number=1, now=now) for m, a in pairs
            )
            TicketEvent.objects.bulk_create(
                TicketEvent(
                    ticket=m.ticket,
                    kind=EventKind.RECLASSIFIED,
                    actor_kind=ActorKind.MACHINE,
                    at=now,
                )
                for m in batch
            )
            with connection.cursor() as cursor:
                cursor.executemany(
                    "UPDATE tickets_ticket SET intent = %s WHERE id = %s",
                    [
                        (a.prediction.intent if a.prediction else None, m.ticket_id)
                        for m, a in pairs
                    ],
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=20_000)
    count = parser.parse_args().tickets
    classification.predict("hello")
    found: dict[str, float] = {"tickets": count}
    tenth = max(count // 10, BATCH)
    import_rows(0, tenth)
    found["import"] = count / timed(lambda: import_rows(tenth, count))
    found["sets"] = tenth / timed(lambda: bare_sets(10_000_000, tenth))
    reclassify(tenth)
    early = memory()
    seconds, found["longest_ms"] = reclassify(count)
    found["reclassify"] = count / seconds
    found["memory_growth"] = memory() / early - 1
    found["loop"] = count / timed(lambda: bare_loop(count))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
