"""Kills the server at random moments under load and looks whether anything acknowledged is lost.

    python -m supportops.benchmarks.crash --rounds 5 [--classifier linear] [--seed 1]

Each round starts web server and worker, lets clients post, and kills both with SIGKILL. What was
never answered is sent again in the next round, as a client would. At the end everything is compared
over the API with what was answered. DATABASE_URL is used if it is set; the database must be empty.
"""

import argparse
import os
import random
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supportops.benchmarks.posting import Answered, Poster, post_until
from supportops.benchmarks.server import Install, NoServer, kill

CLIENTS = 8
TEXTS = (
    "Where is my order? It should have come on Monday.",
    "I want my money back, the item arrived broken.",
    "How do I change the address on my account?",
    "My card was declined although there is money on it.",
    "Please send me the invoice for last month again.",
)


@dataclass(slots=True)
class Ledger:
    """What was sent, and what was said to it."""

    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)
    unanswered: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: Counter[int] = field(default_factory=Counter)
    contradictions: list[str] = field(default_factory=list)
    number: int = 0

    def bodies(self, draw: random.Random) -> Iterator[dict[str, Any]]:
        """First what nobody answered, then new inquiries, without end."""
        yield from list(self.unanswered.values())
        while True:
            self.number += 1
            yield {
                "name": f"Person {self.number}",
                "email": f"person{draw.randrange(10_000)}@customers.example",
                "message": f"{draw.choice(TEXTS)} ({self.number}) äöü 🙂",
                "external_id": f"crash-{self.number}",
            }

    def note(self, answers: list[Answered]) -> None:
        for answer in answers:
            name = answer.sent["external_id"]
            if answer.status in (200, 201):
                before = self.acknowledged.get(name, answer.body)
                if before["reference"] != answer.body["reference"]:
                    self.contradictions.append(f"{name} is two tickets")
                self.acknowledged[name] = {**answer.body, "sent": answer.sent}
                self.unanswered.pop(name, None)
            elif answer.status == 0:
                self.unanswered[name] = answer.sent
            else:
                self.errors[answer.status] += 1
                self.unanswered[name] = answer.sent


def one_round(install: Install, ledger: Ledger, draw: random.Random) -> None:
    """Load, and a kill in the middle of it."""
    poster, stopped = Poster(install.url, install.key), threading.Event()
    source = ledger.bodies(draw)
    with install.serving(worker=True) as processes:
        victims = list(processes)
        ledger.note([poster.post(next(source))])  # a server that has just started is slow

        def strike() -> None:
            stopped.set()  # first: what is sent to nobody tells nothing
            for process in victims:
                kill(process)

        timer = threading.Timer(draw.uniform(0.02, 2.0), strike)
        timer.start()
        answers = post_until(stopped.is_set, poster, source, clients=CLIENTS)
        timer.join()
    ledger.note(answers)


def differences(install: Install, ledger: Ledger) -> list[str]:
    """What was acknowledged and is not stored as it was said."""
    found = list(ledger.contradictions)
    for name, said in ledger.acknowledged.items():
        status, stored = install.get(f"/api/v1/tickets/{said['reference']}/")
        if status != 200:
            found.append(f"{name}: {said['reference']} is lost")
            continue
        sent = said["sent"]
        if stored["messages"][0]["body"] != sent["message"] or stored["external_id"] != name:
            found.append(f"{name}: {said['reference']} holds other words")
        first = _first_decision(install, said["reference"])
        if len(first) != 1:
            found.append(f"{name}: {len(first)} decisions of the first round")
        elif said["decision"] and first[0]["id"] != said["decision"]["id"]:
            found.append(f"{name}: another decision than was answered")
    return found


def _first_decision(install: Install, reference: str) -> list[dict[str, Any]]:
    _, page = install.get(f"/api/v1/decisions/?ticket={reference}")
    return [row for row in page.get("results", []) if row["round"] == 1]


def stored(install: Install) -> Counter[str]:
    """How often each external id is stored."""
    seen: Counter[str] = Counter()
    path: str | None = "/api/v1/tickets/"
    while path:
        _, page = install.get(path)
        seen.update(row["external_id"] for row in page["results"])
        path = page["next"] and "/" + page["next"].split("/", 3)[3]
    return seen


def settle(install: Install, ledger: Ledger) -> list[str]:
    """Let a last server finish; everything that is wrong then."""
    time.sleep(0.1)
    with install.serving():
        found = differences(install, ledger)
        kept = stored(install)
        found += [f"{name} is stored {n} times" for name, n in kept.items() if n > 1]
        known = ledger.acknowledged.keys() | ledger.unanswered.keys()
        found += [f"{name} was never sent" for name in kept.keys() - known]
        install.extra["SWEEP_AFTER_SECONDS"] = "1"
        time.sleep(1.1)
        install.manage("worker", "--once")
        _, page = install.get("/api/v1/tickets/?status=received")
        found += [f"{row['reference']} is not decided" for row in page["results"]]
    try:
        chain = install.manage("audit", "verify")
        sys.stdout.write("  " + chain.strip().replace("\n", "\n  ") + "\n")
    except NoServer as error:
        found.append(str(error))
    return found


# --- Every 2xx has an fsync before it -----------------------------------------------------------

SYNCED = re.compile(r"\bf(data)?sync\(.*= 0|<\.\.\. f(data)?sync resumed>.*= 0")
ANSWERED = re.compile(r'"HTTP/1\.1 201 ')  # 200 answers whoever asks whether it is up


def unsynced(trace: list[str]) -> tuple[int, int]:
    """Answers 2xx in the trace of one client, and those without an fsync since the last."""
    answers = missing = 0
    synced = False
    for line in trace:
        if SYNCED.search(line):
            synced = True
        elif ANSWERED.search(line):
            answers, missing, synced = answers + 1, missing + (not synced), False
    return answers, missing


def fsyncs(install: Install, number: int) -> tuple[int, int] | None:
    """Post one after the other under strace; None where there is no strace."""
    if shutil.which("strace") is None:
        return None
    log = install.folder / "strace.log"
    calls = "trace=fsync,fdatasync,sendto,sendmsg,write"
    install.extra |= {"WEB_WORKERS": "1", "WEB_THREADS": "1"}
    with install.serving(before=["strace", "-f", "-s", "40", "-e", calls, "-o", str(log)]):
        poster = Poster(install.url, install.key)
        answers = [poster.post(_one(n)) for n in range(number)]
    if any(answer.status != 201 for answer in answers):
        raise NoServer(f"under strace: {Counter(answer.status for answer in answers)}")
    answered, missing = unsynced(log.read_text(errors="replace").splitlines())
    if answered != number:
        raise NoServer(f"{answered} of {number} answers were seen under strace")
    return answered, missing


def _one(number: int) -> dict[str, Any]:
    return {
        "name": "Traced",
        "email": f"traced{number}@customers.example",
        "message": f"{TEXTS[number % len(TEXTS)]} ({number})",
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--classifier", default="linear", choices=["linear", "keywords"])
    parser.add_argument("--traced", type=int, default=20, help="inquiries under strace; 0: none")
    chosen = parser.parse_args()
    draw, ledger = random.Random(chosen.seed), Ledger()  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        address = os.environ.get("DATABASE_URL", "")
        is_postgres = address.startswith("postgres")
        extra = {"DATABASE_URL": address} if is_postgres else {}
        install = Install(Path(folder), chosen.classifier, extra)
        install.prepare()
        for number in range(1, chosen.rounds + 1):
            one_round(install, ledger, draw)
            print(
                f"  round {number}: {len(ledger.acknowledged)} acknowledged so far, "
                f"{len(ledger.unanswered)} unanswered",
                flush=True,
            )
        wrong = settle(install, ledger)
        traced = None if is_postgres or not chosen.traced else fsyncs(install, chosen.traced)
    print(f"{chosen.rounds} kills, {len(ledger.acknowledged)} inquiries were acknowledged.")
    if ledger.errors:
        print(f"Other answers: {dict(ledger.errors)}")
    if traced:
        print(f"{traced[0]} answers 2xx under strace, {traced[1]} without an fsync before them.")
    else:
        print("No strace: whether an fsync comes before each answer was not looked at.")
    for line in wrong[:20]:
        print(f"WRONG  {line}")
    print("Nothing was lost, nothing was decided twice." if not wrong else f"{len(wrong)} wrong.")
    sound = not wrong and ledger.acknowledged and not (traced and traced[1])
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
