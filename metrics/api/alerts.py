"""The endpoint of alerts."""

from typing import ClassVar

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metrics.models import Alert
from tickets.api.endpoint import Endpoint, PageQuery, described, page_of
from tickets.api.fields import OneOf, checked_query
from tickets.api.shapes import PageShape, Shape, When, Words, code, or_none
from tickets.codes import AlertKind, AlertState, Scope, Severity
from tickets.outbox import alert_words


class AlertQuery(PageQuery):
    """Filters of the list. All that are given must hold."""

    state = OneOf(AlertState, required=False)
    kind = OneOf(AlertKind, required=False)


class AlertShape(Shape):
    id = serializers.IntegerField()
    kind = code(AlertKind)
    subject = Words(allow_null=True, help_text="An intent, a queue or a series; null: everything.")
    severity = code(Severity)
    state = code(AlertState)
    title = Words()
    sentence = Words()
    facts = serializers.DictField(help_text="Codes and numbers of the newest look.")
    first_seen_at = When()
    last_seen_at = When()
    resolved_at = When(allow_null=True)
    acknowledged_at = When(allow_null=True)
    acknowledged_by = Words(allow_null=True, source="acknowledged_by.username")
    silenced_until = When(allow_null=True)
    runbook = serializers.URLField()

    read_subject = or_none("subject")

    @staticmethod
    def read_title(alert: Alert) -> str:
        return alert_words.title(alert.kind, alert.subject)

    @staticmethod
    def read_sentence(alert: Alert) -> str:
        return alert_words.sentence(alert.kind, alert.facts)

    @staticmethod
    def read_runbook(alert: Alert) -> str:
        return f"{settings.PUBLIC_URL}/ops/runbooks/{alert.kind}/"


class AlertPage(PageShape):
    results = AlertShape(many=True, source="page")


class AlertList(Endpoint):
    scopes: ClassVar = {"GET": Scope.METRICS_READ}

    @described(
        name="alerts_list",
        summary="List alerts, newest first",
        tag="metrics",
        scope=Scope.METRICS_READ,
        query=AlertQuery,
        answers={200: AlertPage},
    )
    def get(self, request: Request) -> Response:
        asked = checked_query(AlertQuery, request.query_params)
        conditions = {name: asked[name] for name in ("state", "kind") if name in asked}
        rows = Alert.objects.filter(**conditions).select_related("acknowledged_by")
        return AlertPage.answer(page_of(self, rows))
