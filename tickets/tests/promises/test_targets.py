"""The clocks on tickets: from the hand-over to a person to the end, whatever happens between.

Refund requests go to a person with high priority: two hours of business time to the first answer,
eight to the end. The business works from nine to five, and NOW is Monday at ten.
"""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from decisions.policies import starter as starter_set
from tickets.codes import BulkKind, Channel, Priority, TargetKind, TicketStatus
from tickets.desk import agent_actions, bulk, customer_actions
from tickets.history.record import Actor
from tickets.models import Calendar, Queue, ServiceLevel, Target, Ticket, TicketEvent
from tickets.pipeline import catch_up
from tickets.promises import targets
from tickets.tests.arriving import DAY, HOUR, MINUTE, NOW, arrive, in_threads, kinds_of
from tickets.tests.factories import TicketFactory

FIRST, END = TargetKind.FIRST_RESPONSE, TargetKind.RESOLUTION


@pytest.fixture
def ticket(automating) -> Ticket:
    """Handed to a person on Monday at ten."""
    automating("refund_request")
    return arrive()


def target(ticket: Ticket, kind: TargetKind, round: int = 1) -> Target:
    return Target.objects.get(ticket=ticket, kind=kind, round=round)


def due(ticket: Ticket, kind: TargetKind, round: int = 1):
    return target(ticket, kind, round).due_at


def marks(ticket: Ticket) -> list[tuple[str, str]]:
    """What was noticed on a ticket, in order."""
    events = ticket.events.filter(kind__startswith="service_level.").order_by("id")
    return [(event.kind.removeprefix("service_level."), event.data["target"]) for event in events]


def replies(ticket: Ticket, by_agent, now) -> None:
    agent_actions.agent_reply(ticket.pk, "We look into it.", actor=by_agent, now=now)


# --- Beginning ------------------------------------------------------------------------------------


def test_a_ticket_handed_to_a_person_is_promised_an_answer_and_an_end(ticket):
    assert Ticket.objects.get().priority == Priority.HIGH
    assert due(ticket, FIRST) == NOW + 2 * HOUR
    assert due(ticket, END) == NOW + DAY  # seven hours on Monday, one on Tuesday
    assert target(ticket, FIRST).warn_at == NOW + timedelta(minutes=96)
    assert target(ticket, END).service_level.name == "High"
    assert target(ticket, END).started_at == NOW


def test_an_automatic_answer_is_promised_nothing_until_it_is_reopened(automating):
    ticket = arrive()
    assert ticket.status == TicketStatus.ANSWERED
    assert not Target.objects.exists()
    customer_actions.not_helped(ticket.pk, now=NOW + HOUR)
    assert due(ticket, FIRST, round=2) == NOW + 5 * HOUR  # normal priority: four hours
    assert target(ticket, END, round=2).started_at == NOW + HOUR


def test_what_was_written_long_ago_and_imported_is_promised_nothing(automating):
    automating("refund_request")
    arrive(sent_at=NOW - 30 * DAY, channel=Channel.IMPORT)
    assert not Target.objects.exists()
    old = Ticket.objects.get()
    agent_actions.set_priority(old.pk, Priority.URGENT, actor=targets.Actor.machine(), now=NOW)
    assert not Target.objects.exists()


def test_an_imported_ticket_on_which_the_customer_writes_again_is_promised_as_others(
    automating, by_agent
):
    automating("refund_request")
    old = arrive(sent_at=NOW - 30 * DAY, channel=Channel.IMPORT)
    replies(old, by_agent, NOW)
    customer_actions.customer_reply(old.pk, "And my other order?", now=NOW + HOUR)
    assert due(old, FIRST) == NOW + 3 * HOUR


def test_a_ticket_left_undecided_is_promised_from_its_arrival(automating):
    automating("refund_request")
    left = TicketFactory(created_at=NOW)
    catch_up.sweep(now=NOW + HOUR)
    assert due(left, FIRST) == NOW + 2 * HOUR


def test_a_person_faster_than_the_machine_has_kept_the_first_promise(automating, by_agent):
    early = TicketFactory(created_at=NOW)
    replies(early, by_agent, NOW + MINUTE)
    assert target(early, FIRST).met_at == NOW + MINUTE
    assert target(early, END).paused_at == NOW + MINUTE


def test_without_service_levels_nothing_is_promised(automating):
    ServiceLevel.objects.update(active=False)
    automating("refund_request")
    assert arrive().status == TicketStatus.OPEN
    assert not Target.objects.exists()


def test_a_business_that_never_opens_promises_nothing(automating):
    Calendar.objects.update(hours={})
    automating("refund_request")
    assert arrive().status == TicketStatus.OPEN
    assert not Target.objects.exists()


def test_hours_that_make_no_sense_keep_nobody_from_a_person(automating):
    broken = Calendar.objects.create(slug="broken", hours={"0": "nonsense"})
    ServiceLevel.objects.update(calendar=broken)
    automating("refund_request")
    ticket = arrive()
    assert (ticket.status, ticket.reasons) == (TicketStatus.OPEN, ["processing_failed"])
    assert not Target.objects.exists()


# --- Which promise --------------------------------------------------------------------------------


@pytest.fixture
def level(db):
    """Makes service levels whose minutes tell which of them was chosen."""

    def make(minutes: int, **said) -> ServiceLevel:
        return ServiceLevel.objects.create(
            name=str(minutes), first_response_minutes=minutes, resolution_minutes=minutes, **said
        )

    return make


@pytest.mark.parametrize(
    ("queue", "priority", "minutes"),
    [
        ("billing", Priority.URGENT, 1),
        ("billing", Priority.LOW, 2),
        ("orders", Priority.URGENT, 3),
        ("orders", Priority.LOW, 4),
        (None, Priority.URGENT, 3),
        (None, Priority.LOW, 4),
    ],
)
def test_the_most_specific_promise_counts(starter, level, queue, priority, minutes):
    ServiceLevel.objects.all().delete()
    billing = Queue.objects.get(slug="billing")
    level(4)
    level(3, priority=Priority.URGENT)
    level(2, queue=billing)
    level(1, queue=billing, priority=Priority.URGENT)
    level(9, queue=billing, priority=Priority.LOW, active=False)
    found = Queue.objects.filter(slug=queue).first()
    ticket = TicketFactory(queue=found, priority=priority)
    assert targets.promise(ticket, NOW).minutes[FIRST] == minutes


def test_a_promise_goes_by_its_own_hours_then_the_queues_then_the_business(starter, level):
    ServiceLevel.objects.all().delete()
    nights, mornings = (
        Calendar.objects.create(slug=slug, hours={"0": [[opens, closes]]})
        for slug, opens, closes in [("n", "20:00", "23:00"), ("m", "06:00", "11:00")]
    )
    queue = Queue.objects.get(slug="billing")
    ticket, promised = TicketFactory(queue=queue), level(60)
    usual = Calendar.objects.get(slug="default")
    assert targets.promise(ticket, NOW).calendar_id == usual.pk
    Queue.objects.filter(pk=queue.pk).update(calendar=mornings)
    assert targets.promise(ticket, NOW).calendar_id == mornings.pk
    ServiceLevel.objects.update(calendar=nights)
    assert targets.promise(ticket, NOW).calendar_id == nights.pk
    assert targets.promise(ticket, NOW).hours.is_open(NOW + 10 * HOUR)
    ServiceLevel.objects.filter(pk=promised.pk).update(calendar=None, around_the_clock=True)
    assert targets.promise(ticket, NOW).hours is None


def test_only_one_of_two_promises_may_be_given(automating):
    ServiceLevel.objects.update(first_response_minutes=None)
    automating("refund_request")
    ticket = arrive()
    assert [row.kind for row in ticket.targets.all()] == [END]


@pytest.mark.parametrize("said", [{}, {"priority": Priority.HIGH}, {"queue": 1}])
def test_there_is_one_promise_for_each_queue_and_priority(starter, level, said):
    queue = Queue.objects.get(slug="billing")
    said = said | ({"queue": queue} if "queue" in said else {})
    ServiceLevel.objects.all().delete()
    level(1, **said)
    with pytest.raises(IntegrityError), transaction.atomic():
        level(2, **said)
    assert ServiceLevel.objects.count() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"first_response_minutes": 0},
        {"resolution_minutes": 43_201},
        {"warn_percent": 100},
        {"warn_percent": 0},
        {"priority": "soon"},
    ],
)
def test_the_database_refuses_promises_that_make_no_sense(starter, said):
    with pytest.raises(IntegrityError), transaction.atomic():
        ServiceLevel.objects.filter(name="Standard").update(**said)


def test_a_fresh_install_promises_more_to_what_is_more_urgent(starter):
    levels = ServiceLevel.objects.order_by("first_response_minutes")
    assert [row.name for row in levels] == ["Urgent", "High", "Standard", "Low"]
    assert [row.resolution_minutes for row in levels] == [240, 480, 1440, 2400]
    levels.exclude(name="Standard").delete()
    starter_set.install_service_levels()
    assert ServiceLevel.objects.count() == 1  # what a business has decided stays


# --- Turns ----------------------------------------------------------------------------------------


def test_an_answer_keeps_the_first_promise_and_pauses_the_other(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    first, end = target(ticket, FIRST), target(ticket, END)
    assert (first.met_at, first.breached_at, first.due_at) == (NOW + HOUR, None, NOW + 2 * HOUR)
    assert (end.paused_at, end.remaining, end.due_at) == (NOW + HOUR, 7 * HOUR, None)
    replies(ticket, by_agent, NOW + 2 * HOUR)
    assert target(ticket, FIRST).met_at == NOW + HOUR
    assert target(ticket, END).paused_at == NOW + HOUR


def test_a_note_keeps_no_promise(ticket, by_agent):
    agent_actions.add_note(ticket.pk, "Hm.", actor=by_agent, now=NOW + HOUR)
    agent_actions.assign(ticket.pk, None, actor=by_agent, now=NOW + HOUR)
    assert target(ticket, FIRST).met_at is None
    assert due(ticket, END) == NOW + DAY


def test_a_customers_reply_lets_the_clock_run_with_what_was_left(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    customer_actions.customer_reply(ticket.pk, "It was order 7.", now=NOW + 3 * DAY)
    end = target(ticket, END)
    assert (end.paused_at, end.remaining) == (None, None)
    assert end.due_at == NOW + 3 * DAY + 7 * HOUR  # Thursday at five
    assert target(ticket, FIRST).met_at == NOW + HOUR


def test_thanks_alone_let_no_clock_run(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    customer_actions.customer_reply(ticket.pk, "Thank you!", now=NOW + 2 * HOUR)
    assert target(ticket, END).paused_at == NOW + HOUR


def test_opening_it_again_in_the_same_round_lets_the_clock_run(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    customer_actions.talk_to_person(ticket.pk, now=NOW + 2 * HOUR)
    assert due(ticket, END) == NOW + DAY + HOUR


def test_resolving_keeps_the_promise_also_while_the_customer_is_waited_for(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 2 * HOUR)
    end = target(ticket, END)
    assert (end.met_at, end.paused_at, end.breached_at) == (NOW + 2 * HOUR, None, None)
    assert end.due_at == NOW + DAY + HOUR  # so that it counts in the period in which it was due


@pytest.mark.parametrize("act", [agent_actions.resolve, agent_actions.close])
def test_resolved_without_an_answer_no_answer_is_owed_any_more(ticket, by_agent, act):
    act(ticket.pk, actor=by_agent, now=NOW + HOUR)
    first = target(ticket, FIRST)
    assert (first.met_at, first.cancelled_at, first.breached_at) == (None, NOW + HOUR, None)
    assert target(ticket, END).met_at == NOW + HOUR


def test_a_missed_answer_stays_missed_though_the_ticket_is_resolved(ticket, by_agent):
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 3 * HOUR)
    first = target(ticket, FIRST)
    assert (first.breached_at, first.cancelled_at) == (NOW + 2 * HOUR, None)
    assert first.met_at == NOW + 3 * HOUR


def test_a_reopening_begins_both_promises_again(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 2 * HOUR)
    customer_actions.customer_reply(ticket.pk, "It is broken again.", now=NOW + 2 * DAY)
    assert due(ticket, FIRST, round=2) == NOW + 2 * DAY + 2 * HOUR
    assert due(ticket, END, round=2) == NOW + 3 * DAY
    assert target(ticket, END).met_at == NOW + 2 * HOUR


def test_taking_a_resolved_ticket_up_again_goes_on_with_what_was_left(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 2 * HOUR)
    agent_actions.escalate(ticket.pk, actor=by_agent, now=NOW + 2 * DAY)
    end = target(ticket, END)
    assert (end.met_at, end.due_at) == (None, NOW + 2 * DAY + 7 * HOUR)
    assert target(ticket, FIRST).met_at == NOW + HOUR


def test_taking_an_automatic_answer_over_begins_the_promises(automating, by_agent):
    ticket = arrive()
    agent_actions.escalate(ticket.pk, actor=by_agent, now=NOW + HOUR)
    assert due(ticket, FIRST) == NOW + 3 * HOUR


@pytest.mark.parametrize("how", ["spam", "merged"])
def test_spam_and_duplicates_are_owed_nothing_and_count_nowhere(ticket, by_agent, how):
    targets.notice(now=NOW + 3 * HOUR)
    assert Target.objects.breached().count() == 1
    if how == "spam":
        agent_actions.mark_spam(ticket.pk, actor=by_agent, now=NOW + 4 * HOUR)
    else:
        other = TicketFactory(decided=True, requester=ticket.requester)
        agent_actions.merge(ticket.pk, other, actor=by_agent, now=NOW + 4 * HOUR)
    rows = Target.objects.filter(ticket=ticket)
    assert {row.cancelled_at for row in rows} == {NOW + 4 * HOUR}
    assert rows.count() == 2
    assert not Target.objects.breached().exists()
    assert not Target.objects.counted().exists()
    assert targets.notice(now=NOW + 9 * DAY) == 0


def test_spam_that_was_none_is_owed_what_was_left(ticket, by_agent):
    agent_actions.mark_spam(ticket.pk, actor=by_agent, now=NOW + HOUR)
    agent_actions.unmark_spam(ticket.pk, actor=by_agent, now=NOW + 2 * HOUR)
    assert due(ticket, FIRST) == NOW + 3 * HOUR
    assert due(ticket, END) == NOW + DAY + HOUR


def test_spam_that_was_none_has_its_breach_back(ticket, by_agent):
    targets.notice(now=NOW + 3 * HOUR)
    agent_actions.mark_spam(ticket.pk, actor=by_agent, now=NOW + 4 * HOUR)
    agent_actions.unmark_spam(ticket.pk, actor=by_agent, now=NOW + 5 * HOUR)
    assert Target.objects.breached().get().kind == FIRST


# --- Another queue or priority --------------------------------------------------------------------


def test_another_priority_counts_the_time_that_was_used(ticket, by_agent):
    agent_actions.set_priority(ticket.pk, Priority.LOW, actor=by_agent, now=NOW + HOUR)
    # Eight hours to the first answer and forty to the end, one of which is over.
    assert due(ticket, FIRST) == NOW + DAY
    assert due(ticket, END) == NOW + 7 * DAY
    assert target(ticket, END).promised_minutes == 2400


def test_a_stricter_promise_is_missed_now_and_not_in_the_past(ticket, by_agent):
    agent_actions.set_priority(ticket.pk, Priority.URGENT, actor=by_agent, now=NOW + 100 * MINUTE)
    first = target(ticket, FIRST)
    assert (first.due_at, first.warn_at, first.breached_at) == (
        NOW + 100 * MINUTE,
        NOW + 100 * MINUTE,
        None,
    )
    targets.notice(now=NOW + 101 * MINUTE)
    assert target(ticket, FIRST).breached_at == NOW + 100 * MINUTE


def test_a_gentler_promise_takes_no_breach_away(ticket, by_agent):
    agent_actions.set_priority(ticket.pk, Priority.LOW, actor=by_agent, now=NOW + 3 * HOUR)
    first = target(ticket, FIRST)
    assert (first.breached_at, first.due_at) == (NOW + 2 * HOUR, NOW + 2 * HOUR)
    assert marks(ticket) == [("breached", FIRST)]


def test_a_gentler_promise_is_warned_of_again(ticket, by_agent):
    targets.notice(now=NOW + 100 * MINUTE)
    agent_actions.set_priority(ticket.pk, Priority.LOW, actor=by_agent, now=NOW + 110 * MINUTE)
    assert target(ticket, FIRST).warned_at is None
    targets.notice(now=NOW + DAY - MINUTE)
    assert marks(ticket).count(("warned", FIRST)) == 2


def test_a_paused_clock_learns_of_another_promise(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    agent_actions.set_priority(ticket.pk, Priority.URGENT, actor=by_agent, now=NOW + 2 * HOUR)
    end = target(ticket, END)
    assert (end.paused_at, end.remaining) == (NOW + HOUR, 3 * HOUR)


def test_another_queue_brings_its_promise_and_its_hours(ticket, by_agent):
    sensitive = Queue.objects.get(slug="sensitive")
    ServiceLevel.objects.create(
        name="Sensitive",
        queue=sensitive,
        first_response_minutes=180,
        resolution_minutes=1440,
        around_the_clock=True,
    )
    agent_actions.move(ticket.pk, sensitive, actor=by_agent, now=NOW + HOUR)
    assert due(ticket, FIRST) == NOW + 3 * HOUR
    assert (due(ticket, END), target(ticket, END).calendar) == (NOW + DAY, None)


# --- Noticing -------------------------------------------------------------------------------------


def test_each_target_is_warned_of_once_and_missed_once(ticket):
    for minutes in (95, 96, 97, 120, 121, 122):
        targets.notice(now=NOW + minutes * MINUTE)
    first = target(ticket, FIRST)
    assert marks(ticket) == [("warned", FIRST), ("breached", FIRST)]
    assert (first.warned_at, first.breached_at) == (NOW + 96 * MINUTE, NOW + 120 * MINUTE)
    told = TicketEvent.objects.filter(kind="service_level.breached").get()
    assert (told.at, told.actor_kind, told.round) == (NOW + 121 * MINUTE, "machine", 1)
    assert told.data == {"target": "first_response", "due_at": "2026-03-02T12:00:00+00:00"}


def test_who_answers_at_the_very_deadline_is_in_time(ticket, by_agent):
    replies(ticket, by_agent, NOW + 2 * HOUR)
    assert target(ticket, FIRST).breached_at is None
    targets.notice(now=NOW + DAY - MINUTE)
    assert marks(ticket) == [("warned", FIRST)]


def test_a_late_answer_is_missed_though_the_job_had_not_come_by(ticket, by_agent):
    replies(ticket, by_agent, NOW + 2 * HOUR + timedelta(microseconds=1))
    first = target(ticket, FIRST)
    assert first.breached_at == NOW + 2 * HOUR
    assert first.met_at > first.breached_at
    assert kinds_of(ticket)[-2:] == ["service_level.breached", "message.agent"]
    assert targets.notice(now=NOW + 3 * HOUR) == 0


def test_an_end_that_was_missed_goes_on_being_late_while_the_customer_is_waited_for(
    ticket, by_agent
):
    replies(ticket, by_agent, NOW + 2 * DAY)
    end = target(ticket, END)
    assert (end.breached_at, end.paused_at, end.due_at) == (NOW + DAY, None, NOW + DAY)
    customer_actions.customer_reply(ticket.pk, "And?", now=NOW + 3 * DAY)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 3 * DAY)
    end = target(ticket, END)
    assert (end.breached_at, end.met_at, end.due_at) == (NOW + DAY, NOW + 3 * DAY, NOW + DAY)


def test_nobody_is_warned_of_what_is_missed_already(ticket):
    targets.notice(now=NOW + 5 * DAY)
    assert marks(ticket) == [("breached", FIRST), ("breached", END)]


def test_a_paused_clock_is_neither_near_its_end_nor_over(ticket, by_agent):
    replies(ticket, by_agent, NOW + HOUR)
    assert targets.notice(now=NOW + 90 * DAY) == 0


def test_the_job_takes_the_oldest_first_and_no_more_than_it_should(automating):
    automating("refund_request")
    tickets = [arrive(now=NOW + minute * MINUTE) for minute in (2, 1, 0)]
    late = NOW + 130 * MINUTE
    assert targets.notice(now=late, limit=2) == 2
    assert [bool(marks(ticket)) for ticket in tickets] == [False, True, True]
    assert targets.notice(now=late, limit=2) == 1
    assert targets.notice(now=late, limit=2) == 0


def test_a_job_killed_between_mark_and_event_leaves_neither(ticket, monkeypatch):
    def killed(**told):
        raise KeyboardInterrupt

    monkeypatch.setattr(targets.record, "write", killed)
    with pytest.raises(KeyboardInterrupt), transaction.atomic():
        targets.notice(now=NOW + 3 * HOUR)
    monkeypatch.undo()
    assert target(ticket, FIRST).breached_at is None
    assert targets.notice(now=NOW + 3 * HOUR) == 1
    assert marks(ticket) == [("breached", FIRST)]


def test_what_was_kept_after_the_job_had_looked_is_not_marked(ticket, by_agent):
    seen = Target.objects.select_related("ticket").get(kind=FIRST)
    replies(ticket, by_agent, NOW + HOUR)
    assert not targets._notice(seen, targets.EventKind.BREACHED, NOW + 3 * HOUR)
    assert target(ticket, FIRST).breached_at is None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_jobs_and_agents_at_the_same_moment_miss_nothing_and_tell_everything_once(
    automating, by_agent
):
    automating("refund_request")
    tickets = [arrive() for _ in range(8)]
    late = NOW + 3 * HOUR
    told = in_threads(
        [
            *[lambda: targets.notice(now=late)] * 3,
            *[lambda ticket=ticket: replies(ticket, by_agent, late) for ticket in tickets],
        ]
    )
    assert [answer for answer in told if isinstance(answer, Exception)] == []
    assert [marks(ticket) for ticket in tickets] == [[("breached", FIRST)]] * 8
    assert Target.objects.filter(kind=FIRST, breached_at=NOW + 2 * HOUR, met_at=late).count() == 8


# --- Whatever happens -----------------------------------------------------------------------------


def test_an_answer_takes_three_statements_for_the_clocks(ticket, by_agent):
    with CaptureQueriesContext(connection) as queries:
        replies(ticket, by_agent, NOW + HOUR)
    about = [q["sql"] for q in queries if "tickets_target" in q["sql"]]
    assert len(about) == 3  # both are read, and each changes


def test_the_database_holds_a_breach_to_the_deadline_that_was_missed(ticket):
    with pytest.raises(IntegrityError), transaction.atomic():
        Target.objects.filter(kind=FIRST).update(breached_at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Target.objects.filter(kind=FIRST).update(due_at=None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Target.objects.create(
            ticket=ticket,
            kind=FIRST,
            service_level=ServiceLevel.objects.first(),
            promised_minutes=1,
            started_at=NOW,
            due_at=NOW,
            warn_at=NOW,
        )


@pytest.mark.parametrize("ended", [agent_actions.resolve, agent_actions.close])
def test_what_was_missed_is_back_when_spam_on_an_ended_ticket_is_undone(ticket, agent, ended):
    by_agent = Actor.person(agent)
    ended(ticket.pk, actor=by_agent, now=NOW + 3 * HOUR)
    before = list(Target.objects.order_by("id").values())
    assert Target.objects.breached().count() == 1
    done = bulk.change(BulkKind.SPAM, [ticket.pk], None, user=agent, now=NOW + 4 * HOUR)
    assert not Target.objects.breached().exists()
    bulk.undo(done.change.pk, user=agent, now=NOW + 4 * HOUR + MINUTE)
    assert list(Target.objects.order_by("id").values()) == before


def test_what_waited_for_the_customer_waits_again_when_spam_is_undone(ticket, agent):
    replies(ticket, Actor.person(agent), NOW + HOUR)
    done = bulk.change(BulkKind.SPAM, [ticket.pk], None, user=agent, now=NOW + 2 * HOUR)
    bulk.undo(done.change.pk, user=agent, now=NOW + 2 * HOUR + MINUTE)
    end = target(ticket, END)
    assert (end.cancelled_at, end.paused_at, end.remaining) == (None, NOW + HOUR, 7 * HOUR)
    customer_actions.customer_reply(ticket.pk, "It is still broken.", now=NOW + 3 * HOUR)
    assert due(ticket, END) == NOW + DAY + 2 * HOUR


def test_that_nobody_needed_an_answer_is_taken_back_when_it_is_open_again(ticket, agent):
    targets.notice(now=NOW + 3 * HOUR)
    done = bulk.change(BulkKind.RESOLVE, [ticket.pk], None, user=agent, now=NOW + 4 * HOUR)
    assert target(ticket, FIRST).met_at == NOW + 4 * HOUR
    bulk.undo(done.change.pk, user=agent, now=NOW + 4 * HOUR + MINUTE)
    first = target(ticket, FIRST)
    assert (first.met_at, first.breached_at, first.due_at) == (None, NOW + 2 * HOUR, NOW + 2 * HOUR)


def test_an_answer_that_came_too_late_stays_an_answer(ticket, agent):
    by_agent = Actor.person(agent)
    replies(ticket, by_agent, NOW + 3 * HOUR)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 4 * HOUR)
    agent_actions.unmark_spam(ticket.pk, actor=by_agent, now=NOW + 5 * HOUR)
    customer_actions.reopen(ticket.pk, actor=by_agent, now=NOW + 5 * HOUR)
    agent_actions.escalate(ticket.pk, actor=by_agent, now=NOW + 6 * HOUR)
    assert target(ticket, FIRST).met_at == NOW + 3 * HOUR
