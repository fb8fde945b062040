"""`decide(facts, policy) -> Verdict`: pure, total, deterministic.

As in AWS's Cedar the default is to escalate, one matching escalation wins over any permission, and
order never matters. So adding a rule can only reduce automation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from decisions.rules.facts import Facts, plain
from decisions.rules.guards import GUARDS, is_probability
from decisions.rules.policy import IntentPolicy, PolicySnapshot, Rule
from tickets.codes import (
    PRIORITY_RANK,
    Level,
    NoIntent,
    Outcome,
    Priority,
    Reason,
    RiskClass,
)

ENGINE_VERSION = 2


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the engine looked at, with the values it saw."""

    stage: str  # guard, rule, permission
    name: str
    fired: bool
    values: dict[str, Any]

    def as_record(self) -> dict[str, Any]:
        return {
            "stage": self.stage,
            "name": self.name,
            "fired": self.fired,
            "values": self.values,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happens to the ticket, and why."""

    outcome: Outcome
    reasons: tuple[str, ...]
    queue: str | None
    priority: Priority
    template: str | None
    shadow_outcome: Outcome | None
    trace: tuple[Step, ...]

    @property
    def automates(self) -> bool:
        return self.outcome == Outcome.AUTO_RESOLVE


def decide(facts: Facts, policy: PolicySnapshot) -> Verdict:
    """Say what happens to a ticket.

    Every step that fired is a reason to escalate; without any the ticket is resolved automatically.
    """
    intent = policy.for_intent(facts.intent)
    steps = (*_guards(facts, policy), *_rules(facts, policy), *_permission(facts, intent))
    reasons = tuple(step.name for step in steps if step.fired)
    outcome = Outcome.ESCALATE if reasons else Outcome.AUTO_RESOLVE
    return Verdict(
        outcome=outcome,
        reasons=reasons or (Reason.PERMITTED.value,),
        queue=_queue(facts, policy),
        priority=_priority(facts, policy),
        template=intent.template,
        shadow_outcome=_shadow(facts, policy, intent),
        trace=steps,
    )


def _guards(facts: Facts, policy: PolicySnapshot) -> Iterator[Step]:
    for guard in GUARDS:
        values = {name: plain(getattr(facts, name)) for name in guard.reads}
        yield Step("guard", f"guard:{guard.name}", guard.test(facts, policy), values)


def _rules(facts: Facts, policy: PolicySnapshot) -> Iterator[Step]:
    for rule in sorted(policy.rules, key=lambda rule: rule.slug):
        values = {c.fact: plain(getattr(facts, c.fact, None)) for c in rule.conditions}
        yield Step("rule", f"rule:{rule.slug}", rule.holds(facts), values)


def _permission(facts: Facts, intent: IntentPolicy) -> Iterator[Step]:
    """What must hold before anything is automated. A step fires when it does not hold."""
    if facts.intent is None or facts.no_intent is not None:
        # An intent and a reason to name none contradict each other; then the reason counts.
        why = plain(facts.no_intent) or NoIntent.OUT_OF_SCOPE.value
        yield _asked(f"no_intent:{why}", True, intent=facts.intent)
        return
    yield _asked(f"level_{intent.level}", intent.level != Level.AUTO, level=intent.level)
    certified = is_probability(facts.certified_threshold)
    yield _asked(
        Reason.NOT_CERTIFIED.value,
        not certified,
        certificate=facts.certificate,
        certified_threshold=facts.certified_threshold,
    )
    threshold = effective_threshold(facts, intent)
    yield _asked(
        Reason.BELOW_THRESHOLD.value,
        not _at_least(facts.confidence, threshold),
        confidence=facts.confidence,
        threshold=threshold,
    )
    yield _asked(
        Reason.TOO_CLOSE.value,
        not _at_least(facts.margin, intent.margin),
        margin=facts.margin,
        needed=intent.margin,
    )
    yield _asked(
        Reason.CAP_REACHED.value, facts.cap_reached is not False, cap_reached=facts.cap_reached
    )


def _asked(name: str, fired: bool, **values: Any) -> Step:
    return Step("permission", name, fired, {key: plain(value) for key, value in values.items()})


def effective_threshold(facts: Facts, intent: IntentPolicy) -> float:
    """The stricter of policy and certificate."""
    certified = facts.certified_threshold
    return max(intent.threshold, certified) if is_probability(certified) else intent.threshold


def _at_least(value: float | None, needed: float) -> bool:
    """False for anything but a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= 1 and value >= needed


def _fired_rules(facts: Facts, policy: PolicySnapshot) -> list[Rule]:
    """Rules that hold; the highest priority first, then the smallest slug."""
    fired = [rule for rule in policy.rules if rule.holds(facts)]
    return sorted(fired, key=lambda rule: (-_rank(rule.priority), rule.slug))


def _rank(priority: str | None) -> int:
    return PRIORITY_RANK[Priority(priority)] if priority else -1


def _queue(facts: Facts, policy: PolicySnapshot) -> str | None:
    for rule in _fired_rules(facts, policy):
        if rule.queue:
            return rule.queue
    if (facts.topics or facts.asks_for_person) and policy.guard_queue:
        return policy.guard_queue
    return policy.for_intent(facts.intent).queue or policy.default_queue


def _priority(facts: Facts, policy: PolicySnapshot) -> Priority:
    """The highest of what intent, rules and guards ask for."""
    wanted = [Priority(policy.for_intent(facts.intent).priority)]
    wanted += [Priority(r.priority) for r in _fired_rules(facts, policy) if r.priority]
    if facts.topics or facts.risk == RiskClass.RESTRICTED:
        wanted.append(Priority.HIGH)
    return max(wanted, key=PRIORITY_RANK.__getitem__)


def _shadow(facts: Facts, policy: PolicySnapshot, intent: IntentPolicy) -> Outcome | None:
    """What `auto` would have done, for an intent at `shadow`."""
    if intent.level != Level.SHADOW:
        return None
    as_auto = {str(facts.intent): replace(intent, level=Level.AUTO)}
    return decide(facts, replace(policy, intents=as_auto)).outcome
