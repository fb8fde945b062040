"""Why a decision came out as it did, put together for a page."""

from dataclasses import dataclass

from decisions.models import Certificate, Decision, EscalationRule, Publication
from decisions.rules.counterfactual import counterfactual
from decisions.rules.engine import decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from decisions.why.words import StepWords, change_words, reason_words, step_words

NO_TURN_GUARD = (
    "A guard decided this. No policy and no confidence could have turned it, and that is meant so."
)
NO_TURN_FAILED = "Processing failed before the rules were asked, so there is nothing to turn."
NO_TURN = "No change of what a policy can speak of would have turned this."
NO_TURN_VERSION = "This was decided by another version of the rules; it is shown as recorded."


@dataclass(frozen=True, slots=True)
class Stage:
    """The steps of one kind, those that stopped automation first."""

    title: str
    steps: tuple[StepWords, ...]

    @property
    def fired(self) -> int:
        return sum(step.fired for step in self.steps)


@dataclass(frozen=True, slots=True)
class Why:
    """Everything that a page says about a decision."""

    decision: Decision
    reasons: tuple[str, ...]
    stages: tuple[Stage, ...]
    changes: tuple[str, ...]
    no_turn: str
    certificate: Certificate | None


STAGES = {
    "guard": "Guards: no policy can switch them off",
    "rule": "Escalation rules of the policy",
    "permission": "Permission to automate",
}


def why(decision: Decision) -> Why:
    """The decision in words: steps, reasons, what would have turned it, its certificate."""
    policy = decision.policy.snapshot() if decision.policy else None
    rules = {rule.slug: rule.reason for rule in policy.rules} if policy else {}
    steps = [step_words(step, rules) for step in decision.trace]
    stages = [
        Stage(title, tuple(sorted((s for s in steps if s.stage == key), key=lambda s: not s.fired)))
        for key, title in STAGES.items()
    ]
    changes, no_turn = _turn(decision, policy)
    return Why(
        decision=decision,
        reasons=tuple(reason_words(code, rules) for code in decision.reasons),
        stages=tuple(stage for stage in stages if stage.steps),
        changes=changes,
        no_turn=no_turn,
        certificate=_certificate(decision),
    )


def _turn(decision: Decision, policy: PolicySnapshot | None) -> tuple[tuple[str, ...], str]:
    """The smallest changes in words, or why there are none."""
    if policy is None or not decision.trace:
        return (), NO_TURN_FAILED
    try:
        facts = Facts.from_record(decision.facts)
    except ValueError:
        return (), NO_TURN_VERSION
    verdict = decide(facts, policy)
    if verdict.outcome != decision.outcome:
        return (), NO_TURN_VERSION
    changes = counterfactual(facts, policy, verdict)
    if changes:
        return tuple(change_words(change) for change in changes), ""
    guarded = any(step.fired and step.stage == "guard" for step in verdict.trace)
    return (), NO_TURN_GUARD if guarded else NO_TURN


def _certificate(decision: Decision) -> Certificate | None:
    """The certificate that was in force when this was decided."""
    number = decision.facts.get("certificate")
    return Certificate.objects.filter(pk=number).first() if number else None


def rules_in_force() -> dict[str, str]:
    """The escalation rules of the policy in force, each with its reason in the words of a lead."""
    latest = Publication.objects.order_by("-id").values("policy_id")[:1]
    rules = EscalationRule.objects.filter(policy_id__in=latest)
    return dict(rules.values_list("slug", "reason"))
