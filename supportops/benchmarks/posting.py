"""Posting inquiries to a running server, from threads that keep their connection."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CLIENT_TIMEOUT = 60.0
INQUIRIES = "/api/v1/tickets/"
OPENINGS = ("Hello, ", "Hi, ", "Good day. ", "", "Dear team, ")
MATTERS = (
    "where is my order {n}? It should have come last week.",
    "I was charged twice for order {n}, please give the money back.",
    "I cannot log in any more, the code {n} never arrives.",
    "the item of order {n} is broken, how do I send it back?",
    "please send me the invoice number {n} again as a PDF.",
    "how do I change the delivery address of parcel {n}?",
    "do you have the blue one, article {n}, in a larger size?",
    "I want to speak to a person about case {n}, this is the third time.",
)


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server said. Status 0: the connection broke before it said anything."""

    status: int
    body: dict[str, Any]
    seconds: float
    sent: dict[str, Any] = field(default_factory=dict)


class Poster:
    """Sends JSON to one address; each thread has a connection of its own."""

    def __init__(self, url: str, key: str, *, path: str = INQUIRIES) -> None:
        parts = urlsplit(url)
        self.address, self.path = (parts.hostname or "localhost", parts.port or 80), path
        self.headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        self._own = threading.local()

    def post(self, body: dict[str, Any]) -> Answered:
        """One request. A connection that broke is an answer too."""
        started = time.perf_counter()
        try:
            connection = self._connection()
            connection.request("POST", self.path, json.dumps(body), self.headers)
            response = connection.getresponse()
            said = response.read()
        except (OSError, http.client.HTTPException):
            self._forget()
            return Answered(0, {}, time.perf_counter() - started, body)
        return Answered(response.status, _read(said), time.perf_counter() - started, body)

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._own, "connection", None) is None:
            self._own.connection = http.client.HTTPConnection(*self.address, timeout=CLIENT_TIMEOUT)
        connection: http.client.HTTPConnection = self._own.connection
        return connection

    def _forget(self) -> None:
        self._own.connection.close()
        self._own.connection = None


def _read(said: bytes) -> dict[str, Any]:
    try:
        value = json.loads(said)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def post_all(poster: Poster, bodies: Iterable[dict[str, Any]], *, clients: int) -> list[Answered]:
    """Send everything, so many at a time."""
    with ThreadPoolExecutor(clients) as threads:
        return list(threads.map(poster.post, bodies))


def post_until(
    stop: Callable[[], bool], poster: Poster, bodies: Iterator[dict[str, Any]], *, clients: int
) -> list[Answered]:
    """Send one after the other from each client until told to stop."""
    answers: list[Answered] = []
    drawing = threading.Lock()

    def client(number: int) -> None:
        while not stop():
            with drawing:
                body = next(bodies)
            answers.append(poster.post(body))

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(client, range(clients)))
    return answers


def percentile(seconds: Iterable[float], share: float) -> float:
    """The value below which that share lies, in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def text(number: int) -> str:
    """A message that somebody could have written; the same number, the same words."""
    return OPENINGS[number % 5] + MATTERS[number % 8].format(n=10_000 + number)
