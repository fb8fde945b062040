"""`/metrics`."""

from datetime import timedelta

import pytest
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tickets.codes import Channel, Scope
from tickets.intake import Inquiry, receive


def families(response):
    return {f.name: f for f in text_string_to_metric_families(response.content.decode())}


def test_counts_are_those_of_the_rows(starter, says, client):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    receive(inquiry, now=timezone.now() - timedelta(seconds=90))
    found = families(client.get("/metrics"))
    assert [(s.labels, s.value) for s in found["supportops_tickets"].samples] == [
        ({"status": "open"}, 1.0)
    ]
    assert [(s.labels, s.value) for s in found["supportops_decisions"].samples] == [
        ({"outcome": "escalate"}, 1.0)
    ]
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
