"""Running recorded decisions through the engine again."""

from collections.abc import Iterator
from dataclasses import dataclass

from decisions.models import Decision, Policy
from decisions.rules.engine import ENGINE_VERSION, decide
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """One decision replayed. `problem` is None when it came out as recorded."""

    decision_id: int
    exact: bool  # within one engine version the trace is compared too
    problem: str | None


def replay(*, after_id: int = 0) -> Iterator[Replayed]:
    """Replay every decision that was taken on facts, in order.

    Decisions whose processing failed were taken without facts; there is nothing to replay.
    """
    snapshots: dict[int, tuple[str, PolicySnapshot]] = {}
    rows = Decision.objects.filter(pk__gt=after_id).exclude(facts={}).order_by("pk")
    for decision in rows.iterator(chunk_size=CHUNK):
        yield _replay(decision, snapshots)


def _replay(decision: Decision, snapshots: dict[int, tuple[str, PolicySnapshot]]) -> Replayed:
    exact = decision.engine_version == ENGINE_VERSION
    if decision.policy_id is None:
        return Replayed(decision.pk, exact, "its policy is not named")
    digest, snapshot = _snapshot(decision.policy_id, snapshots)
    if digest != decision.policy_digest:
        return Replayed(decision.pk, exact, "its policy is not what it was")
    try:
        facts = Facts.from_record(decision.facts)
    except (ValueError, TypeError) as error:
        return Replayed(decision.pk, exact, f"its facts cannot be read: {error}")
    return Replayed(decision.pk, exact, _difference(decision, facts, snapshot, exact=exact))


def _snapshot(
    policy_id: int, known: dict[int, tuple[str, PolicySnapshot]]
) -> tuple[str, PolicySnapshot]:
    """The policy as its rows are now, with the digest of exactly that."""
    if policy_id not in known:
        snapshot = Policy.objects.get(pk=policy_id).snapshot()
        known[policy_id] = (snapshot.digest(), snapshot)
    return known[policy_id]


def _difference(
    decision: Decision, facts: Facts, snapshot: PolicySnapshot, *, exact: bool
) -> str | None:
    verdict = decide(facts, snapshot)
    if verdict.outcome != decision.outcome:
        return f"it comes out as {verdict.outcome}, recorded is {decision.outcome}"
    if list(verdict.reasons) != decision.reasons:
        return "its reasons come out otherwise"
    if not exact:
        return None
    if (verdict.queue or "") != decision.queue or verdict.priority != decision.priority:
        return "its queue or priority comes out otherwise"
    if [step.as_record() for step in verdict.trace] != decision.trace:
        return "its trace comes out otherwise"
    return None
