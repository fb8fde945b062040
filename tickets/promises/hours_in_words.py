"""Opening hours, closing days and promised times as people write them. Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from tickets.business_time import HoursInvalid, read_closing_days, read_week

MINUTES_OF = {"": 1, "m": 1, "min": 1, "h": 60}
AMOUNT = re.compile(r"(?<!\d)(\d{1,5})(?!\d)\s*(h|min|m|)(?=\s|\d|$)")
BETWEEN = re.compile(r"\s*[-–—]\s*")


def spell_minutes(minutes: int) -> str:
    """`90` becomes `1 h 30 min`."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest or not hours else []
    return " ".join(parts)


def read_minutes(text: str) -> int:
    """`1 h 30 min`, `4h` or plain `90` as minutes.

    Raises:
        HoursInvalid: with a sentence for whoever wrote it.
    """
    said = text.strip().lower()
    found = AMOUNT.findall(said)
    if not found or AMOUNT.sub("", said).strip():
        raise HoursInvalid("Write a time such as 4 h, 30 min or 1 h 30 min.")
    return sum(int(number) * MINUTES_OF[unit] for number, unit in found)


def spell_day(spans: Iterable[Sequence[str]]) -> str:
    """`[["09:00", "17:00"]]` becomes `09:00–17:00`."""
    return ", ".join("–".join(span) for span in spans)


def read_day(text: str, day: int) -> list[list[str]]:
    """`9:00-12:00, 13:00-17:00` as it is stored; nothing for a day that is closed.

    Raises:
        HoursInvalid: with a sentence for whoever wrote it.
    """
    spans = [
        [_padded(moment) for moment in BETWEEN.split(span.strip())]
        for span in text.split(",")
        if span.strip()
    ]
    read_week({str(day): spans})
    return spans


def _padded(moment: str) -> str:
    return f"0{moment}" if re.fullmatch(r"\d:\d\d", moment) else moment


def spell_closing_days(days: Any) -> str:
    """A line for each: the date, then what for."""
    return "\n".join(f"{day} {name}".strip() for day, name in days)


def read_closing_lines(text: str) -> list[list[str]]:
    """Lines such as `2026-12-24 Christmas party`, in the order of their days, each day once.

    Raises:
        HoursInvalid: with a sentence for whoever wrote it.
    """
    found: dict[date, str] = {}
    for line in text.splitlines():
        day, _, name = line.strip().partition(" ")
        if day:
            found |= read_closing_days([[day, name.strip()[:80]]])
    return [[day.isoformat(), found[day]] for day in sorted(found)]
