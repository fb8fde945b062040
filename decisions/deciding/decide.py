"""The service around the engine: gather facts, decide, put on record.

Knows nothing of classifiers: a prediction comes in as plain data (`Case`).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from decisions.certificates import validity
from decisions.deciding.cases import Case, Surroundings, facts_of
from decisions.deciding.reply import Reply, reply_for
from decisions.in_force import NoPolicyInForce, PolicyInForce, policy_in_force
from decisions.models import (
    OVERALL,
    Decision,
    Quota,
    lock_stops,
    sql,
)
from decisions.rules import engine
from decisions.rules.engine import ENGINE_VERSION, Verdict
from decisions.rules.facts import Facts
from decisions.rules.guards import could_be_answered, is_probability
from decisions.rules.policy import IntentPolicy, PolicySnapshot
from tickets.codes import Outcome, Reason
from tickets.models import Ticket
from tickets.models.sql import RECENT, changed, first_row
from tickets.promises import calendars

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision on record, with the reply that it permits or drafts."""

    decision: Decision
    verdict: Verdict
    reply: Reply | None


def decide_and_store(ticket: Ticket, case: Case, *, now: datetime) -> Decided:
    """Decide on a ticket's round and put the decision on record.

    Runs inside the caller's transaction, which holds the ticket. The database refuses a second
    decision for the same round.
    """
    in_force = policy_in_force()
    policy = in_force.snapshot
    intent = policy.for_intent(case.intent)
    reply = reply_for(intent, case.variables)
    ready = reply is not None and reply.is_ready
    facts = gather(ticket, case, in_force, reply_ready=ready, now=now)
    verdict = engine.decide(facts, policy)
    if verdict.automates and not take_quota(str(case.intent), intent, policy, now):
        facts = replace(facts, cap_reached=True)
        verdict = engine.decide(facts, policy)
    decision = row_of(ticket, case, facts, verdict, in_force, reply, now)
    decision.save()
    return Decided(decision, verdict, reply)


def row_of(
    ticket: Ticket,
    case: Case,
    facts: Facts,
    verdict: Verdict,
    in_force: PolicyInForce,
    reply: Reply | None,
    now: datetime,
) -> Decision:
    """A verdict as a row of history, not yet written."""
    return Decision(
        ticket=ticket,
        round=ticket.round,
        prediction_id=case.prediction_id,
        intent=case.intent,
        confidence=case.confidence if is_probability(case.confidence) else None,
        outcome=verdict.outcome,
        shadow_outcome=verdict.shadow_outcome,
        reasons=list(verdict.reasons),
        queue=verdict.queue or "",
        priority=verdict.priority,
        template=reply.template if reply else None,
        policy_id=in_force.policy_id,
        policy_digest=in_force.digest,
        facts=facts.as_record(),
        trace=[step.as_record() for step in verdict.trace],
        engine_version=ENGINE_VERSION,
        software_version=settings.VERSION,
        at=now,
    )


def store_failure(ticket: Ticket, *, prediction_id: int | None, now: datetime) -> Decision:
    """The decision for a ticket whose processing failed: a person, and why."""
    decision = Decision(
        ticket=ticket,
        round=ticket.round,
        prediction_id=prediction_id,
        outcome=Outcome.ESCALATE,
        reasons=[Reason.PROCESSING_FAILED.value],
        priority=ticket.priority,
        facts={},
        trace=[],
        engine_version=ENGINE_VERSION,
        software_version=settings.VERSION,
        at=now,
    )
    decision.save()
    return decision


def gather(
    ticket: Ticket, case: Case, in_force: PolicyInForce, *, reply_ready: bool, now: datetime
) -> Facts:
    """Everything the rules may look at, read inside the deciding transaction."""
    stopped = _stopped(case.intent)
    around = Surroundings(
        switch=stopped.switch,
        breaker=stopped.breaker,
        business_hours=is_open(now),
        **_recent(ticket, now),
    )
    facts = facts_of(ticket, case, in_force.detector, around, reply_ready=reply_ready)
    certificate = validity.certificate_for(facts, in_force.digest, now)
    return validity.with_certificate(facts, certificate)


def wants_second_key(case: Case) -> bool:
    """Whether another classifier's word could still matter. Reads the policy, needs no transaction.

    What only people answer anyway is nobody else's business.
    """
    try:
        hits = policy_in_force().detector.find(case.text)
    except NoPolicyInForce:
        return False
    return could_be_answered(
        Facts(
            intent=case.intent,
            risk=case.risk,
            topics=tuple(hit.code for hit in hits),
            asks_for_person=case.asks_for_person,
            automatic_mail=case.automatic_mail,
        )
    )


def _recent(ticket: Ticket, now: datetime) -> dict[str, Any]:
    """What the requester sent and got in the last 24 hours, other than this ticket."""
    # An imported ticket may be years old and have been answered a minute ago.
    since, pk = now - DAY, ticket.pk
    counted = first_row(RECENT, since, now, since, ticket.requester_id, pk, since, now, since)
    return {"tickets_24h": counted[0], "automatic_replies_24h": counted[1]}


def is_open(now: datetime) -> bool:
    hours = calendars.default_hours(now)
    return hours is None or hours.is_open(now)


@dataclass(frozen=True, slots=True)
class _Stopped:
    switch: bool
    breaker: bool


def _stopped(intent: str | None) -> _Stopped:
    """Switch and breakers, read again in every deciding transaction."""
    lock_stops(shared=True)
    switch, breaker = first_row(sql.STOPPED, OVERALL, intent or OVERALL)
    return _Stopped(switch=bool(switch), breaker=bool(breaker))


def take_quota(intent: str, rule: IntentPolicy, policy: PolicySnapshot, now: datetime) -> bool:
    """Take one automatic answer from each hourly cap that is set; False when one is used up."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    return _take(intent, rule.hourly_cap, hour) and _take(OVERALL, policy.hourly_cap, hour)


def _take(intent: str, cap: int | None, hour: datetime) -> bool:
    if cap is None:
        return True
    if changed(sql.TAKE_ONE, intent, hour, cap):
        return True
    # The first of an hour makes its row; whoever loses that race takes from the winner's.
    Quota.objects.bulk_create([Quota(intent=intent, hour=hour)], ignore_conflicts=True)
    return changed(sql.TAKE_ONE, intent, hour, cap) == 1


def audit_data(decision: Decision, commitment: str) -> dict[str, Any]:
    """What the audit chain says about a decision: codes, numbers and a commitment."""
    return {
        "decision": decision.pk,
        "round": decision.round,
        "outcome": decision.outcome,
        "reasons": decision.reasons,
        "facts": decision.facts,
        "policy": decision.policy_digest,
        "engine": decision.engine_version,
        "software": decision.software_version,
        "prediction": decision.prediction_id,
        "message": commitment,
    }
