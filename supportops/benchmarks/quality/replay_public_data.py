"""Real messages through a running server: nothing fails, everything is decided.

    python -m supportops.benchmarks.quality.replay_public_data --url ADDRESS --key so_…

The key needs `tickets:write`. Public data lie beside the project, see `make evaluate`.
"""

import argparse
import csv
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from supportops.benchmarks.posting import Answered, Poster, percentile, post_all

FILES = ("banking77/test.csv", "curekart/test.csv")
DECIDED = {"answered", "open"}


def bodies_of(path: Path) -> list[dict[str, Any]]:
    """One inquiry for each message; people write about five each."""
    with path.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    name = path.parent.name
    return [
        {
            "name": f"Person {number // 5}",
            "email": f"{name}.{number // 5}@customers.example",
            "message": text,
            "metadata": {"data": name, "number": number},
        }
        for number, text in enumerate(texts)
        if text.strip()
    ]


def counts_of(answers: list[Answered]) -> dict[str, int]:
    """What became of them."""
    taken = [answer.body for answer in answers if answer.status == 201]
    outcomes = Counter(body["decision"]["outcome"] for body in taken if body.get("decision"))
    return {
        "messages": len(answers),
        "failed": sum(answer.status >= 500 or answer.status == 0 for answer in answers),
        "refused": sum(400 <= answer.status < 500 for answer in answers),
        "decided": sum(body["status"] in DECIDED and bool(body["decision"]) for body in taken),
        "automated": outcomes["auto_resolve"],
        "escalated": outcomes["escalate"],
        "abstained": sum(body["abstained"] for body in taken),
    }


def reasons_of(answers: list[Answered]) -> Counter[str]:
    return Counter(
        reason
        for answer in answers
        if answer.status == 201
        for reason in answer.body["decision"]["reasons"]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--key", required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clients", type=int, default=8)
    chosen = parser.parse_args()
    poster, sound = Poster(chosen.url, chosen.key), True
    for name in FILES:
        bodies = bodies_of(chosen.data / name)
        started = time.perf_counter()
        answers = post_all(poster, bodies, clients=chosen.clients)
        took = time.perf_counter() - started
        counts = counts_of(answers)
        print(name, ", ".join(f"{number} {what}" for what, number in counts.items()))
        p99 = percentile((answer.seconds for answer in answers), 0.99)
        print(f"  {len(answers) / took:.0f} a second, p99 {p99:.0f} ms")
        for reason, number in reasons_of(answers).most_common(12):
            print(f"  {number:6}  {reason}")
        sound = sound and counts["decided"] == counts["messages"]
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
