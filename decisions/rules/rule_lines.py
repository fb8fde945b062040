"""Conditions of an escalation rule as lines of text: `length > 2000`, `language is not en`."""

import re
from collections.abc import Sequence
from typing import Any

from decisions.rules.policy import RULE_FACTS, Condition, RuleInvalid

LINE = re.compile(r"(\w+)\s*(is not|is_not|is|<=|>=|<|>|=)\s*(.+)", re.IGNORECASE)
YES, NO = {"yes", "true"}, {"no", "false"}


def parse(text: str) -> list[dict[str, Any]]:
    """The conditions that the lines name, as a rule stores them.

    Raises:
        RuleInvalid: a line is no condition, or names what does not exist.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise RuleInvalid("A rule needs at least one condition.")
    return [_condition(line) for line in lines]


def written(conditions: Sequence[Any]) -> str:
    """Stored conditions as lines."""
    return "\n".join(
        f"{c['fact']} {str(c['operator']).replace('_', ' ')} {_said(c['value'])}"
        for c in conditions
    )


def _condition(line: str) -> dict[str, Any]:
    match = LINE.fullmatch(line)
    if match is None:
        raise RuleInvalid(f"“{line}” is no condition. Write a fact, how to compare, and a value.")
    fact, operator, value = match[1].lower(), match[2].lower().replace(" ", "_"), match[3].strip()
    return typed(fact, operator, value)


def typed(fact: str, operator: str, value: str) -> dict[str, Any]:
    """A condition as a rule stores it, its value read as the fact's type.

    Raises:
        RuleInvalid: the fact is unknown, or cannot be compared like that or with this.
    """
    kind = RULE_FACTS.get(fact)
    if kind is None:
        raise RuleInvalid(f"There is no fact named {fact!r}. There are {', '.join(RULE_FACTS)}.")
    if not value:
        raise RuleInvalid(f"{kind.label}: say with what it is compared.")
    condition = Condition(fact, operator, _typed(value, kind.type))
    condition.check()
    return {"fact": fact, "operator": operator, "value": condition.value}


def _typed(value: str, wanted: type) -> Any:
    """The value as the fact's type; left as text where it does not fit, for `check` to refuse."""
    if wanted is bool:
        known = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
        return known.get(value.lower(), value)
    if wanted is str:
        return value
    try:
        return wanted(value)
    except ValueError:
        return value


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
