"""The kill switch by API and command, and while tickets pour in."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from decisions.models import Decision, Switch
from decisions.stops.kill_switch import set_switch
from tickets.codes import Channel, Outcome, Scope
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.calling import client_with, send
from tickets.tests.visiting import certify

SWITCH = "/api/v1/switch/"


@pytest.fixture
def client_of_it(issue_key):
    return client_with(issue_key(Scope.SWITCH_WRITE, name="pager"))


def test_it_is_turned_and_read_by_api(client_of_it):
    assert client_of_it.get(SWITCH).json() == {"on": False, "reason": "", "changed_at": None}
    stopped = send(client_of_it, {"on": True, "reason": "Wrong dates."}, SWITCH)
    assert stopped.status_code == 200
    assert (stopped.json()["on"], stopped.json()["reason"]) == (True, "Wrong dates.")
    assert client_of_it.get(SWITCH).json() == stopped.json()
    assert AuditRecord.objects.get(kind="switch").actor.startswith("integration:")
    again = send(client_of_it, {"on": True, "reason": "Once more."}, SWITCH)
    assert again.json()["reason"] == "Wrong dates."
    assert AuditRecord.objects.count() == 1
    assert send(client_of_it, {"on": False, "reason": "Mended."}, SWITCH).json()["on"] is False


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"on": True},
        {"on": True, "reason": " "},
        {"on": "yes", "reason": "x"},
        {"on": 1, "reason": "x"},
        {"on": True, "reason": "x" * 301},
        {"on": True, "reason": "x", "user": 1},
    ],
)
def test_half_a_turn_is_refused_and_changes_nothing(client_of_it, body):
    answer = send(client_of_it, body, SWITCH)
    assert answer.status_code == 400
    assert "fields" in answer.json()["error"]
    assert not Switch.objects.exists()
    assert not AuditRecord.objects.exists()


def test_another_scope_neither_turns_nor_reads_it(issue_key):
    others = [scope for scope in Scope if scope != Scope.SWITCH_WRITE]
    client = client_with(issue_key(*others))
    assert client.get(SWITCH).status_code == 403
    assert send(client, {"on": True, "reason": "x"}, SWITCH).status_code == 403
    assert not Switch.objects.exists()


def test_it_is_turned_by_command(db, capsys):
    call_command("kill_switch", "status")
    assert "never turned" in capsys.readouterr().out
    call_command("kill_switch", "on", "--reason", "Stop.", "--dry-run")
    assert "Nothing was written" in capsys.readouterr().out
    assert not Switch.objects.exists()
    call_command("kill_switch", "on", "--reason", "Stop.")
    assert "Automation is stopped since" in capsys.readouterr().out
    assert Switch.objects.get().on
    call_command("kill_switch", "on", "--reason", "Stop again.")
    assert "stood so already" in capsys.readouterr().out
    call_command("kill_switch", "off", "--reason", "Go on.")
    assert not Switch.objects.get().on
    with pytest.raises(CommandError, match="Say why"):
        call_command("kill_switch", "on")
    assert not Switch.objects.get().on


WRITERS = 4


@pytest.mark.django_db(transaction=True)
def test_it_works_from_the_next_decision_on_while_tickets_pour_in(starter, says, lead):
    """Whatever begins after the switch was turned goes to a person, and nothing gets lost."""
    says("order_status", confidence=0.97)
    certify("order_status")
    started: dict[str, float] = {}
    done = threading.Event()

    def write(name):
        try:
            for number in range(5_000):
                if done.is_set():
                    return
                email = f"{name}-{number}@example.com"
                started[email] = time.monotonic()
                inquiry = Inquiry(name="A", email=email, message="Where?", channel=Channel.API)
                receive(inquiry, now=timezone.now())
        finally:
            connection.close()

    def wait_for_more(writers):
        before = Decision.objects.count()
        while Decision.objects.count() < before + 8:
            assert not any(writer.done() for writer in writers)

    turned_at = 0.0
    with ThreadPoolExecutor(WRITERS) as pool:
        writers = [pool.submit(write, f"w{n}") for n in range(WRITERS)]
        for on in (True, False, True):
            wait_for_more(writers)
            set_switch(on, "Under load.", actor=Actor.person(lead), now=timezone.now())
            turned_at = time.monotonic()
        wait_for_more(writers)
        done.set()
    for writer in writers:
        writer.result()
    assert Decision.objects.count() == len(started)
    asked = {
        decision.ticket.requester.email: decision
        for decision in Decision.objects.select_related("ticket__requester")
    }
    after = [asked[email] for email, at in started.items() if at > turned_at]
    assert len(after) >= 4
    assert {decision.outcome for decision in after} == {Outcome.ESCALATE}
    assert all("guard:kill_switch" in decision.reasons for decision in after)
    # Between the turns, in the order in which decisions were written, nothing is mixed.
    seen = [d.facts["kill_switch"] for d in Decision.objects.order_by("pk")]
    changes = sum(one != other for one, other in pairwise(seen))
    if connection.vendor == "sqlite":  # one writer at a time: keys follow the order of commits
        assert changes == 3
    assert any(decision.outcome == Outcome.AUTO_RESOLVE for decision in asked.values())
