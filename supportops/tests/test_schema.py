"""The API held against its own OpenAPI document, with whatever Schemathesis can think of."""

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from supportops.wsgi import application
from tickets.codes import Scope
from tickets.tests.calling import INQUIRY, client_with, send

EXAMPLES = 25
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OPERATIONS = {
    "tickets_create",
    "tickets_list",
    "tickets_retrieve",
    "tickets_messages_create",
    "tickets_reopen",
    "tickets_close",
    "predictions_create",
    "decisions_list",
    "decisions_retrieve",
    "alerts_list",
    "metrics_retrieve",
    "reviews_next",
    "switch_retrieve",
    "switch_turn",
    "reviews_answer",
}


@pytest.fixture
def document(db):
    return Client().get("/api/v1/schema/").json()


@pytest.fixture
def operations_of_api(starter, says, api_key):
    """Each operation by its name, as Schemathesis reads it from the document."""
    says("order_status")
    send(client_with(api_key), INQUIRY)
    # Between requests a server drops a connection with an open transaction; that of a test has to
    # last. Django's own client does the same, for as long as it sends.
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    schema = schemathesis.openapi.from_wsgi("/api/v1/schema/", application)
    found = [result.ok() for result in schema.get_all_operations()]
    yield {operation.definition.raw["operationId"]: operation for operation in found}
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_what_is_answered_is_what_the_document_says(operations_of_api, api_key, name, mode):
    tried = []

    @given(case=operations_of_api[name].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def hold(case):
        case.call_and_validate(headers={"Authorization": f"Bearer {api_key}"}, checks=CHECKS)
        tried.append(case)

    hold()
    assert tried


def operations(document):
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def test_every_operation_is_described(document):
    assert document["openapi"].startswith("3.")
    assert {operation["operationId"] for operation in operations(document)} == OPERATIONS


def test_every_operation_names_its_scope_and_its_failures(document):
    for operation in operations(document):
        assert any(f"Scope `{scope}`." == operation["description"] for scope in Scope)
        assert {"400", "401", "403", "429", "503"} <= set(operation["responses"])
        assert operation["security"] == [{"key": []}]
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                (content,) = answer["content"].values()
                assert content["schema"]["$ref"] == "#/components/schemas/Error"


def test_every_body_has_an_example_that_is_taken(document, starter, says, api_key):
    says("order_status")
    client = client_with(api_key)
    reference = send(client, INQUIRY).json()["reference"]
    tried = 0
    for address, methods in document["paths"].items():
        body = methods.get("post", {}).get("requestBody", {}).get("content", {})
        for example in body.get("application/json", {}).get("examples", {}).values():
            response = send(client, example["value"], address.replace("{reference}", reference))
            assert response.status_code in (200, 201), response.json()
            tried += 1
    assert tried >= 4


def test_the_page_works_under_the_strict_policy(db):
    page = Client().get("/docs/")
    policy = page["Content-Security-Policy"]
    assert page.status_code == 200
    assert "unsafe" not in policy
    assert "script-src 'self'" in policy
    html = page.content.decode()
    assert "<style" not in html
    assert " style=" not in html
    assert "<script>" not in html
    assert "https://" not in html


def test_the_script_of_the_page_points_to_the_document(db):
    script = Client().get("/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert 'url: "/api/v1/schema/"' in script.content.decode().replace("\\u002D", "-")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "*/*", "nonsense"])
def test_the_page_is_a_page_whatever_is_preferred(db, accept):
    response = Client().get("/docs/", headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "text/html; charset=utf-8")
