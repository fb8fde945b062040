"""What is wrong with a policy before anybody publishes it. Pure: no Django."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import combinations

from decisions.rules.conditions import implies, never_holds
from decisions.rules.guards import is_probability
from decisions.rules.policy import IntentPolicy, PolicySnapshot, Rule
from tickets.codes import Level, RiskClass

MOST_MORE = 0.20  # of the traffic; more than this needs a second person
FEWEST_TICKETS = 25  # below this a share says nothing


class Severity(StrEnum):
    ERROR = "error"  # refuses publishing
    SECOND = "second"  # takes two people
    WARNING = "warning"  # shown


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that lint found: a code, what it is about, and words for the author."""

    severity: Severity
    code: str
    about: str  # slug of an intent or a rule; empty for the whole
    words: str


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of the last tickets that is automated, by the policy in force and by the draft."""

    before: float
    after: float
    tickets: int

    @property
    def rise(self) -> float:
        return self.after - self.before

    @property
    def needs_second(self) -> bool:
        return self.tickets >= FEWEST_TICKETS and round(self.rise, 9) > MOST_MORE


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a policy may speak of, as plain data."""

    risks: Mapping[str, str | None] | None = None  # intents in use; None: nobody could say
    queues: frozenset[str] = frozenset()
    templates: Mapping[str, bool] = field(default_factory=dict)  # slug -> can be sent as it is
    certified: Mapping[str, float] = field(default_factory=dict)  # intent -> threshold earned
    shares: Shares | None = None
    again: bool = False  # it was in force before


def lint(policy: PolicySnapshot, world: World) -> list[Finding]:
    """Everything there is to say; errors first, in an order that does not depend on rows."""
    found = [
        *_intents(policy, world),
        *_queues(policy, world),
        *_rules(policy, world),
        *_whole(policy, world),
    ]
    rank = list(Severity)
    return sorted(found, key=lambda one: (rank.index(one.severity), one.code, one.about))


# --- Intents --------------------------------------------------------------------------------------


def _intents(policy: PolicySnapshot, world: World) -> Iterator[Finding]:
    for slug, intent in sorted(policy.intents.items()):
        yield from _risk(slug, intent, world)
        yield from _template(slug, intent, world)
        yield from _threshold(slug, intent, world)
    for slug in sorted(set(world.risks or ()) - set(policy.intents)):
        words = f"Nothing is said about “{slug}”, so it is off."
        yield Finding(Severity.WARNING, "intent_not_named", slug, words)


def _risk(slug: str, intent: IntentPolicy, world: World) -> Iterator[Finding]:
    if world.risks is None:
        return
    if slug not in world.risks:
        yield Finding(Severity.ERROR, "intent_unknown", slug, f"There is no intent “{slug}”.")
        return
    if world.risks[slug] != RiskClass.OPEN and intent.level in (Level.AUTO, Level.SHADOW):
        at_auto = intent.level == Level.AUTO
        yield Finding(
            Severity.ERROR if at_auto else Severity.WARNING,
            "never_automated",
            slug,
            f"“{slug}” is always answered by a person, so it cannot stand at {intent.level}.",
        )


def _template(slug: str, intent: IntentPolicy, world: World) -> Iterator[Finding]:
    severity = Severity.ERROR if intent.level == Level.AUTO else Severity.WARNING
    if intent.template is None:
        if intent.level in (Level.AUTO, Level.SHADOW):
            words = f"“{slug}” stands at {intent.level} and has no reply to send."
            yield Finding(severity, "template_missing", slug, words)
    elif intent.template not in world.templates:
        words = f"“{slug}”: there is no reply “{intent.template}”."
        yield Finding(severity, "template_missing", slug, words)
    elif not world.templates[intent.template] and intent.level in (Level.AUTO, Level.SHADOW):
        words = f"“{slug}”: the reply “{intent.template}” needs an agent, so it is never sent."
        yield Finding(severity, "template_incomplete", slug, words)


def _threshold(slug: str, intent: IntentPolicy, world: World) -> Iterator[Finding]:
    if intent.level != Level.AUTO:
        return
    certified = world.certified.get(slug)
    if certified is None:
        words = f"No certificate speaks of “{slug}”: until one does, a person answers."
        yield Finding(Severity.WARNING, "not_certified", slug, words)
    elif not is_probability(intent.threshold) or intent.threshold < certified:
        words = (
            f"“{slug}”: the threshold {_number(intent.threshold)} is below the "
            f"{_number(certified)} that was earned"
        )
        if world.again:  # nothing may keep a business from going back to what it had
            words += ", so the earned one decides."
            yield Finding(Severity.WARNING, "below_certificate", slug, words)
        else:
            words += ". Raise it, or try it as shadow."
            yield Finding(Severity.ERROR, "below_certificate", slug, words)


# --- Queues ---------------------------------------------------------------------------------------


def _queues(policy: PolicySnapshot, world: World) -> Iterator[Finding]:
    named = [
        ("", policy.default_queue),
        ("", policy.guard_queue),
        *((slug, intent.queue) for slug, intent in sorted(policy.intents.items())),
        *((rule.slug, rule.queue) for rule in policy.rules),
    ]
    for about, queue in named:
        if queue is not None and queue not in world.queues:
            words = f"There is no queue “{queue}”."
            yield Finding(Severity.ERROR, "queue_unknown", about, words)


# --- Rules ----------------------------------------------------------------------------------------


def _rules(policy: PolicySnapshot, world: World) -> Iterator[Finding]:
    alive = []
    for rule in sorted(policy.rules, key=lambda rule: rule.slug):
        fact = never_holds(rule)
        if fact is not None:
            words = f"The rule “{rule.slug}” can never hold: no {fact} is like that."
            yield Finding(Severity.ERROR, "never_holds", rule.slug, words)
        else:
            alive.append(rule)
        yield from _names(rule, world)
    yield from _pairs(alive)
    yield from _covered(alive, policy)


def _names(rule: Rule, world: World) -> Iterator[Finding]:
    for condition in rule.conditions:
        speaks = condition.fact in ("intent", "runner_up")
        if speaks and world.risks is not None and condition.value not in world.risks:
            words = f"The rule “{rule.slug}” names an intent “{condition.value}” that is not there."
            yield Finding(Severity.ERROR, "intent_unknown", rule.slug, words)


def _pairs(rules: list[Rule]) -> Iterator[Finding]:
    """Rules that say the same, and rules that another one covers. Each is named once."""
    named: set[str] = set()
    for one, other in combinations(rules, 2):
        there, back = implies(one, other), implies(other, one)
        if there and back:
            words = f"“{one.slug}” and “{other.slug}” hold for the same tickets."
            yield Finding(Severity.WARNING, "duplicate", other.slug, words)
            named.add(other.slug)
            continue
        narrow, wide = (one, other) if there else (other, one)
        if (there or back) and narrow.slug not in named and _adds_nothing(narrow, wide):
            words = f"“{narrow.slug}” adds nothing: “{wide.slug}” holds wherever it does."
            yield Finding(Severity.WARNING, "superfluous", narrow.slug, words)
            named.add(narrow.slug)


def _adds_nothing(narrow: Rule, wide: Rule) -> bool:
    """A rule that names a queue or a priority of its own still says where the ticket goes."""
    own = (narrow.queue, narrow.priority)
    return own in ((None, None), (wide.queue, wide.priority))


def _covered(rules: list[Rule], policy: PolicySnapshot) -> Iterator[Finding]:
    """Rules that ask for no more than the thresholds do."""
    automatic = {s: i for s, i in policy.intents.items() if i.level in (Level.AUTO, Level.SHADOW)}
    for rule in rules:
        if rule.queue or rule.priority or not automatic:
            continue
        for condition in rule.conditions:
            needed = [
                i.threshold if condition.fact == "confidence" else i.margin
                for i in automatic.values()
            ]
            if condition.fact in ("confidence", "margin") and condition.value <= min(needed):
                words = (
                    f"“{rule.slug}” adds nothing: below {condition.fact} "
                    f"{_number(condition.value)} nothing is automated anyway."
                )
                yield Finding(Severity.WARNING, "superfluous", rule.slug, words)
                break


# --- The whole ------------------------------------------------------------------------------------


def _whole(policy: PolicySnapshot, world: World) -> Iterator[Finding]:
    shares = world.shares
    if shares is None:
        return
    if shares.needs_second:
        yield Finding(
            Severity.SECOND,
            "much_more",
            "",
            f"Of the last {shares.tickets} tickets it would automate {shares.after:.0%}, the "
            f"policy in force {shares.before:.0%}. More than {MOST_MORE * 100:.0f} points more "
            f"takes two people.",
        )
    elif shares.tickets < FEWEST_TICKETS and any(
        intent.level == Level.AUTO for intent in policy.intents.values()
    ):
        words = (
            f"Only {shares.tickets} tickets were decided yet: too few to say how much of the "
            f"traffic it would automate."
        )
        yield Finding(Severity.WARNING, "few_tickets", "", words)


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
