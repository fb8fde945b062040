"""A policy as the engine reads it: frozen, hashable, checked. Pure: no Django."""

import hashlib
import json
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from decisions.rules.facts import LARGEST, Facts
from tickets.codes import Level, Priority

type_names = {bool: "yes or no", int: "a whole number", float: "a number", str: "a text"}

# What a rule may ask, by the kind of the fact.
NUMBER_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
TEXT_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"is": operator.eq, "is_not": operator.ne}
FLAG_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"is": operator.eq}
LESS_ONLY: dict[str, Callable[[Any, Any], bool]] = {"<": operator.lt}


@dataclass(frozen=True, slots=True)
class FactKind:
    """How rules may speak of a fact."""

    type: type
    operators: Mapping[str, Callable[[Any, Any], bool]]
    label: str


RULE_FACTS: dict[str, FactKind] = {
    "intent": FactKind(str, TEXT_OPERATORS, "Intent"),
    # Confidence is an input, never an authority: a rule may use it to stop, not to go on.
    "confidence": FactKind(float, LESS_ONLY, "Confidence"),
    "margin": FactKind(float, LESS_ONLY, "Margin to the runner-up"),
    "runner_up": FactKind(str, TEXT_OPERATORS, "Runner-up"),
    "channel": FactKind(str, TEXT_OPERATORS, "Channel"),
    "language": FactKind(str, TEXT_OPERATORS, "Language"),
    "length": FactKind(int, NUMBER_OPERATORS, "Length in characters"),
    "questions": FactKind(int, NUMBER_OPERATORS, "Number of questions"),
    "tickets_24h": FactKind(int, NUMBER_OPERATORS, "Tickets of this person in 24 hours"),
    "automatic_replies_24h": FactKind(int, NUMBER_OPERATORS, "Automatic replies in 24 hours"),
    "verified_sender": FactKind(bool, FLAG_OPERATORS, "Verified sender"),
    "business_hours": FactKind(bool, FLAG_OPERATORS, "Within business hours"),
}


class RuleInvalid(ValueError):
    """A rule that must not be saved. The message says why, for the person who wrote it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A fact, how to compare it, and with what."""

    fact: str
    operator: str
    value: Any

    def check(self) -> None:
        """Refuse unknown facts and operators and values of the wrong type.

        Raises:
            RuleInvalid: with a sentence for the author of the rule.
        """
        kind = RULE_FACTS.get(self.fact) if isinstance(self.fact, str) else None
        if kind is None:
            raise RuleInvalid(f"There is no fact named {self.fact!r}.")
        if not isinstance(self.operator, str) or self.operator not in kind.operators:
            allowed = ", ".join(kind.operators)
            raise RuleInvalid(f"{kind.label}: use one of {allowed}, not {self.operator!r}.")
        if not _is_of(self.value, kind.type):
            raise RuleInvalid(f"{kind.label}: the value must be {type_names[kind.type]}.")

    def holds(self, facts: Facts) -> bool:
        """An absent fact holds no condition, but for `is_not`, which it satisfies.

        What cannot be compared holds: in doubt a person gets the ticket.
        """
        kind = RULE_FACTS.get(self.fact)
        if kind is None or self.operator not in kind.operators:
            return True
        value = getattr(facts, self.fact)
        if value is None:
            return self.operator == "is_not"
        if not _is_of(value, kind.type) or not _is_of(self.value, kind.type):
            return True
        return kind.operators[self.operator](value, self.value)


def _is_of(value: Any, wanted: type) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    if isinstance(value, int):
        return wanted in (int, float) and abs(value) <= LARGEST
    if isinstance(value, float):
        return wanted is float and math.isfinite(value)
    return isinstance(value, wanted)


@dataclass(frozen=True, slots=True)
class Rule:
    """Escalate when all conditions hold."""

    slug: str
    reason: str
    conditions: tuple[Condition, ...]
    queue: str | None = None
    priority: str | None = None

    def check(self) -> None:
        """Refuse a rule that says nothing or that the engine could not read.

        Raises:
            RuleInvalid: with a sentence for the author of the rule.
        """
        if not self.conditions:
            raise RuleInvalid("A rule needs at least one condition.")
        if self.priority is not None and self.priority not in set(Priority):
            raise RuleInvalid(f"There is no priority {self.priority!r}.")
        for condition in self.conditions:
            condition.check()

    def holds(self, facts: Facts) -> bool:
        return bool(self.conditions) and all(c.holds(facts) for c in self.conditions)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPolicy:
    """How far automation goes for one intent, and where a person finds the ticket."""

    level: str = Level.OFF
    threshold: float = 1.0
    margin: float = 0.0
    queue: str | None = None
    priority: str = Priority.NORMAL
    template: str | None = None
    hourly_cap: int | None = None


OFF = IntentPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySnapshot:
    """One numbered version, as it stood when it was published."""

    number: int
    intents: Mapping[str, IntentPolicy] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    requester_cap: int = 3
    hourly_cap: int | None = None
    default_queue: str | None = None
    guard_queue: str | None = None
    topics: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def for_intent(self, intent: str | None) -> IntentPolicy:
        """An intent that the policy does not name is off."""
        return self.intents.get(intent, OFF) if isinstance(intent, str) else OFF

    def canonical(self) -> str:
        """The same text for the same policy, whatever order its rows came in."""
        content = asdict(self)
        content["rules"] = sorted(
            content["rules"], key=lambda rule: (rule["slug"], _canonical(rule))
        )
        return _canonical(content)

    def digest(self) -> str:
        """SHA-256 of `canonical`, hexadecimal."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )
