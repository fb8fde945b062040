"""Killing the server under load, and the script's own eyes: it must see what it looks for."""

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from supportops.benchmarks.crash import Ledger, differences, unsynced
from supportops.benchmarks.posting import Answered

SYNC = "12 fdatasync(7)                     = 0"
RESUMED = "13 <... fsync resumed>)              = 0"
FAILED = "12 fdatasync(7)                     = -1 EIO (Input/output error)"
ANSWER = '12 sendto(9, "HTTP/1.1 201 Created\\r\\nServer: gunic"..., 512, 0, NULL, 0) = 512'
REFUSAL = '12 sendto(9, "HTTP/1.1 400 Bad Request\\r\\nServer: "..., 512, 0, NULL, 0) = 512'


@pytest.mark.parametrize(
    ("trace", "found"),
    [
        ([], (0, 0)),
        ([SYNC, ANSWER, RESUMED, ANSWER], (2, 0)),
        ([SYNC, ANSWER, ANSWER], (2, 1)),
        ([ANSWER, SYNC], (1, 1)),
        ([FAILED, ANSWER], (1, 1)),
        ([SYNC, REFUSAL, ANSWER], (1, 0)),
    ],
)
def test_an_answer_without_an_fsync_since_the_last_is_seen(trace, found):
    assert unsynced(trace) == found


def sent(number):
    return {"external_id": f"crash-{number}", "message": f"words {number}"}


def acknowledged(number, reference):
    said = {"reference": reference, "decision": {"id": number}}
    return Answered(201, said, 0.1, sent(number))


class Stored:
    """Stands for the server after the crash; `tickets` maps references to what is stored."""

    def __init__(self, tickets, decisions):
        self.tickets, self.decisions = tickets, decisions

    def get(self, path):
        if path.startswith("/api/v1/decisions/"):
            rows = self.decisions.get(path.partition("=")[2], [])
            return 200, {"results": [{"id": row, "round": 1} for row in rows]}
        ticket = self.tickets.get(path.split("/")[4])
        return (200, ticket) if ticket else (404, {})


def ticket(number, words=None):
    body = words or sent(number)["message"]
    return {"messages": [{"body": body}], "external_id": f"crash-{number}"}


def test_every_kind_of_loss_is_seen():
    ledger = Ledger()
    ledger.note([acknowledged(n, f"T-{n}") for n in range(1, 6)])
    stored = Stored(
        {"T-1": ticket(1), "T-2": ticket(2, "other"), "T-4": ticket(4), "T-5": ticket(5)},
        {"T-1": [1], "T-2": [2], "T-4": [4, 7], "T-5": [9]},
    )
    assert differences(stored, ledger) == [
        "crash-2: T-2 holds other words",
        "crash-3: T-3 is lost",
        "crash-4: 2 decisions of the first round",
        "crash-5: another decision than was answered",
    ]


def test_what_was_not_answered_is_sent_again_and_makes_no_second_ticket():
    ledger = Ledger()
    ledger.note([Answered(0, {}, 0.1, sent(1)), Answered(503, {}, 0.1, sent(2))])
    assert sorted(ledger.unanswered) == ["crash-1", "crash-2"]
    ledger.note([acknowledged(1, "T-1"), acknowledged(1, "T-9")])
    assert sorted(ledger.unanswered) == ["crash-2"]
    assert ledger.contradictions == ["crash-1 is two tickets"]


@pytest.fixture
def surroundings(request):
    """The environment of the script, on PostgreSQL with an empty database of its own."""
    if connection.vendor != "postgresql":
        return {**os.environ, "DATABASE_URL": ""}
    return {**os.environ, "DATABASE_URL": request.getfixturevalue("postgres_url")}


@pytest.mark.slow
def test_a_server_that_is_killed_under_load_loses_nothing_it_acknowledged(surroundings):
    command = [sys.executable, "-m", "supportops.benchmarks.crash", "--rounds", "2"]
    done = subprocess.run(
        [*command, "--classifier", "keywords", "--traced", "5"],
        cwd=settings.BASE_DIR,
        env=surroundings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing was lost, nothing was decided twice." in done.stdout
