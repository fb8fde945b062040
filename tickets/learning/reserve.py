"""Trying a model that is not in force on labels that are there already.

Labels belong to messages, not to a model. Half of the people, by HMAC, are never trained on; their
reviewed messages are put to the new model at once. The v-th version that is tried on them has
delta / (v (v + 1)) to err with, so that all versions together have delta.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from classification import services as classification
from classification.models import ModelVersion
from decisions.bounds import sampling
from decisions.bounds.binomial import Permit
from decisions.certificates import agreement, draw, earn, statement
from decisions.certificates import sample as certificates_sample
from decisions.certificates.sample import Sample
from decisions.certificates.terms import LIFE
from decisions.deciding import reply
from decisions.deciding.cases import facts_of_words
from decisions.in_force import policy_in_force
from decisions.models import Certificate, Decision, ReserveTrial, Review
from decisions.rules.acceptance import automatic_intents, lowered, would_automate
from decisions.rules.facts import Facts
from decisions.rules.policy import PolicySnapshot
from tickets.codes import CertificateKind, ReviewPart
from tickets.history.record import Actor
from tickets.learning import certify
from tickets.models import Message, text_of
from tickets.pipeline import decide as pipeline_decide

METHOD = "reserve: fixed sequence from two starts, e-process on blind reviews"
UNLABELLED = 1_000  # newest tickets that nobody reviewed; their confidences give the thresholds


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What the reserve says of a model version."""

    permit: Permit | None
    number: int  # how many versions had been tried, with this one
    delta: float  # what this version may err with
    labelled: int
    accepted: int
    errors: int
    policy_digest: str
    sample_digest: str
    sample: Sample


def holds(requester_id: int) -> bool:
    """Whether a person belongs to the reserve, and so is never trained on."""
    return sampling.in_reserve(draw.secret(), str(requester_id))


def judge(model: ModelVersion, *, alpha: float, delta: float, now: datetime) -> Tried:
    """Put the reserve's messages to a model version. Writes nothing."""
    in_force = policy_in_force()
    policy = lowered(in_force.snapshot)
    number = _number(model.version)
    sample = _sample(model, policy, now)
    steps = earn.fixed_grid(model.version, in_force.digest) or _grid(model, policy)
    share = delta / (number * (number + 1))
    return Tried(
        permit=earn.tested(sample, steps, alpha=alpha, delta=share),
        number=number,
        delta=share,
        labelled=len(sample.rows),
        accepted=len(sample.accepted),
        errors=sum(row.counts_as_wrong for row in sample.accepted),
        policy_digest=in_force.digest,
        sample_digest=earn.digest_of_rows(sample.accepted),
        sample=sample,
    )


def issue(
    model: ModelVersion, *, alpha: float, delta: float, actor: Actor, now: datetime
) -> tuple[Tried, Certificate | None]:
    """Try a version for good: it takes its number, and a certificate if it earned one."""
    in_force = policy_in_force()
    if not ReserveTrial.objects.filter(classifier_version=model.version).exists():
        number = _number(model.version)
        ReserveTrial.objects.create(classifier_version=model.version, number=number, at=now)
    if earn.fixed_grid(model.version, in_force.digest) is None:
        steps = _grid(model, lowered(in_force.snapshot))
        earn.fix_grid(model.version, in_force.digest, steps, now)
    tried = judge(model, alpha=alpha, delta=delta, now=now)
    if tried.permit is None:
        return tried, None
    above = [
        str(tried.sample.taken[int(row.key)].intent)
        for row in tried.sample.accepted
        if row.confidence >= tried.permit.threshold
    ]
    shares = {slug: round(above.count(slug) / len(above), 4) for slug in sorted(set(above))}
    certificate = earn.put_on_record(
        tried.permit,
        kind=CertificateKind.LIVE,
        classifier_version=model.version,
        intents=automatic_intents(in_force.snapshot),
        shares=shares,
        method=METHOD,
        policy_digest=tried.policy_digest,
        sample_digest=tried.sample_digest,
        statement=statement.live(tried.permit, shares, agreement.agreement(now - LIFE)),
        actor=actor,
        now=now,
    )
    return tried, certificate


def _number(version: str) -> int:
    """Its number among the versions that were tried; the next one when it was not."""
    row = ReserveTrial.objects.filter(classifier_version=version).first()
    return row.number if row else ReserveTrial.objects.count() + 1


def _sample(model: ModelVersion, policy: PolicySnapshot, now: datetime) -> Sample:
    """The reserve's reviewed messages as this model answers them."""
    reviews = [
        review
        for review in Review.objects.filter(
            part=ReviewPart.FIRST, created_at__gte=certificates_sample.start_of(model.version, now)
        )
        .select_related("decision", "ticket", "ticket__requester")
        .order_by("ticket_id")
        if holds(review.ticket.requester_id) and review.decision.facts
    ]
    seen = _seen_by(model, [review.decision for review in reviews])
    reviews = [review for review in reviews if review.ticket_id in seen]
    parts = certificates_sample.parts_of([review.ticket_id for review in reviews])
    twins = certificates_sample.twin_names([review.ticket_id for review in reviews], certify.twins)
    rows = [
        certificates_sample.row_of(
            review,
            parts[review.ticket_id],
            now,
            twin=twins.get(review.ticket_id, ""),
            predicted=seen[review.ticket_id].intent,
            confidence=float(seen[review.ticket_id].confidence or 0),
        )
        for review in reviews
    ]
    passes = {row.key: would_automate(seen[int(row.key)], policy) for row in rows}
    # The stratum followed from another model's confidence, so the bound may speak of every one.
    lowest = min([draw.rates().base, *(row.rate for row in rows)])
    drawn = sampling.equal_probability(rows, lowest=lowest)
    counted = sampling.one_for_each_group(sampling.settled_prefix(drawn))
    return Sample(
        rows=tuple(counted),
        accepted=tuple(row for row in counted if passes[row.key]),
        # Decisions that were never taken: they carry this model's intent for the shares.
        taken={key: Decision(intent=facts.intent) for key, facts in seen.items()},
        waiting=sum(row.wrong is None and not row.overdue for row in rows),
    )


def _grid(model: ModelVersion, policy: PolicySnapshot) -> list[float]:
    others = Decision.objects.filter(round=1, reviews=None).exclude(facts={})
    newest = list(others.select_related("ticket").order_by("-id")[:UNLABELLED])
    facts = _seen_by(model, newest).values()
    return earn.grid_from(
        [float(one.confidence or 0) for one in facts if would_automate(one, policy)]
    )


def _seen_by(model: ModelVersion, decisions: Sequence[Decision]) -> dict[int, Facts]:
    """By ticket: its facts as they were, with what this model says in place of what was said.

    Messages whose words were erased are left out.
    """
    openings = Message.objects.filter(
        number=1, erased_at=None, ticket__in=[one.ticket_id for one in decisions]
    ).select_related("ticket")
    messages = {message.ticket_id: message for message in openings}
    known = [one for one in decisions if one.ticket_id in messages]
    texts = [
        text_of(messages[one.ticket_id].subject, messages[one.ticket_id].body) for one in known
    ]
    answers = classification.predict_with(model, texts) if texts else []
    in_force = policy_in_force()
    seen = {}
    for one, text, answer in zip(known, texts, answers, strict=True):
        message = messages[one.ticket_id]
        case = replace(
            certify.case_of(text, answer),
            variables=pipeline_decide.variables_of(message.ticket, message.sender_name),
        )
        ready = reply.is_ready_for(case, in_force.snapshot)
        words = facts_of_words(case, in_force.detector, reply_ready=ready)
        seen[one.ticket_id] = _moved(Facts.from_record(one.facts), words)
    return seen


def _moved(recorded: Facts, words: Facts) -> Facts:
    """What the message says, by this model; what surrounded it, as it was recorded."""
    return replace(
        words,
        channel=recorded.channel,
        automatic_mail=recorded.automatic_mail,
        asks_for_person=recorded.asks_for_person or words.asks_for_person,
        verified_sender=recorded.verified_sender,
        tickets_24h=recorded.tickets_24h,
        automatic_replies_24h=recorded.automatic_replies_24h,
        reopen_count=recorded.reopen_count,
        decided_by_person=recorded.decided_by_person,
        wrote_again=recorded.wrote_again,
        business_hours=recorded.business_hours,
    )
