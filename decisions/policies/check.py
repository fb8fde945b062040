"""What a draft is checked against before it is published: the rows around it, as plain data."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from decisions.certificates import validity
from decisions.deciding import reply
from decisions.in_force import NoPolicyInForce, policy_in_force
from decisions.models import Decision, Policy
from decisions.rules.engine import decide
from decisions.rules.facts import Facts
from decisions.rules.lint import Finding, Shares, World, lint
from decisions.rules.policy import PolicySnapshot
from decisions.rules.topics import PERSON_TOPIC, TopicDetector
from tickets.models import Message, Queue, text_of

LAST_TICKETS = 500


def check(
    policy: Policy, *, risks: Mapping[str, str | None] | None, now: datetime
) -> list[Finding]:
    """What lint says of a policy as it stands in its rows.

    `risks` are the intents in use with their risk classes; they belong to the classifier's side.
    """
    snapshot = policy.snapshot()
    world = world_for(snapshot, risks=risks, now=now)
    return lint(snapshot, replace(world, again=policy.published))


def world_for(
    policy: PolicySnapshot, *, risks: Mapping[str, str | None] | None, now: datetime
) -> World:
    """What the policy may speak of now."""
    return World(
        risks=risks,
        queues=frozenset(Queue.objects.values_list("slug", flat=True)),
        templates=reply.sendable(),
        certified=certified(now),
        shares=shares(policy, now),
    )


def certified(now: datetime) -> dict[str, float]:
    """Intent -> the threshold that was earned for the classifier in use; none in quarantine."""
    held = validity.held(validity.classifier_in_use(), now)
    named = {intent for certificate in held.certificates for intent in certificate.intents}
    earned = {intent: held.for_intent(intent) for intent in named}
    return {intent: certificate.threshold for intent, certificate in earned.items() if certificate}


def shares(policy: PolicySnapshot, now: datetime) -> Shares:
    """How much of the last tickets is automated, by the policy in force and by this one.

    Both are asked with today's certificates, and as if nothing had been stopped: what was off for
    an hour must not hide what a draft would do from now on.
    """
    try:
        live = policy_in_force().snapshot
    except NoPolicyInForce:
        live = PolicySnapshot(number=0)
    ready, earned = reply.sendable(), certified(now)
    before = after = tickets = 0
    for facts in _last_facts():
        tickets += 1
        before += _automates(facts, live, ready, earned)
        after += _automates(facts, policy, ready, earned)
    return Shares(before / max(tickets, 1), after / max(tickets, 1), tickets)


def _last_facts() -> Iterator[Facts]:
    rows = Decision.objects.filter(round=1).exclude(facts={}).order_by("-id")
    for record in rows.values_list("facts", flat=True)[:LAST_TICKETS]:
        try:
            yield Facts.from_record(record)
        except ValueError:
            continue  # of another version of the facts


def _automates(
    facts: Facts, policy: PolicySnapshot, ready: Mapping[str, bool], earned: Mapping[str, float]
) -> bool:
    free = replace(
        facts,
        kill_switch=False,
        breaker_open=False,
        cap_reached=False,
        certified_threshold=earned.get(facts.intent or ""),
        reply_ready=reply.is_ready_under(facts, policy, ready),
    )
    return decide(free, policy).automates


def searched(facts: Facts, text: str, detector: TopicDetector) -> Facts:
    """The facts with the topics that other lists find in the message."""
    hits = detector.find(text)
    return replace(
        facts,
        topics=tuple(hit.code for hit in hits if hit.topic != PERSON_TOPIC),
        # It may have been asked for by a button, so what was recorded stays.
        asks_for_person=facts.asks_for_person or any(h.topic == PERSON_TOPIC for h in hits),
    )


def first_words(tickets: Collection[int]) -> dict[int, str]:
    """What the first message of each ticket says, as it was classified; nothing once erased."""
    rows = Message.objects.openings().filter(ticket__in=tickets) if tickets else []
    return {row.ticket_id: text_of(row.subject, row.body) for row in rows}
