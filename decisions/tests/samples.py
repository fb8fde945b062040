"""Facts and policies to start from: nothing speaks against an automatic answer."""

from typing import Any

from decisions.rules.facts import Facts
from decisions.rules.policy import Condition, IntentPolicy, PolicySnapshot, Rule
from tickets.codes import Level, RiskClass

INTENT = "order_status"


def make_facts(**changes: Any) -> Facts:
    values = {
        "intent": INTENT,
        "confidence": 0.95,
        "runner_up": "delivery_problem",
        "margin": 0.9,
        "risk": RiskClass.OPEN,
        "classifier": "scripted-1",
        "language": "en",
        "length": 40,
        "questions": 1,
        "certificate": 1,
        "certified_threshold": 0.8,
        "reply_ready": True,
    }
    return Facts(**{**values, **changes})


def make_intent(**changes: Any) -> IntentPolicy:
    values = {
        "level": Level.AUTO,
        "threshold": 0.8,
        "margin": 0.1,
        "queue": "orders",
        "template": INTENT,
    }
    return IntentPolicy(**{**values, **changes})


def make_policy(*rules: Rule, **changes: Any) -> PolicySnapshot:
    """`make_policy(rule, level="shadow", guard_queue=None)`: changes of the intent or the whole."""
    whole = {"number": 1, "default_queue": "general", "guard_queue": "sensitive"}
    fields = set(PolicySnapshot.__dataclass_fields__) - {"hourly_cap"}
    own = {name: value for name, value in changes.items() if name in fields}
    intent = {name: value for name, value in changes.items() if name not in fields}
    return PolicySnapshot(
        **{"intents": {INTENT: make_intent(**intent)}, "rules": rules, **whole, **own}
    )


def make_rule(condition: str = "length > 20", **changes: Any) -> Rule:
    """A rule with one condition, written as `length > 20`; the value as Python writes it."""
    fact, operator, value = condition.split(maxsplit=2)
    number = {"True": True, "False": False}.get(value)
    if number is None and value.replace(".", "").isdigit():
        number = float(value) if "." in value else int(value)
    said = value if number is None else number
    values = {
        "slug": "sample",
        "reason": "Because.",
        "conditions": (Condition(fact, operator, said),),
    }
    return Rule(**{**values, **changes})
