"""A condition of an escalation rule from the texts of a form, its value read as its fact's type."""

from typing import Any

from decisions.rules.policy import RULE_FACTS, Condition, RuleInvalid

YES, NO = {"yes", "true"}, {"no", "false"}


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
