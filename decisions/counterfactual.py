"""The smallest changes that would have turned a verdict. Pure: no Django."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from decisions.engine import Verdict, decide, effective_threshold
from decisions.facts import Facts
from decisions.policy import RULE_FACTS, Condition, PolicySnapshot
from tickets.codes import Level, Reason

MOST_CHANGES = 12
SMALLEST_STEP = 1e-9


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that would have to be otherwise: `confidence` 0.91 → 0.94, or `level` → auto."""

    fact: str
    before: Any
    after: Any

    def as_record(self) -> dict[str, Any]:
        return {"fact": self.fact, "from": self.before, "to": self.after}


def counterfactual(
    facts: Facts, policy: PolicySnapshot, verdict: Verdict
) -> tuple[Change, ...] | None:
    """Changes that turn the verdict; None where a guard fired or where no policy could turn it."""
    if any(step.fired and step.stage == "guard" for step in verdict.trace):
        return None
    changes = _towards_person(facts, policy) if verdict.automates else _to_automate(facts, policy)
    turned = decide(*apply_changes(facts, policy, changes))
    return changes if changes and turned.outcome != verdict.outcome else None


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


def _towards_person(facts: Facts, policy: PolicySnapshot) -> tuple[Change, ...]:
    """An automatic answer turns when the confidence falls below the effective threshold."""
    below = effective_threshold(facts, policy.for_intent(facts.intent)) - SMALLEST_STEP
    return (Change("confidence", facts.confidence, max(below, SMALLEST_STEP)),)


def _to_automate(facts: Facts, policy: PolicySnapshot) -> tuple[Change, ...]:
    """Undo what fired, one step after the other, until nothing fires or nothing helps."""
    changes: list[Change] = []
    for _ in range(MOST_CHANGES):
        now, then = apply_changes(facts, policy, changes)
        verdict = decide(now, then)
        if verdict.automates:
            break
        change = _undo(verdict.reasons[0], now, then)
        if change is None:
            return ()
        changes.append(change)
    return _merged(changes)


def _merged(changes: Iterable[Change]) -> tuple[Change, ...]:
    """One change for each fact: from where it stood at first to where it came in the end."""
    merged: dict[str, Change] = {}
    for change in changes:
        first = merged.get(change.fact, change)
        merged[change.fact] = Change(change.fact, first.before, change.after)
    return tuple(merged.values())


def _undo(reason: str, facts: Facts, policy: PolicySnapshot) -> Change | None:
    intent = policy.for_intent(facts.intent)
    if reason.startswith("level_"):
        return Change("level", intent.level, Level.AUTO.value)
    if reason == Reason.NOT_CERTIFIED:
        return Change("certified_threshold", None, intent.threshold)
    if reason == Reason.BELOW_THRESHOLD:
        needed = effective_threshold(facts, intent)
        return Change("confidence", facts.confidence, needed) if needed <= 1 else None
    if reason == Reason.TOO_CLOSE:
        return Change("margin", facts.margin, intent.margin)
    if reason == Reason.CAP_REACHED:
        return Change("cap_reached", True, False)
    if reason.startswith("rule:"):
        return _undo_rule(reason.removeprefix("rule:"), facts, policy)
    return None


def _undo_rule(slug: str, facts: Facts, policy: PolicySnapshot) -> Change | None:
    """Make one condition of the rule false."""
    rule = next(rule for rule in policy.rules if rule.slug == slug)
    for condition in rule.conditions:
        value = _contrary(condition)
        if value is not None:
            return Change(condition.fact, getattr(facts, condition.fact), value)
    return None


def _contrary(condition: Condition) -> Any:
    """The nearest value for which the condition does not hold; None where there is none."""
    if condition.fact == "intent":
        return None  # another intent is another question
    value, kind = condition.value, RULE_FACTS[condition.fact].type
    if kind is bool:
        return not value
    if kind is str:
        return value if condition.operator == "is_not" else f"not {value}"
    step = {"<": 0, "<=": 1, ">": 0, ">=": -1, "=": 1}[condition.operator]
    return value + step if value + step >= 0 else None  # no count lies below zero
