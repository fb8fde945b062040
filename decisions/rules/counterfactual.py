"""The smallest changes that would have turned a verdict. Pure: no Django.

Smallest: the fewest facts; among as few, those that move least. The values that are tried are the
edges that policy and certificate draw, and between two edges nothing changes, so none is missed.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from decisions.rules.engine import Verdict, decide, effective_threshold
from decisions.rules.facts import Facts
from decisions.rules.guards import is_probability
from decisions.rules.policy import RULE_FACTS, Condition, IntentPolicy, PolicySnapshot, Rule
from tickets.codes import Level, Reason

MOST_TRIED = 3_000  # a policy that needs more has no counterfactual that anybody could read
SHARES = ("confidence", "margin")
ORDER = (
    *(name for name in RULE_FACTS if name not in SHARES),
    "level",
    "certified_threshold",
    *SHARES,
    "cap_reached",
)
NEITHER = "not "  # before a text: whatever is none of these

Way = tuple[str, Any]  # a fact and another value for it


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would have to be otherwise: `confidence` 0.91 → 0.94, or `level` → auto."""

    fact: str
    before: Any
    after: Any

    @property
    def size(self) -> float:
        """How far it moves: of a share the difference, of a count its part, of all else 1."""
        if not _is_number(self.before) or not _is_number(self.after):
            return 1.0
        moved = abs(self.after - self.before)
        return float(moved if self.fact in SHARES else moved / max(self.before, self.after, 1))


def counterfactual(
    facts: Facts, policy: PolicySnapshot, verdict: Verdict
) -> tuple[Change, ...] | None:
    """Changes that turn the verdict; None where a guard fired or where no policy could turn it."""
    if any(step.fired and step.stage == "guard" for step in verdict.trace):
        return None
    if verdict.automates:
        return _towards_person(facts, policy)
    found = _Search(facts, policy).run()
    return tuple(_widest(change, found, facts, policy) for change in found) if found else None


def apply_changes(
    facts: Facts, policy: PolicySnapshot, changes: Iterable[Change]
) -> tuple[Facts, PolicySnapshot]:
    """Facts and policy as they would have been."""
    for change in changes:
        if change.fact == "level":
            intent = replace(policy.for_intent(facts.intent), level=change.after)
            policy = replace(policy, intents={**policy.intents, str(facts.intent): intent})
        else:
            facts = replace(facts, **{change.fact: change.after})
    return facts, policy


# --- From a person to an automatic answer ---------------------------------------------------------


class _Search:
    """Looks for the smallest set of changes, one change more with every round."""

    def __init__(self, facts: Facts, policy: PolicySnapshot) -> None:
        self.facts, self.policy = facts, policy
        self.rules = {f"rule:{rule.slug}": rule for rule in policy.rules}
        self.edges = {name: list(_edges(name, policy, facts)) for name in RULE_FACTS}
        self.tried = 0
        self.best: tuple[float, tuple[Change, ...]] | None = None

    def run(self) -> tuple[Change, ...] | None:
        for most in range(1, len(ORDER) + 1):
            self._further((), most)
            if self.best is not None:
                return tuple(sorted(self.best[1], key=lambda change: ORDER.index(change.fact)))
            if self.tried >= MOST_TRIED:
                break
        return None

    def _further(self, changes: tuple[Change, ...], most: int) -> None:
        """Undo what still fires. Whatever the smallest set is, each thing that fires is undone by
        one of its changes, so one of these branches leads there."""
        self.tried += 1
        size = sum(change.size for change in changes)
        if self.tried > MOST_TRIED or (self.best is not None and size >= self.best[0]):
            return
        now, then = apply_changes(self.facts, self.policy, changes)
        verdict = decide(now, then)
        if verdict.automates:
            self.best = (size, changes)
            return
        if len(changes) == most or verdict.reasons[0].startswith("guard:"):
            return
        free = RULE_FACTS.keys() | {"level", "certified_threshold", "cap_reached"}
        free -= {change.fact for change in changes}
        ways = [self._ways(reason, now, then, free) for reason in verdict.reasons]
        for fact, value in min(ways, key=len):
            self._further((*changes, Change(fact, self._before(fact), value)), most)

    def _before(self, fact: str) -> Any:
        if fact == "level":
            return self.policy.for_intent(self.facts.intent).level
        return getattr(self.facts, fact)

    def _ways(self, reason: str, facts: Facts, policy: PolicySnapshot, free: set[str]) -> list[Way]:
        """Every single change that takes this reason away; the nearest first."""
        if reason in self.rules:
            ways = self._undone(self.rules[reason], facts)
        else:
            ways = self._permitted(reason, facts, policy.for_intent(facts.intent))
        allowed = [way for way in ways if way[0] in free]
        return sorted(allowed, key=lambda way: Change(way[0], self._before(way[0]), way[1]).size)

    def _undone(self, rule: Rule, facts: Facts) -> Iterator[Way]:
        """Make one condition of the rule false."""
        for condition in rule.conditions:
            for value in self.edges.get(condition.fact, ()):
                if not condition.holds(replace(facts, **{condition.fact: value})):
                    yield condition.fact, value

    def _permitted(self, reason: str, facts: Facts, intent: IntentPolicy) -> Iterator[Way]:
        if reason.startswith("level_"):
            yield "level", Level.AUTO.value
        elif reason == Reason.NOT_CERTIFIED:
            earned = intent.threshold
            yield "certified_threshold", earned if is_probability(earned) else facts.confidence
        elif reason == Reason.CAP_REACHED:
            yield "cap_reached", False
        elif reason in (Reason.BELOW_THRESHOLD, Reason.TOO_CLOSE):
            fact = "confidence" if reason == Reason.BELOW_THRESHOLD else "margin"
            needed = _needed(fact, facts, intent)
            yield from ((fact, value) for value in self.edges[fact] if value >= needed)


def _needed(fact: str, facts: Facts, intent: IntentPolicy) -> float:
    """What a share has to reach; 0 where anything will do, for no share lies below."""
    needed = effective_threshold(facts, intent) if fact == "confidence" else intent.margin
    return max(needed, 0.0)


def _edges(name: str, policy: PolicySnapshot, facts: Facts) -> Iterator[Any]:
    """Values between which nothing changes, each once, in a fixed order."""
    if name == "intent":
        return  # another intent is another question
    named = [c for rule in policy.rules for c in rule.conditions if c.fact == name]
    found = [value for condition in named for value in _edges_of(condition)]
    if name in SHARES:
        intent = policy.for_intent(facts.intent)
        found = [value for value in (*found, _needed(name, facts, intent)) if 0 <= value <= 1]
    if RULE_FACTS[name].type is str and found:
        found.append(NEITHER + ", ".join(sorted(set(found))))
    yield from dict.fromkeys(found)


def _edges_of(condition: Condition) -> tuple[Any, ...]:
    value, kind = condition.value, RULE_FACTS[condition.fact].type
    if kind is bool:
        return (True, False)
    if kind is str:
        return (value,) if isinstance(value, str) else ()
    if not _is_number(value):
        return ()
    if kind is float:
        return (value,)
    return tuple(count for count in (value - 1, value, value + 1) if count >= 0)


def _widest(
    change: Change, found: tuple[Change, ...], facts: Facts, policy: PolicySnapshot
) -> Change:
    """Of a text that had to be none of some, name only those that it really must not be."""
    if not isinstance(change.after, str) or not change.after.startswith(NEITHER):
        return change
    refused = [
        value
        for value in change.after.removeprefix(NEITHER).split(", ")
        if not decide(
            *apply_changes(facts, policy, [*found, replace(change, after=value)])
        ).automates
    ]
    return replace(change, after=NEITHER + ", ".join(refused))


# --- From an automatic answer to a person ---------------------------------------------------------


def _towards_person(facts: Facts, policy: PolicySnapshot) -> tuple[Change, ...] | None:
    """The single change that moves least: below a threshold, or into a rule."""
    ways = [*_below(facts, policy), *_into_rules(facts, policy)]
    changes = [Change(fact, getattr(facts, fact), value) for fact, value in ways]
    turning = [
        change
        for change in sorted(changes, key=lambda change: change.size)
        if not decide(*apply_changes(facts, policy, [change])).automates
    ]
    return (turning[0],) if turning else None


def _below(facts: Facts, policy: PolicySnapshot) -> Iterator[Way]:
    """The largest number below what is needed; none where nothing lies below."""
    intent = policy.for_intent(facts.intent)
    for fact in SHARES:
        below = math.nextafter(_needed(fact, facts, intent), -math.inf)
        if below > 0 or (below == 0 and fact == "margin"):
            yield fact, below


def _into_rules(facts: Facts, policy: PolicySnapshot) -> Iterator[Way]:
    """What would make the last condition hold of a rule whose others do."""
    for rule in policy.rules:
        missing = {c.fact for c in rule.conditions if not c.holds(facts)} - {"intent"}
        if len(missing) != 1:
            continue
        (fact,) = missing
        for condition in rule.conditions:
            if condition.fact == fact:
                yield from ((fact, value) for value in _into(condition))


def _into(condition: Condition) -> Iterator[Any]:
    """Values at the edge of a condition that make it hold."""
    if condition.fact in SHARES:
        below = math.nextafter(condition.value, -math.inf)
        if 0 < below <= 1:
            yield below
        return
    if condition.operator == "is_not":
        yield f"{NEITHER}{condition.value}"
        return
    for value in _edges_of(condition):
        if condition.holds(Facts(**{condition.fact: value})):
            yield value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
