"""Candidates in the shadow, policies and models: one round of the job that asks them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from classification import services as classification
from classification.models import ModelVersion
from classification.services import Answer
from decisions.deciding import reply
from decisions.models import Candidate, Decision
from decisions.policies import check
from decisions.trials import shadow
from decisions.trials.shadow import Word
from tickets.codes import CandidateKind


def work(*, now: datetime, limit: int) -> int:
    """Ask every candidate about what was decided since it was last asked; how many words."""
    done = 0
    for candidate in Candidate.objects.running().select_related("policy"):
        if candidate.kind == CandidateKind.POLICY:
            done += shadow.ask_policy(candidate, now=now, limit=limit)
        else:
            done += _ask_model(candidate, now=now, limit=limit)
    return done


def _ask_model(candidate: Candidate, *, now: datetime, limit: int) -> int:
    decisions = shadow.waiting(candidate, limit)
    if not decisions:
        return 0
    answers = _answers(candidate.model_version, decisions)
    ready = reply.sendable()

    def ask(decision: Decision) -> Word:
        answer = answers[decision.pk]
        if isinstance(answer, Exception):
            raise answer
        return shadow.word_of_model(decision, _predicted_facts(answer), ready)

    return shadow.ask_all(candidate, decisions, ask, digest="", limit=limit, now=now)


class NoWords(LookupError):
    """The message was erased, so nobody can be asked about it."""


def _answers(version: str, decisions: Sequence[Decision]) -> Mapping[int, Answer | Exception]:
    """What the model says to each message, or what it threw instead."""
    words = check.first_words({d.ticket_id for d in decisions})
    texts = {d.pk: words.get(d.ticket_id, "") for d in decisions}
    asked = [pk for pk, text in texts.items() if text.strip()]
    found: dict[int, Answer | Exception] = dict.fromkeys(texts, NoWords())
    try:
        model = ModelVersion.objects.get(version=version)
        answers = classification.predict_with(model, [texts[pk] for pk in asked])
        found |= dict(zip(asked, answers, strict=True))
    except Exception as error:  # noqa: BLE001
        # Whatever a model may throw: the tickets were decided without it.
        found |= dict.fromkeys(asked, error)
    return found


def _predicted_facts(answer: Answer) -> dict[str, Any]:
    """The facts that a prediction brings."""
    prediction = answer.prediction
    if prediction is None:
        raise ValueError(answer.failure or "no prediction")
    return {
        "intent": prediction.intent,
        "no_intent": prediction.reason.value if prediction.reason else None,
        "confidence": prediction.confidence,
        "runner_up": prediction.runner_up,
        "margin": prediction.margin,
        "risk": answer.risk,
        "classifier": answer.classifier,
        "classifier_failed": False,
    }
