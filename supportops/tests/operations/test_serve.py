"""`manage.py serve` as it really runs: answers, stops both, says what ended by itself."""

import json
import os
import signal
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from supportops.operations import serve
from supportops.tests import processes
from supportops.tests.processes import MANAGE

pytestmark = pytest.mark.slow


def fetch(port, path):
    """Status and body of an answer; None while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read()
    except (ConnectionError, urllib.error.URLError):
        return None


def children(pid):
    """Process ids of the two children."""
    pids = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    words = {child: Path(f"/proc/{child}/cmdline").read_text().split("\0") for child in pids}
    return {"worker" if "worker" in line else "web": int(child) for child, line in words.items()}


@pytest.fixture
def port():
    return processes.free_port()


@pytest.fixture
def server(around, port, tmp_path, starter):
    """A server that answers, as (process, log)."""
    log = tmp_path / "log"
    with processes.running(around, *MANAGE, "serve", "--port", str(port), log=log) as process:
        processes.until(lambda: fetch(port, "/health"), "an answer")
        yield process, log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_answers_and_a_signal_stops_everything_in_order(server, port, number):
    process, log = server
    assert fetch(port, "/health") == (200, b'{"status": "ok"}')
    status, body = fetch(port, "/health/ready")
    assert (status, json.loads(body)["parts"]["database"]["status"]) == (200, "ok")
    pids = children(process.pid).values()
    assert len(pids) == 2
    process.send_signal(number)
    assert process.wait(processes.PATIENCE) == 0
    assert not any(processes.alive(pid) for pid in pids)
    assert processes.says(log, "The worker has stopped.")


@pytest.mark.parametrize(("victim", "name"), [("web", "web server"), ("worker", "worker")])
def test_when_one_dies_it_is_said_and_the_other_stopped(server, victim, name):
    process, log = server
    pids = children(process.pid)
    os.kill(pids[victim], signal.SIGKILL)
    assert process.wait(processes.PATIENCE) == 1
    assert processes.says(log, f"The {name} ended by itself, code -9. Stopping the rest.")
    assert not any(processes.alive(pid) for pid in pids.values())


def test_when_the_parent_is_killed_nobody_keeps_the_port(server):
    process, _ = server
    pids = children(process.pid).values()
    process.kill()
    process.wait()
    processes.until(lambda: not any(map(processes.alive, pids)), "the end of the children")


def test_a_port_in_use_is_said_at_once():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(serve.CannotListen, match=f"port {port}: Address already in use"):
            serve.refuse_taken("127.0.0.1", port)


def test_the_command_says_it_in_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"make run PORT={port + 1}"):
            call_command("serve", port=port)


@pytest.mark.parametrize(
    ("host", "address"), [("127.0.0.1", "127.0.0.1:8000"), ("::1", "[::1]:8000")]
)
def test_what_is_started(host, address):
    web = serve.commands(host, 8000, with_worker=True)["web server"]
    assert web[web.index("-b") + 1] == address
    assert set(serve.commands(host, 8000, with_worker=False)) == {"web server"}


@pytest.mark.parametrize(
    ("local", "port", "url"),
    [
        (True, None, "http://localhost:9000"),
        (True, 8104, "http://localhost:8104"),
        (False, 8104, "https://help.example.com"),
    ],
)
def test_links_of_a_local_try_follow_the_port(settings, local, port, url):
    settings.IS_LOCAL = local
    settings.PUBLIC_URL = "http://localhost:9000" if local else "https://help.example.com"
    assert serve.environment(port)["PUBLIC_URL"] == url
