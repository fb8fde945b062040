"""The service around the second opinion: when it is asked for, how often, and how it is kept.

What is known of the endpoint stands in the cache, where all processes share it. It is a brake and
no account: a cache may forget, and then a few calls more are made.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from classification.models import Intent, Prediction
from classification.remote.llm import LlmClassifier, SecondOpinion, version_of
from tickets.codes import NoIntent
from tickets.models import Ticket

logger = logging.getLogger("supportops.classification")

FAILURES_IN_A_ROW = 5
REST = timedelta(seconds=60)
AT_ONCE = 8
A_DAY = 24 * 60 * 60

FAILURES, RESTS_UNTIL, TRIAL, CALLS = "llm:failures", "llm:rests", "llm:trial", "llm:calls"

RESTING, BUDGET_SPENT, RAISED = "llm_resting", "llm_budget_spent", "llm_raised"
NOT_ASKED = "llm_not_asked"


def is_on() -> bool:
    """Whether the business has named an endpoint."""
    return bool(settings.LLM_URL)


def is_required() -> bool:
    """Whether nothing is automated without a second opinion that agrees."""
    return is_on() and settings.LLM_REQUIRED


def ask_many(texts: Sequence[str], *, now: datetime) -> list[SecondOpinion]:
    """What the language model makes of messages; up to `AT_ONCE` questions wait at the same time.

    Never raises; waits until the deadline at most, so it is nothing for a request or a transaction.
    """
    try:
        classifier = _classifier()
        barred = [_barred(now) for _ in texts]
        allowed = [text for text, why in zip(texts, barred, strict=True) if why is None]
        answers = iter(_answers(classifier, allowed))
        opinions = [_without(why) if why else next(answers) for why in barred]
        for opinion in opinions:
            _note(opinion, now)
    except Exception as error:  # noqa: BLE001  its words may hold the key or the customer's text
        logger.error("second opinion failed: %s", type(error).__name__)  # noqa: TRY400
        return [_without(RAISED)] * len(texts)
    return opinions


def _classifier() -> LlmClassifier:
    """Its labels are the intents that the business has now."""
    meanings = Intent.objects.filter(active=True).values_list("slug", "description", "not_this")
    return LlmClassifier(
        settings.LLM_URL,
        settings.LLM_MODEL,
        settings.LLM_API_KEY,
        intents={
            slug: f"{means}. Not this: {not_this}" if not_this else means
            for slug, means, not_this in meanings
        },
        deadline_seconds=settings.LLM_DEADLINE_SECONDS,
        allow_private_hosts=settings.LLM_ALLOWED_HOSTS,
    )


def _answers(classifier: LlmClassifier, texts: Sequence[str]) -> list[SecondOpinion]:
    """The threads touch no database, so that they leave no connection behind."""
    if not texts:
        return []
    with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(texts))) as threads:
        return list(threads.map(classifier.ask, texts))


def _without(failure: str) -> SecondOpinion:
    return SecondOpinion(version=version_of(settings.LLM_MODEL), failure=failure)


# --- Breaker and budget ---------------------------------------------------------------------------


def _barred(now: datetime) -> str | None:
    """Why no call may be made now; None when one may, and then it is counted."""
    until = cache.get(RESTS_UNTIL)
    if until is not None and now.timestamp() < until:
        return RESTING
    if not _has_budget(now):
        return BUDGET_SPENT
    if until is not None and not _takes_trial(until):
        return RESTING
    _count_call(now)
    return None


def _takes_trial(until: float) -> bool:
    """After a rest one call goes out, whoever asks first. Should its process die, so does its claim
    after a while."""
    return cache.add(f"{TRIAL}:{until}", True, timeout=2 * settings.LLM_DEADLINE_SECONDS)


def _has_budget(now: datetime) -> bool:
    return cache.get(_calls_of(now), 0) < settings.LLM_CALLS_A_DAY


def _count_call(now: datetime) -> None:
    # Not `incr`: in a database it is no more atomic, and gives the counter another end.
    cache.set(_calls_of(now), cache.get(_calls_of(now), 0) + 1, timeout=2 * A_DAY)


def _calls_of(now: datetime) -> str:
    return f"{CALLS}:{timezone.localdate(now)}"


def _note(opinion: SecondOpinion, now: datetime) -> None:
    """Count failures in a row. What the model makes of one message says nothing of its endpoint."""
    if opinion.failure in {RESTING, BUDGET_SPENT}:
        return
    if not opinion.line_failed:
        cache.delete_many([FAILURES, RESTS_UNTIL])
        return
    logger.warning("second opinion: %s after %d ms", opinion.failure, opinion.milliseconds)
    failures = cache.get(FAILURES, 0) + 1
    cache.set(FAILURES, failures, timeout=A_DAY)
    if failures >= FAILURES_IN_A_ROW:
        rests_from = now + timedelta(milliseconds=opinion.milliseconds)
        cache.set(RESTS_UNTIL, (rests_from + REST).timestamp(), timeout=A_DAY)


# --- On record ------------------------------------------------------------------------------------


def store(
    opinion: SecondOpinion, ticket: Ticket, *, message_number: int, now: datetime
) -> Prediction:
    """Put an opinion on record, without any confidence."""
    none_fits = opinion.failure is None and opinion.intent is None
    return Prediction.objects.create(
        ticket=ticket,
        message_number=message_number,
        round=ticket.round,
        classifier=opinion.version,
        intent=opinion.intent,
        no_intent=NoIntent.OUT_OF_SCOPE if none_fits else None,
        failure=opinion.failure or "",
        milliseconds=round(opinion.milliseconds, 3),
        at=now,
    )
