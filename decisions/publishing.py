"""Putting a policy in force. From then on it never changes."""

from datetime import datetime

from django.db import transaction

from decisions.models import Policy, Publication
from decisions.policy import PolicySnapshot, RuleInvalid
from decisions.topics import PERSON_TOPIC, TopicsInvalid, check_lists
from tickets import record
from tickets.codes import AuditKind, Topic

# A policy may reword these lists. One without them would pass by what only people may answer.
REQUIRED_TOPICS = (*Topic, PERSON_TOPIC)


class NotPublishable(ValueError):
    """The policy must not be published as it is. The message says why."""


def publish(policy: Policy, *, actor: record.Actor, reason: str, now: datetime) -> Publication:
    """Freeze the policy and put it in force; publishing an older version again puts that in force.

    Raises:
        NotPublishable: a rule or a topic list does not hold together, no reason was given, or an
            older version is no longer what was published.
    """
    if not reason.strip():
        raise NotPublishable("Say why this policy is published.")
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        digest = _checked(policy).digest()
        if policy.published and policy.digest != digest:
            raise NotPublishable(
                "This version is no longer what was published; make a draft from it."
            )
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


def _checked(policy: Policy) -> PolicySnapshot:
    """The policy as the engine will read it, if the engine can read it."""
    try:
        check_lists(policy.topics, required=REQUIRED_TOPICS)
        snapshot = policy.snapshot()
        for rule in snapshot.rules:
            rule.check()
    except (RuleInvalid, TopicsInvalid) as error:
        raise NotPublishable(str(error)) from error
    return snapshot
