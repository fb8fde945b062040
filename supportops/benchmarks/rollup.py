"""What reading costs from the roll-up, with few events and with many.

    python -m supportops.benchmarks.rollup [--small 10000] [--large 2000000]

Builds a history of its own in a scratch SQLite file: one year, five events to a ticket. Prints
milliseconds of processor time of the best of several runs, and the ratio of the large history to
the small one.
"""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

EVENTS_A_TICKET = 5
YEAR = timedelta(days=365)
NOW = datetime(2026, 6, 1, 10, 30, tzinfo=UTC)
INTENTS = [f"intent_{n}" for n in range(27)]
ROUNDS = 7
BATCH = 5_000


def set_up(folder: str) -> None:
    """A database of its own, with its tables, before anything of ours is imported."""
    os.environ["DATABASE_URL"] = f"sqlite:///{folder}/bench.sqlite3"
    os.environ["DATA_DIR"] = folder
    os.environ.setdefault("SECRET_KEY", "x" * 60)
    os.environ["ALLOWED_HOSTS"] = "localhost,testserver"
    os.environ["TESTING"] = "true"
    os.environ["DJANGO_SETTINGS_MODULE"] = "supportops.settings"
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def fill(tickets: int) -> None:
    """A year of tickets with decisions and predictions, most of them answered or resolved."""
    from django.db import connection

    from classification.models import Prediction
    from decisions.models import Decision
    from tickets.models import Requester, Ticket, TicketEvent

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=OFF")
    draw = random.Random(7)  # noqa: S311
    people = max(1, tickets // 3)
    Requester.objects.bulk_create(
        (Requester(email=f"p{n}@example.com", created_at=NOW - YEAR) for n in range(people)),
        batch_size=BATCH,
    )
    first = Requester.objects.order_by("pk").values_list("pk", flat=True)[0]
    moments = sorted(NOW - YEAR * draw.random() for _ in range(tickets))
    for start in range(0, tickets, BATCH):
        made = [_ticket(at, first + draw.randrange(people), draw) for at in moments[start:][:BATCH]]
        rows = Ticket.objects.bulk_create(made)
        Decision.objects.bulk_create(_decision(row) for row in rows)
        Prediction.objects.bulk_create(_prediction(row, draw) for row in rows)
        TicketEvent.objects.bulk_create(
            TicketEvent(
                ticket=row, kind="ticket.received", actor_kind="customer", at=row.created_at
            )
            for row in rows
            for _ in range(EVENTS_A_TICKET)
        )
        if start % (BATCH * 20) == 0:
            sys.stderr.write(f"  {start} tickets\n")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _ticket(at: datetime, requester: int, draw: random.Random) -> Any:
    from tickets.models import Ticket

    automatic = draw.random() < 0.4
    reply = None if automatic else at + timedelta(minutes=draw.expovariate(1 / 200))
    resolved = at + timedelta(hours=draw.expovariate(1 / 20)) if draw.random() < 0.9 else None
    return Ticket(
        requester_id=requester,
        channel=draw.choice(["form", "api", "mail"]),
        status="resolved" if resolved else "open",
        intent=draw.choice(INTENTS),
        confidence=0.9,
        outcome="auto_resolve" if automatic else "escalate",
        reasons=["permitted"] if automatic else ["below_threshold"],
        tracking_expires_at=at + YEAR,
        created_at=at,
        updated_at=at,
        decided_at=at,
        auto_replied_at=at if automatic else None,
        first_human_reply_at=reply,
        resolved_at=resolved,
        first_resolved_at=resolved,
        rating=draw.choice([None, None, None, 3, 4, 5]),
    )


def _decision(row: Any) -> Any:
    from decisions.models import Decision

    return Decision(
        ticket=row,
        round=1,
        intent=row.intent,
        confidence=0.9,
        outcome=row.outcome,
        reasons=row.reasons,
        priority="normal",
        facts={},
        trace=[],
        engine_version=1,
        software_version="bench",
        at=row.created_at,
    )


def _prediction(row: Any, draw: random.Random) -> Any:
    from classification.models import Prediction

    return Prediction(
        ticket=row,
        round=1,
        classifier="linear-bench",
        intent=row.intent,
        confidence=0.9,
        milliseconds=draw.uniform(0.5, 3),
        at=row.created_at,
    )


def count_all() -> float:
    """Seconds that counting the whole history takes."""
    from metrics.rollup import roll_up

    start = perf_counter()
    while roll_up.roll_up(NOW, limit=10_000):
        pass
    return perf_counter() - start


def best(work: Callable[[], Any]) -> float:
    """Milliseconds of processor time of the fastest of several runs: others may be busy here."""
    taken = []
    for _ in range(ROUNDS):
        start = process_time()
        work()
        taken.append(process_time() - start)
    return min(taken) * 1000


def queries_of(work: Callable[[], Any]) -> float:
    """Milliseconds that the database takes of a piece of work."""
    from django.db import connection

    spent = 0.0

    def timed(execute: Any, *given: Any) -> Any:
        nonlocal spent
        start = process_time()
        try:
            return execute(*given)
        finally:
            spent += process_time() - start

    least = float("inf")
    for _ in range(ROUNDS):
        spent = 0.0
        with connection.execute_wrapper(timed):
            work()
        least = min(least, spent)
    return least * 1000


def measure() -> dict[str, float]:
    from django.contrib.auth.models import User
    from django.test import Client
    from django.utils import timezone
    from prometheus_client import generate_latest

    from metrics.api.exposition import REGISTRY
    from metrics.report.report import report
    from metrics.rollup import ask, latest, read

    timezone.now = lambda: NOW
    admin, _ = User.objects.get_or_create(username="bench", is_superuser=True, is_staff=True)
    client = Client()
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")
    if client.get("/ops/").status_code != 200:
        raise SystemExit("The home page does not answer.")
    hour = NOW - timedelta(hours=1)
    latest.keep(NOW)  # as the worker does twice a minute
    return {
        "/metrics": best(lambda: generate_latest(REGISTRY)),
        "home page of the console": best(lambda: client.get("/ops/")),
        "home page: its queries": queries_of(lambda: client.get("/ops/")),
        "home page: what it gathers": best(lambda: _gather(admin)),
        "working out what is kept": best(lambda: latest.worked_out(NOW)),
        "figures of 30 days": best(lambda: ask.figures(NOW - timedelta(days=30), NOW, NOW)),
        "hourly series of 8 weeks": best(
            lambda: read.by_hour(["tickets"], NOW - timedelta(days=56), NOW, NOW)
        ),
        "report of a year": best(lambda: report(NOW - YEAR, NOW, NOW)),
        "report of a year: its queries": queries_of(lambda: report(NOW - YEAR, NOW, NOW)),
        "counting one hour": best(lambda: _count_hour(hour)),
    }


def _gather(user: Any) -> None:
    """All that the home page says, without the console around it."""
    from django.test import RequestFactory

    from supportops.console import homepage

    request = RequestFactory().get("/ops/")
    request.user = user
    homepage.gather(request)


def _count_hour(at: datetime) -> None:
    from metrics.rollup import roll_up
    from tickets.history.record import hour_of

    roll_up.count([hour_of(at)], mature_at=at)


def run(events: int) -> tuple[dict[str, float], float]:
    with tempfile.TemporaryDirectory() as folder:
        set_up(folder)
        sys.stderr.write(f"{events} events\n")
        fill(events // EVENTS_A_TICKET)
        seconds = count_all()
        return measure(), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=10_000, help="events")
    parser.add_argument("--large", type=int, default=2_000_000, help="events")
    parser.add_argument("--only", type=int, help="measure one history and print it")
    given = parser.parse_args()
    if given.only:
        found, seconds = run(given.only)
        for name, took in found.items():
            sys.stdout.write(f"{name}\t{took:.2f}\n")
        sys.stdout.write(f"counting all, seconds\t{seconds:.1f}\n")
        return
    small, large = _apart(given.small), _apart(given.large)
    sys.stdout.write(f"{'milliseconds':<34}{given.small:>12,}{given.large:>12,}   ratio\n")
    for name, took in small.items():
        sys.stdout.write(f"{name:<34}{took:>12.2f}{large[name]:>12.2f}{large[name] / took:>8.2f}\n")


def _apart(events: int) -> dict[str, float]:
    """Each history in a process of its own: a connection remembers its file."""
    import subprocess

    command = [sys.executable, "-m", "supportops.benchmarks.rollup", "--only", str(events)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root)  # noqa: S603
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: float(took) for name, took in lines}


if __name__ == "__main__":
    main()
