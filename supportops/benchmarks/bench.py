"""Speed and size, each beside what it is held to, in one table.

    python -m supportops.benchmarks.bench [--quick]

Machines differ and are noisy: a figure is CPU time for a piece of work, or a ratio to something
that ran beside it in the same run. Nothing is asserted.
"""

import argparse
import importlib.util
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supportops.benchmarks.posting import (
    INQUIRIES,
    Answered,
    Poster,
    percentile,
    post_all,
    post_until,
    text,
)
from supportops.benchmarks.server import (
    MANAGE,
    ROOT,
    WSGI,
    Install,
    cpu_seconds,
    memory_of_workers,
)

FLOOR = "supportops.benchmarks.floor:application"
FURTHER = ("rollup", "ticket_list")  # benchmarks with a table of their own


@dataclass(frozen=True, slots=True)
class Sizes:
    requests: int = 800
    seconds: float = 15.0
    tickets: int = 20_000
    pages: int = 60


QUICK = Sizes(requests=200, seconds=5.0, tickets=2_000, pages=20)


def bodies() -> Iterator[dict[str, Any]]:
    draw, number = random.Random(1), 0  # noqa: S311
    while True:
        number += 1
        yield {
            "name": "Person",
            "email": f"c{draw.randrange(50_000)}@customers.example",
            "message": text(number),
        }


def say(what: str, budget: str, reached: str) -> None:
    print(f"{what:<52}{budget:>22}   {reached}", flush=True)


def cpu_each(install: Install, path: str, number: int, *, wsgi: str = WSGI) -> float:
    """Server CPU milliseconds for one request, over so many."""
    poster, source = Poster(install.url, install.key, path=path), bodies()
    with install.serving(wsgi=wsgi) as (server,):
        post_all(poster, (next(source) for _ in range(40)), clients=4)
        before = cpu_seconds(server.pid)
        answers = post_all(poster, (next(source) for _ in range(number)), clients=4)
        spent = cpu_seconds(server.pid) - before
    wrong = [answer.status for answer in answers if answer.status != 201]
    if wrong:
        raise RuntimeError(f"{path} answered {set(wrong)}")
    return spent / number * 1000


def intake(install: Install, sizes: Sizes) -> None:
    """In turns, so that a noisy minute hits both."""
    floor, ours = [], []
    for _ in range(2):
        floor.append(cpu_each(install, "/floor/", sizes.requests, wsgi=FLOOR))
        ours.append(cpu_each(install, INQUIRIES, sizes.requests))
    least, own = min(floor), min(ours)
    say(
        "intake, server CPU",
        "<= 1.3 x floor",
        f"{own:.1f} ms, floor {least:.1f}: {own / least:.2f} x",
    )


def load(install: Install, seconds: float, clients: int) -> list[Answered]:
    end = time.monotonic() + seconds
    poster = Poster(install.url, install.key)
    return post_until(lambda: time.monotonic() > end, poster, bodies(), clients=clients)


def throughput(install: Install, sizes: Sizes) -> None:
    with install.serving() as (server,):
        load(install, 2, 8)
        answers = load(install, sizes.seconds, 8)
        sizes_of = memory_of_workers(server.pid)
    rate = sum(answer.status == 201 for answer in answers) / sizes.seconds
    say("intake, synchronous=FULL, 8 clients", ">= 120/s, aim 200", f"{rate:.0f}/s")
    say("memory of a web worker", "<= 220 MB", f"{max(sizes_of):.0f} MB")


def beside_reclassify(install: Install, sizes: Sizes) -> None:
    """32 clients while `reclassify` runs again and again."""
    done = threading.Event()

    def again() -> None:
        while not done.is_set():
            subprocess.run(  # noqa: S603
                [*MANAGE, "reclassify"],
                env=install.environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                check=False,
            )

    with install.serving():
        load(install, 2, 8)
        other = threading.Thread(target=again)
        other.start()
        answers = load(install, sizes.seconds, 32)
        done.set()
        other.join()
    errors = sum(answer.status != 201 for answer in answers)
    p99 = percentile((answer.seconds for answer in answers), 0.99)
    say(
        "32 clients, 2 workers, reclassify beside",
        "0 errors, p99 <= 500 ms",
        f"{errors} errors of {len(answers)}, p99 {p99:.0f} ms",
    )


def list_depth(install: Install, sizes: Sizes) -> None:
    first = "/api/v1/tickets/"
    with install.serving():
        place = first
        for _ in range(sizes.pages):
            _, page = install.get(place)
            if not page["next"]:
                break
            place = "/" + page["next"].split("/", 3)[3]
        top, deep = _p95(install, first), _p95(install, place)
    say(
        "API list, first and deepest page", "p95 <= 15 ms, <= 1.2 x", f"{top:.0f} and {deep:.0f} ms"
    )


def _p95(install: Install, path: str) -> float:
    install.get(path)
    took = []
    for _ in range(40):
        started = time.perf_counter()
        install.get(path)
        took.append(time.perf_counter() - started)
    return percentile(took, 0.95)


def rows(install: Install, sizes: Sizes) -> None:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "supportops.benchmarks.rows", "--tickets", str(sizes.tickets)],
        env=install.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    say(
        "import_tickets, tickets for a CPU second",
        ">= 3,000",
        f"{found['import']:,.0f}, bare five-row sets {found['sets']:,.0f}",
    )
    say(
        "reclassify, tickets for a CPU second",
        ">= 2,500",
        f"{found['reclassify']:,.0f}, bare loop {found['loop']:,.0f}",
    )
    say("reclassify, longest write transaction", "<= 100 ms", f"{found['longest_ms']:.0f} ms")
    say("reclassify, growth of memory", "<= 10 %", f"{found['memory_growth']:.1%}")


def further(install: Install) -> None:
    """Benchmarks that print for themselves."""
    for name in FURTHER:
        module = f"supportops.benchmarks.{name}"
        if importlib.util.find_spec(module) is not None:
            print(f"\n{module}", flush=True)
            subprocess.run(  # noqa: S603
                [sys.executable, "-m", module], env=install.environment, cwd=ROOT, check=False
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of it, for a first look")
    sizes = QUICK if parser.parse_args().quick else Sizes()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        install = Install(Path(folder))
        install.prepare()
        say("what", "budget", "reached")
        for measure in (intake, throughput, rows, beside_reclassify, list_depth):
            measure(install, sizes)
        further(install)


if __name__ == "__main__":
    main()
