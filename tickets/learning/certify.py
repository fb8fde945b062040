"""Certificates where both sides are needed: what a model says of words, and what rules let pass.

Live reviews, and held-out messages for a first, provisional permit.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from scipy.special import bdtr

from classification import services as classification
from classification.models import ModelVersion
from classification.services import Answer
from classification.shared.calibration import near_duplicates
from classification.training.train import OUT_OF_SCOPE, TrainingData
from decisions.bounds.binomial import STARTS, Permit, permit
from decisions.certificates import earn, quarantine, statement
from decisions.certificates.earn import Found
from decisions.deciding import reply
from decisions.deciding.cases import Case, facts_of_words
from decisions.in_force import policy_in_force
from decisions.models import Certificate, Quarantine
from decisions.rules.acceptance import automatic_intents, lowered, would_automate
from tickets.codes import CertificateKind
from tickets.history import record
from tickets.history.record import Actor
from tickets.pipeline import ask

OUTSIDE_SHARE = 0.6  # of real traffic 40 to 70 per cent fits no intent
METHOD = "fixed sequence from two starts, one look with exact binomial tails, held-out messages"


class HeldOutUnusable(ValueError):
    """The held-out messages cannot earn a permit. The message says why."""


def twins(texts: Sequence[str]) -> Sequence[int]:
    """Groups of near-duplicates, as plain numbers."""
    numbers: list[int] = near_duplicates(texts).tolist()
    return numbers


def judge_live(version: str, *, alpha: float, delta: float, now: datetime) -> Found:
    return earn.judge(version, alpha=alpha, delta=delta, now=now, twins=twins)


def issue_live(
    version: str, *, alpha: float, delta: float, actor: Actor, now: datetime
) -> tuple[Found, Certificate | None]:
    """Ask the blind reviews; what is shown to be too often wrong goes into quarantine."""
    found = earn.issue(version, alpha=alpha, delta=delta, actor=actor, now=now, twins=twins)
    quarantine.watch(version, now=now, twins=twins)
    return found


def watch(*, now: datetime) -> list[Quarantine]:
    """Look whether an intent of any certified model has to go into quarantine."""
    valid = Certificate.objects.filter(issued_at__lte=now, expires_at__gt=now)
    versions = sorted(set(valid.values_list("classifier_version", flat=True)))
    return [row for version in versions for row in quarantine.watch(version, now=now, twins=twins)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What held-out messages say of a model under the policy in force."""

    permit: Permit | None
    rows: int  # mixed to the stated share, one for each near-duplicate group
    outside: int  # of these, out of scope
    left_over: int  # not needed for the mixture; they gave the thresholds
    accepted: int
    errors: int
    missing: int  # further rows of such a mixture, none of them wrong
    shares: Mapping[str, float]
    sample_digest: str


def judge_held_out(
    model: ModelVersion,
    data: TrainingData,
    *,
    outside_share: float,
    alpha: float,
    delta: float,
) -> HeldOut:
    """One planned look at labelled messages that the model was not trained on.

    Raises:
        HeldOutUnusable: there are none of a kind that the stated mixture needs.
        NoPolicyInForce: nothing was published.
    """
    chosen, rest = mixture(data, outside_share)
    judged = _judged(model, [data.texts[i] for i in chosen], [data.intents[i] for i in chosen])
    spare = _judged(model, [data.texts[i] for i in rest], [data.intents[i] for i in rest])
    accepted = [row for row in judged if row.accepted]
    steps = earn.grid_from([row.confidence for row in spare if row.accepted])
    found = permit(
        [row.confidence for row in accepted],
        [row.wrong for row in accepted],
        alpha=alpha,
        delta=delta,
        grid=steps,
        of=len(judged),
    )
    above = [row.intent for row in accepted if found and row.confidence >= found.threshold]
    return HeldOut(
        permit=found,
        rows=len(chosen),
        outside=sum(data.intents[i] == OUT_OF_SCOPE for i in chosen),
        left_over=len(rest),
        accepted=len(accepted),
        errors=sum(row.wrong for row in accepted),
        missing=0 if found else _missing(accepted, len(judged), alpha, delta),
        shares={s: round(above.count(s) / len(above), 4) for s in sorted(set(above))},
        sample_digest=record.digest_of(
            record.canonical(sorted(_key(data.texts[i]) for i in chosen))
        ),
    )


def issue_held_out(
    model: ModelVersion,
    data: TrainingData,
    *,
    outside_share: float,
    alpha: float,
    delta: float,
    actor: Actor,
    now: datetime,
) -> tuple[HeldOut, Certificate | None]:
    """Judge, and put a provisional permit on record if one was earned."""
    found = judge_held_out(model, data, outside_share=outside_share, alpha=alpha, delta=delta)
    if found.permit is None:
        return found, None
    in_force = policy_in_force()
    certificate = earn.put_on_record(
        found.permit,
        kind=CertificateKind.PROVISIONAL,
        classifier_version=model.version,
        intents=automatic_intents(in_force.snapshot),
        shares=found.shares,
        method=METHOD,
        policy_digest=in_force.digest,
        sample_digest=found.sample_digest,
        statement=statement.provisional(found.permit, found.shares, outside_share),
        actor=actor,
        now=now,
    )
    return found, certificate


def mixture(data: TrainingData, outside_share: float) -> tuple[list[int], list[int]]:
    """Row numbers of the largest sample with that share out of scope, and those left over.

    One row for each near-duplicate group. Which rows are taken follows from their words alone, so
    that nobody can pick them.
    """
    firsts: dict[int, int] = {}
    for row, group in enumerate(twins(data.texts)):
        firsts.setdefault(group, row)
    first = firsts.values()
    order = sorted(first, key=lambda i: _key(data.texts[i]))
    outside = [i for i in order if data.intents[i] == OUT_OF_SCOPE]
    inside = [i for i in order if data.intents[i] != OUT_OF_SCOPE]
    if not inside:
        raise HeldOutUnusable("None of the held-out messages is in scope.")
    if not outside and outside_share > 0:
        raise HeldOutUnusable(
            "None of the held-out messages is out of scope, and they are errors when automated. "
            "Add some, or state --out-of-scope-share 0 if you know that nothing else comes in."
        )
    limits = [len(inside) / (1 - outside_share) if outside_share < 1 else 0.0]
    if outside_share > 0:
        limits.append(len(outside) / outside_share)
    total = min(limits)
    taken = inside[: round(total * (1 - outside_share))] + outside[: round(total * outside_share)]
    return taken, [i for i in order if i not in set(taken)]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class _Judged:
    intent: str
    confidence: float
    accepted: bool
    wrong: bool


def _judged(model: ModelVersion, texts: Sequence[str], intents: Sequence[str]) -> list[_Judged]:
    """What the policy in force would do with each message, and whether rightly."""
    in_force = policy_in_force()
    policy = lowered(in_force.snapshot)
    answers = classification.predict_with(model, texts) if texts else []
    rows = []
    for text, answer, truth in zip(texts, answers, intents, strict=True):
        case = case_of(text, answer)
        ready = reply.is_ready_for(case, in_force.snapshot)
        facts = facts_of_words(case, in_force.detector, reply_ready=ready)
        rows.append(
            _Judged(
                intent=str(case.intent),
                confidence=float(case.confidence or 0),
                accepted=would_automate(facts, policy),
                wrong=case.intent != truth,
            )
        )
    return rows


def case_of(text: str, answer: Answer) -> Case:
    """A message that never came, as the rules would see it."""
    question = ask.question_of(text, answer)
    variables = {"first_name": "there", "reference": "T-0000-0000"}
    return Case(
        **ask.predicted_facts(question),
        variables={**variables, "business_name": settings.BUSINESS_NAME},
    )


def _missing(accepted: Sequence[_Judged], rows: int, alpha: float, delta: float) -> int:
    """Rows of the same mixture that were still needed if nothing further were wrong."""
    errors = sum(row.wrong for row in accepted)
    needed = len(accepted)
    while bdtr(errors, needed, alpha) > delta / STARTS:
        needed += 1
    share = len(accepted) / rows if accepted and rows else 1.0
    return round((needed - len(accepted)) / share)
