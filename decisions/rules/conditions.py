"""What conditions let through, as sets: so that rules can be compared. Pure: no Django."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from decisions.rules.facts import LARGEST
from decisions.rules.policy import RULE_FACTS, Condition, Rule
from tickets.codes import Channel

# Facts whose values are all known.
CLOSED: Mapping[str, frozenset[object]] = {
    "channel": frozenset(str(channel) for channel in Channel),
    "verified_sender": frozenset({True, False}),
    "business_hours": frozenset({True, False}),
}
NULLABLE = frozenset({"intent", "confidence", "margin", "runner_up", "language"})


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`, both included; for shares `high` itself is left out."""

    low: float
    high: float

    @classmethod
    def of(cls, fact: str, conditions: Sequence[Condition]) -> Self:
        if RULE_FACTS[fact].type is float:
            # On shares a rule may only say "less than", and none lies below zero.
            return cls(0.0, min(float(c.value) for c in conditions))
        low, high = 0, LARGEST
        for condition in conditions:
            value = condition.value
            if condition.operator in (">", ">=", "="):
                low = max(low, value + (condition.operator == ">"))
            if condition.operator in ("<", "<=", "="):
                high = min(high, value - (condition.operator == "<"))
        return cls(low, high)

    def is_empty(self, fact: str) -> bool:
        if RULE_FACTS[fact].type is float:
            return self.high <= self.low
        return self.high < self.low

    def within(self, other: "Range") -> bool:
        return other.low <= self.low and self.high <= other.high


@dataclass(frozen=True, slots=True)
class Names:
    """Texts or flags: only these, or all but these. `absent`: where the fact is not known too."""

    values: frozenset[object]
    all_but: bool
    absent: bool

    @classmethod
    def of(cls, fact: str, conditions: Sequence[Condition]) -> Self:
        named = [c.value for c in conditions if c.operator == "is"]
        refused = frozenset(c.value for c in conditions if c.operator == "is_not")
        absent = not named and fact in NULLABLE
        if named:
            only = frozenset(named) if len(set(named)) == 1 else frozenset()
            return cls(_known(fact, only) - refused, False, absent)
        if fact in CLOSED:
            return cls(CLOSED[fact] - refused, False, absent)
        return cls(refused, True, absent)

    @property
    def is_empty(self) -> bool:
        return not self.all_but and not self.values

    def within(self, other: "Names") -> bool:
        if self.absent and not other.absent:
            return False
        if self.all_but:
            return other.all_but and other.values <= self.values
        return (
            self.values.isdisjoint(other.values) if other.all_but else self.values <= other.values
        )


def _known(fact: str, values: frozenset[object]) -> frozenset[object]:
    return values & CLOSED[fact] if fact in CLOSED else values


Allowed = Range | Names


def allowed(rule: Rule) -> dict[str, Allowed]:
    """For each fact that the rule speaks of, what it lets through."""
    by_fact: dict[str, list[Condition]] = defaultdict(list)
    for condition in rule.conditions:
        by_fact[condition.fact].append(condition)
    return {
        fact: (Range if RULE_FACTS[fact].type in (int, float) else Names).of(fact, conditions)
        for fact, conditions in by_fact.items()
    }


def never_holds(rule: Rule) -> str | None:
    """The fact for which the rule asks what cannot be; None when it can hold."""
    for fact, values in allowed(rule).items():
        empty = values.is_empty(fact) if isinstance(values, Range) else values.is_empty
        if empty:
            return fact
    return None


def implies(rule: Rule, other: Rule) -> bool:
    """Whether `other` holds wherever `rule` does."""
    if never_holds(rule) is not None:
        return True
    mine = allowed(rule)
    for fact, theirs in allowed(other).items():
        own = mine.get(fact)
        covered = _always(fact, theirs) if own is None else _within(own, theirs)
        if not covered:
            return False
    return True


def _within(own: Allowed, theirs: Allowed) -> bool:
    if isinstance(own, Range) and isinstance(theirs, Range):
        return own.within(theirs)
    return isinstance(own, Names) and isinstance(theirs, Names) and own.within(theirs)


def _always(fact: str, values: Allowed) -> bool:
    """Whether a condition holds for every value that the fact may have."""
    if isinstance(values, Range):
        counts = RULE_FACTS[fact].type is int
        return counts and values.low <= 0 and values.high >= LARGEST
    if fact in CLOSED:
        return values.values >= CLOSED[fact]
    return values.all_but and not values.values and values.absent
