"""Measures how long the audit chain takes to verify, on a database of its own.

python -m supportops.benchmarks.audit_chain [--records 100000]
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import django

CHUNK = 2_000
START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--records", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(DATA_DIR=folder, TESTING="true", DATABASE_URL="")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
        django.setup()
        measure(options.records, Path(folder))
    return 0


def measure(number: int, folder: Path) -> None:
    from django.core.management import call_command

    from tickets.history import heads, verify
    from tickets.models import AuditHead, AuditRecord

    call_command("migrate", verbosity=0)
    last = None
    for chunk in _links(number):
        AuditRecord.objects.bulk_create(chunk)
        last = chunk[-1]
    assert last is not None
    AuditHead.objects.update_or_create(
        pk=1, defaults={"number": last.number, "digest": last.digest}
    )
    heads.sign_due(now=START + timedelta(days=1))
    wall, cpu = time.perf_counter(), time.process_time()
    found = verify.verify()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sys.stdout.write(
        f"{found.records:,} records verified in {wall:.1f} s ({cpu:.1f} s of CPU time), signed up "
        f"to {found.signed_up_to:,}; {'sound' if found.is_sound else found.finding}\n"
    )
    path = folder / "chain.jsonl"
    wall = time.perf_counter()
    with path.open("w", encoding="utf-8") as file:
        verify.export(file)
    size = path.stat().st_size / 1e6
    sys.stdout.write(f"Exported in {time.perf_counter() - wall:.1f} s, {size:.0f} MB\n")


def _links(number: int) -> Iterator[list[Any]]:
    """A chain of decisions as they look in earnest."""
    from decisions.rules.facts import Facts
    from tickets.codes import AuditKind
    from tickets.history import record

    facts = Facts(intent="order_status", confidence=0.93, margin=0.7, risk="open").as_record()
    digest, rows = record.GENESIS, []
    for count in range(1, number + 1):
        data = {"decision": count, "outcome": "escalate", "reasons": ["below_threshold"]}
        entry = record.AuditEntry(
            AuditKind.DECISION,
            f"ticket:{count}",
            record.Actor.machine(),
            {**data, "facts": facts, "policy": "a" * 64, "message": f"{count:064x}"},
        )
        at = START + timedelta(seconds=count)
        row = record.link(entry, number=count, previous=digest, now=at)
        digest = row.digest
        rows.append(row)
        if len(rows) == CHUNK or count == number:
            yield rows
            rows = []


if __name__ == "__main__":
    sys.exit(main())
