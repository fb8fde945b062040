"""Console, `/metrics`, API and report say the same, to the digit."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from decisions.tests.factories import CertificateFactory
from metrics.api.exposition import SUFFIXES
from metrics.figures.definitions import METRICS
from metrics.rollup import latest, roll_up
from tickets.codes import NoIntent, Scope
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.pipeline.receive import receive
from tickets.tests.arriving import inquiry
from tickets.tests.at_work import as_user
from tickets.tests.calling import client_with


@pytest.fixture
def history(starter, says, agent, monkeypatch):
    """Three weeks of tickets; the clock of everybody who asks stands still."""
    CertificateFactory()
    now = timezone.now()
    actor = Actor.person(agent)
    for number in range(24):
        at = now - timedelta(hours=20 * number + 1)
        kind = number % 4
        says(
            None if kind == 3 else "order_status",
            confidence=0.6 if kind == 2 else 0.97,
            reason=NoIntent.AMBIGUOUS if kind == 3 else None,
        )
        ticket = receive(inquiry(email=f"p{number % 7}@example.com"), now=at).ticket
        later = at + timedelta(minutes=7 * number + 3)
        if kind == 0:
            customer_actions.helped(ticket.pk, now=later)
            customer_actions.rate(ticket.pk, 5 - number % 3, now=later)
        elif kind == 1:
            customer_actions.not_helped(ticket.pk, now=later)
        elif number % 3:
            agent_actions.agent_reply(ticket.pk, "Hi", actor=actor, now=later)
            agent_actions.resolve(ticket.pk, actor=actor, now=later + timedelta(minutes=5))
    while roll_up.roll_up(now):
        pass
    monkeypatch.setattr(timezone, "now", lambda: now)
    return now


@pytest.mark.parametrize("kept", [False, True])
def test_all_four_agree_to_the_digit(history, lead, issue_key, client, capsys, kept):
    if kept:
        latest.keep(history)
    api = client_with(issue_key(Scope.METRICS_READ))
    told = api.get("/api/v1/metrics/").json()
    call_command("report", "--format", "json")
    assert json.loads(capsys.readouterr().out)["metrics"] == told

    families = text_string_to_metric_families(client.get("/metrics").content.decode())
    scraped = {f.name: f.samples[0].value for f in families if f.samples}
    shown = 0
    for metric in METRICS:
        name = f"supportops_{metric.name}{SUFFIXES[metric.unit]}"
        assert scraped.get(name) == told[metric.name]["value"], name
        shown += name in scraped
    assert shown >= 20  # most of them have a value in this history

    page = as_user(lead).get("/ops/").context
    assert page["durable"].as_record() == told["auto_resolution_durable"]
    assert page["wrong"].as_record() == told["wrong_automation_rate"]
    assert page["maturing"] == told["auto_resolution_maturing"]["numerator"]
    numbers = {number.title: dict(number.figure) for number in page["numbers"]}
    for title, name in (
        ("Answered automatically, gross", "auto_resolution_gross"),
        ("Customer said that it helped", "auto_resolution_confirmed"),
        ("Handed to a person", "escalation_rate"),
        ("No intent named", "abstention_rate"),
        ("Reopened", "reopen_rate"),
        ("Overruled", "override_rate"),
        ("Satisfied", "satisfaction"),
    ):
        assert numbers[title] == told[name], title
        assert told[name]["denominator"] or name == "override_rate"
    assert sum(bar.number for bar in page["reasons"]) == told["escalation_rate"]["numerator"]
