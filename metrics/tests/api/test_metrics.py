"""Metrics by the API."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from metrics.rollup import ask
from tickets.codes import Scope
from tickets.tests.calling import INQUIRY, client_with, send
from tickets.tests.factories import TicketFactory

METRICS = "/api/v1/metrics/"
PARTS = {"value", "numerator", "denominator", "low", "high", "enough_data"}


@pytest.fixture
def api(issue_key):
    return client_with(issue_key(Scope.METRICS_READ))


def test_each_metric_says_what_it_is_made_of(api, starter, says, issue_key):
    says("order_status")
    send(client_with(issue_key(Scope.TICKETS_WRITE, name="shop")), INQUIRY)
    told = api.get(METRICS).json()
    assert told
    assert all(set(figure) >= PARTS for figure in told.values())
    assert told["ticket_volume"]["numerator"] == 1
    assert told["escalation_rate"]["value"] == 1.0


def test_the_period_is_taken_from_since_until_just_before_until(api):
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for days in (0, 1, 2):
        TicketFactory(decided=True, created_at=start + timedelta(days=days))
    told = api.get(METRICS, {"since": "2026-01-01T00:00:00Z", "until": "2026-01-03"}).json()
    assert told["ticket_volume"]["numerator"] == 2


def test_without_a_period_the_last_30_days_count(api, monkeypatch):
    asked = []
    monkeypatch.setattr(ask, "figures", lambda since, until: asked.append((since, until)) or {})
    api.get(METRICS)
    ((since, until),) = asked
    assert until - since == timedelta(days=30)
    assert timezone.now() - until < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"since": "x"}, "since"),
        ({"until": "0000-00-00"}, "until"),
        ({"since": "2026-01-02", "until": "2026-01-01"}, "since"),
        ({"since": "2026-01-01", "until": "2026-01-01"}, "since"),
        ({"intent": "x"}, "intent"),
    ],
)
def test_a_period_that_makes_no_sense_is_refused_by_name(api, asked, field):
    response = api.get(METRICS, asked)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
