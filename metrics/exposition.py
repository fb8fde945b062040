"""`/metrics` in the Prometheus text format. Codes as labels, never people."""

import ipaddress
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import CollectorRegistry, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from decisions.models import Breaker, Decision, Switch
from supportops.requests import client_address
from tickets.authentication import key_of
from tickets.codes import OutboxState, Scope, TicketStatus
from tickets.models import AuditHead, JobLease, Outbox, Ticket


class RowCollector(Collector):
    """Reads counts and ages from rows, so that every process shows the same."""

    def collect(self) -> Iterator[Metric]:
        yield self._grouped(
            "supportops_tickets", "Tickets by status now.", Ticket.objects.all(), "status"
        )
        yield self._grouped(
            "supportops_decisions", "Decisions on record.", Decision.objects.all(), "outcome"
        )
        yield self._grouped(
            "supportops_outbox", "Outbox rows by state.", Outbox.objects.all(), "state"
        )
        now = timezone.now()
        undecided = Ticket.objects.filter(status=TicketStatus.RECEIVED)
        yield self._age(
            "supportops_undecided_age_seconds",
            "Age of the oldest ticket without a decision; 0 without any.",
            undecided.aggregate(at=Min("updated_at"))["at"],
            now,
        )
        waiting = Outbox.objects.filter(state=OutboxState.PENDING)
        yield self._age(
            "supportops_outbox_age_seconds",
            "How long the oldest undelivered row has waited; 0 without any.",
            waiting.aggregate(at=Min("created_at"))["at"],
            now,
        )
        yield from self._jobs(now)
        yield self._one(
            "supportops_automation_stopped",
            "1 while the kill switch is on.",
            float(Switch.objects.filter(on=True).exists()),
        )
        yield self._one(
            "supportops_breakers_open",
            "Intents that stopped themselves.",
            float(Breaker.objects.filter(open=True).count()),
        )
        head = AuditHead.objects.filter(pk=1).first()
        links = float(head.number if head else 0)
        yield self._one("supportops_audit_records", "Links of the audit chain.", links)

    def _grouped(self, name: str, words: str, rows: QuerySet[Any], field: str) -> Metric:
        family = GaugeMetricFamily(name, words, labels=[field])
        for value, number in rows.order_by().values_list(field).annotate(n=Count("pk")):
            family.add_metric([value], number)
        return family

    def _age(self, name: str, words: str, at: datetime | None, now: datetime) -> Metric:
        age = (now - at).total_seconds() if at else 0.0
        return self._one(name, words, max(0.0, age))

    def _one(self, name: str, words: str, value: float) -> Metric:
        return GaugeMetricFamily(name, words, value=value)

    def _jobs(self, now: datetime) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "supportops_job_age_seconds", "Seconds since a periodic job last ended.", labels=["job"]
        )
        for name, ended in JobLease.objects.values_list("name", "last_finished_at"):
            if ended is not None:
                family.add_metric([name], (now - ended).total_seconds())
        yield family


REGISTRY = CollectorRegistry()
REGISTRY.register(RowCollector())


def exposition(request: HttpRequest) -> HttpResponse:
    """Open to local clients and METRICS_ALLOWED_NETS; else a key with `metrics:read` is needed."""
    if not _may_read(request):
        return HttpResponse("Not allowed.\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    address = ipaddress.ip_address(client_address(request))
    if any(address in network for network in settings.METRICS_ALLOWED_NETS):
        return True
    key = key_of(request)
    return key is not None and key.allows(Scope.METRICS_READ)
