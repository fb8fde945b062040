"""Two versions of a policy side by side, in words that a lead understands. Pure: no Django."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from decisions.rules.policy import OFF, IntentPolicy, PolicySnapshot, Rule
from decisions.why.words import condition_words, said

INTENT_LABELS = {
    "level": "Level",
    "threshold": "Threshold",
    "margin": "Margin",
    "queue": "Queue",
    "priority": "Priority",
    "template": "Reply",
    "hourly_cap": "Automatic answers an hour",
}
LIMIT_LABELS = {
    "requester_cap": "Automatic replies to one person in 24 hours",
    "hourly_cap": "Automatic answers an hour, all intents",
    "default_queue": "Queue where nothing else is said",
    "guard_queue": "Queue of sensitive cases",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that the two say differently. None: the other does not speak of it."""

    about: str  # slug of an intent, rule or topic; empty for limits
    label: str
    before: str | None
    after: str | None

    @property
    def loosens(self) -> bool:
        """Whether more may be automated by it; only levels, thresholds and margins can say."""
        if self.label == INTENT_LABELS["level"]:
            return self.after == "auto"
        if self.label in (INTENT_LABELS["threshold"], INTENT_LABELS["margin"]):
            return float(self.after or 1) < float(self.before or 1)
        return False


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, part by part."""

    intents: tuple[Difference, ...]
    rules: tuple[Difference, ...]
    limits: tuple[Difference, ...]
    topics: tuple[Difference, ...]

    @property
    def count(self) -> int:
        return sum(len(part) for _, part in self.parts)

    @property
    def parts(self) -> list[tuple[str, tuple[Difference, ...]]]:
        return [
            ("Intents", self.intents),
            ("Escalation rules", self.rules),
            ("Limits and queues", self.limits),
            ("Sensitive topics", self.topics),
        ]


def compare(before: PolicySnapshot, after: PolicySnapshot) -> Comparison:
    """What the second says otherwise than the first."""
    return Comparison(
        intents=tuple(_intents(before.intents, after.intents)),
        rules=tuple(_rules(before.rules, after.rules)),
        limits=tuple(_limits(before, after)),
        topics=tuple(_topics(before.topics, after.topics)),
    )


def _intents(
    before: Mapping[str, IntentPolicy], after: Mapping[str, IntentPolicy]
) -> Iterator[Difference]:
    for slug in sorted(before.keys() | after.keys()):
        old, new = before.get(slug), after.get(slug)
        if old is None or new is None:
            label = "Named in the policy"
            yield Difference(slug, label, _named(old), _named(new))
        for field in fields(IntentPolicy):
            was, now = (getattr(one or OFF, field.name) for one in (old, new))
            if was != now:
                yield Difference(slug, INTENT_LABELS[field.name], said(was), said(now))


def _named(intent: IntentPolicy | None) -> str:
    return "no, so it is off" if intent is None else "yes"


def _rules(before: Iterable[Rule], after: Iterable[Rule]) -> Iterator[Difference]:
    old, new = ({rule.slug: rule for rule in rules} for rules in (before, after))
    for slug in sorted(old.keys() | new.keys()):
        was, now = old.get(slug), new.get(slug)
        if was != now:
            label = "Added" if was is None else "Taken out" if now is None else "Changed"
            yield Difference(slug, label, _words(was), _words(now))


def _words(rule: Rule | None) -> str | None:
    return rule_words(rule) if rule else None


def rule_words(rule: Rule) -> str:
    """The whole rule as one sentence."""
    words = f"{rule.reason} When " + " and ".join(map(condition_words, rule.conditions))
    words += f"; queue {rule.queue}" if rule.queue else ""
    return words + (f"; priority {rule.priority}" if rule.priority else "") + "."


def _limits(before: PolicySnapshot, after: PolicySnapshot) -> Iterator[Difference]:
    for name, label in LIMIT_LABELS.items():
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            yield Difference("", label, said(was), said(now))


def _topics(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[Difference]:
    """Entries that came and went, for each topic and language."""
    for topic in sorted(before.keys() | after.keys()):
        old, new = before.get(topic, {}), after.get(topic, {})
        for language in sorted(old.keys() | new.keys()):
            was, now = set(old.get(language, ())), set(new.get(language, ()))
            gone, came = sorted(was - now), sorted(now - was)
            if gone or came:
                yield Difference(
                    topic,
                    f"Entries, {language}",
                    " · ".join(gone) or None,
                    " · ".join(came) or None,
                )
