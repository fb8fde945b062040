"""Putting a policy in force. From then on it never changes."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from decisions.models import Policy, Proposal, Publication
from decisions.policies import check, scenarios
from decisions.rules.lint import Finding, Severity
from decisions.rules.policy import PolicySnapshot, RuleInvalid
from decisions.rules.topics import PERSON_TOPIC, TopicsInvalid, check_lists
from tickets.codes import AuditKind, Topic
from tickets.history import record

# A policy may reword these lists. One without them would pass by what only people may answer.
REQUIRED_TOPICS = (*Topic, PERSON_TOPIC)
PROPOSAL_LIFE = timedelta(days=7)

Risks = Mapping[str, str | None]  # intents in use with their risk classes


class NotPublishable(ValueError):
    """The policy must not be published as it is. The message says why."""


class SecondNeeded(NotPublishable):
    """It automates so much more that a second person has to agree."""


def publish(
    policy: Policy,
    *,
    actor: record.Actor,
    reason: str,
    now: datetime,
    risks: Risks | None = None,
) -> Publication:
    """Freeze the policy and put it in force; publishing an older version again puts that in force.

    Where lint asks for two people, one of them has proposed it and the other publishes.

    Raises:
        NotPublishable: a rule or a topic list does not hold together, lint found an error, a
            scenario fails, no reason was given, or an older version is no longer what it was.
        SecondNeeded: nobody else has proposed this very content.
    """
    if not reason.strip():
        raise NotPublishable("Say why this policy is published.")
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        snapshot = _whole(policy)
        digest = snapshot.digest()
        if policy.published and policy.digest != digest:
            raise NotPublishable(
                "This version is no longer what was published; make a draft from it."
            )
        findings = _checked(policy, snapshot, risks, now)
        proposal = _agreed(findings, policy, digest, actor, now)
        if not policy.published:
            Policy.objects.filter(pk=policy.pk).update(published=True, digest=digest)
        publication = Publication.objects.create(
            policy=policy,
            published_by_id=proposal.proposed_by_id if proposal else actor.user_id,
            second_by_id=actor.user_id if proposal else None,
            reason=reason,
            at=now,
        )
        record.write(now=now, audit=[_entry(publication, policy, digest, actor, proposal)])
    return publication


def _entry(
    publication: Publication,
    policy: Policy,
    digest: str,
    actor: record.Actor,
    proposal: Proposal | None,
) -> record.AuditEntry:
    data: dict[str, Any] = {
        "policy": policy.number,
        "digest": digest,
        "publication": publication.pk,
    }
    if proposal is not None:
        data["proposed_by"] = proposal.proposed_by_id
    return record.AuditEntry(AuditKind.PUBLICATION, f"policy:{policy.number}", actor, data)


def propose(
    policy: Policy, *, actor: record.Actor, reason: str, now: datetime, risks: Risks | None = None
) -> Proposal:
    """Give the first of two words for a publication. Nothing is in force by it.

    Raises:
        NotPublishable: it could not be published with a second word either, or needs none.
    """
    if not reason.strip():
        raise NotPublishable("Say why this policy is published.")
    with transaction.atomic():
        policy = Policy.objects.select_for_update().get(pk=policy.pk)
        snapshot = _whole(policy)
        findings = _checked(policy, snapshot, risks, now)
        if not needs_second(findings) or actor.user_id is None:
            raise NotPublishable("One person is enough for this one: publish it.")
        shares = check.shares(snapshot, now)
        return Proposal.objects.create(
            policy=policy,
            digest=snapshot.digest(),
            share_before=shares.before,
            share_after=shares.after,
            tickets=shares.tickets,
            reason=reason.strip()[:300],
            proposed_by_id=actor.user_id,
            at=now,
        )


def needs_second(findings: Sequence[Finding]) -> bool:
    return any(one.severity == Severity.SECOND for one in findings)


def open_proposal(policy: Policy, digest: str, now: datetime) -> Proposal | None:
    """The word that waits for a second one; void once the draft changed or a week has passed."""
    latest = policy.publications.order_by("-id").values_list("at", flat=True).first()
    rows = Proposal.objects.filter(policy=policy, digest=digest, at__gt=now - PROPOSAL_LIFE)
    if latest is not None:
        rows = rows.filter(at__gt=latest)
    found: Proposal | None = rows.select_related("proposed_by").order_by("-id").first()
    return found


def _agreed(
    findings: Sequence[Finding], policy: Policy, digest: str, actor: record.Actor, now: datetime
) -> Proposal | None:
    """The other person's word, where one is needed.

    Raises:
        SecondNeeded: nobody has given one, or the same person would give both.
    """
    if not needs_second(findings):
        return None
    words = " ".join(one.words for one in findings if one.severity == Severity.SECOND)
    proposal = open_proposal(policy, digest, now)
    if proposal is None:
        raise SecondNeeded(words)
    if actor.user_id is None or proposal.proposed_by_id == actor.user_id:
        raise SecondNeeded(f"{words} Somebody else has to agree with you.")
    return proposal


def _checked(
    policy: Policy, snapshot: PolicySnapshot, risks: Risks | None, now: datetime
) -> list[Finding]:
    """What lint and the scenarios say, if they let it pass."""
    findings = check.check(policy, risks=risks, now=now)
    words = [one.words for one in findings if one.severity == Severity.ERROR]
    words += [
        f"Scenario “{tried.scenario}” {tried.problem}."
        for tried in scenarios.try_all(snapshot)
        if not tried.passes
    ]
    if words:
        raise NotPublishable(" ".join(words))
    return findings


def _whole(policy: Policy) -> PolicySnapshot:
    """The policy as the engine will read it, if the engine can read it."""
    try:
        check_lists(policy.topics, required=REQUIRED_TOPICS)
        snapshot = policy.snapshot()
        for rule in snapshot.rules:
            rule.check()
    except (RuleInvalid, TopicsInvalid) as error:
        raise NotPublishable(str(error)) from error
    return snapshot
