"""Published policies as past decisions saw them. They never change, so each is read once."""

from functools import lru_cache

from decisions.models import Policy
from decisions.rules.policy import PolicySnapshot

MOST_KEPT = 64


@lru_cache(maxsize=MOST_KEPT)
def snapshot_of(policy_id: int, digest: str) -> PolicySnapshot:
    """The policy with that id; the digest of its content keeps apart what numbers do not."""
    return Policy.objects.get(pk=policy_id).snapshot()


def version_of(policy_id: int | None, digest: str) -> int | None:
    """The number of the policy that a decision came from; None when it came from none."""
    return None if policy_id is None else snapshot_of(policy_id, digest).number
