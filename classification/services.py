"""The service around the classifiers: predict, keep, promote.

`predict` never raises: whatever a classifier throws is caught here, and leads to a person.
"""

import logging
import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from classification import registry
from classification.contract import Classifier, Explanation, Prediction
from classification.models import Intent, ModelVersion, Promotion
from classification.models import Prediction as PredictionRow
from tickets.codes import AuditKind, NoIntent
from tickets.history import record
from tickets.models import Ticket

logger = logging.getLogger("supportops.classification")

LOOK_AGAIN_SECONDS = 2.0  # how late a process may notice a promotion
AGAIN_SECONDS = 60.0  # a model that is copied to this machine after its promotion serves then
PROMOTIONS_TRIED = 5
LAST_RESORT = "keywords"


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


@dataclass(frozen=True, slots=True)
class _Serving:
    """The classifier that this process has in memory. Replaced as a whole, never changed."""

    promotion_id: int | None = None
    classifier: Classifier | None = None
    looked_at: float = -math.inf
    risks: Mapping[str, str | None] = field(default_factory=dict)
    again_at: float = math.inf  # when what could not be loaded is tried again

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self.looked_at < LOOK_AGAIN_SECONDS


_serving = _Serving()
_looking = threading.Lock()


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


def predict_with(model: ModelVersion, texts: Sequence[str]) -> list[Answer]:
    """What a model version that need not be in force says, checked like any other answer.

    Raises:
        ModelDamaged: its files are not those on record.
        ClassifierUnavailable: it cannot run here.
    """
    classifier = registry.load_classifier(
        settings.MODEL_DIR / model.version, expected_sha256=model.manifest_sha256
    )
    risks = dict(Intent.objects.filter(active=True).values_list("slug", "risk"))
    predictions = classifier.predict(list(texts))
    return [_checked(prediction, classifier.version, risks) for prediction in predictions]


def _checked(prediction: Any, version: str, risks: Mapping[str, str | None]) -> Answer:
    """Nothing that a classifier says is taken on trust."""
    fault = _fault(prediction, risks)
    if fault is not None:
        return Answer(classifier=version, failure=fault)
    return Answer(
        prediction=prediction, classifier=version, risk=risks.get(prediction.intent or "")
    )


def _fault(prediction: Any, risks: Mapping[str, str | None]) -> str | None:
    """What keeps a prediction from being believed; None when nothing does."""
    if not isinstance(prediction, Prediction):
        return "no_prediction"
    if not _is_share(prediction.confidence) or prediction.confidence == 0:
        return "confidence_invalid"
    if not _is_share(prediction.margin):
        return "margin_invalid"
    if prediction.intent is not None and not (
        isinstance(prediction.intent, str) and prediction.intent in risks
    ):
        return "unknown_intent"
    if (prediction.intent is None) != isinstance(prediction.reason, NoIntent):
        return "intent_without_reason"
    return None if _fits_together(prediction) else "prediction_invalid"


def _fits_together(prediction: Prediction) -> bool:
    """The confidence speaks of the intent, and what goes on record has the promised types."""
    names = [prediction.best_guess, prediction.runner_up or "", prediction.language or ""]
    if not all(isinstance(name, str) for name in names):
        return False
    if prediction.intent is not None and prediction.intent != prediction.best_guess:
        return False
    return isinstance(prediction.alternatives, tuple) and all(
        isinstance(one, tuple) and len(one) == 2 and isinstance(one[0], str) and _is_share(one[1])
        for one in prediction.alternatives
    )


def _is_share(value: Any) -> bool:
    """A real number from 0 to 1. NaN compares false; True is no number here."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


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
    global _serving
    serving = _serving
    if serving.is_fresh:
        return serving
    # While one thread looks or loads, the others go on with what is there, once there is anything.
    if not _looking.acquire(blocking=serving.classifier is None):
        return serving
    try:
        if not _serving.is_fresh:
            _serving = _look(_serving)
        return _serving
    finally:
        _looking.release()


def _look(serving: _Serving) -> _Serving:
    """What the rows say should serve now."""
    looked_at = time.monotonic()
    risks = dict(Intent.objects.filter(active=True).values_list("slug", "risk"))
    latest = Promotion.objects.order_by("-id").values_list("pk", flat=True).first()
    classifier = serving.classifier
    again_at = serving.again_at
    if classifier is None or latest != serving.promotion_id or looked_at >= again_at:
        classifier, is_that_one = _load(classifier)
        again_at = math.inf if is_that_one else looked_at + AGAIN_SECONDS
    return _Serving(latest, classifier, looked_at, risks, again_at)


def _load(serving: Classifier | None) -> tuple[Classifier, bool]:
    """The promoted model, and True; one that cannot be loaded is refused, and what served before
    serves on.

    A process that has just started tries the promotions before it; keywords are the last resort.
    """
    promotions = Promotion.objects.select_related("model").order_by("-id")
    for place, promotion in enumerate(promotions[: PROMOTIONS_TRIED if serving is None else 1]):
        model = promotion.model
        try:
            loaded = registry.load_classifier(
                settings.MODEL_DIR / model.version, expected_sha256=model.manifest_sha256
            )
        except Exception:
            # Damaged, absent, or without its library: whatever it is, this model does not serve.
            logger.exception("model refused: %s", model.version)
        else:
            return loaded, place == 0
    return serving or registry.make_classifier(LAST_RESORT), False


def look_again() -> None:
    """Look at the rows with the next prediction; until then the loaded model serves on."""
    global _serving
    _serving = replace(_serving, looked_at=-math.inf)


def row_of(answer: Answer, ticket: Ticket, *, message_number: int, now: datetime) -> PredictionRow:
    """The answer as a row of history, not yet written. It holds no words of the customer."""
    prediction = answer.prediction
    row = PredictionRow(
        ticket=ticket,
        message_number=message_number,
        round=ticket.round,
        classifier=answer.classifier or "",
        failure=answer.failure or "",
        milliseconds=round(answer.milliseconds, 3),
        at=now,
    )
    if prediction is not None:
        row.intent, row.no_intent = prediction.intent, prediction.reason
        row.best_guess, row.confidence = prediction.best_guess, prediction.confidence
        row.runner_up, row.margin = prediction.runner_up, prediction.margin
        row.alternatives = [[slug, round(p, 6)] for slug, p in prediction.alternatives]
        row.language = prediction.language
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
    look_again()
    return promotion
