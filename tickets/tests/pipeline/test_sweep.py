"""What a crash left undecided is finished by the sweep, once."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from decisions.models import Decision
from tickets.codes import EventKind, TicketStatus
from tickets.desk import customer_actions
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import Outbox
from tickets.pipeline import ask as pipeline_ask
from tickets.pipeline import catch_up
from tickets.pipeline import decide as pipeline_decide
from tickets.tests.arriving import HOUR, MINUTE, NOW, arrive, in_threads, kinds_of, stored
from tickets.tests.factories import MessageFactory, TicketFactory

LEFT = NOW - HOUR


def test_a_ticket_that_a_crash_left_is_decided_and_answered(automating):
    left = TicketFactory(created_at=LEFT)
    assert catch_up.sweep(now=NOW) == 1
    left.refresh_from_db()
    assert (left.status, left.decided_at) == (TicketStatus.ANSWERED, NOW)
    assert kinds_of(left) == ["decision.auto_resolved", "message.machine"]


def test_what_was_swept_is_not_swept_again(automating):
    TicketFactory(created_at=LEFT)
    catch_up.sweep(now=NOW)
    before = stored()
    assert catch_up.sweep(now=NOW + HOUR) == 0
    assert stored() == before


def test_a_decided_ticket_is_left_alone(automating):
    arrive()
    TicketFactory(decided=True, created_at=LEFT)
    before = stored()
    assert catch_up.sweep(now=NOW + HOUR) == 0
    assert stored() == before


def test_a_fresh_ticket_is_left_to_whoever_stores_it(automating, settings):
    settings.SWEEP_AFTER_SECONDS = 30
    fresh = TicketFactory(created_at=NOW - timedelta(seconds=29.9))
    assert catch_up.sweep(now=NOW) == 0
    assert catch_up.sweep(now=NOW + timedelta(seconds=0.1)) == 1
    fresh.refresh_from_db()
    assert fresh.status == TicketStatus.ANSWERED


def test_the_limit_takes_the_oldest_first(automating):
    first, second = TicketFactory(created_at=LEFT), TicketFactory(created_at=LEFT)
    assert catch_up.sweep(now=NOW, limit=1) == 1
    assert list(Decision.objects.values_list("ticket_id", flat=True)) == [first.pk]
    assert catch_up.sweep(now=NOW, limit=1) == 1
    assert Decision.objects.filter(ticket=second).exists()


def test_a_ticket_that_cannot_be_decided_stops_no_other(automating, monkeypatch):
    stuck, fine = TicketFactory(created_at=LEFT), TicketFactory(created_at=LEFT)
    decide = pipeline_decide.decide

    def fail_once(ticket, *args, **kwargs):
        if ticket.pk == stuck.pk:
            raise RuntimeError("broken")
        return decide(ticket, *args, **kwargs)

    monkeypatch.setattr(pipeline_decide, "decide", fail_once)
    assert catch_up.sweep(now=NOW) == 1
    assert list(Decision.objects.values_list("ticket_id", flat=True)) == [fine.pk]
    stuck.refresh_from_db()
    assert stuck.status == TicketStatus.RECEIVED


def test_a_database_that_cannot_write_ends_the_sweep_and_it_goes_on_later(automating, monkeypatch):
    left = TicketFactory(created_at=LEFT)

    def fail(**kwargs):
        raise OperationalError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(record, "write", fail)
        with pytest.raises(OperationalError):
            catch_up.sweep(now=NOW)
    left.refresh_from_db()
    assert (left.status, left.decisions.count()) == (TicketStatus.RECEIVED, 0)
    assert catch_up.sweep(now=NOW) == 1


def test_an_automatic_mail_that_a_crash_left_is_still_not_answered(automating):
    left = TicketFactory(created_at=LEFT)
    received = record.event(
        left, EventKind.RECEIVED, Actor.customer(), LEFT, channel="mail", automatic_mail=True
    )
    record.write(now=LEFT, events=[received])
    catch_up.sweep(now=NOW)
    left.refresh_from_db()
    assert left.reasons == ["guard:automatic_mail"]
    assert not Outbox.objects.exists()


def test_who_wrote_again_before_the_decision_gets_a_person(automating):
    left = TicketFactory(created_at=LEFT)
    customer_actions.customer_reply(left.pk, "I will call my lawyer.", now=LEFT + MINUTE)
    catch_up.sweep(now=NOW)
    left.refresh_from_db()
    assert (left.status, left.reasons) == (TicketStatus.OPEN, ["guard:wrote_again"])


def test_what_is_said_while_the_classifier_thinks_is_not_passed_over(automating, monkeypatch):
    left = TicketFactory(created_at=LEFT)
    ask = pipeline_ask.ask

    def interrupted(*args, **kwargs):
        monkeypatch.setattr(pipeline_ask, "ask", ask)
        customer_actions.customer_reply(left.pk, "I will call my lawyer.", now=NOW)
        return ask(*args, **kwargs)

    monkeypatch.setattr(pipeline_ask, "ask", interrupted)
    assert catch_up.finish(left.pk, now=NOW).reasons == ["guard:wrote_again"]


def test_an_agents_note_keeps_no_ticket_from_being_decided(automating):
    left = TicketFactory(created_at=LEFT, message_count=2)
    MessageFactory(ticket=left, number=2, author="agent", internal=True)
    assert catch_up.sweep(now=NOW) == 1


@pytest.mark.django_db(transaction=True)
def test_eight_sweeps_at_once_decide_each_ticket_once(automating):
    tickets = [TicketFactory(created_at=LEFT) for _ in range(6)]
    decided = in_threads([lambda: catch_up.sweep(now=NOW)] * 8)
    assert sum(decided) == len(tickets)
    for ticket in tickets:
        ticket.refresh_from_db()
        assert (ticket.status, ticket.decisions.count()) == (TicketStatus.ANSWERED, 1)
    assert Outbox.objects.count() == len(tickets)
