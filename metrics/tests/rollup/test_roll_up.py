"""Counting by the hour: equal to counting on the spot, whatever happens in whatever order."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.models import Review
from decisions.reviews import answers, queue
from decisions.reviews.answers import Answer
from decisions.tests.factories import CertificateFactory
from metrics.models import DueTally, Judged, RollupState, Series, Tally
from metrics.rollup import ask, read, roll_up, store
from metrics.rollup.read import Period
from tickets.codes import Channel, ReviewVerdict, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor, hour_of
from tickets.locks import NotPossible
from tickets.models import Queue, Ticket, TouchedHour
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 10, 20, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PEOPLE = ("ann@example.com", "bob@example.com", "cy@example.com")
INTENTS = ("order_status", "return_exchange", "refund_request", None)


def inquiry(email="ann@example.com", **more):
    said = {"name": "Ann", "email": email, "message": "Hello", "channel": Channel.FORM}
    return Inquiry(**said | more)


def caught_up(now) -> None:
    """Run the job until nothing is left to do."""
    for _ in range(100):
        if roll_up.roll_up(now) == 0:
            return
    raise AssertionError("The job never ends.")


def everything_counted():
    """All rows of the roll-up, without their keys."""
    return [
        sorted(
            (tuple((k, bytes(v) if k == "data" else v) for k, v in row.items() if k != "id"))
            for row in model.objects.values()
        )
        if model is not RollupState
        else None
        for model in (Tally, Series, Judged, DueTally)
    ]


def on_the_spot(since, until, now, mature_at):
    """What counting without any roll-up says."""
    plan = read.Plan(
        since, until, [(since, until)], [(since, until)], [], [], mature_at, 0, counted=False
    )
    period = Period(since, until, now)
    period.plan = plan
    return period


def as_sets(period):
    """Everything a period says, in a form that knows no order."""
    found = period.history
    return {
        "counts": found.counts,
        "durable": sorted((found.owners * 2 + found.held).tolist()),
        "judged": sorted(j.ticket_id for j in found.judgements),
        "times": {
            name: (sorted(times.ended.tolist()), sorted(times.open.tolist()))
            for name, times in found.times.items()
        },
        "intents": ask.split(period, "intent"),
        "reasons": ask.reasons_of(period),
    }


class World:
    """Things that may happen, at random but repeatably, on a clock that the test moves."""

    def __init__(self, says, agent, reviewer, seed):
        self.says, self.actor, self.reviewer = says, Actor.person(agent), reviewer
        self.draw = random.Random(seed)
        self.now = NOW

    def moment(self):
        """Who writes now may have read the clock some time before: commits come out of order."""
        return self.now - timedelta(minutes=self.draw.choice([0, 0, 0, 1, 20, 55]))

    def ticket(self):
        return self.draw.choice(list(Ticket.objects.order_by("pk")) or [None])

    def happen(self, what):
        at, ticket = self.moment(), self.ticket()
        if what == "write":
            intent = self.draw.choice(INTENTS)
            self.says(intent, confidence=self.draw.choice([0.97, 0.6]))
            receive(inquiry(self.draw.choice(PEOPLE)), now=at)
        elif what == "import":
            self.says("order_status")
            sent = at - timedelta(hours=self.draw.randrange(300))
            receive(inquiry(self.draw.choice(PEOPLE), sent_at=sent, channel=Channel.IMPORT), now=at)
        elif what == "wait":
            self.now += timedelta(minutes=self.draw.choice([7, 40, 90, 600, 3 * 1440]))
        elif what == "count":
            roll_up.roll_up(self.now, limit=self.draw.choice([1, 20, 200]))
        elif ticket is not None:
            with transaction.atomic():
                self.on(ticket, what, at)

    def on(self, ticket, what, at):
        acts = {
            "helped": lambda: customer_actions.helped(ticket.pk, now=at),
            "back": lambda: customer_actions.not_helped(ticket.pk, now=at),
            "rate": lambda: customer_actions.rate(ticket.pk, self.draw.randrange(1, 6), now=at),
            "reply": lambda: agent_actions.agent_reply(ticket.pk, "Hi", actor=self.actor, now=at),
            "resolve": lambda: agent_actions.resolve(ticket.pk, actor=self.actor, now=at),
            "spam": lambda: agent_actions.mark_spam(ticket.pk, actor=self.actor, now=at),
            "ham": lambda: agent_actions.unmark_spam(ticket.pk, actor=self.actor, now=at),
            "settle": lambda: customer_actions.settle_silent(now=at),
            "correct": lambda: agent_actions.correct_intent(
                ticket.pk,
                self.draw.choice(INTENTS),
                actor=self.actor,
                now=at,
                machine_was_wrong=self.draw.choice([True, False, None]),
            ),
            "merge": lambda: agent_actions.merge(
                ticket.pk,
                self.draw.choice(list(Ticket.objects.filter(requester=ticket.requester))),
                actor=self.actor,
                now=at,
            ),
            "review": lambda: self.review(at),
        }
        try:
            acts[what]()
        except NotPossible:
            return

    def review(self, at):
        review = queue.open_for(self.reviewer, may_settle=True).first()
        if review is not None:
            verdict = self.draw.choice(list(ReviewVerdict))
            named = {"intent": "order_status", "machine_could": self.draw.random() < 0.8}
            given = Answer(verdict=verdict, **(named if verdict == "intent" else {}))
            answers.answer(review.pk, self.reviewer, given, may_settle=True, now=at)


HAPPENINGS = ["write"] * 6 + ["wait"] * 5 + ["count"] * 4 + ["import", "helped", "back", "rate"]
HAPPENINGS += ["reply", "resolve", "spam", "ham", "settle", "correct", "merge", "review"]


@given(st.lists(st.sampled_from(HAPPENINGS), min_size=5, max_size=40), st.integers(0, 2**32))
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_counted_is_what_counting_on_the_spot_says(starter, says, agent, lead, happenings, seed):
    with transaction.atomic():
        CertificateFactory()
        world = World(says, agent, lead, seed)
        for what in happenings:
            world.happen(what)
        caught_up(world.now)
        state, since = roll_up.state(), world.now - timedelta(days=40)
        assert not TouchedHour.objects.exists()
        for start, end in (
            (since, world.now),
            (world.now - 3 * DAY, world.now - HOUR),
            (hour_of(world.now) - 5 * DAY, hour_of(world.now)),
        ):
            rolled = as_sets(Period(start, end, world.now))
            assert rolled == as_sets(on_the_spot(start, end, world.now, state.mature_at))
        before = everything_counted()
        caught_up(world.now)
        assert everything_counted() == before  # idempotent
        RollupState.objects.all().delete()
        Tally.objects.all().delete()
        Series.objects.all().delete()
        caught_up(world.now)
        assert everything_counted() == before  # from nothing to the same rows
        transaction.set_rollback(True)


# --- What is marked -------------------------------------------------------------------------------


def marks():
    return sorted(TouchedHour.objects.values_list("hour", flat=True))


def test_a_ticket_of_this_hour_needs_no_mark(starter, says, django_assert_num_queries):
    says("order_status")
    receive(inquiry(), now=NOW)
    assert marks() == []


def test_what_changes_a_past_hour_marks_it_in_the_same_transaction(starter, says, agent):
    says("order_status")
    ticket = receive(inquiry(), now=NOW).ticket
    with transaction.atomic():
        agent_actions.mark_spam(ticket.pk, actor=Actor.person(agent), now=NOW + HOUR)
        assert marks() == [hour_of(NOW)]
        transaction.set_rollback(True)
    assert marks() == []  # what was rolled back left no mark
    agent_actions.mark_spam(ticket.pk, actor=Actor.person(agent), now=NOW + HOUR)
    assert marks() == [hour_of(NOW)]


def test_an_imported_ticket_marks_the_hour_in_which_it_was_written(starter, says):
    says("order_status")
    receive(inquiry(sent_at=NOW - 3 * DAY), now=NOW)
    assert marks() == [hour_of(NOW - 3 * DAY)]


def test_an_answered_review_marks_the_hour_of_its_ticket(
    starter, says, lead, monkeypatch, settings
):
    settings.REVIEW_RATE = 1.0
    says("order_status")
    receive(inquiry(), now=NOW)
    review = Review.objects.get()
    given = Answer(verdict=ReviewVerdict.NONE)
    answers.answer(review.pk, lead, given, may_settle=True, now=NOW + DAY)
    assert marks() == [hour_of(NOW)]


def test_a_mark_that_came_while_counting_stays():
    ticket = TicketFactory(created_at=NOW - DAY, decided=True)
    TouchedHour.objects.create(hour=hour_of(ticket.created_at))
    roll_up.begin(hour_of(NOW))
    step = roll_up._marked()
    late = TouchedHour.objects.create(hour=hour_of(ticket.created_at))
    roll_up.take(step)
    assert list(TouchedHour.objects.values_list("pk", flat=True)) == [late.pk]


def test_of_two_who_count_at_once_one_gives_up(monkeypatch):
    ticket = TicketFactory(created_at=NOW - DAY, decided=True)
    TouchedHour.objects.create(hour=hour_of(ticket.created_at))
    roll_up.begin(hour_of(NOW))
    step = roll_up._marked()
    count = roll_up.count

    def slowly(hours, **options):
        found = count(hours, **options)
        RollupState.objects.update(turn=99)  # the other one was faster
        return found

    monkeypatch.setattr(roll_up, "count", slowly)
    assert roll_up.take(step) is None
    assert not Tally.objects.exists()
    assert TouchedHour.objects.count() == 1


# --- Maturing, skipping, starting again -----------------------------------------------------------


def test_an_answer_matures_by_itself_though_nothing_touches_it(starter, says):
    CertificateFactory()
    says("order_status")
    receive(inquiry(), now=NOW)
    seen = {}
    for days in (1, 6, 7, 8):
        now = NOW + days * DAY + 2 * HOUR
        caught_up(now)
        held = ask.period(NOW - DAY, now, now).counts
        seen[days] = (held.maturing, held.mature, held.durable)
    assert seen == {1: (1, 0, 0), 6: (1, 0, 0), 7: (0, 1, 1), 8: (0, 1, 1)}


def test_a_later_correction_bears_on_an_earlier_hour_of_the_same_person(starter, says, agent):
    CertificateFactory()
    says("order_status")
    receive(inquiry(), now=NOW)
    says("return_exchange")
    again = receive(inquiry(), now=NOW + 2 * DAY).ticket
    now = NOW + 20 * DAY
    caught_up(now)
    assert ask.period(NOW - DAY, now, now).counts.durable == 2
    corrected_at = NOW + 3 * DAY
    agent_actions.correct_intent(
        again.pk, "order_status", actor=Actor.person(agent), now=corrected_at
    )
    caught_up(now)
    # Neither: the first wrote again about the same, the second was overruled.
    assert ask.period(NOW - DAY, now, now).counts.durable == 0


def test_ten_empty_years_are_skipped(django_assert_max_num_queries):
    TicketFactory(created_at=NOW - timedelta(days=3650), decided=True)
    TicketFactory(created_at=NOW - DAY, decided=True)
    with django_assert_max_num_queries(200):
        caught_up(NOW)
    assert ask.period(NOW - timedelta(days=4000), NOW, NOW).counts.tickets == 2


def test_other_days_of_silence_make_everything_be_counted_again(starter, says, settings):
    CertificateFactory()
    says("order_status")
    receive(inquiry(), now=NOW)
    now = NOW + 4 * DAY
    caught_up(now)
    assert ask.period(NOW - DAY, now, now).counts.durable == 0
    settings.SILENT_DAYS = 3
    caught_up(now)
    assert ask.period(NOW - DAY, now, now).counts.durable == 1
    assert RollupState.objects.get().days == 3


# --- Reading --------------------------------------------------------------------------------------


def test_whole_days_are_read_from_rows_of_days():
    for hours in range(1, 24 * 4, 7):
        TicketFactory(created_at=NOW - hours * HOUR, decided=True)
    caught_up(NOW)
    chosen = read.plan(NOW - 10 * DAY, NOW, NOW)
    midnight = NOW.replace(hour=0, minute=0)
    assert chosen.days == [(midnight - 3 * DAY, midnight)]
    # The first ticket came on the fourth day before, so that day begins with its hour.
    assert chosen.hours == [
        (hour_of(NOW - 92 * HOUR), midnight - 3 * DAY),
        (midnight, hour_of(NOW) - HOUR),
    ]
    assert chosen.live == [
        (hour_of(NOW), NOW.replace(minute=20)) if span[0] == hour_of(NOW) else span
        for span in chosen.live
    ]
    assert ask.period(NOW - 10 * DAY, NOW, NOW).counts.tickets == 14


def test_a_thousand_years_cost_no_more_than_what_there_is():
    TicketFactory(created_at=NOW - DAY, decided=True)
    since, until = datetime(1000, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    assert ask.period(since, until, NOW).counts.tickets == 1
    caught_up(NOW)
    assert ask.period(since, until, NOW).counts.tickets == 1


def test_too_many_changes_are_read_as_they_were_counted_before(monkeypatch):
    ticket = TicketFactory(created_at=NOW - DAY, decided=True)
    caught_up(NOW)
    Ticket.objects.update(status=TicketStatus.SPAM)
    TouchedHour.objects.create(hour=hour_of(ticket.created_at))
    assert ask.period(NOW - 2 * DAY, NOW, NOW).counts.tickets == 0
    monkeypatch.setattr(read, "MARKS", 0)
    assert ask.period(NOW - 2 * DAY, NOW, NOW).counts.tickets == 1


def test_an_hourly_series_has_its_zeros_and_what_is_under_way():
    for minutes in (5, 65, 70, 60 * 26):
        TicketFactory(created_at=NOW - timedelta(minutes=minutes), decided=True)
    for _ in range(2):  # before anything is counted, and after
        series = read.by_hour(["tickets"], NOW - 2 * HOUR, NOW, NOW)
        assert list(series.items()) == [
            (hour_of(NOW) - 2 * HOUR, (0,)),
            (hour_of(NOW) - HOUR, (2,)),
            (hour_of(NOW), (1,)),
        ]
        caught_up(NOW)


def test_a_dimension_that_is_not_counted_is_named():
    with pytest.raises(ValueError, match="'mood' is none of all, intent"):
        ask.split(Period(NOW - DAY, NOW, NOW), "mood")


def test_storing_the_same_again_writes_nothing(django_assert_num_queries):
    TicketFactory(created_at=NOW - DAY, decided=True)
    found = roll_up.count([hour_of(NOW - DAY)], mature_at=NOW)
    assert store.store(found) == [hour_of(NOW - DAY)]
    rows = everything_counted()
    assert store.store(found) == []
    assert everything_counted() == rows


def test_queues_that_are_empty_count_nowhere():
    Queue.objects.create(slug="idle", name="Idle")
    TicketFactory(created_at=NOW - DAY, decided=True)
    caught_up(NOW)
    assert ask.split(Period(NOW - 2 * DAY, NOW, NOW), "queue")[0]["queue"] is None
