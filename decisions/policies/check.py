"""What a draft is checked against before it is published: the rows around it, as plain data."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from decisions.certificates import validity
from decisions.in_force import NoPolicyInForce, policy_in_force
from decisions.models import Decision, Policy, ReplyTemplate
from decisions.rules import replies
from decisions.rules.engine import decide
from decisions.rules.facts import Facts
from decisions.rules.lint import Finding, Shares, World, lint
from decisions.rules.policy import PolicySnapshot
from decisions.rules.topics import PERSON_TOPIC, TopicDetector
from tickets.codes import Level
from tickets.models import Message, Queue

LAST_TICKETS = 500
ANY_WORDS = dict.fromkeys(replies.VARIABLES, "x")


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
        templates=sendable(),
        certified=certified(now),
        shares=shares(policy, now),
    )


def sendable() -> dict[str, bool]:
    """Each reply by its name, and whether its newest version can be sent as it is."""
    newest = ReplyTemplate.objects.annotate(
        place=Window(RowNumber(), partition_by="slug", order_by=F("version").desc())
    ).filter(place=1)
    return {row.slug: _can_be_sent(row) for row in newest}


def _can_be_sent(row: ReplyTemplate) -> bool:
    try:
        words = replies.render(row.subject, ANY_WORDS) + replies.render(row.body, ANY_WORDS)
    except replies.TemplateIncomplete:
        return False
    return replies.is_complete(words)


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
    ready, earned = sendable(), certified(now)
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
        reply_ready=reply_ready(facts, policy, ready),
    )
    return decide(free, policy).automates


def reply_ready(facts: Facts, policy: PolicySnapshot, ready: Mapping[str, bool]) -> bool:
    """Whether this policy's reply could be sent; what was recorded speaks of another policy's."""
    intent = policy.for_intent(facts.intent)
    return intent.level != Level.OFF and ready.get(intent.template or "", False)


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
    return {
        row.ticket_id: f"{row.subject}\n\n{row.body}" if row.subject.strip() else row.body
        for row in rows
    }
