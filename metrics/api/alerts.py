"""The endpoint of alerts."""

from typing import Any, ClassVar

from django.conf import settings
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from metrics.models import Alert
from tickets.api.endpoint import Endpoint, PageQuery, answer_page, described, page_of
from tickets.api.fields import OneOf, checked_query
from tickets.api.responses import Shape, When, Words, code
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
    acknowledged_by = Words(allow_null=True)
    silenced_until = When(allow_null=True)
    runbook = serializers.URLField()


class AlertPage(Shape):
    results = AlertShape(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


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
        alerts, pages = page_of(self, rows)
        return answer_page(pages, [record_of(alert) for alert in alerts])


def record_of(alert: Alert) -> dict[str, Any]:
    by = alert.acknowledged_by
    return {
        "id": alert.pk,
        "kind": alert.kind,
        "subject": alert.subject or None,
        "severity": alert.severity,
        "state": alert.state,
        "title": alert_words.title(alert.kind, alert.subject),
        "sentence": alert_words.sentence(alert.kind, alert.facts),
        "facts": alert.facts,
        "first_seen_at": alert.first_seen_at,
        "last_seen_at": alert.last_seen_at,
        "resolved_at": alert.resolved_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": by.get_username() if by else None,
        "silenced_until": alert.silenced_until,
        "runbook": f"{settings.PUBLIC_URL}/ops/runbooks/{alert.kind}/",
    }
