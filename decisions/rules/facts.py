"""Everything the rules may look at, as codes and numbers. Pure: no Django, no customer's words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

FACTS_VERSION = 1
LARGEST = 2**53  # above it, not every reader of JSON keeps a whole number whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about a ticket at the moment of its decision.

    `confidence`, `margin` and `certified_threshold` are probabilities; counts are whole numbers of
    the last 24 hours; `length` is in characters. None means: not known.
    """

    # prediction
    intent: str | None = None
    no_intent: str | None = None
    confidence: float | None = None
    runner_up: str | None = None
    margin: float | None = None
    risk: str | None = None
    classifier: str | None = None
    classifier_failed: bool = False
    # a second classifier, where the business has one; None: it was not asked, or it failed
    second_key: str | None = None  # an intent or `out_of_scope`
    second_key_failure: str | None = None
    second_key_required: bool = False
    keys_agree: bool = True
    # message
    channel: str = "form"
    language: str | None = None
    length: int = 0
    questions: int = 0
    topics: tuple[str, ...] = ()  # "topic:list entry"
    asks_for_person: bool = False
    automatic_mail: bool = False
    # requester
    verified_sender: bool = False
    tickets_24h: int = 0
    automatic_replies_24h: int = 0
    # ticket
    reopen_count: int = 0
    decided_by_person: bool = False
    wrote_again: bool = False  # before this was decided
    # the business
    business_hours: bool = True
    certificate: int | None = None
    certified_threshold: float | None = None
    kill_switch: bool = False
    breaker_open: bool = False
    cap_reached: bool = False
    reply_ready: bool = False

    def as_record(self) -> dict[str, Any]:
        """JSON-ready, with the version of this list."""
        values = {field.name: plain(getattr(self, field.name)) for field in fields(self)}
        return {"version": FACTS_VERSION, **values}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Read what `as_record` wrote.

        Raises:
            ValueError: the record is of another version or names facts that are unknown here.
        """
        values = dict(record)
        if values.pop("version", None) != FACTS_VERSION:
            raise ValueError(f"These facts are not of version {FACTS_VERSION}.")
        unknown = values.keys() - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"Unknown facts: {', '.join(sorted(unknown))}")
        if isinstance(values.get("topics"), list):
            values["topics"] = tuple(values["topics"])
        return cls(**values)


def plain(value: Any) -> Any:
    """The value as JSON can hold it. What JSON has no form for becomes a list of one word: no fact
    that a rule compares is a list, so it stays as doubtful as it was."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, tuple | list):
        return [plain(part) for part in value]
    if isinstance(value, int) and abs(value) <= LARGEST:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else [str(value)]
    return [type(value).__name__]
