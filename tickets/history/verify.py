"""Verifying and exporting the audit chain."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from tickets.history import heads as history_heads
from tickets.history.heads import SignedHead
from tickets.history.record import GENESIS, canonical
from tickets.models import AuditHead, AuditRecord

COLUMNS = ("number", "kind", "subject", "actor", "at", "body", "previous", "digest")
CHUNK = 2000
EXPORT_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong, and where."""

    number: int
    problem: str

    def __str__(self) -> str:
        return f"record {self.number}: {self.problem}"


NOT_NAMED = "it is not the record that the head names"


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of the chain came to. Sound when there is no finding."""

    records: int
    signed_up_to: int
    finding: Finding | None

    @property
    def is_sound(self) -> bool:
        return self.finding is None


def verify() -> Verified:
    """Check every link, the head in the database and the signed heads outside of it.

    What was cut off after the last signed head, together with the head row, cannot be noticed.
    """
    heads = history_heads.read()
    signed = {head.number: head for head in heads}
    broken = next((head for head in heads if not history_heads.is_genuine(head)), None)
    if broken is not None:
        return Verified(0, 0, Finding(broken.number, "its signed head has no valid signature"))
    named = _head()  # before the records: others go on writing both meanwhile
    seen, digest, at_named = 0, GENESIS, GENESIS
    for row in _rows():
        problem = _problem(row, seen + 1, digest, signed)
        if problem is not None:
            return Verified(seen, _last(signed, seen), Finding(seen + 1, problem))
        seen, digest = row["number"], row["digest"]
        if seen == named.number:
            at_named = digest
    finding = _missing(seen, signed, named)
    if finding is None and named.number and at_named != named.digest:
        finding = Finding(named.number, NOT_NAMED)
    return Verified(seen, _last(signed, seen), finding or _unnamed(seen, digest))


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a check of some links came to: how far it got, and whether the chain ends there."""

    number: int
    digest: str
    ended: bool
    finding: Finding | None


def verify_stretch(after: int, digest: str, limit: int) -> Stretch:
    """Check up to `limit` links behind number `after`, which had this digest, and their heads.

    At the end of the chain what is missing there is looked for too.
    """
    heads = history_heads.read()
    signed = {head.number: head for head in heads}
    rows = AuditRecord.objects.filter(number__gt=after).order_by("number").values(*COLUMNS)
    number, seen = after, 0
    for row in rows[:limit].iterator(chunk_size=CHUNK):
        problem = _problem(row, number + 1, digest, signed)
        head = signed.get(number + 1)
        if problem is None and head is not None and not history_heads.is_genuine(head):
            problem = "its signed head has no valid signature"
        if problem is not None:
            return Stretch(number, digest, ended=False, finding=Finding(number + 1, problem))
        number, digest, seen = row["number"], row["digest"], seen + 1
    if seen == limit:
        return Stretch(number, digest, ended=False, finding=None)
    named = _head()  # before the last look: whoever writes meanwhile makes the chain longer
    if AuditRecord.objects.filter(number__gt=number).exists():
        return Stretch(number, digest, ended=False, finding=None)
    finding = _missing(number, signed, named)
    return Stretch(number, digest, ended=True, finding=finding or _unnamed(number, digest))


def _rows() -> Iterator[Mapping[str, Any]]:
    rows = AuditRecord.objects.order_by("number").values(*COLUMNS)
    yield from rows.iterator(chunk_size=CHUNK)


def _problem(
    row: Mapping[str, Any], number: int, previous: str, signed: Mapping[int, SignedHead]
) -> str | None:
    """What is wrong with a link, given the one before it."""
    if row["number"] != number:
        return f"missing; the next record that exists is {row['number']}"
    if hashlib.sha256(row["body"].encode()).hexdigest() != row["digest"]:
        return "its body does not have its digest"
    if row["previous"] != previous:
        return "it does not follow from the record before it"
    try:
        body = json.loads(row["body"])
    except ValueError:
        return "its body is not JSON"
    if not isinstance(body, dict) or canonical(body) != row["body"]:
        return "its body is not canonical JSON"
    for column in ("number", "kind", "subject", "actor", "previous"):
        if body.get(column) != row[column]:
            return f"its column {column!r} differs from its body"
    if body.get("at") != row["at"].isoformat(timespec="microseconds"):
        return "its column 'at' differs from its body"
    head = signed.get(number)
    if head is not None and head.digest != row["digest"]:
        return "it is not the record that was signed"
    return None


def _head() -> AuditHead:
    return AuditHead.objects.filter(pk=1).first() or AuditHead(number=0, digest=GENESIS)


def _missing(seen: int, signed: Mapping[int, SignedHead], named: AuditHead) -> Finding | None:
    """Whether records are missing at the end, which were there before it was looked at."""
    beyond = [number for number in signed if number > seen]
    if beyond:
        return Finding(seen + 1, f"missing; records up to {max(beyond)} were signed")
    if named.number > seen:
        return Finding(seen + 1, f"missing; the head says that there are {named.number} records")
    return None


def _unnamed(seen: int, digest: str) -> Finding | None:
    """Whether the last record that was seen is one that the head knows. The head is read after it,
    so it may be further."""
    head = _head()
    if head.number < seen or (head.number == seen and seen and head.digest != digest):
        return Finding(seen, NOT_NAMED)
    return None


def _last(signed: Mapping[int, SignedHead], seen: int) -> int:
    return max((number for number in signed if number <= seen), default=0)


def export(target: TextIO) -> int:
    """Write the chain with its signed heads as JSON lines; how many records.

    `docs/verify_audit.py` checks such a file with Python's standard library alone.
    """
    written = -1  # the first line is no record
    for line in lines():
        target.write(line)
        written += 1
    return written


def lines() -> Iterator[str]:
    """The lines of an export: key and signed heads, then every record."""
    first = {
        "format": EXPORT_FORMAT,
        "public_key": history_heads.public_key_hex(),
        "heads": [head.as_record() for head in history_heads.read()],
    }
    yield canonical(first) + "\n"
    for row in _rows():
        yield canonical({"body": row["body"], "digest": row["digest"]}) + "\n"
