"""`/metrics`."""

import json
import re
from datetime import timedelta
from ipaddress import ip_network

import pytest
import yaml
from django.conf import settings
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from metrics.api.exposition import SUFFIXES
from metrics.figures.definitions import METRICS
from metrics.rollup import roll_up
from tickets.codes import Channel, Scope
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive


def families(response):
    return {f.name: f for f in text_string_to_metric_families(response.content.decode())}


def test_counts_are_those_of_the_rows(starter, says, client):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    receive(inquiry, now=timezone.now() - timedelta(seconds=90))
    roll_up.roll_up(timezone.now())
    found = families(client.get("/metrics"))
    assert [(s.labels, s.value) for s in found["supportops_tickets"].samples] == [
        ({"status": "open"}, 1.0)
    ]
    assert [(s.labels, s.value) for s in found["supportops_decisions"].samples] == [
        ({"outcome": "auto_resolve"}, 0.0),
        ({"outcome": "escalate"}, 1.0),
    ]
    assert [(s.labels, s.value) for s in found["supportops_escalations"].samples] == [
        ({"reason": "guard:risk_class"}, 1.0)
    ]
    assert [(s.labels, s.value) for s in found["supportops_tickets_received"].samples] == [
        ({"channel": "form"}, 1.0)
    ]
    assert found["supportops_escalation_rate_ratio"].samples[0].value == 1.0
    # the starter policy's publication and the decision
    assert found["supportops_audit_records"].samples[0].value == 2.0
    assert found["supportops_outbox_age_seconds"].samples[0].value >= 90


def test_no_label_names_a_person(starter, says, client):
    says("refund_request")
    inquiry = Inquiry(name="Ann Lee", email="ann@example.com", message="Hi", channel=Channel.FORM)
    receive(inquiry, now=timezone.now())
    text = client.get("/metrics").content.decode()
    assert "ann" not in text.lower().replace("channel", "")


@pytest.mark.parametrize(
    ("address", "header", "status"),
    [("127.0.0.1", False, 200), ("203.0.113.9", False, 403), ("203.0.113.9", True, 200)],
)
def test_only_local_clients_and_keys_may_read(client, issue_key, address, header, status):
    headers = {"Authorization": f"Bearer {issue_key(Scope.METRICS_READ)}"} if header else {}
    assert client.get("/metrics", REMOTE_ADDR=address, headers=headers).status_code == status


def test_a_key_without_the_scope_may_not_read(client, issue_key):
    key = issue_key(Scope.TICKETS_READ)
    answer = client.get(
        "/metrics", REMOTE_ADDR="203.0.113.9", headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 403


def test_a_forged_forwarded_address_does_not_open_it(client):
    answer = client.get(
        "/metrics", REMOTE_ADDR="203.0.113.9", headers={"X-Forwarded-For": "127.0.0.1"}
    )
    assert answer.status_code == 403


def test_counters_never_shrink_though_spam_leaves_the_other_numbers(starter, says, client, agent):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    ticket = receive(inquiry, now=timezone.now()).ticket
    roll_up.roll_up(timezone.now())
    before = families(client.get("/metrics"))
    agent_actions.mark_spam(ticket.pk, actor=Actor.person(agent), now=timezone.now())
    roll_up.roll_up(timezone.now())
    after = families(client.get("/metrics"))
    for name in ("supportops_tickets_received", "supportops_escalations", "supportops_decisions"):
        assert after[name].samples == before[name].samples
    assert after["supportops_ticket_volume"].samples[0].value == 0


def test_every_family_says_what_it_is_and_is_named_by_the_rules(starter, client):
    roll_up.roll_up(timezone.now())
    text = client.get("/metrics").content.decode()
    found = families(client.get("/metrics"))
    assert all(family.documentation for family in found.values())
    assert all(re.fullmatch(r"supportops_[a-z0-9_]+", name) for name in found)
    counters = {name for name, family in found.items() if family.type == "counter"}
    assert {f"{name}_total" for name in counters} <= set(re.findall(r"supportops_\w+", text))
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_example_dashboard_and_rules_name_only_what_there_is(starter, says, client):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    receive(inquiry, now=timezone.now())
    roll_up.roll_up(timezone.now())
    folder = settings.BASE_DIR / "docs" / "monitoring"
    source = (settings.BASE_DIR / "metrics" / "api" / "exposition.py").read_text()
    possible = set(re.findall(r'"(supportops_[a-z_]+)"', source))
    possible |= {f"{name}_total" for name in possible}
    for metric in METRICS:
        stem = f"supportops_{metric.name}{SUFFIXES[metric.unit]}"
        possible |= {stem, f"{stem}_low", f"{stem}_high", f"{stem}_rows"}
    for path in (folder / "grafana-dashboard.json", folder / "prometheus-rules.yml"):
        named = set(re.findall(r"supportops_[a-z0-9_]+", path.read_text()))
        assert named, path
        assert named <= possible, named - possible
    assert json.loads((folder / "grafana-dashboard.json").read_text())["panels"]
    rules = yaml.safe_load((folder / "prometheus-rules.yml").read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        assert {"alert", "expr", "for", "labels", "annotations"} <= set(rule)


PROXY_HEADERS = ["Forwarded", "Via", *(f"X-Forwarded-{word}" for word in ("For", "Host", "Proto"))]


@pytest.mark.parametrize("header", [*PROXY_HEADERS, "X-Real-IP"])
def test_a_proxy_beside_it_that_nobody_trusts_opens_it_to_nobody(db, client, header, settings):
    asked = {"REMOTE_ADDR": "127.0.0.1", "headers": {header: "203.0.113.9"}}
    assert client.get("/metrics", **asked).status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="127.0.0.1").status_code == 200
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.0/8")]
    settings.METRICS_ALLOWED_NETS = [ip_network("203.0.113.0/24")]
    asked["headers"] = {"X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", **asked).status_code == 200


def test_a_proxy_that_says_nothing_is_known_by_the_name_that_the_public_uses(db, client, settings):
    settings.ALLOWED_HOSTS = ["help.example.com", "web"]
    settings.MAIL_DOMAIN, settings.IS_LOCAL = "help.example.com", False
    for host, status in (("help.example.com", 403), ("help.example.com:8000", 403), ("web", 200)):
        assert client.get("/metrics", headers={"Host": host}).status_code == status


def test_an_address_that_a_socket_of_both_kinds_wrapped_opens_no_way_around(db, client):
    asked = {"REMOTE_ADDR": "::ffff:127.0.0.1"}
    assert client.get("/metrics", **asked).status_code == 200
    passed_on = {"X-Forwarded-For": "203.0.113.9"}
    assert client.get("/metrics", **asked, headers=passed_on).status_code == 403
