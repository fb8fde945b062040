"""One thing done to many tickets at once, and taken back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from decisions.models import Override
from tickets.codes import ActorKind, BulkKind, EventKind, Priority
from tickets.desk import agent_actions, bulk
from tickets.history import verify
from tickets.history.record import Actor
from tickets.locks import NotPossible
from tickets.models import UNDO_WITHIN, BulkChange, Queue, Ticket, TicketEvent
from tickets.tests.at_work import all_rows, write_in
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture
def three(starter, says):
    says("order_status", confidence=0.62)
    return [write_in(f"Order {n}?", email=f"c{n}@example.com") for n in range(3)]


def ids(tickets):
    return [ticket.pk for ticket in tickets]


def states(tickets):
    rows = Ticket.objects.filter(pk__in=ids(tickets)).order_by("pk")
    return list(rows.values(*bulk.REMEMBERED))


def change(kind, tickets, value, user, **more):
    return bulk.change(kind, ids(tickets), value, user=user, **{"now": timezone.now()} | more)


def values(kind, agent):
    return {
        BulkKind.ASSIGN: agent,
        BulkKind.QUEUE: Queue.objects.get(slug="billing"),
        BulkKind.PRIORITY: Priority.URGENT,
        BulkKind.INTENT: "delivery_problem",
    }.get(kind)


@pytest.mark.parametrize("kind", BulkKind)
def test_every_change_can_be_taken_back_and_history_grows(three, agent, kind):
    before, events = states(three), TicketEvent.objects.count()
    done = change(kind, three, values(kind, agent), agent)
    assert (done.changed, done.refused) == (3, ())
    changed = states(three)
    assert all(new != old for new, old in zip(changed, before, strict=True))
    undone = bulk.undo(done.change.pk, user=agent, now=timezone.now())
    assert (undone.restored, undone.left) == (3, ())
    assert states(three) == before
    assert TicketEvent.objects.count() == events + 6
    last = TicketEvent.objects.order_by("-id")[:3]
    assert {(e.kind, e.actor_kind, e.user, e.data["change"]) for e in last} == {
        (EventKind.UNDONE, ActorKind.PERSON, agent, kind)
    }
    assert verify.verify().is_sound


def test_a_corrected_intent_that_is_taken_back_stays_on_record(three, agent):
    done = change(BulkKind.INTENT, three[:1], "delivery_problem", agent)
    bulk.undo(done.change.pk, user=agent, now=timezone.now())
    assert list(Override.objects.values_list("before", "after")) == [
        ("order_status", "delivery_problem"),
        ("delivery_problem", "order_status"),
    ]


def test_what_is_so_already_is_no_change(three, agent):
    agent_actions.assign(three[0].pk, agent, actor=Actor.person(agent), now=NOW)
    done = change(BulkKind.ASSIGN, three, agent, agent)
    assert [entry["ticket"] for entry in done.change.tickets] == ids(three[1:])
    assert change(BulkKind.ASSIGN, three, agent, agent).change is None
    assert BulkChange.objects.count() == 1


def test_what_cannot_be_is_named_and_the_others_change(three, agent):
    agent_actions.mark_spam(three[1].pk, actor=Actor.person(agent), now=NOW)
    done = change(BulkKind.RESOLVE, three, None, agent)
    assert done.changed == 2
    assert done.refused == ((three[1].reference, "A ticket that is spam cannot be resolved."),)


def test_a_ticket_that_is_not_there_is_passed_over(three, agent):
    done = bulk.change(BulkKind.SPAM, [three[0].pk, 4711], None, user=agent, now=NOW)
    assert (done.changed, done.refused) == (1, ())


def test_too_many_at_once_change_nothing(three, agent):
    before = all_rows()
    with pytest.raises(NotPossible, match="At most"):
        bulk.change(BulkKind.SPAM, range(bulk.MOST + 1), None, user=agent, now=NOW)
    assert all_rows() == before


def test_whoever_changed_a_ticket_since_is_not_overruled(three, agent, lead):
    done = change(BulkKind.PRIORITY, three, Priority.URGENT, agent)
    agent_actions.add_note(three[1].pk, "I am on it.", actor=Actor.person(lead), now=timezone.now())
    undone = bulk.undo(done.change.pk, user=agent, now=timezone.now())
    assert (undone.restored, undone.left) == (2, (three[1].reference,))
    assert [row["priority"] for row in states(three)] == ["normal", "urgent", "normal"]


@pytest.mark.parametrize("case", ["twice", "somebody else", "too late"])
def test_undo_is_for_oneself_once_and_soon(three, agent, lead, case):
    done = change(BulkKind.SPAM, three, None, agent, now=NOW)
    user, now = agent, NOW + timedelta(minutes=1)
    if case == "twice":
        bulk.undo(done.change.pk, user=agent, now=now)
    elif case == "somebody else":
        user = lead
    else:
        now = NOW + UNDO_WITHIN
    before = all_rows()
    with pytest.raises(NotPossible, match="no more"):
        bulk.undo(done.change.pk, user=user, now=now)
    assert all_rows() == before


def test_a_ticket_without_queue_gets_back_to_none(starter, agent):
    ticket = TicketFactory(decided=True)
    done = change(BulkKind.QUEUE, [ticket], Queue.objects.get(slug="billing"), agent)
    bulk.undo(done.change.pk, user=agent, now=timezone.now())
    ticket.refresh_from_db()
    assert ticket.queue is None


def test_what_was_done_before_a_failure_can_be_taken_back(three, agent, monkeypatch):
    once, before = agent_actions.set_priority, states(three)

    def fails_on_the_last(pk, *args, **kwargs):
        if pk == three[-1].pk:
            raise OSError("the disk is full")
        return once(pk, *args, **kwargs)

    monkeypatch.setitem(bulk.CHANGES, BulkKind.PRIORITY, fails_on_the_last)
    with pytest.raises(OSError, match="disk"):
        change(BulkKind.PRIORITY, three, Priority.URGENT, agent)
    row = BulkChange.objects.get()
    assert len(row.tickets) == 2
    bulk.undo(row.pk, user=agent, now=timezone.now())
    assert states(three) == before
