"""The kill switch and the breakers: row and audit record, or neither."""

import json

import pytest
from django.utils import timezone

from decisions.models import Breaker, Switch
from decisions.reasons import ReasonMissing
from decisions.stops.kill_switch import arm_breaker, set_switch
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.tests.at_work import write_in
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


def stored():
    return [list(model.objects.order_by("pk").values()) for model in (Switch, Breaker, AuditRecord)]


def test_a_stop_is_a_row_and_a_record(lead):
    now = timezone.now()
    assert set_switch(True, " Wrong answers ", actor=Actor.person(lead), now=now)
    switch = Switch.objects.get()
    assert (switch.on, switch.reason, switch.changed_at) == (True, "Wrong answers", now)
    record = AuditRecord.objects.get()
    assert (record.kind, record.subject, record.actor) == (
        "switch",
        "switch:1",
        f"person:{lead.pk}",
    )
    assert json.loads(record.body)["data"] == {"on": True, "reason": "Wrong answers"}


def test_a_switch_that_stands_so_already_is_left_alone(lead):
    set_switch(True, "First", actor=Actor.person(lead), now=timezone.now())
    before = stored()
    assert not set_switch(True, "Second", actor=Actor.person(lead), now=timezone.now())
    assert stored() == before


def test_it_works_from_the_next_decision_on_and_back(starter, says, lead):
    says("order_status", confidence=0.97)
    certify("order_status")
    assert write_in(email="a@example.com").status == "answered"
    set_switch(True, "Stop", actor=Actor.person(lead), now=timezone.now())
    stopped = write_in(email="b@example.com")
    assert (stopped.status, stopped.reasons) == ("open", ["guard:kill_switch"])
    set_switch(False, "Go on", actor=Actor.person(lead), now=timezone.now())
    assert write_in(email="c@example.com").status == "answered"


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_nobody_turns_it_without_a_reason(lead, reason):
    with pytest.raises(ReasonMissing):
        set_switch(True, reason, actor=Actor.person(lead), now=timezone.now())
    with pytest.raises(ReasonMissing):
        arm_breaker("order_status", reason, actor=Actor.person(lead), now=timezone.now())
    assert stored() == [[], [], []]


def test_a_row_without_its_record_does_not_stay(lead, monkeypatch):
    from tickets.history import record

    monkeypatch.setattr(record, "write", lambda **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        set_switch(True, "Stop", actor=Actor.person(lead), now=timezone.now())
    assert not Switch.objects.filter(on=True).exists()


def test_an_open_breaker_is_armed_again(starter, lead):
    Breaker.objects.create(
        intent="order_status", open=True, reason="3 of 9", changed_at=timezone.now()
    )
    now = timezone.now()
    assert arm_breaker("order_status", "Template mended", actor=Actor.person(lead), now=now)
    breaker = Breaker.objects.get()
    assert (breaker.open, breaker.reason, breaker.changed_at) == (False, "Template mended", now)
    data = json.loads(AuditRecord.objects.get(kind="breaker").body)["data"]
    assert (data["intent"], data["open"], data["reason"]) == (
        "order_status",
        False,
        "Template mended",
    )


@pytest.mark.parametrize("intent", ["order_status", "refund_status", ""])
def test_what_is_not_open_is_not_armed(starter, lead, intent):
    Breaker.objects.create(intent="order_status", open=False, changed_at=timezone.now())
    before = stored()
    assert not arm_breaker(intent, "Why not", actor=Actor.person(lead), now=timezone.now())
    assert stored() == before
