"""Reading files of old tickets: CSV or JSON Lines, line by line, nothing lost. Touches no rows.

What cannot be used becomes a `Bad` line with its number, its words and why.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, TextIO

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.utils.dateparse import parse_date, parse_datetime

from tickets.codes import TicketStatus
from tickets.history.record import canonical
from tickets.models import MESSAGE_LIMIT
from tickets.visible import is_visible

LONGEST_ADDRESS = 254
LONGEST_SHORT = 200
LONGEST_FIELD = 50_000_000  # of a CSV file; what is longer than a message is refused by name
FIRST_YEAR = 1970

# What we need -> how others call it.
NAMES: Mapping[str, tuple[str, ...]] = {
    "message": ("message", "body", "text", "description", "question", "comment"),
    "email": ("email", "from", "requester_email", "customer_email", "submitter_email", "address"),
    "name": ("name", "from_name", "requester_name", "customer_name", "requester"),
    "subject": ("subject", "title"),
    "external_id": ("external_id", "id", "ticket_id", "number", "key"),
    "created_at": ("created_at", "created", "date", "opened_at"),
    "status": ("status", "state"),
    "intent": ("intent", "label", "category"),
}
STATES: Mapping[str, TicketStatus] = {
    **dict.fromkeys(("open", "new", "pending", "reopened", "waiting", "hold"), TicketStatus.OPEN),
    **dict.fromkeys(
        ("closed", "resolved", "solved", "done", "answered", "duplicate"), TicketStatus.CLOSED
    ),
}

is_address = EmailValidator()


class FileUnusable(ValueError):
    """The file as a whole cannot be imported. The message says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands in the file: its number and its values by the file's own names."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Bad:
    """A line that cannot be used, and why."""

    line: Line
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A ticket of another system, checked."""

    line: Line
    email: str
    name: str
    subject: str
    message: str
    external_id: str
    created_at: datetime | None
    status: TicketStatus
    intent: str | None  # what people called it there

    def body_hash(self) -> str:
        said = [self.name, self.email, self.subject, self.message]
        return hashlib.sha256(canonical(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How lines are to be understood. `columns`: what we need -> the file's own name."""

    columns: Mapping[str, str]
    status: TicketStatus
    zone: tzinfo
    now: datetime
    email: str | None = None  # for lines that name none


def is_csv(path: Path) -> bool:
    return path.suffix.lower() not in (".jsonl", ".ndjson", ".json")


def open_file(path: Path) -> TextIO:
    """Bytes that are no UTF-8 stay what they are, for the file of rejected lines."""
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def names_in(path: Path) -> list[str]:
    """The file's own names of its values.

    Raises:
        FileUnusable: there is nothing in it.
    """
    with open_file(path) as file:
        if is_csv(path):
            csv.field_size_limit(LONGEST_FIELD)
            names = next(csv.reader(file), [])
        else:
            # Each line names its values again, and the first may not name all.
            read = (line for line in _json_lines(file) if isinstance(line, Line))
            names = list(dict.fromkeys(name for line in read for name in line.values))
    if not names:
        raise FileUnusable("The file is empty, or its first line names no values.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise FileUnusable(f"Two columns have the same name: {', '.join(twice)}.")
    return names


def columns_of(names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """Which of the file's names stands for what; what was said wins over what is usual.

    Raises:
        FileUnusable: a name is unknown, or there is no message.
    """
    unknown = [ours for ours in given if ours not in NAMES]
    if unknown:
        raise FileUnusable(f"There is no {', '.join(unknown)}; use {', '.join(NAMES)}.")
    absent = [theirs for theirs in given.values() if theirs not in names]
    if absent:
        raise FileUnusable(f"The file has no {', '.join(absent)}; it has {', '.join(names)}.")
    plain = {name.strip().lower().replace(" ", "_"): name for name in names}
    usual = {
        ours: next((plain[alias] for alias in aliases if alias in plain), None)
        for ours, aliases in NAMES.items()
    }
    columns = {ours: theirs for ours, theirs in usual.items() if theirs} | dict(given)
    if "message" not in columns:
        raise FileUnusable(f"Which is the message? --map message=… ; it has {', '.join(names)}.")
    return columns


def lines_of(path: Path, file: TextIO) -> Iterator[Line | Bad]:
    """The lines of a file that is open, each with the number at which it begins."""
    return _csv_lines(file) if is_csv(path) else _json_lines(file)


def _csv_lines(file: TextIO) -> Iterator[Line | Bad]:
    reader = csv.reader(file)
    names, begins = next(reader, []), reader.line_num + 1
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Bad(Line(begins, {}), f"it is no CSV: {error}")
            begins = reader.line_num + 1
            continue
        line = Line(begins, dict(zip(names, values, strict=False)))
        begins = reader.line_num + 1
        if len(values) == len(names):
            yield line
        elif values:
            extra = {f"extra_{n}": value for n, value in enumerate(values[len(names) :], 1)}
            held = Line(line.number, {**line.values, **extra})
            yield Bad(held, f"it has {len(values)} values where the heading has {len(names)}")


def _json_lines(file: TextIO) -> Iterator[Line | Bad]:
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield Bad(Line(number, {"raw": text.rstrip("\r\n")}), f"it is no JSON: {error}")
            continue
        if isinstance(values, dict):
            yield Line(number, values)
        else:
            yield Bad(Line(number, {"raw": text.rstrip("\r\n")}), "it is no JSON object")


def checked(lines: Iterable[Line | Bad], reading: Reading) -> Iterator[Old | Bad]:
    """Each line as a ticket, or why it is none."""
    for line in lines:
        if isinstance(line, Bad):
            yield line
            continue
        try:
            yield _old(line, reading)
        except ValueError as error:
            yield Bad(line, str(error))


def _old(line: Line, reading: Reading) -> Old:
    def value(name: str) -> str:
        return _text(line.values.get(reading.columns.get(name, "")), name)

    message, email = value("message"), value("email").strip().lower() or reading.email
    if not is_visible(message):
        raise ValueError("the message is empty")
    if len(message) > MESSAGE_LIMIT:
        raise ValueError(f"the message has {len(message)} characters; {MESSAGE_LIMIT} are allowed")
    short = {name: " ".join(value(name).split()) for name in ("name", "subject", "external_id")}
    for name, text in short.items():
        if len(text) > LONGEST_SHORT:
            raise ValueError(f"{name} has {len(text)} characters; {LONGEST_SHORT} are allowed")
    return Old(
        line=line,
        email=_address(email),
        name=short["name"],
        subject=short["subject"],
        message=message,
        external_id=short["external_id"] or _id_of(line, reading),
        created_at=_moment(value("created_at").strip(), reading),
        status=_status(value("status").strip().lower(), reading),
        intent=value("intent").strip()[:LONGEST_SHORT] or None,
    )


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | dict | list):
        raise ValueError(f"{name} is no text")  # noqa: TRY004  one kind of complaint
    text = value if isinstance(value, str) else str(value)
    if "\0" in text:
        raise ValueError(f"{name} holds a NUL character")
    if not text.isascii() and re.search("[\ud800-\udfff]", text):
        raise ValueError(f"{name} is no valid UTF-8")
    return text


def _address(email: str | None) -> str:
    if not email:
        raise ValueError("there is no e-mail address")
    if len(email) > LONGEST_ADDRESS or not email.isprintable() or " " in email:
        raise ValueError("the e-mail address is none")
    try:
        is_address(email)
    except ValidationError as error:
        raise ValueError("the e-mail address is none") from error
    return email


def _moment(text: str, reading: Reading) -> datetime | None:
    if not text:
        return None
    try:
        moment = parse_datetime(text)
        if moment is None:
            day = parse_date(text)
            moment = datetime(day.year, day.month, day.day) if day else None  # noqa: DTZ001
    except ValueError as error:
        raise ValueError(f"created_at is no moment: {error}") from error
    if moment is None:
        raise ValueError("created_at is no ISO 8601 moment such as 2026-01-31T12:00:00Z")
    if moment.year < FIRST_YEAR or moment.year > reading.now.year + 1:
        raise ValueError("created_at is out of range")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=reading.zone)
    if moment > reading.now + timedelta(minutes=5):
        raise ValueError("created_at lies in the future")
    return moment.astimezone(UTC)


def _status(text: str, reading: Reading) -> TicketStatus:
    if not text:
        return reading.status
    if text not in STATES:
        raise ValueError(f"the status is none of {', '.join(STATES)}")
    return STATES[text]


def _id_of(line: Line, reading: Reading) -> str:
    """Where the file gives no id, what is said is its own: the same line is the same ticket."""
    said = [line.values.get(theirs) for _, theirs in sorted(reading.columns.items())]
    return "line:" + hashlib.sha256(canonical(said).encode()).hexdigest()[:40]
