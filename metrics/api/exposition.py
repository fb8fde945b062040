"""`/metrics` in the Prometheus text format. Codes as labels, never people.

Counters and figures are read as they were last worked out, so that a scrape costs the same however
many tickets there are; what waits right now is read through indexes.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from decisions.models import Breaker, Switch
from metrics.figures.definitions import METRICS
from metrics.figures.figure import Figure, Unit
from metrics.models import Alert
from metrics.rollup.latest import latest
from metrics.rollup.read import Split
from metrics.rollup.tally import CHANNEL, PREDICTED, REASON
from supportops.clients import client_address
from tickets.api.authentication import key_of
from tickets.codes import AlertKind, OutboxState, Scope, Severity, TicketStatus
from tickets.models import AuditHead, AuditRecord, JobLease, Outbox, Ticket

UNDER_WAY = (
    TicketStatus.RECEIVED,
    TicketStatus.OPEN,
    TicketStatus.WAITING,
    TicketStatus.ANSWERED,
)
MOST_UNDECIDED = 1_000
SUFFIXES = {
    Unit.COUNT: "",
    Unit.SHARE: "_ratio",
    Unit.ERROR: "_ratio",
    Unit.SECONDS: "_seconds",
    Unit.MILLISECONDS: "_milliseconds",
}


class RowCollector(Collector):
    """Reads from rows, so that every process shows the same."""

    def collect(self) -> Iterator[Metric]:
        now = timezone.now()
        found = latest(now)
        yield from self._counters(found.ever)
        yield from self._figures(found.figures)
        yield self._age(
            "supportops_figures_age_seconds",
            "Age of the figures of the last 30 days.",
            found.until,
            now,
        )
        yield from self._waiting(now)
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
        yield self._alerts()
        yield from self._audit(now)

    def _counters(self, found: Split) -> Iterator[Metric]:
        """What only grows: spam and merged duplicates count here too."""
        received = CounterMetricFamily(
            "supportops_tickets_received", "Inquiries that came in, by channel.", labels=["channel"]
        )
        for key, sums in sorted(found.get(CHANNEL, {}).items()):
            received.add_metric([key], sums["received"])
        yield received
        decided = CounterMetricFamily(
            "supportops_decisions", "First decisions, by outcome.", labels=["outcome"]
        )
        handed = CounterMetricFamily(
            "supportops_escalations", "Tickets handed to a person, by reason.", labels=["reason"]
        )
        automatic = escalated = 0
        for key, sums in sorted(found.get(REASON, {}).items()):
            automatic += sums["received_permitted"]
            escalated += sums["received_escalated"]
            if sums["received_escalated"]:
                handed.add_metric([key], sums["received_escalated"])
        decided.add_metric(["auto_resolve"], automatic)
        decided.add_metric(["escalate"], escalated)
        yield from (decided, handed)
        answered = CounterMetricFamily(
            "supportops_automatic_answers",
            "Automatic answers, by the intent that was predicted.",
            labels=["intent"],
        )
        for key, sums in sorted(found.get(PREDICTED, {}).items()):
            if sums["received_permitted"]:
                answered.add_metric([key], sums["received_permitted"])
        yield answered

    def _figures(self, found: Mapping[str, Figure]) -> Iterator[Metric]:
        """The metrics of the last 30 days, as pages, API and report show them."""
        for metric in METRICS:
            name = f"supportops_{metric.name}{SUFFIXES[metric.unit]}"
            yield from self._figure(name, f"Last 30 days. {metric.words}", found[metric.name])

    def _figure(self, name: str, words: str, figure: Figure) -> Iterator[Metric]:
        if figure.value is not None:
            yield self._one(name, words, figure.value)
        if figure.low is not None and figure.low != figure.high:
            yield self._one(f"{name}_low", f"Lower end of {name}, 95 %.", figure.low)
        if figure.high is not None and figure.low != figure.high:
            yield self._one(f"{name}_high", f"Upper end of {name}, 95 %.", figure.high)
        if name.endswith("_ratio"):
            yield self._one(f"{name}_rows", f"Denominator of {name}.", float(figure.denominator))

    def _waiting(self, now: datetime) -> Iterator[Metric]:
        under_way = Ticket.objects.filter(status__in=UNDER_WAY)
        yield self._grouped(
            "supportops_tickets", "Tickets that are not over, by status.", under_way, "status"
        )
        yield self._outbox()
        # By id, or the database looks for the oldest among all tickets there ever were.
        undecided = Ticket.objects.filter(status=TicketStatus.RECEIVED).order_by("id")
        since = undecided.values_list("updated_at", flat=True)[:MOST_UNDECIDED]
        yield self._age(
            "supportops_undecided_age_seconds",
            "Age of the oldest ticket without a decision; 0 without any.",
            min(since, default=None),
            now,
        )
        open_ = Ticket.objects.filter(status=TicketStatus.OPEN).order_by("id")
        yield self._age(
            "supportops_queue_age_seconds",
            "Age of the oldest ticket that is a person's turn; 0 without any.",
            open_.values_list("created_at", flat=True).first(),
            now,
        )
        waiting = Outbox.objects.filter(state=OutboxState.PENDING)
        yield self._age(
            "supportops_outbox_age_seconds",
            "How long the oldest undelivered row has waited; 0 without any.",
            waiting.aggregate(at=Min("created_at"))["at"],
            now,
        )

    def _audit(self, now: datetime) -> Iterator[Metric]:
        head = AuditHead.objects.filter(pk=1).first()
        links = float(head.number if head else 0)
        yield self._one("supportops_audit_records", "Links of the audit chain.", links)
        newest = AuditRecord.objects.order_by("-number").values_list("at", flat=True).first()
        yield self._age(
            "supportops_audit_head_age_seconds",
            "Age of the newest link of the audit chain; 0 without any.",
            newest,
            now,
        )

    def _grouped(self, name: str, words: str, rows: QuerySet[Any], field: str) -> Metric:
        family = GaugeMetricFamily(name, words, labels=[field])
        for value, number in rows.order_by().values_list(field).annotate(n=Count("pk")):
            family.add_metric([value], number)
        return family

    def _outbox(self) -> Metric:
        """Each state by itself, so that each finds its index among all that was ever sent."""
        family = GaugeMetricFamily(
            "supportops_outbox", "Outbox rows not delivered.", labels=["state"]
        )
        for state in (OutboxState.PENDING, OutboxState.FAILED):
            family.add_metric([state], Outbox.objects.filter(state=state).count())
        return family

    def _alerts(self) -> Metric:
        """Every kind, also those that do not fire: a line that comes and goes cannot be watched."""
        family = GaugeMetricFamily(
            "supportops_alerts_firing",
            "Alerts that are not over, acknowledged or not.",
            labels=["kind", "severity"],
        )
        rows = Alert.objects.unresolved().order_by().values_list("kind", "severity")
        found = {(kind, severity): n for kind, severity, n in rows.annotate(n=Count("pk"))}
        for kind in AlertKind:
            for severity in Severity:
                family.add_metric([kind, severity], found.get((kind, severity), 0))
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


PROXY_HEADERS = {
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
}
REGISTRY = CollectorRegistry()
REGISTRY.register(RowCollector())


def exposition(request: HttpRequest) -> HttpResponse:
    """Open to local clients and METRICS_ALLOWED_NETS; else a key with `metrics:read` is needed."""
    if not _may_read(request):
        return HttpResponse("Not allowed.\n", status=403, content_type="text/plain")
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def _may_read(request: HttpRequest) -> bool:
    address = ipaddress.ip_address(client_address(request))
    # A proxy beside it that nobody trusts looks local, for whomever it asks.
    is_known = address != _peer(request) or not _was_passed_on(request)
    if is_known and any(address in network for network in settings.METRICS_ALLOWED_NETS):
        return True
    key = key_of(request)
    return key is not None and key.allows(Scope.METRICS_READ)


def _peer(request: HttpRequest) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Who holds the other end of the connection; IPv4 as such, also on a socket of both kinds."""
    peer = ipaddress.ip_address(request.META.get("REMOTE_ADDR") or "127.0.0.1")
    return getattr(peer, "ipv4_mapped", None) or peer


def _was_passed_on(request: HttpRequest) -> bool:
    """Whether a proxy asks for somebody else: it says so, or the public's name is asked for."""
    if PROXY_HEADERS & request.META.keys():
        return True
    return not settings.IS_LOCAL and request.get_host().partition(":")[0] == settings.MAIL_DOMAIN
