"""Calling the API in tests."""

from django.test import Client

INQUIRY = {
    "name": "Ada Example",
    "email": "ada@example.com",
    "message": "Where is my order 10234?",
}


def client_with(key: str, **options) -> Client:
    """A client that sends an API key."""
    return Client(headers={"Authorization": f"Bearer {key}"}, **options)


def send(client: Client, body, path="/api/v1/tickets/", **headers):
    return client.post(path, body, content_type="application/json", headers=headers)


def send_raw(client: Client, body: bytes, *, content_type="application/json", **headers):
    return client.generic(
        "POST", "/api/v1/tickets/", body, content_type=content_type, headers=headers
    )
