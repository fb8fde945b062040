"""Scenarios: tickets that were kept with the verdict that they must have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from decisions.deciding import reply
from decisions.models import Decision, Scenario
from decisions.rules.engine import Verdict, decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import Outcome
from tickets.history import record


class ScenarioInvalid(ValueError):
    """A scenario that must not be kept. The message says why."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A scenario with what a policy says to it."""

    scenario: Scenario
    verdict: Verdict | None
    problem: str  # empty where it comes out as expected

    @property
    def passes(self) -> bool:
        return not self.problem


def keep(
    decision: Decision,
    *,
    name: str,
    outcome: str,
    reason: str = "",
    actor: record.Actor,
    now: datetime,
) -> Scenario:
    """Keep the facts of a decision with the outcome that they should have.

    Raises:
        ScenarioInvalid: there are no facts, the name is blank or taken, or no such outcome exists.
    """
    name = name.strip()
    if not decision.facts:
        raise ScenarioInvalid("This decision was taken without facts; there is nothing to keep.")
    if not name or Scenario.objects.filter(name=name).exists():
        raise ScenarioInvalid("Give it a name that no other scenario has.")
    if outcome not in set(Outcome):
        raise ScenarioInvalid("Say what should happen: an automatic answer, or a person.")
    return Scenario.objects.create(
        name=name[:100],
        facts=_lasting(decision.facts),
        outcome=outcome,
        reason=reason.strip()[:80],
        ticket_id=decision.ticket_id,
        created_by_id=actor.user_id,
        created_at=now,
    )


def _lasting(facts: Mapping[str, object]) -> dict[str, object]:
    """Without what stopped automation just then: a scenario asks what the policy says."""
    return {**facts, "kill_switch": False, "breaker_open": False, "cap_reached": False}


def try_all(policy: PolicySnapshot, scenarios: Iterable[Scenario] | None = None) -> list[Tried]:
    """What the policy says to each active scenario."""
    rows = Scenario.objects.filter(active=True) if scenarios is None else scenarios
    ready = reply.sendable()
    return [_try(row, policy, ready) for row in rows]


def _try(row: Scenario, policy: PolicySnapshot, ready: Mapping[str, bool]) -> Tried:
    try:
        facts = Facts.from_record(row.facts)
    except (ValueError, TypeError) as error:
        return Tried(row, None, f"its facts cannot be read: {error}")
    facts = replace(facts, reply_ready=reply.is_ready_under(facts, policy, ready))
    verdict = decide(facts, policy)
    if verdict.outcome != row.outcome:
        return Tried(row, verdict, f"comes out as {verdict.outcome}: {', '.join(verdict.reasons)}")
    if row.reason and row.reason not in verdict.reasons:
        return Tried(row, verdict, f"not because of {row.reason}: {', '.join(verdict.reasons)}")
    return Tried(row, verdict, "")
