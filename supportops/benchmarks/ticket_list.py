"""Measures the ticket list, the search and the API's list, at ten thousand tickets and at many.

    python -m supportops.benchmarks.ticket_list [--tickets 1000000] [--requests 40] [--keep DIR]

Makes a database of each size (SQLite in a directory of its own; with --url on that PostgreSQL
server), asks for the pages through Django's test client, and prints a table. Nothing is asserted:
times belong to the machine, ratios to the product.
"""

import argparse
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SMALL = 10_000
LIST, API = "/ops/tickets/ticket/", "/api/v1/tickets/"
PAGES: Mapping[str, str] = {
    "console: newest": LIST,
    "console: page 10": f"{LIST}?p=10",
    "console: open": f"{LIST}?status=open",
    "console: escalated by guard": f"{LIST}?view=guard",
    "console: late, urgent": f"{LIST}?promise=late&priority=urgent",
    "console: 80 to 95 %, 30 days": f"{LIST}?confidence=80to95&created=30",
    "console: search, frequent word": f"{LIST}?q=order",
    "console: search, rare words": f"{LIST}?q=refund+yor",
    "console: search, open": f"{LIST}?q=order&status=open",
    "API: newest": API,
    "API: search, frequent word": f"{API}?q=order",
    "API: search, two words": f"{API}?q=parcel+late",
    "API: search, a beginning": f"{API}?q=deliv",
}
# Where a figure has a budget: the page, milliseconds, of p50 or p95.
BUDGETS = {
    "console: newest": (60, "p50"),
    "API: newest": (15, "p95"),
    "API: first page": (15, "p95"),
    "API: deepest page": (15, "p95"),
    "API: search, frequent word": (30, "p95"),
    "API: search, two words": (30, "p95"),
    "API: search, a beginning": (30, "p95"),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds of one page, and the queries that it took."""

    p50: float
    p95: float
    queries: int


def measure(get: Callable[[], Any], requests: int) -> Figure:
    from django.db import connection

    asked: list[str] = []

    def note(execute: Any, sql: str, *given: Any) -> Any:
        asked.append(sql)
        return execute(sql, *given)

    get()  # what a process reads once is read
    with connection.execute_wrapper(note):
        response = get()
    if response.status_code != 200:
        sys.exit(f"{response.status_code} from {response.request['PATH_INFO']}")
    taken = []
    for _ in range(requests):
        begun = time.perf_counter()
        get()
        taken.append(1_000 * (time.perf_counter() - begun))
    cuts = statistics.quantiles(taken, n=20)
    return Figure(statistics.median(taken), cuts[18], len(asked))


def figures(requests: int) -> dict[str, Figure]:
    """All pages of the database that this process was started for."""
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.test import Client

    from tickets.codes import Scope
    from tickets.models import ApiKey

    client = Client()
    client.force_login(
        User.objects.get(username="lead"), backend="django.contrib.auth.backends.ModelBackend"
    )
    name = f"bench {secrets.token_hex(4)}"
    key = ApiKey.issue(name=name, scopes=[Scope.TICKETS_READ])[1]
    head = {"Authorization": f"Bearer {key}"}
    found = {
        title: measure(lambda path=path: client.get(path, headers=head), requests)  # type: ignore[misc]
        for title, path in PAGES.items()
    }
    for title, path in _depths().items():
        found[title] = measure(lambda path=path: client.get(path, headers=head), requests)  # type: ignore[misc]
    return found


def _depths() -> dict[str, str]:
    """The first page of the API by a cursor, and the deepest one that is full."""
    from base64 import b64encode
    from urllib.parse import urlencode

    from tickets.models import Ticket

    newest = Ticket.objects.values_list("pk", flat=True).order_by("-pk")[0]
    at = {"API: first page": newest + 1, "API: deepest page": 60}
    return {
        title: f"{API}?{urlencode({'cursor': b64encode(f'p={pk}'.encode()).decode()})}"
        for title, pk in at.items()
    }


# --- Databases ------------------------------------------------------------------------------------


def prepare(place: Path, tickets: int, environment: Mapping[str, str]) -> None:
    """A fresh install with so many tickets, unless it is there already."""
    done = place / f"made-{tickets}"
    if done.exists():
        return
    fill = ["-m", "supportops.benchmarks.fill", "--tickets", str(tickets)]
    for command in (["manage.py", "prepare"], fill):
        begun = time.perf_counter()
        subprocess.run(  # noqa: S603
            [sys.executable, *command],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        print(f"  {' '.join(command)}: {time.perf_counter() - begun:.0f} s", flush=True)
    done.touch()


def environment_of(place: Path, url: str | None) -> dict[str, str]:
    return {
        "SECRET_KEY": "only-for-measuring-" + "0" * 50,
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "PUBLIC_URL": "http://localhost:8000",
        "DATA_DIR": str(place),
        "DJANGO_SETTINGS_MODULE": "supportops.settings",
        "API_RATE": "1000000/min",
        **({"DATABASE_URL": url} if url else {}),
    }


@contextmanager
def database(url: str | None, tickets: int) -> Iterator[str | None]:
    """The address of an empty database on a PostgreSQL server, dropped when all is measured."""
    if url is None:
        yield None
        return
    import psycopg

    name = f"bench_{os.getpid()}_{tickets}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlsplit(url)._replace(path=f"/{name}").geturl()
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def run(size: int, requests: int, keep: Path | None, url: str | None) -> dict[str, Figure]:
    """Make and measure one size, in a process of its own: settings are read once."""
    with tempfile.TemporaryDirectory() as temporary, database(url, size) as address:
        place = (keep or Path(temporary)) / str(size)
        place.mkdir(parents=True, exist_ok=True)
        environment = environment_of(place, address)
        print(f"{size} tickets", flush=True)
        prepare(place, size, environment)
        answer = subprocess.run(  # noqa: S603
            [sys.executable, "-m", __spec__.name, "--measure", "--requests", str(requests)],
            env={**os.environ, **environment},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    rows = [line.split("\t") for line in answer.splitlines() if line.count("\t") == 3]
    return {t: Figure(float(p50), float(p95), int(n)) for t, p50, p95, n in rows}


def show(small: Mapping[str, Figure], large: Mapping[str, Figure], size: int) -> None:
    print(f"\n| page | {SMALL}: p50 ms | {size}: p50 ms | p95 ms | × | queries | budget |")
    print("|---|--:|--:|--:|--:|--:|---|")
    for title, figure in large.items():
        before = small[title]
        limit, which = BUDGETS.get(title, (None, ""))
        budget = f"{which} ≤ {limit} ms" if limit else ""
        print(
            f"| {title} | {before.p50:.1f} | {figure.p50:.1f} | {figure.p95:.1f} "
            f"| {figure.p50 / before.p50:.2f} | {figure.queries} | {budget} |"
        )
    depth = large["API: deepest page"].p50 / large["API: first page"].p50
    print(f"\nAPI: the deepest page takes {depth:.2f} × the first.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tickets", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=40, help="of each page")
    parser.add_argument("--keep", type=Path, help="directory for the databases, used again")
    parser.add_argument(
        "--url", help="a PostgreSQL server, e.g. postgres://postgres@localhost/test"
    )
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        for title, figure in figures(options.requests).items():
            print(title, figure.p50, figure.p95, figure.queries, sep="\t")
        return
    small, large = (
        run(size, options.requests, options.keep, options.url) for size in (SMALL, options.tickets)
    )
    show(small, large, options.tickets)


if __name__ == "__main__":
    main()
