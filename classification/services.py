"""The service around the classifiers: predict, keep, promote.

`predict` never raises. The one broad `except` of the product stands here, and what it catches leads
to a person.
"""

import logging
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from classification import registry
from classification.contract import Classifier, Explanation, ModelDamaged, Prediction
from classification.keywords import KeywordClassifier
from classification.models import Intent, ModelVersion, Promotion
from classification.models import Prediction as PredictionRow
from tickets import record
from tickets.codes import AuditKind
from tickets.models import Ticket

logger = logging.getLogger("supportops.classification")

LOOK_AGAIN_SECONDS = 2.0  # how late a process may notice a promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the classifier said about one message, or why it said nothing."""

    prediction: Prediction | None = None
    classifier: str | None = None
    risk: str | None = None
    failure: str | None = None
    milliseconds: float = 0.0

    @property
    def failed(self) -> bool:
        return self.prediction is None


@dataclass(slots=True)
class _Serving:
    """The classifier that this process has in memory."""

    promotion_id: int | None = None
    classifier: Classifier | None = None
    looked_at: float = -math.inf
    risks: dict[str, str | None] = field(default_factory=dict)


_serving = _Serving()


def predict(text: str) -> Answer:
    """Say what one message probably is."""
    return predict_many([text])[0]


def predict_many(texts: Sequence[str]) -> list[Answer]:
    """Say what messages probably are, one answer each. A failure is an answer too."""
    if not texts:
        return []
    started = time.perf_counter()
    try:
        serving = _current()
        if serving.classifier is None:
            return [Answer(failure="no_classifier")] * len(texts)
        classifier = serving.classifier
        predictions = classifier.predict(list(texts))
        if len(predictions) != len(texts):
            return [Answer(failure="wrong_count")] * len(texts)
        took = (time.perf_counter() - started) * 1000 / len(texts)
        answers = [_checked(p, classifier.version, serving.risks) for p in predictions]
        return [replace(answer, milliseconds=took) for answer in answers]
    except Exception:
        # Whatever a classifier may throw, a person gets the ticket.
        logger.exception("classifier failed")
        return [Answer(failure="classifier_raised")] * len(texts)


def _checked(prediction: Any, version: str, risks: dict[str, str | None]) -> Answer:
    """Nothing that a classifier says is taken on trust."""
    confidence = prediction.confidence
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        return Answer(classifier=version, failure="confidence_invalid")
    if not math.isfinite(confidence) or not 0 < confidence <= 1:
        return Answer(classifier=version, failure="confidence_invalid")
    if prediction.intent is not None and prediction.intent not in risks:
        return Answer(classifier=version, failure="unknown_intent")
    if (prediction.intent is None) != (prediction.reason is not None):
        return Answer(classifier=version, failure="intent_without_reason")
    margin = prediction.margin
    if isinstance(margin, bool) or not isinstance(margin, int | float) or not math.isfinite(margin):
        return Answer(classifier=version, failure="margin_invalid")
    return Answer(
        prediction=prediction, classifier=version, risk=risks.get(prediction.intent or "")
    )


def explain(text: str, *, nearest: int = 5) -> tuple[str, Explanation] | None:
    """The classifier in force and what carried its answer; None when none can say.

    `nearest` = 0 leaves the slower half out.
    """
    try:
        classifier = _current().classifier
        if classifier is None:
            return None
        return classifier.version, classifier.explain(text, nearest=nearest)
    except Exception:
        # A missing explanation holds nobody up.
        logger.exception("explanation failed")
        return None


def serving_version() -> str | None:
    """The version that this process would answer with now."""
    classifier = _current().classifier
    return classifier.version if classifier else None


def _current() -> _Serving:
    """The classifier in force, loaded once for each promotion."""
    now = time.monotonic()
    if now - _serving.looked_at < LOOK_AGAIN_SECONDS:
        return _serving
    _serving.looked_at = now
    _serving.risks = dict(Intent.objects.filter(active=True).values_list("slug", "risk"))
    latest = Promotion.objects.select_related("model").order_by("-id").first()
    if _serving.classifier is None or (latest and latest.pk != _serving.promotion_id):
        _load(latest)
    return _serving


def _load(latest: Promotion | None) -> None:
    """Load the promoted model; a damaged one is refused and what served before serves on."""
    if latest is None:
        _serving.classifier = KeywordClassifier()
        return
    promotions = Promotion.objects.select_related("model").order_by("-id")[:5]
    for promotion in [latest] if _serving.classifier else promotions:
        model = promotion.model
        try:
            loaded = registry.load_classifier(
                settings.MODEL_DIR / model.version, expected_sha256=model.manifest_sha256
            )
        except (ModelDamaged, OSError):
            logger.exception("model refused", extra={"version": model.version})
            continue
        _serving.classifier, _serving.promotion_id = loaded, latest.pk
        return
    if _serving.classifier is None:
        _serving.classifier = KeywordClassifier()
    _serving.promotion_id = latest.pk


def forget_loaded() -> None:
    """Look at the rows again with the next prediction. After a promotion, and in tests."""
    _serving.promotion_id = None
    _serving.classifier = None
    _serving.looked_at = -math.inf


def row_of(answer: Answer, ticket: Ticket, *, message_number: int, now: datetime) -> PredictionRow:
    """The answer as a row of history, not yet written. It holds no words of the customer."""
    said = answer.prediction
    row = PredictionRow(
        ticket=ticket,
        message_number=message_number,
        round=ticket.round,
        classifier=answer.classifier or "",
        failure=answer.failure or "",
        milliseconds=round(answer.milliseconds, 3),
        at=now,
    )
    if said is not None:
        row.intent, row.no_intent = said.intent, said.reason
        row.best_guess, row.confidence = said.best_guess, said.confidence
        row.runner_up, row.margin = said.runner_up, said.margin
        row.alternatives = [[slug, round(p, 6)] for slug, p in said.alternatives]
        row.language = said.language
    return row


def store(answer: Answer, ticket: Ticket, *, message_number: int, now: datetime) -> PredictionRow:
    """Put an answer on record."""
    row = row_of(answer, ticket, message_number=message_number, now=now)
    row.save()
    return row


def promote(model: ModelVersion, *, actor: record.Actor, reason: str, now: datetime) -> Promotion:
    """Put a model version in force. It starts without a certificate."""
    with transaction.atomic():
        promotion = Promotion.objects.create(
            model=model, by_id=actor.user_id, reason=reason, at=now
        )
        record.write(
            now=now,
            audit=[
                record.AuditEntry(
                    AuditKind.PROMOTION,
                    f"model:{model.pk}",
                    actor,
                    {"version": model.version, "manifest": model.manifest_sha256},
                )
            ],
        )
    forget_loaded()
    return promotion
