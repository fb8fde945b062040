"""A decision in words that people understand. Pure: no Django.

Rows keep codes; whoever shows them asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decisions.rules.counterfactual import Change
from decisions.rules.guards import GUARDS
from decisions.rules.policy import RULE_FACTS, Condition
from tickets.codes import NoIntent, Reason

GUARD_WORDS: Mapping[str, str] = {guard.name: guard.words for guard in GUARDS}

NO_INTENT_WORDS: Mapping[str, str] = {
    NoIntent.OUT_OF_SCOPE: "None of the known intents fits the message.",
    NoIntent.AMBIGUOUS: "Several intents fit about equally well.",
    NoIntent.UNREADABLE: "The classifier cannot read it: another language, or hardly a word.",
}

# What a reason says when it stopped automation, and what the same step says when it did not.
PERMISSION_WORDS: Mapping[str, tuple[str, str]] = {
    "level_off": ("The policy keeps automation off for this intent.", ""),
    "level_suggest": ("The policy suggests replies for this intent, a person sends them.", ""),
    "level_shadow": (
        "The policy tries this intent in the shadow: a person answers, and what automation would "
        "have done is recorded.",
        "",
    ),
    "level_auto": ("", "The policy lets this intent be answered automatically."),
    Reason.NOT_CERTIFIED: (
        "No valid certificate speaks of this intent and this classifier.",
        "A certificate speaks of this intent and this classifier.",
    ),
    Reason.BELOW_THRESHOLD: (
        "The confidence is below the threshold.",
        "The confidence reaches the threshold.",
    ),
    Reason.TOO_CLOSE: (
        "The runner-up is too close.",
        "The runner-up is far enough away.",
    ),
    Reason.CAP_REACHED: (
        "The hourly cap of automatic answers is used up.",
        "The hourly cap of automatic answers has room.",
    ),
}

FACT_LABELS: Mapping[str, str] = {
    "classifier": "Classifier",
    "classifier_failed": "Classifier failed",
    "second_key": "Second classifier says",
    "second_key_failure": "Second classifier failed",
    "second_key_required": "Second classifier has to agree",
    "keys_agree": "Classifiers agree",
    "kill_switch": "Kill switch",
    "breaker_open": "Breaker open",
    "risk": "Risk class",
    "asks_for_person": "Asks for a person",
    "reopen_count": "Times reopened",
    "decided_by_person": "Decided by a person",
    "wrote_again": "Added before the decision",
    "automatic_mail": "Automatic mail",
    "topics": "Sensitive topics",
    "reply_ready": "Reply ready",
    "certificate": "Certificate",
    "certified_threshold": "Certified threshold",
    "cap_reached": "Cap reached",
    "level": "Level in the policy",
    "threshold": "Threshold",
    "needed": "Margin needed",
    "margin": "Margin",
    "confidence": "Confidence",
}
OPERATOR_WORDS = {"is": "is", "is_not": "is not"}


@dataclass(frozen=True, slots=True)
class StepWords:
    """A step of the trace for people: what it asks, whether it stopped automation, what it saw."""

    stage: str
    name: str
    fired: bool
    words: str
    values: tuple[tuple[str, str], ...]


def step_words(step: Mapping[str, Any], rules: Mapping[str, str]) -> StepWords:
    """A recorded step in words. `rules` maps slugs of escalation rules to their reasons."""
    name, fired = str(step["name"]), bool(step["fired"])
    if step["stage"] == "permission" and not fired:
        words = PERMISSION_WORDS.get(name, ("", ""))[1] or reason_words(name, rules)
    else:
        words = reason_words(name, rules)
    values = tuple((fact_label(key), said(value)) for key, value in step["values"].items())
    return StepWords(str(step["stage"]), name, fired, words, values)


def reason_words(code: str, rules: Mapping[str, str] | None = None) -> str:
    """The sentence behind a reason code; the code itself where nobody knows one."""
    kind, _, name = code.partition(":")
    if kind == "guard":
        return GUARD_WORDS.get(name, code)
    if kind == "rule":
        return (rules or {}).get(name) or f"The rule “{name}” asks for a person."
    if kind == "no_intent":
        return NO_INTENT_WORDS.get(name, code)
    if code == Reason.PERMITTED:
        return "Nothing spoke against an automatic answer."
    if code == Reason.PROCESSING_FAILED:
        return "Something failed on our side, so a person gets the ticket."
    return PERMISSION_WORDS.get(code, ("", ""))[0] or code


def fact_label(name: str) -> str:
    if name in FACT_LABELS:
        return FACT_LABELS[name]
    kind = RULE_FACTS.get(name)
    return kind.label if kind else name.replace("_", " ").capitalize()


def said(value: Any) -> str:
    """A value that a rule saw, as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def condition_words(condition: Condition) -> str:
    """`Length in characters > 2000`."""
    operator = OPERATOR_WORDS.get(condition.operator, condition.operator)
    return f"{fact_label(condition.fact)} {operator} {said(condition.value)}"


def change_words(change: Change) -> str:
    """One of the smallest changes that would have turned the verdict."""
    before = said(change.before)
    if change.fact == "level":
        return f"Level in the policy: {before} → {said(change.after)}"
    if change.fact == "certified_threshold":
        return "Certificate: none → one that covers this intent"
    if change.fact in {"confidence", "margin"}:
        falls = isinstance(change.before, float) and change.after < change.before
        bound = "below" if falls else "at least"
        return f"{fact_label(change.fact)}: {before} → {bound} {said(round(change.after, 4))}"
    after = said(change.after).removeprefix("not ")
    negated = isinstance(change.after, str) and change.after.startswith("not ")
    return f"{fact_label(change.fact)}: {before} → {'anything but ' if negated else ''}{after}"
