"""The same request twice makes one ticket and gets one answer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from tickets.codes import Scope, TicketStatus
from tickets.models import IdempotencyKey, Ticket
from tickets.pipeline import receive as pipeline_receive
from tickets.tests.calling import INQUIRY, client_with, send

AT_ONCE = 32


@pytest.fixture
def api(starter, says, api_key):
    says("order_status")
    return client_with(api_key)


def key(value):
    return {"Idempotency-Key": value}


def test_a_repeated_key_gets_the_same_answer(api):
    first = send(api, INQUIRY, **key("k-1"))
    second = send(api, INQUIRY, **key("k-1"))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotent-Replay" not in first
    assert second["Idempotent-Replay"] == "true"
    assert Ticket.objects.count() == 1


def test_the_same_answer_is_given_after_the_ticket_went_on(api):
    first = send(api, INQUIRY, **key("k-1")).json()
    send(api, {}, f"/api/v1/tickets/{first['reference']}/close/")
    assert Ticket.objects.get().status == TicketStatus.CLOSED
    assert send(api, INQUIRY, **key("k-1")).json() == first


def test_a_repeated_external_id_is_answered_with_200(api):
    body = {**INQUIRY, "external_id": "crm-42"}
    first, second = send(api, body), send(api, body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert second["Idempotent-Replay"] == "true"
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "headers"),
    [({}, key("k-1")), ({"external_id": "crm-42"}, {})],
    ids=["Idempotency-Key", "external_id"],
)
def test_another_body_is_refused_and_nothing_is_stored(api, body, headers):
    send(api, {**INQUIRY, **body}, **headers)
    response = send(api, {**INQUIRY, **body, "message": "Something else."}, **headers)
    assert response.status_code == 422
    assert response.json()["error"]["code"] == "different_body"
    assert Ticket.objects.count() == 1


def test_keys_of_others_are_others(api, issue_key):
    stranger = client_with(issue_key(Scope.TICKETS_WRITE, name="stranger"))
    body = {**INQUIRY, "external_id": "crm-42"}
    mine = send(api, body, **key("k-1")).json()["reference"]
    theirs = send(stranger, body, **key("k-1"))
    assert theirs.status_code == 201
    assert theirs.json()["reference"] != mine


def test_a_key_is_forgotten_after_a_day(api):
    send(api, INQUIRY, **key("k-1"))
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert "Idempotent-Replay" not in send(api, INQUIRY, **key("k-1"))
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize("value", ["x" * 256, "x" * 300, "ümlaut", "a\tb", ""])
def test_a_key_that_is_none_is_refused(api, value):
    response = send(api, INQUIRY, **key(value))
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == ["Idempotency-Key"]
    assert Ticket.objects.count() == 0


def test_255_characters_are_a_key(api):
    assert send(api, INQUIRY, **key("x" * 255)).status_code == 201


def test_a_first_request_under_way_is_told_from_a_database_that_is_away(api, monkeypatch):
    class LockNotAvailable(Exception):
        sqlstate = "55P03"

    def receive(inquiry, *, now):
        raise OperationalError("canceling statement due to lock timeout") from LockNotAvailable()

    monkeypatch.setattr(pipeline_receive, "receive", receive)
    with_key, without = send(api, INQUIRY, **key("k-1")), send(api, INQUIRY)
    assert (with_key.status_code, with_key["Retry-After"]) == (409, "5")
    assert with_key.json()["error"]["code"] == "in_flight"
    assert (without.status_code, without["Retry-After"]) == (503, "5")


@pytest.mark.django_db(transaction=True)
def test_32_identical_requests_at_once_make_one_ticket(starter, says, api_key):
    says("order_status")

    def post(_number):
        try:
            response = send(client_with(api_key), INQUIRY, **key("at-once"))
            return response.status_code, response.json()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = list(threads.map(post, range(AT_ONCE)))
    assert {status for status, _ in answers} == {201}
    assert len({answer["reference"] for _, answer in answers}) == 1
    assert all(answer == answers[0][1] for _, answer in answers)
    assert (Ticket.objects.count(), IdempotencyKey.objects.count()) == (1, 1)
