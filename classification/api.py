"""The endpoint of predictions: what the classifier says about a text. Nothing is stored."""

from collections.abc import Sequence
from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiExample
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from classification import services
from classification.services import Answer
from tickets.api.endpoint import Endpoint, described
from tickets.api.fields import StrictSerializer, Text, checked
from tickets.api.responses import Alternative
from tickets.api.shapes import Number, Shape, Words
from tickets.codes import Scope
from tickets.models import MESSAGE_LIMIT

MOST_TEXTS = 1000


class Texts(StrictSerializer):
    """One text or several."""

    text = Text(required=False, max_length=MESSAGE_LIMIT)
    texts = serializers.ListField(
        child=Text(max_length=MESSAGE_LIMIT), required=False, min_length=1, max_length=MOST_TEXTS
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise ValidationError({"text": ["Send either text or texts."]})
        return attrs


class Term(Shape):
    text = Words()
    weight = Number(help_text="Negative: pulled away from the best guess.")


class PredictionShape(Shape):
    """What the classifier says. A failure is an abstention with its own reason."""

    intent = Words(allow_null=True, source="prediction.intent")
    confidence = Number(
        allow_null=True,
        source="prediction.confidence",
        help_text="Of the best guess, also when abstained.",
    )
    abstained = serializers.BooleanField()
    reason = Words(allow_null=True, help_text="Why no intent is named.")
    alternatives = Alternative(many=True, help_text="The best guess first.")
    terms = Term(many=True)
    model = Words(allow_null=True, source="classifier")

    @staticmethod
    def read_abstained(answer: Answer) -> bool:
        return answer.prediction is None or answer.prediction.intent is None

    @staticmethod
    def read_reason(answer: Answer) -> str | None:
        return answer.prediction.reason if answer.prediction else answer.failure

    @staticmethod
    def read_alternatives(answer: Answer) -> Sequence[tuple[str, float]]:
        return answer.prediction.alternatives if answer.prediction else ()


class Predictions(Endpoint):
    scopes: ClassVar = {"POST": Scope.PREDICTIONS_READ}
    most_bytes = 2_000_000  # a thousand longish messages

    @described(
        name="predictions_create",
        summary="Ask the classifier; nothing is stored",
        tag="predictions",
        scope=Scope.PREDICTIONS_READ,
        request=Texts,
        answers={200: PredictionShape(many=True)},
        examples=[
            OpenApiExample("one", {"text": "Where is my order 10234?"}, request_only=True),
            OpenApiExample(
                "several",
                {"texts": ["Where is my order 10234?", "I want my money back."]},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        given = checked(Texts, request.data)
        texts = given.get("texts") or [given["text"]]
        answers = services.predict_many(texts)
        return Response([_answer(t, a) for t, a in zip(texts, answers, strict=True)])


def _answer(text: str, answer: Answer) -> dict[str, Any]:
    explained = services.explain(text, nearest=0) if answer.prediction else None
    terms = explained[1].terms if explained else ()
    return PredictionShape.of(answer, terms=Term.of_each(terms))
