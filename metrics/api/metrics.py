"""The endpoint of metrics."""

from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from metrics.figures.definitions import METRICS
from metrics.rollup import ask
from tickets.api.endpoint import Endpoint, described
from tickets.api.fields import Moment, StrictSerializer, checked_query
from tickets.api.shapes import Number, Shape
from tickets.codes import Scope


class Period(StrictSerializer):
    """Which tickets are counted: those created from `since` until just before `until`."""

    since = Moment(required=False, help_text="30 days before `until` when absent.")
    until = Moment(required=False, help_text="Now when absent.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        until = attrs.get("until") or timezone.now()
        since = attrs.get("since") or until - ask.USUAL_PERIOD
        if since >= until:
            raise ValidationError({"since": ["This must be before until."]})
        return {"since": since, "until": until}


class Figure(Shape):
    value = Number(allow_null=True, help_text="Null where it cannot be told.")
    numerator = Number()
    denominator = Number()
    low = Number(allow_null=True, help_text="Lower bound, 95 %.")
    high = Number(allow_null=True, help_text="Upper bound, 95 %.")
    enough_data = serializers.BooleanField()


class Figures(Shape):
    """Every metric by its name."""

    def get_fields(self) -> dict[str, Any]:
        return {
            metric.name: Figure(
                required=False, help_text=f"{metric.label}, {metric.unit.value}. {metric.words}"
            )
            for metric in METRICS
        }


class Metrics(Endpoint):
    scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @described(
        name="metrics_retrieve",
        summary="Every metric of a period, with its bounds",
        tag="metrics",
        scope=Scope.METRICS_READ,
        query=Period,
        answers={200: Figures},
    )
    def get(self, request: Request) -> Response:
        period = checked_query(Period, request.query_params)
        return Response(ask.figures(period["since"], period["until"]))
