"""A crowd of tickets to measure with."""

from datetime import timedelta

import pytest

from decisions.models import Decision
from supportops.benchmarks import fill
from supportops.benchmarks.crowd import Crowd
from tickets.codes import AuditKind, Role
from tickets.history import verify
from tickets.models import AuditRecord, Message, Outbox, Requester, Target, Ticket, TicketEvent
from tickets.search import index
from tickets.search.index import Window
from tickets.tests.arriving import NOW, arrive

pytestmark = pytest.mark.django_db


@pytest.fixture
def crowd(starter, person):
    person(Role.AGENT, username="mia")
    return list(Crowd(tickets=400, days=30, seed=3, now=NOW).write())


def test_as_many_as_asked_in_the_order_of_their_time_and_never_ahead(crowd):
    assert crowd[-1] == 400
    moments = list(Ticket.objects.order_by("pk").values_list("created_at", flat=True))
    assert len(moments) == 400
    assert moments == sorted(moments)
    assert NOW - timedelta(days=30) <= moments[0]
    assert moments[-1] <= NOW
    assert not Ticket.objects.filter(updated_at__gt=NOW).exists()


def test_the_crowd_differs_in_all_that_the_list_asks_for(crowd):
    for field in ("status", "intent", "priority", "channel", "outcome", "queue", "assignee"):
        assert Ticket.objects.order_by().values(field).distinct().count() > 1, field
    assert Ticket.objects.filter(round=2).exists()
    assert Requester.objects.count() == 100


def test_the_crowd_is_found_by_its_words_and_has_a_timeline(crowd):
    ticket = Ticket.objects.select_related("requester").order_by("pk")[200]
    opening = Message.objects.get(ticket=ticket, number=1)
    made_up = opening.body.rpartition(", ")[2].rstrip(".")
    hits = index.search(Ticket.objects.all(), f"{made_up} {ticket.requester.name}", Window(50))
    assert ticket in hits
    assert ticket.messages.count() == ticket.message_count
    assert ticket.events.order_by("id").first().kind == "ticket.received"


def test_open_tickets_are_promised_something_and_some_promises_are_late(crowd):
    promised = Ticket.objects.filter(targets__isnull=False).distinct()
    assert set(promised.values_list("status", flat=True)) == {"open", "waiting"}
    assert promised.count() == Ticket.objects.filter(status__in=["open", "waiting"]).count()
    assert Ticket.objects.overdue(NOW).exists()
    paused = Target.objects.filter(ticket__status="waiting")
    assert all(row.due_at is None and row.remaining for row in paused)
    assert not Target.objects.filter(ticket__status="open", due_at__lt=NOW, breached_at=None)


def test_what_nobody_decided_is_not_put_on_record(crowd):
    assert not Decision.objects.exists()
    assert not AuditRecord.objects.filter(kind=AuditKind.DECISION).exists()
    assert not Outbox.objects.exists()
    assert verify.verify().is_sound


def test_real_tickets_come_after_the_crowd(crowd, says):
    says(None)
    last = Ticket.objects.latest("pk").pk
    assert arrive().pk > last
    assert TicketEvent.objects.latest("pk").ticket_id > last


def test_the_command_fills_a_database_and_says_how_far_it_is(starter, capsys):
    fill.fill(tickets=20, days=30, seed=1)
    assert Ticket.objects.count() == 20
    assert capsys.readouterr().out == "  20 of 20 tickets\n"
