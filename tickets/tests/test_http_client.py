import datetime
import ipaddress
import json
import socket
import ssl
import threading
import time
from contextlib import ExitStack

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from classification.tests import endpoint as acts
from tickets import http_client
from tickets.http_client import (
    AddressRefused,
    BrokenOff,
    CannotBeSent,
    Encoded,
    TooLarge,
    TooSlow,
    Unreachable,
)

OK = b"HTTP/1.1 200 OK\r\n"
CAP = 64 * 1024
LATE = 5  # seconds after which a request that should have ended long ago is a fault


@pytest.fixture
def server():
    with acts.running() as endpoint:
        yield endpoint


def fetch(url, *, method="POST", headers=None, body=b"{}", seconds=10.0, allow=(acts.HOST,)):
    return http_client.fetch(
        method,
        url,
        headers=headers or {},
        body=body,
        deadline_seconds=seconds,
        most_bytes=CAP,
        allow_private=allow,
    )


def resolves_to(monkeypatch, *addresses):
    """Every name stands for these; how often it was looked up."""
    asked = []

    def look_up(host, port, **options):
        asked.append(host)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", place)
            for one in addresses
            for place in [(one, port)]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


# --- A proper answer ------------------------------------------------------------------------------


def test_an_answer_comes_with_status_headers_and_body(server):
    server.behave = acts.body(b"hello", Content_Type="text/plain")
    answer = fetch(f"{server.url}/a?b=c", headers={"X-Mark": "1"}, body=b"question")
    assert (answer.status, answer.headers["content-type"], answer.body) == (
        200,
        "text/plain",
        b"hello",
    )
    path, headers, body = server.asked[0]
    assert (path, headers["X-Mark"], body) == ("/v1/a?b=c", "1", b"question")
    assert headers["Host"] == f"127.0.0.1:{server.port}"
    assert headers["Accept-Encoding"] == "identity"


def test_an_answer_in_chunks_and_one_that_ends_with_the_connection_are_read(server):
    server.behave = acts.raw(
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert fetch(server.url).body == b"abcde"
    server.behave = acts.raw(OK + b"\r\nabcde")
    assert fetch(server.url).body == b"abcde"


@pytest.mark.parametrize("status", [204, 301, 307, 400, 429, 500, 503])
def test_every_status_is_an_answer_and_a_redirect_is_not_followed(server, status):
    server.behave = acts.body(b"", status=status, Location=f"{server.url}/elsewhere")
    assert fetch(server.url).status == status
    assert len(server.asked) == 1


def test_proxies_of_the_environment_are_ignored(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(server.url).status == 200


# --- Where requests may go ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("8.8.8.8", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.0.0.192", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:4700:4700::1111", True),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:8.8.8.8", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::1", False),
        ("2001:db8::1", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address, public):
    assert http_client.is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_this_machine_is_refused_however_it_is_written(server, host):
    with pytest.raises(AddressRefused):
        fetch(f"https://{host}:{server.port}/", allow=())
    assert server.connections == 0


def test_one_private_address_among_public_ones_refuses_all(server, monkeypatch):
    resolves_to(monkeypatch, "93.184.216.34", "127.0.0.1")
    with pytest.raises(AddressRefused):
        fetch(f"https://llm.example:{server.port}/", allow=())
    assert server.connections == 0


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(server, monkeypatch):
    asked = resolves_to(monkeypatch, acts.HOST)
    assert fetch(f"http://llm.example:{server.port}/", allow=["LLM.example"]).status == 200
    assert asked == ["llm.example"]
    assert server.asked[0][1]["Host"] == f"llm.example:{server.port}"


def test_another_host_that_is_allowed_opens_no_door(server):
    with pytest.raises(AddressRefused):
        fetch(server.url, allow=["llm.example", "127.0.0", "0.1"])
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "llm.example",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "https://",
        "https://127.0.0.1:99999/",
        "http://[::1/",
        "http://user:secret@127.0.0.1/",
        "http://llm.example/",
        "https://bücher.example/",
    ],
)
def test_what_is_no_plain_https_address_is_refused(url):
    with pytest.raises(AddressRefused) as refused:
        fetch(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", {"Authorization": "Bearer secret\r\nX-More: 1"}),
        ("POST", "/", {"Authorization": "Bearer sécret\u2028"}),
        ("POST", "/", {"X More": "secret"}),
        ("POST", "/a b", {}),
        ("PO ST", "/", {}),
    ],
)
def test_what_http_does_not_allow_is_not_sent(server, method, path, headers):
    with pytest.raises(CannotBeSent) as refused:
        fetch(f"http://127.0.0.1:{server.port}{path}", method=method, headers=headers)
    assert server.connections == 0
    assert "secret" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_an_unknown_name_and_a_closed_port_are_unreachable(monkeypatch):
    with socket.create_server((acts.HOST, 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable):
        fetch(f"http://127.0.0.1:{port}/")

    def unknown(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Unreachable):
        fetch("https://llm.example/")


def test_the_next_address_is_tried_when_the_first_does_not_answer(server, monkeypatch):
    resolves_to(monkeypatch, "127.0.0.2", acts.HOST)  # nobody listens at the first
    url = f"http://llm.example:{server.port}/"
    assert fetch(url, allow=["llm.example"]).status == 200


def test_an_address_that_swallows_everything_leaves_time_for_the_next(server, monkeypatch):
    resolves_to(monkeypatch, "127.0.0.2", acts.HOST)
    with socket.create_server(("127.0.0.2", server.port), backlog=0), ExitStack() as waiting:
        for _ in range(3):  # from now on nobody gets in any more
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.2", server.port))
        url = f"http://llm.example:{server.port}/"
        assert fetch(url, allow=["llm.example"], seconds=2).status == 200


# --- How long and how much ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "behave",
    [
        acts.drip(OK + b"Content-Length: 60000\r\n\r\n"),
        acts.drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        acts.drip(OK + b"\r\n"),
        acts.drip(b"", b"H"),
        acts.drip(OK + b"X-Slow: ", b"a"),
        acts.drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        acts.drip(b"", b""),
    ],
    ids=["body", "chunks", "no length", "first line", "headers", "100 for ever", "silence"],
)
def test_the_deadline_holds_for_the_whole_however_it_drips(server, behave):
    server.behave = behave
    started = time.monotonic()
    with pytest.raises(TooSlow):
        fetch(server.url, seconds=0.4)
    assert 0.4 <= time.monotonic() - started < LATE


def test_the_deadline_holds_while_sending_to_somebody_who_does_not_read():
    with socket.create_server((acts.HOST, 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        started = time.monotonic()
        with pytest.raises(TooSlow):
            fetch(url, body=b"x" * 30_000_000, seconds=0.3)
    assert time.monotonic() - started < LATE


def test_the_deadline_holds_while_a_name_is_looked_up(monkeypatch):
    done = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: done.wait(60) and [])
    started = time.monotonic()
    with pytest.raises(TooSlow):
        fetch("https://llm.example/", seconds=0.2)
    assert time.monotonic() - started < LATE
    done.set()


def test_a_deadline_that_is_over_sends_nothing(server):
    with pytest.raises(TooSlow):
        fetch(server.url, seconds=0)
    assert server.connections == 0


def test_an_answer_of_the_largest_size_is_read_and_one_byte_more_is_not(server):
    server.behave = acts.body(b"x" * CAP)
    assert len(fetch(server.url).body) == CAP
    server.behave = acts.body(b"x" * (CAP + 1))
    with pytest.raises(TooLarge):
        fetch(server.url)


def test_a_length_above_the_cap_is_refused_before_the_body(server):
    server.behave = acts.drip(OK + b"Content-Length: 52428800\r\n\r\n")
    with pytest.raises(TooLarge):
        fetch(server.url)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"\r\n", b"x" * 65536),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    ],
    ids=["no length", "chunks"],
)
def test_fifty_megabytes_are_cut_at_the_cap(server, head, piece):
    server.behave = acts.flood(OK + head, piece, 800)
    with pytest.raises(TooLarge):
        fetch(server.url)
    # What the system's buffers took, and not all of it.
    assert server.written < 20_000_000


def test_endless_headers_are_cut(server):
    server.behave = acts.flood(OK, b"X-Long: " + b"a" * 8000 + b"\r\n", 6000)
    with pytest.raises(BrokenOff):
        fetch(server.url)
    assert server.written < 20_000_000


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "identity, gzip"])
def test_a_compressed_answer_is_not_unpacked(server, encoding):
    server.behave = acts.body(b"\x1f\x8b", Content_Encoding=encoding)
    with pytest.raises(Encoded):
        fetch(server.url)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        OK,
        OK + b"Content-Length: 10\r\n\r\nshort",
        OK + b"Content-Length: many\r\n\r\n",
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n12",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"\x00\xff\xfe",
    ],
)
def test_what_is_no_complete_answer_counts_as_broken_off(server, said):
    server.behave = acts.raw(said)
    with pytest.raises(BrokenOff):
        fetch(server.url)


# --- TLS ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Files of a certificate for llm.example that nobody signed but itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "llm.example")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("llm.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def tls_server(certificate, monkeypatch):
    """Speaks TLS as llm.example and example.org, of which its certificate names the first only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    resolves_to(monkeypatch, acts.HOST)
    with acts.running(lambda sock: context.wrap_socket(sock, server_side=True)) as endpoint:
        yield endpoint
    http_client._trust.cache_clear()


@pytest.fixture
def trusted(certificate, monkeypatch):
    """The system trusts the test's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    http_client._trust.cache_clear()


NAMES = ["llm.example", "example.org"]


@pytest.mark.usefixtures("trusted")
def test_tls_checks_the_name_that_was_asked_for(tls_server):
    url = f"https://llm.example:{tls_server.port}/"
    assert json.loads(fetch(url, allow=NAMES).body)["object"] == "chat.completion"
    with pytest.raises(Unreachable):
        fetch(f"https://example.org:{tls_server.port}/", allow=NAMES)
    assert len(tls_server.asked) == 1


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server):
    http_client._trust.cache_clear()
    with pytest.raises(Unreachable):
        fetch(f"https://llm.example:{tls_server.port}/", allow=NAMES)
    assert tls_server.asked == []


@pytest.mark.usefixtures("trusted")
def test_an_encrypted_answer_that_was_cut_off_does_not_look_complete(tls_server):
    def cut(handler):
        handler.write(OK + b"\r\nhalf of")
        handler.connection.unwrap = lambda: None
        socket.socket.shutdown(handler.connection, socket.SHUT_RDWR)

    tls_server.behave = cut
    with pytest.raises(BrokenOff):
        fetch(f"https://llm.example:{tls_server.port}/", allow=NAMES)


def test_somebody_who_never_shakes_hands_is_too_slow():
    with socket.create_server((acts.HOST, 0)) as silent:
        started = time.monotonic()
        with pytest.raises(TooSlow):
            fetch(f"https://127.0.0.1:{silent.getsockname()[1]}/", seconds=0.3)
    assert time.monotonic() - started < LATE
