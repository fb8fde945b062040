"""Every failure below /api/ has one shape, and a database that is away is a 503."""

import json
import logging
import sqlite3

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError, ProgrammingError, connection
from django.http import Http404
from django.test import Client
from django.urls import include, path

from tickets.models import Ticket
from tickets.pipeline import receive
from tickets.tests.calling import INQUIRY, client_with, send

AWAY = [
    OperationalError("database is locked"),
    OperationalError("database or disk is full"),
    OperationalError("attempt to write a readonly database"),
    OperationalError("unable to open database file"),
    OperationalError("connection to server failed"),
    InterfaceError("connection already closed"),
    DatabaseError("file is not a database"),
]
AWAY[-1].__cause__ = sqlite3.DatabaseError()
OURS = [
    ProgrammingError("no such column"),
    DatabaseError("ORDER BY not allowed in subqueries of compound statements."),
]


def raiser(error):
    def view(request, **kwargs):
        raise error

    return view


urlpatterns = [
    path("", include("supportops.urls")),
    path("api/v1/denied/", raiser(PermissionDenied())),
    path("api/v1/suspicious/", raiser(SuspiciousOperation("secret"))),
    path("api/v1/broken/", raiser(ZeroDivisionError("secret"))),
    path("api/v1/away/", raiser(AWAY[0])),
    path("broken/", raiser(ZeroDivisionError("secret"))),
    path("away/", raiser(AWAY[0])),
    path("gone/", raiser(Http404())),
    path("denied/", raiser(PermissionDenied())),
    path("suspicious/", raiser(SuspiciousOperation("secret"))),
]
for name in ("handler400", "handler403", "handler404", "handler500"):
    globals()[name] = getattr(__import__("supportops.urls", fromlist=[name]), name)


@pytest.fixture
def site(db, settings):
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("/api/", 404, "not_found"),
        ("/api/v1/", 404, "not_found"),
        ("/api/v2/tickets/", 404, "not_found"),
        ("/api/v1/decisions/abc/", 404, "not_found"),
        ("/api/v1/tickets", 404, "not_found"),
        ("/api/%00", 404, "not_found"),
        ("/api/%ff", 404, "not_found"),
        ("/api/v1/denied/", 403, "permission_denied"),
        ("/api/v1/suspicious/", 400, "bad_request"),
        ("/api/v1/broken/", 500, "server_error"),
        ("/api/v1/away/", 503, "unavailable"),
    ],
)
def test_failures_below_api_are_json_of_one_shape(site, address, status, code):
    response = site.get(address)
    assert (response.status_code, response["Content-Type"]) == (status, "application/json")
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message"}
    assert response.json()["error"]["code"] == code
    assert "secret" not in response.content.decode()


@pytest.mark.parametrize("address", ["/api/v1/tickets/", "/api/v1/nothing/"])
def test_an_unknown_host_is_answered_in_json_below_api(site, address):
    response = site.get(address, headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    ("address", "status"),
    [("/broken/", 500), ("/gone/", 404), ("/denied/", 403), ("/suspicious/", 400)],
)
def test_failures_elsewhere_are_pages(site, address, status):
    response = site.get(address)
    assert response.status_code == status
    assert response["Content-Type"].startswith("text/html")
    assert "secret" not in response.content.decode()


def test_a_page_that_finds_the_database_away_says_when_to_come_again(site):
    response = site.get("/away/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response["Content-Type"].startswith("text/plain")


def test_a_post_without_the_last_slash_is_told_so_and_not_redirected(api_key):
    response = send(client_with(api_key), INQUIRY, "/api/v1/tickets")
    assert response.status_code == 404
    assert "end with a slash" in response.json()["error"]["message"]


@pytest.mark.parametrize("error", AWAY, ids=str)
def test_a_database_that_is_away_is_a_503_and_nothing_is_stored(
    starter, says, api_key, monkeypatch, error
):
    says("order_status")

    def store(*args):
        raise error

    monkeypatch.setattr(receive, "_store", store)
    response = send(client_with(api_key), INQUIRY)
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["error"]["code"] == "unavailable"
    assert Ticket.objects.count() == 0


@pytest.mark.parametrize("error", OURS, ids=str)
def test_a_mistake_of_ours_is_no_outage(starter, says, api_key, monkeypatch, error):
    says("order_status")

    def store(*args):
        raise error

    monkeypatch.setattr(receive, "_store", store)
    response = send(client_with(api_key, raise_request_exception=False), INQUIRY)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "server_error")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="a pragma of SQLite")
def test_work_resumes_when_a_read_only_database_can_be_written_again(starter, says, api_key):
    says("order_status")
    client = client_with(api_key)
    send(client, INQUIRY)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only=ON")
    try:
        refused, read = send(client, INQUIRY), client.get("/api/v1/tickets/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only=OFF")
    assert (refused.status_code, read.status_code) == (503, 200)
    assert send(client, INQUIRY).status_code == 201
    assert Ticket.objects.count() == 2


def failing_middleware(get_response):
    def middleware(request):
        if request.path == "/api/v1/schema/":
            raise OperationalError("database is locked")
        return get_response(request)

    return middleware


def test_a_middleware_that_finds_the_database_away_is_a_503_too(site, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], f"{__name__}.failing_middleware"]
    response = site.get("/api/v1/schema/")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert response.json()["error"]["code"] == "unavailable"


def test_errors_of_fields_are_lists_of_sentences(api_key):
    error = send(client_with(api_key), {"texts": ["x", 5, ""]}, "/api/v1/predictions/").json()[
        "error"
    ]
    assert error["code"] == "invalid"
    assert error["message"] == "Not accepted: texts.1, texts.2."
    assert error["fields"] == {
        "texts.1": ["Not a valid string."],
        "texts.2": ["This field may not be blank."],
    }


def test_nothing_personal_is_logged(starter, says, api_key, caplog):
    caplog.set_level(logging.DEBUG, "supportops")
    says("order_status")
    client = client_with(api_key)
    send(client, {**INQUIRY, "message": "My password is swordfish."})
    send(client, {**INQUIRY, "email": "swordfish"})
    logged = json.dumps([record.getMessage() for record in caplog.records])
    assert "swordfish" not in logged
    assert "ada@example.com" not in logged
    assert api_key not in logged
