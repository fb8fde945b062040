"""Holding a ticket: requester first, then the ticket; nobody changes it over another's head."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from tickets.locks import ChangedMeanwhile, held, held_unless_busy, is_deadlock
from tickets.models import Ticket
from tickets.tests.arriving import NOW
from tickets.tests.factories import QueueFactory, TicketFactory


@pytest.fixture
def ticket(db) -> Ticket:
    return TicketFactory(created_at=NOW, queue=QueueFactory())


def test_what_is_held_is_the_ticket_as_it_stands_now(ticket, django_assert_num_queries):
    Ticket.objects.filter(pk=ticket.pk).update(priority="urgent")
    with held(ticket.pk) as now, django_assert_num_queries(0):
        assert (now.priority, now.queue.slug, now.requester.name) == (
            "urgent",
            "general",
            "Ann Example",
        )


def test_the_requester_is_locked_before_the_ticket(ticket):
    with CaptureQueriesContext(connection) as queries, held(ticket.pk):
        pass
    asked = [q["sql"] for q in queries if q["sql"].startswith("SELECT")]
    assert [sql.split('FROM "')[1].split('"')[0] for sql in asked] == [
        "tickets_requester",
        "tickets_ticket",
    ]
    if connection.vendor == "postgresql":
        assert all("FOR NO KEY UPDATE" in sql for sql in asked)


def test_a_change_since_it_was_seen_is_told(ticket):
    with held(ticket.pk, seen_at=ticket.updated_at):
        pass
    for seen in (NOW - timedelta(microseconds=1), NOW + timedelta(seconds=1)):
        with pytest.raises(ChangedMeanwhile, match=ticket.reference), held(ticket.pk, seen_at=seen):
            pytest.fail("it must not get here")


def test_a_ticket_that_is_not_there_is_said_so(db):
    with pytest.raises(Ticket.DoesNotExist), held(4711):
        pytest.fail("it must not get here")
    with held_unless_busy(4711, wait=False) as nothing:
        assert nothing is None


def test_what_is_raised_inside_undoes_all_of_it(ticket):
    def fail() -> None:
        with held(ticket.pk) as now:
            now.priority = "urgent"
            now.save()
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        fail()
    ticket.refresh_from_db()
    assert ticket.priority == "normal"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_does_not_want_to_wait_passes_over_what_somebody_holds():
    ticket = TicketFactory(created_at=NOW)
    taken, seen = threading.Event(), threading.Event()

    def hold() -> None:
        with held(ticket.pk):
            taken.set()
            seen.wait(30)
        connections.close_all()

    holder = threading.Thread(target=hold)
    holder.start()
    taken.wait(30)
    with held_unless_busy(ticket.pk, wait=False) as busy:
        assert busy is None
    seen.set()
    holder.join(30)
    with held_unless_busy(ticket.pk, wait=False) as free:
        assert free == ticket


def test_only_a_deadlock_is_one():
    class Cause(Exception):
        def __init__(self, sqlstate):
            self.sqlstate = sqlstate

    def error(cause: Exception | None) -> OperationalError:
        made = OperationalError("x")
        made.__cause__ = cause
        return made

    assert is_deadlock(error(Cause("40P01")))
    assert not is_deadlock(error(Cause("55P03")))  # a lock that was not to be had
    assert not is_deadlock(error(None))
