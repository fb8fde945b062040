"""`decide(facts, policy) -> Verdict`: pure, total, deterministic.

As in AWS's Cedar the default is to escalate, one matching escalation wins over any permission, and
order never matters. So adding a rule can only reduce automation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from decisions.facts import Facts
from decisions.guards import GUARDS
from decisions.policy import IntentPolicy, PolicySnapshot, Rule
from tickets.codes import PRIORITY_RANK, Level, Outcome, Priority, Reason, RiskClass

ENGINE_VERSION = 1


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
        values = {name: _plain(getattr(facts, name)) for name in guard.reads}
        yield Step("guard", f"guard:{guard.name}", guard.test(facts, policy), values)


def _rules(facts: Facts, policy: PolicySnapshot) -> Iterator[Step]:
    for rule in sorted(policy.rules, key=lambda rule: rule.slug):
        values = {c.fact: _plain(getattr(facts, c.fact)) for c in rule.conditions}
        yield Step("rule", f"rule:{rule.slug}", rule.holds(facts), values)


def _permission(facts: Facts, intent: IntentPolicy) -> Iterator[Step]:
    """What must hold before anything is automated. A step fires when it does not hold."""
    if facts.intent is None:
        why = facts.no_intent or "out_of_scope"
        yield Step("permission", f"no_intent:{why}", True, {"intent": None})
        return
    level_reason = f"level_{intent.level}"
    yield Step("permission", level_reason, intent.level != Level.AUTO, {"level": intent.level})
    threshold = effective_threshold(facts, intent)
    yield Step(
        "permission",
        Reason.NOT_CERTIFIED.value,
        facts.certified_threshold is None,
        {"certificate": facts.certificate, "certified_threshold": facts.certified_threshold},
    )
    yield Step(
        "permission",
        Reason.BELOW_THRESHOLD.value,
        not _at_least(facts.confidence, threshold),
        {"confidence": _plain(facts.confidence), "threshold": threshold},
    )
    yield Step(
        "permission",
        Reason.TOO_CLOSE.value,
        not _at_least(facts.margin, intent.margin),
        {"margin": _plain(facts.margin), "needed": intent.margin},
    )
    yield Step(
        "permission",
        Reason.CAP_REACHED.value,
        facts.cap_reached,
        {"cap_reached": facts.cap_reached},
    )


def effective_threshold(facts: Facts, intent: IntentPolicy) -> float:
    """The stricter of policy and certificate."""
    return max(intent.threshold, facts.certified_threshold or 0.0)


def _at_least(value: float | None, needed: float) -> bool:
    """False for anything that is not a number: NaN compares false, None and text do not count."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= needed


def _plain(value: Any) -> Any:
    """JSON-ready. NaN and infinity are no JSON, so they become words."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value


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
    if facts.intent is None or intent.level != Level.SHADOW:
        return None
    as_auto = {**policy.intents, facts.intent: replace(intent, level=Level.AUTO)}
    return decide(facts, replace(policy, intents=as_auto)).outcome
