"""Who may call what: keys, scopes and rates."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client, RequestFactory
from django.utils import timezone
from redis.exceptions import ConnectionError as RedisIsAway
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from supportops.clients import client_address
from supportops.tests import clean_slate
from tickets.api import throttling
from tickets.api.authentication import HasScope, key_of
from tickets.codes import Scope
from tickets.models import ApiKey, Ticket
from tickets.tests.calling import INQUIRY, client_with, send
from tickets.tests.factories import TicketFactory

TICKETS = "/api/v1/tickets/"

# method, address, scope, a body that is taken, the status with the scope
ENDPOINTS = [
    ("POST", TICKETS, Scope.TICKETS_WRITE, INQUIRY, 201),
    ("GET", TICKETS, Scope.TICKETS_READ, None, 200),
    ("HEAD", TICKETS, Scope.TICKETS_READ, None, 200),
    ("GET", TICKETS + "{reference}/", Scope.TICKETS_READ, None, 200),
    (
        "POST",
        TICKETS + "{reference}/messages/",
        Scope.TICKETS_WRITE,
        {"message": "x", "author": "agent"},
        201,
    ),
    ("POST", TICKETS + "{reference}/reopen/", Scope.TICKETS_WRITE, {}, 200),
    ("POST", TICKETS + "{reference}/close/", Scope.TICKETS_WRITE, {}, 200),
    ("POST", "/api/v1/predictions/", Scope.PREDICTIONS_READ, {"text": "x"}, 200),
    ("GET", "/api/v1/decisions/", Scope.DECISIONS_READ, None, 200),
    ("GET", "/api/v1/decisions/1/", Scope.DECISIONS_READ, None, 404),
    ("GET", "/api/v1/switch/", Scope.SWITCH_WRITE, None, 200),
    ("POST", "/api/v1/switch/", Scope.SWITCH_WRITE, {"on": True, "reason": "x"}, 200),
    ("GET", "/api/v1/alerts/", Scope.METRICS_READ, None, 200),
    ("GET", "/api/v1/metrics/", Scope.METRICS_READ, None, 200),
]
NAMES = [f"{method} {address}" for method, address, *_ in ENDPOINTS]


@pytest.fixture
def ticket(starter, says):
    says("order_status")
    return TicketFactory(decided=True)


def call(client, method, address, body, ticket):
    address = address.format(reference=ticket.reference)
    if method == "POST":
        return send(client, body, address)
    return client.generic(method, address)


def counts():
    return Ticket.objects.count(), Ticket.objects.get(pk=Ticket.objects.earliest("pk").pk).status


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize(("method", "address", "needed", "body", "status"), ENDPOINTS, ids=NAMES)
def test_each_endpoint_opens_for_its_scope_and_no_other(
    ticket, issue_key, scope, method, address, needed, body, status
):
    before = counts()
    response = call(client_with(issue_key(scope)), method, address, body, ticket)
    if scope == needed:
        assert response.status_code == status
    else:
        assert response.status_code == 403
        assert method == "HEAD" or response.json()["error"]["code"] == "permission_denied"
        assert method == "HEAD" or needed in response.json()["error"]["message"]
        assert counts() == before


@pytest.mark.parametrize(("method", "address", "needed", "body", "status"), ENDPOINTS, ids=NAMES)
def test_nobody_comes_in_without_a_key(
    ticket, administrator, method, address, needed, body, status
):
    before = counts()
    visitor = Client()
    assert call(visitor, method, address, body, ticket).status_code == 401
    visitor.force_login(administrator)  # a session is no key
    response = call(visitor, method, address, body, ticket)
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert method == "HEAD" or response.json()["error"]["code"] == "not_authenticated"
    assert counts() == before


def test_the_document_is_open_to_everybody(db):
    assert Client().get("/api/v1/schema/").status_code == 200


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "not_authenticated"),
        ("Basic {key}", "not_authenticated"),
        ("{key}", "not_authenticated"),
        ("Bearer", "authentication_failed"),
        ("Bearer ", "authentication_failed"),
        ("Bearer {key}x", "authentication_failed"),
        ("Bearer so_nothing", "authentication_failed"),
        ("Bearer {key} {key}", "authentication_failed"),
        ("Bearer \x00\xff", "authentication_failed"),
        ("Bearer " + "x" * 10_000, "authentication_failed"),
    ],
)
def test_what_is_no_key_does_not_open(api_key, header, code):
    client = Client(headers={"Authorization": header.format(key=api_key)})
    response = client.get(TICKETS)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == code


@pytest.mark.parametrize("header", ["Bearer {key}", "bearer {key}", "BEARER  {key} "])
def test_the_scheme_is_known_in_any_case(api_key, header):
    client = Client(headers={"Authorization": header.format(key=api_key)})
    assert client.get(TICKETS).status_code == 200


@pytest.mark.parametrize(
    ("ended", "words"), [("revoked_at", "was revoked"), ("expires_at", "has expired")]
)
def test_a_key_that_ended_opens_nothing_from_then_on(api_key, ended, words):
    client = client_with(api_key)
    assert client.get(TICKETS).status_code == 200
    ApiKey.objects.update(**{ended: timezone.now() - timedelta(seconds=1)})
    response = client.get(TICKETS)
    assert response.status_code == 401
    assert words in response.json()["error"]["message"]


def test_a_key_that_will_end_opens_until_then(api_key):
    ApiKey.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    assert client_with(api_key).get(TICKETS).status_code == 200


def test_the_key_itself_is_stored_nowhere(api_key):
    row = ApiKey.objects.values().get()
    assert api_key not in str(row)
    assert row["digest"] == ApiKey.digest_of(api_key)


def test_use_is_noted_hourly_so_that_reading_does_not_write(api_key, django_assert_num_queries):
    client = client_with(api_key)
    client.get(TICKETS)
    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    with django_assert_num_queries(2):  # key, tickets
        client.get(TICKETS)
    assert ApiKey.objects.get().last_used_at == noted
    ApiKey.objects.update(last_used_at=noted - timedelta(minutes=61))
    client.get(TICKETS)
    assert ApiKey.objects.get().last_used_at > noted


def test_reading_goes_on_when_use_cannot_be_noted(api_key, monkeypatch):
    def note_use(self, now):
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(ApiKey, "note_use", note_use)
    assert client_with(api_key).get(TICKETS).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods_are_refused_by_name(api_key, method):
    response = client_with(api_key).generic(method, TICKETS)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, POST"
    assert response.json()["error"]["code"] == "method_not_allowed"


def test_a_view_that_names_no_scope_is_closed(api_key):
    class Forgotten(APIView):
        def get(self, request):
            raise AssertionError

    request = RequestFactory().get("/", headers={"Authorization": f"Bearer {api_key}"})
    assert Forgotten.as_view()(request).status_code == 403
    assert HasScope.scope_of(Forgotten(), "GET") is None


def test_a_key_is_read_outside_the_api_as_well(issue_key):
    key = issue_key(Scope.METRICS_READ)

    def found(header):
        return key_of(RequestFactory().get("/", headers={"Authorization": header}))

    assert found(f"Bearer {key}").allows(Scope.METRICS_READ)
    assert found("Bearer nothing") is None
    assert found("") is None


def test_answers_are_not_kept_by_anybody(api_key):
    assert client_with(api_key).get(TICKETS)["Cache-Control"] == "no-store"


def test_every_client_is_told_the_same_words(api_key):
    client = client_with(api_key)
    german = send(client, {}, **{"Accept-Language": "de"}).json()
    assert german == send(client, {}).json()


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/*", "nonsense", ""])
def test_the_answer_is_json_whatever_is_preferred(api_key, accept):
    response = client_with(api_key).get(TICKETS, headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


# --- Rates ----------------------------------------------------------------------------------------


@pytest.fixture
def rates(monkeypatch):
    def limit(**rates):
        monkeypatch.setattr(
            api_settings, "DEFAULT_THROTTLE_RATES", {"key": "6000/min", "form": "20/hour"} | rates
        )
        clean_slate.forget_throttles()

    # Noon: a window does not end while the test runs.
    monkeypatch.setattr(throttling.time, "time", lambda: 43_200.0 + 20)
    yield limit
    clean_slate.forget_throttles()


def test_a_key_that_comes_too_often_is_told_when_to_come_again(issue_key, rates):
    rates(key="3/min")
    busy, other = (client_with(issue_key(Scope.TICKETS_READ, name=n)) for n in ("busy", "other"))
    assert [busy.get(TICKETS).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    response = busy.get(TICKETS)
    assert response["Retry-After"] == "40"
    assert response.json()["error"]["code"] == "throttled"
    assert other.get(TICKETS).status_code == 200


def test_the_next_window_opens_again(issue_key, rates, monkeypatch):
    rates(key="1/min")
    client = client_with(issue_key(Scope.TICKETS_READ))
    assert [client.get(TICKETS).status_code for _ in range(2)] == [200, 429]
    monkeypatch.setattr(throttling.time, "time", lambda: 43_260.0)
    assert client.get(TICKETS).status_code == 200


def test_a_large_allowance_is_fetched_in_shares_and_never_exceeded(rates, monkeypatch):
    rates(key="1000/min")
    trips = []
    counted = throttling._add
    monkeypatch.setattr(throttling, "_add", lambda *a: trips.append(a) or counted(*a))
    # Two processes: each has its own allowance, the counter is shared.
    processes = [throttling._Allowance(), throttling._Allowance()]
    rate = throttling.parse_rate("1000/min")
    allowed = sum(processes[n % 2].spend("k", rate) for n in range(1500))
    assert allowed == 1000
    assert len([trip for trip in trips if trip[1] == 5]) == len(trips) == 200 + 500


@pytest.mark.parametrize(
    "failure", [OperationalError("database is locked"), OSError(), RedisIsAway(), ValueError()]
)
def test_a_cache_that_fails_lets_inquiries_in(
    starter, says, api_key, rates, monkeypatch, caplog, failure
):
    rates(key="1/min")
    says("order_status")
    asked = []

    def add(*args, **kwargs):
        asked.append(args)
        raise failure

    monkeypatch.setattr(cache, "add", add)
    client = client_with(api_key)
    assert [send(client, INQUIRY).status_code for _ in range(3)] == [201, 201, 201]
    assert len(asked) == 1, "a cache that failed is left alone for a while"
    assert type(failure).__name__ in caplog.text


def test_the_form_is_counted_for_each_address(rates):
    rates(form="2/hour")

    def wait(address):
        return throttling.form_must_wait(RequestFactory().post("/ui/", REMOTE_ADDR=address))

    assert [wait("192.0.2.1") for _ in range(3)] == [None, None, 3600 - 20]
    assert wait("192.0.2.2") is None
    assert [wait(f"2001:db8::{n}") for n in (1, 2, 3)] == [None, None, 3600 - 20]
    assert wait("2001:db8:0:1::1") is None


def test_no_address_stands_in_the_cache(rates, monkeypatch):
    rates(form="2/hour")
    keys = []
    monkeypatch.setattr(throttling, "_add", lambda key, *rest: keys.append(key) or 1)
    throttling.form_must_wait(RequestFactory().post("/ui/", REMOTE_ADDR="192.0.2.1"))
    assert len(keys) == 1
    assert "192.0.2.1" not in keys[0]


@pytest.mark.parametrize("text", ["", "many/hour", "20/fortnight", "20", "-1/min", "/min"])
def test_a_rate_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="is no rate"):
        throttling.parse_rate(text)


def test_customers_behind_a_socket_of_both_kinds_are_told_apart(rf):
    one, other = (
        client_address(rf.get("/", REMOTE_ADDR=f"::ffff:203.0.113.{last}")) for last in (8, 9)
    )
    assert (one, other) == ("203.0.113.8", "203.0.113.9")
