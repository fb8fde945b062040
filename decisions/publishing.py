"""Putting a policy in force. From then on it never changes."""

from datetime import datetime

from django.db import transaction

from decisions.models import Policy, Publication
from tickets import record
from tickets.codes import AuditKind


class NotPublishable(ValueError):
    """The policy must not be published as it is. The message says why."""


def publish(policy: Policy, *, actor: record.Actor, reason: str, now: datetime) -> Publication:
    """Freeze the policy and put it in force; publishing an older version again puts that in force.

    Raises:
        NotPublishable: a rule does not hold together.
    """
    if not reason.strip():
        raise NotPublishable("Say why this policy is published.")
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        snapshot = policy.snapshot()
        for rule in snapshot.rules:
            rule.check()
        digest = snapshot.digest()
        if not policy.published:
            Policy.objects.filter(pk=policy.pk).update(published=True, digest=digest)
        publication = Publication.objects.create(
            policy=policy, published_by_id=actor.user_id, reason=reason, at=now
        )
        entry = record.AuditEntry(
            AuditKind.PUBLICATION,
            f"policy:{policy.number}",
            actor,
            {"policy": policy.number, "digest": digest, "publication": publication.pk},
        )
        record.write(now=now, audit=[entry])
    return publication
