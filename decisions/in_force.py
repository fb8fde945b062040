"""The policy in force: the latest publication, with what this process derived from it."""

from dataclasses import dataclass

from decisions.models import Policy, sql
from decisions.rules.policy import PolicySnapshot
from decisions.rules.topics import TopicDetector
from tickets.models.sql import first_row


class NoPolicyInForce(RuntimeError):
    """Nothing was published yet. Every ticket goes to a person."""


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The published policy with what this process derived from it."""

    publication_id: int
    policy_id: int
    digest: str
    snapshot: PolicySnapshot
    detector: TopicDetector


_in_force: dict[int, PolicyInForce] = {}


def policy_in_force() -> PolicyInForce:
    """The latest publication; its policy is read once for each publication and process.

    Raises:
        NoPolicyInForce: nothing was ever published.
    """
    latest = first_row(sql.LATEST_PUBLICATION)
    if latest is None:
        raise NoPolicyInForce("No policy was published; run `manage.py prepare`.")
    publication_id, policy_id = latest
    known = _in_force.get(publication_id)
    if known is None or known.policy_id != policy_id:
        policy = Policy.objects.get(pk=policy_id)
        snapshot = policy.snapshot()
        known = PolicyInForce(
            publication_id, policy_id, policy.digest, snapshot, TopicDetector(snapshot.topics)
        )
        _in_force.clear()
        _in_force[publication_id] = known
    return known
