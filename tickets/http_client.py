"""Requests to machines of others, on a short lead. Pure: no Django.

One deadline for everything, from looking up the name to the last byte. A cap on the size of the
answer. No redirects, no proxies, no compressed answers: nothing here knows of them. And no way into
the own network, unless a host is allowed by name: a name is looked up once, every address it has is
checked, and the connection goes to one of those that were checked.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any
from urllib.parse import urlsplit

import h11

LARGEST_HEAD = 32 * 1024
PIECE = 16 * 1024
PORTS = {"http": 80, "https": 443}

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address stands in the last four bytes
PROTOCOL_ASSIGNMENTS = IPv4Network("192.0.0.0/24")  # some clouds keep their metadata there


class OutgoingFailed(Exception):
    """The request brought no answer. The message names the host at most, never what was sent."""


class AddressRefused(OutgoingFailed):
    """The address is not one to which requests may go."""


class CannotBeSent(OutgoingFailed):
    """Method, path or a header is not what HTTP allows."""


class Unreachable(OutgoingFailed):
    """The name is unknown, nobody listens there, or its certificate is not trusted."""


class TooSlow(OutgoingFailed):
    """The deadline passed."""


class TooLarge(OutgoingFailed):
    """The answer is larger than allowed."""


class Encoded(OutgoingFailed):
    """The answer is compressed though that was not asked for; it is not unpacked."""


class BrokenOff(OutgoingFailed):
    """The answer ended early, or is not HTTP."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer, whatever its status. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    deadline_seconds: float,
    most_bytes: int,
    allow_private: Collection[str] = (),
) -> Response:
    """Send one request and read its answer. A redirect is an answer like any other.

    `allow_private` names hosts that may have private addresses and may be talked to without TLS.

    Raises:
        OutgoingFailed: one of its kinds says why there is no answer.
    """
    until = time.monotonic() + deadline_seconds
    target = _target(url, allow_private)
    request = _request(method, target, headers, body)
    with closing(_connect(target, until)) as line:
        return _exchange(line, request, body, most_bytes)


# --- Where to -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Target:
    scheme: str
    host: str
    port: int
    path: str
    allowed: bool  # by name

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


def _target(url: str, allow_private: Collection[str]) -> _Target:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise AddressRefused("This is no address of a web server.") from error
    if parts.scheme not in PORTS or not host or not host.isascii():
        raise AddressRefused("An address must be http or https and name a host in ASCII.")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("An address must not hold a name or password.")
    allowed = host in {name.lower().rstrip(".") for name in allow_private}
    if parts.scheme == "http" and not allowed:
        raise AddressRefused(f"{host} must be reached over https, or be allowed by name.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Target(parts.scheme, host, port or PORTS[parts.scheme], path, allowed)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address belongs to the open internet and to no one network in particular."""
    if isinstance(address, IPv4Address):
        return (
            address.is_global
            and not address.is_multicast
            and not address.is_reserved
            and address not in PROTOCOL_ASSIGNMENTS
        )
    if address in NAT64:
        return is_public(IPv4Address(address.packed[-4:]))
    if address.sixtofour is not None and not is_public(address.sixtofour):
        return False
    return address in GLOBAL_UNICAST and address.is_global


def _addresses(target: _Target, until: float) -> list[tuple[Any, ...]]:
    """What the name stands for, looked up once. One address that is not public refuses all."""
    found = _look_up(target, until)
    for *_, place in found:
        if not target.allowed and not is_public(ip_address(place[0].partition("%")[0])):
            raise AddressRefused(f"{target.host} is no public address and is not allowed by name.")
    return found


def _look_up(target: _Target, until: float) -> list[tuple[Any, ...]]:
    """In a thread: the system's look-up has a patience of its own, and no way to cut it short."""
    answers: queue.SimpleQueue[list[tuple[Any, ...]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=_left(until))
    except queue.Empty as error:
        raise TooSlow(f"Looking up {target.host} took too long.") from error
    if isinstance(found, Exception) or not found:
        raise Unreachable(f"{target.host} is not known.")
    return found


# --- The line -------------------------------------------------------------------------------------


class _Line:
    """A connection on which every wait ends at the deadline."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def send(self, data: bytes) -> None:
        waiting = memoryview(data)
        while waiting:
            self._sock.settimeout(_left(self._until))
            waiting = waiting[self._sock.send(waiting) :]

    def receive(self) -> bytes:
        self._sock.settimeout(_left(self._until))
        return self._sock.recv(PIECE)

    def close(self) -> None:
        self._sock.close()


def _left(until: float) -> float:
    """Seconds until the deadline; never zero, which would mean for ever to a socket."""
    left = until - time.monotonic()
    if left <= 0:
        raise TooSlow("The deadline passed.")
    return left


def _connect(target: _Target, until: float) -> _Line:
    """A line to the first of the checked addresses that answers; each gets its share of time."""
    places = _addresses(target, until)
    for number, (family, kind, protocol, _, place) in enumerate(places):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(_left(until) / (len(places) - number))
            sock.connect(place)
            return _Line(_secured(sock, target, until), until)
        except OSError:
            sock.close()  # the next address may be better
        except OutgoingFailed:
            sock.close()
            raise
    _left(until)
    raise Unreachable(f"{target.host} cannot be reached.")


def _secured(sock: socket.socket, target: _Target, until: float) -> socket.socket:
    if target.scheme == "http":
        return sock
    sock.settimeout(_left(until))
    # Not suppressed: an answer that was cut off must not look like one that ended.
    return _trust().wrap_socket(sock, server_hostname=target.host, suppress_ragged_eofs=False)


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


# --- The talk -------------------------------------------------------------------------------------


def _request(method: str, target: _Target, headers: Mapping[str, str], body: bytes) -> h11.Request:
    own = {
        "Host": target.authority,
        "User-Agent": "supportops",
        "Accept-Encoding": "identity",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    try:
        return h11.Request(
            method=method, target=target.path, headers=[*own.items(), *headers.items()]
        )
    except (h11.LocalProtocolError, UnicodeError):
        # Without its cause, which quotes what it found fault with, and that may be a key.
        raise CannotBeSent("Method, path or a header is not what HTTP allows.") from None


def _exchange(line: _Line, request: h11.Request, body: bytes, most_bytes: int) -> Response:
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
    try:
        for event in (request, h11.Data(data=body), h11.EndOfMessage()):
            line.send(talk.send(event) or b"")
        return _read(line, talk, most_bytes)
    except h11.RemoteProtocolError as error:
        raise BrokenOff("The answer is not HTTP, or ended early.") from error
    except TimeoutError as error:
        raise TooSlow("The answer did not come in time.") from error
    except OSError as error:
        raise BrokenOff("The connection broke.") from error


def _read(line: _Line, talk: h11.Connection, most_bytes: int) -> Response:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = talk.next_event()
        if event is h11.NEED_DATA:
            talk.receive_data(line.receive())
        elif isinstance(event, h11.Response):
            head = event
            _check_head(event, most_bytes)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most_bytes:
                raise TooLarge(f"The answer has more than {most_bytes} bytes.")
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Response(head.status_code, _headers(head), bytes(body))
        elif not isinstance(event, h11.InformationalResponse):
            raise BrokenOff("The connection ended without an answer.")


def _check_head(head: h11.Response, most_bytes: int) -> None:
    """Refuse before the body is read, where the head already says enough."""
    headers = _headers(head)
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Encoded("The answer is compressed.")
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > most_bytes:
        raise TooLarge(f"The answer has more than {most_bytes} bytes.")


def _headers(head: h11.Response) -> dict[str, str]:
    return {name.decode("ascii"): value.decode("latin-1") for name, value in head.headers}
