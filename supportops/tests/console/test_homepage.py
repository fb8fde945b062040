"""The console's home page: what burns, what waits, how automation is doing, and the rows behind."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from decisions.models import Breaker, Publication
from decisions.stops.kill_switch import set_switch
from supportops.console import homepage
from tickets.codes import NoIntent, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import JobLease, Ticket
from tickets.tests.at_work import all_rows, as_user, listed, words_of, write_in
from tickets.tests.factories import OutboxFactory, TicketFactory
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db
HOME = "/ops/"


@pytest.fixture
def worker():
    """Somebody works: a job ran a moment ago."""
    now = timezone.now()
    return JobLease.objects.create(name="heartbeat", due_at=now, last_started_at=now)


def fires_of(client) -> list[str]:
    return [fire.words for fire in client.get(HOME).context["fires"]]


# --- Is anything on fire? -------------------------------------------------------------------------


def test_a_quiet_day_is_said_to_be_quiet(starter, worker, agent):
    response = as_user(agent).get(HOME)
    assert response.context["fires"] == []
    assert "Nothing is on fire" in words_of(response)


def test_a_stop_and_an_open_breaker_come_with_their_reasons(starter, worker, lead):
    set_switch(True, "Odd answers", actor=Actor.person(lead), now=timezone.now())
    breaker = Breaker.objects.create(
        intent="order_status", open=True, reason="3 of 9", changed_at=timezone.now()
    )
    response = as_user(lead).get(HOME)
    assert [(fire.words, fire.detail) for fire in response.context["fires"]] == [
        ("All automation is stopped.", "Odd answers"),
        ("The breaker for order status is open.", "3 of 9"),
    ]
    assert f"/ops/decisions/breaker/{breaker.pk}/change/" in words_of(response)


def test_without_a_policy_everything_goes_to_people_and_it_says_so(worker, lead):
    assert not Publication.objects.exists()
    assert fires_of(as_user(lead)) == ["No policy is in force."]


@pytest.mark.parametrize(("seconds", "said"), [(59, []), (61, ["1 ticket is not decided yet."])])
def test_a_ticket_may_wait_a_minute_for_its_decision(starter, worker, agent, seconds, said):
    TicketFactory(created_at=timezone.now() - timedelta(seconds=seconds))
    assert fires_of(as_user(agent)) == said


def test_open_tickets_older_than_a_day_are_no_catastrophe_but_named(starter, worker, agent):
    old = timezone.now() - timedelta(days=3)
    TicketFactory.create_batch(2, decided=True, created_at=old)
    TicketFactory(decided=True)
    (fire,) = as_user(agent).get(HOME).context["fires"]
    assert (fire.words, fire.detail, fire.grave) == (
        "2 open tickets older than a day.",
        "The oldest waits for 3 d.",
        False,
    )
    assert len(listed(as_user(agent), fire.url.partition("?")[2])) == 2


def test_the_gravest_comes_first(starter, agent):
    TicketFactory(decided=True, created_at=timezone.now() - timedelta(days=3))
    graves = [fire.grave for fire in as_user(agent).get(HOME).context["fires"]]
    assert graves == [True, False]


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(4, []), (6, ["The worker is silent."]), (None, ["The worker has never run."])],
)
def test_a_worker_that_is_not_seen_is_missed(starter, agent, minutes, said):
    if minutes is not None:
        seen = timezone.now() - timedelta(minutes=minutes)
        JobLease.objects.create(name="heartbeat", due_at=seen, last_started_at=seen)
    assert fires_of(as_user(agent)) == said


def test_a_job_that_fails_is_named(starter, worker, agent):
    JobLease.objects.filter(pk=worker.pk).update(last_error="OSError: disk")
    assert fires_of(as_user(agent)) == ["The job heartbeat fails."]


def test_mail_that_was_given_up_and_mail_that_waits_too_long(starter, worker, lead):
    OutboxFactory(state="failed")
    OutboxFactory(created_at=timezone.now() - timedelta(minutes=31))
    OutboxFactory(created_at=timezone.now() - timedelta(minutes=29))
    assert fires_of(as_user(lead)) == [
        "1 mail was given up.",
        "1 mail waits for more than half an hour.",
    ]


def test_a_link_is_only_for_those_who_may_follow_it(starter, worker, agent, lead):
    OutboxFactory(state="failed")
    assert [fire.url for fire in as_user(agent).get(HOME).context["fires"]] == [""]
    (fire,) = as_user(lead).get(HOME).context["fires"]
    assert as_user(lead).get(fire.url).context["cl"].result_count == 1


# --- What waits for me? ---------------------------------------------------------------------------


def test_my_tickets_wait_oldest_first_then_those_of_nobody(starter, worker, agent, lead):
    now = timezone.now()
    older, newer = (
        TicketFactory(decided=True, assignee=agent, created_at=now - timedelta(hours=hours))
        for hours in (3, 1)
    )
    TicketFactory(decided=True, assignee=lead)
    TicketFactory(assignee=agent, decided=True, status=TicketStatus.WAITING)
    free = TicketFactory(decided=True)
    shown = as_user(agent).get(HOME).context
    assert [ticket.pk for ticket in shown["mine"]] == [older.pk, newer.pk]
    assert [ticket.pk for ticket in shown["next_free"]] == [free.pk]
    assert (shown["mine_count"], shown["free_count"], shown["reopened_count"]) == (2, 1, 0)


def test_an_auditor_has_figures_and_no_work(starter, worker, auditor):
    shown = as_user(auditor).get(HOME).context
    assert "mine" not in shown
    assert "numbers" in shown


# --- How automation is doing ----------------------------------------------------------------------


@pytest.fixture
def traffic(starter, worker, says, agent):
    """Four tickets: one answered and confirmed, one answered and reopened, two for people."""
    certify("order_status")
    says("order_status", confidence=0.97)
    held = write_in(email="a@example.com")
    customer_actions.helped(held.pk, now=timezone.now())
    back = write_in(email="b@example.com")
    customer_actions.not_helped(back.pk, now=timezone.now())
    agent_actions.correct_intent(
        back.pk,
        "delivery_problem",
        actor=Actor.person(agent),
        now=timezone.now(),
        machine_was_wrong=True,
    )
    says("order_status", confidence=0.62)
    write_in(email="c@example.com")
    says(None, reason=NoIntent.AMBIGUOUS)
    write_in(email="d@example.com")


def test_figures_are_those_of_the_metrics(traffic, lead):
    shown = as_user(lead).get(HOME).context
    figures = {
        number.title: (number.figure["numerator"], number.figure["denominator"])
        for number in shown["numbers"]
    }
    assert figures == {
        "Answered automatically, gross": (1, 4),
        "Customer said that it helped": (1, 4),
        "Handed to a person": (2, 4),
        "No intent named": (1, 4),
        "Reopened": (1, 2),
        "Overruled": (1, 1),
        "Satisfied": (0, 0),
        "First response missed": (0, 0),
        "Resolution missed": (0, 0),
    }


def test_too_few_rows_are_called_that(traffic, lead):
    words = words_of(as_user(lead).get(HOME))
    assert "not enough data" in words


def test_every_number_leads_to_as_many_rows(traffic, lead):
    client = as_user(lead)
    shown = client.get(HOME).context
    counts = {
        number.title: (
            number.figure["numerator"],
            client.get(number.url).context["cl"].result_count,
        )
        for number in shown["numbers"]
        if number.url
    }
    assert [said for said, _ in counts.values()] == [1, 1, 2, 1, 1, 1, 0]
    assert all(said == found for said, found in counts.values()), counts
    for reason in shown["reasons"]:
        assert client.get(reason.url).context["cl"].result_count == reason.number, reason.code


def test_reasons_are_sentences_with_their_share(traffic, lead):
    bars = as_user(lead).get(HOME).context["reasons"]
    assert {(bar.code, bar.words, bar.number, bar.share) for bar in bars} == {
        ("below_threshold", "The confidence is below the threshold.", 1, 0.5),
        ("no_intent:ambiguous", "Several intents fit about equally well.", 1, 0.5),
    }


def test_the_certificate_stands_beside_the_figures(traffic, agent):
    words = words_of(as_user(agent).get(HOME))
    for part in (
        "Demo certificate",
        "at most 5% wrong",
        "bound 3.6%",
        "0 of 100 wrong",
        "For a test.",
        "scripted-1",
    ):
        assert part in words


def test_without_a_certificate_it_says_that_nothing_is_automated(starter, says, agent):
    says("order_status")
    words = words_of(as_user(agent).get(HOME))
    assert "No certificate is in force for <code>scripted-1</code>" in words


@pytest.mark.parametrize(
    ("before", "today", "said"),
    [
        ([], 3, "There is no earlier week to compare with yet."),
        ([4, 6], 5, "As usual for this weekday."),
        ([4, 4], 6, "As usual for this weekday."),  # 4 ± 2 · √4 come by chance
        ([4, 4], 9, "125% more than usual on this weekday."),
        ([16, 16], 24, "50% more than usual on this weekday."),  # 16 ± 8
        ([16, 16], 8, "50% fewer than usual on this weekday."),
        ([16, 16], 9, "As usual for this weekday."),
    ],
)
def test_today_is_compared_with_the_same_hours_of_earlier_weeks(db, before, today, said):
    now = datetime(2026, 3, 25, 15, 0, tzinfo=UTC)
    for weeks, number in enumerate(before, 1):
        day = now - timedelta(days=7 * weeks)
        TicketFactory.create_batch(number, created_at=day - timedelta(hours=1))
        TicketFactory.create_batch(7, created_at=day + timedelta(hours=1))  # later that day
    if before:
        start = now - timedelta(days=7 * len(before), hours=15)
        TicketFactory(created_at=start - timedelta(minutes=1))  # before the first whole day
    TicketFactory.create_batch(today, created_at=now - timedelta(minutes=5))
    TicketFactory(created_at=now - timedelta(minutes=5), status=TicketStatus.SPAM, decided_at=now)
    volume = homepage.volume(now)
    assert (volume.today, volume.difference) == (today, said)
    assert volume.usual == (sum(before) / len(before) if before else None)


# --- Kill switch and cost -------------------------------------------------------------------------


def test_the_switch_is_seen_by_all_and_offered_to_some(starter, agent, lead, auditor):
    for user, offered in ((agent, False), (auditor, False), (lead, True)):
        words = words_of(as_user(user).get(HOME))
        assert "Automation may run" in words
        assert ("Stop all automation" in words) == offered


def test_a_stopped_house_offers_the_way_back(starter, lead):
    set_switch(True, "Odd answers", actor=Actor.person(lead), now=timezone.now())
    words = words_of(as_user(lead).get(HOME))
    assert "Let automation go on" in words
    assert "Odd answers" in words


def test_looking_at_home_changes_nothing(traffic, lead):
    before = all_rows()
    as_user(lead).get(HOME)
    assert all_rows() == before


def test_the_number_of_queries_does_not_grow(traffic, lead, django_assert_max_num_queries):
    client = as_user(lead)
    with django_assert_max_num_queries(60) as few:
        client.get(HOME)
    TicketFactory.create_batch(30, decided=True, assignee=lead)
    with django_assert_max_num_queries(60) as many:
        client.get(HOME)
    # With tickets of my own to show, their first words are one query more.
    assert len(many) <= len(few) + 1
    assert Ticket.objects.count() == 34


def test_every_answer_of_the_console_speaks_english(starter, agent):
    response = as_user(agent).get("/ops/tickets/ticket/", headers={"Accept-Language": "de"})
    assert response["Content-Language"] == "en"
    assert '<html lang="en"' in words_of(response)


def test_who_has_no_role_sees_nothing(starter, django_user_model):
    nobody = django_user_model.objects.create_user("nobody", is_staff=True)
    words = words_of(as_user(nobody).get(HOME))
    assert "You have no role yet" in words
    assert "Kill switch" not in words
    assert "Look at this first" not in words


def test_the_number_of_my_turn_leads_to_as_many_rows(starter, says, agent):
    says("order_status")
    tickets = [write_in(f"Order {n}?", email=f"m{n}@example.com") for n in range(3)]
    actor = Actor.person(agent)
    for ticket in tickets:
        agent_actions.assign(ticket.pk, agent, actor=actor, now=timezone.now())
    agent_actions.agent_reply(tickets[0].pk, "On its way.", actor=actor, now=timezone.now())
    client = as_user(agent)
    shown = client.get(HOME).context
    assert shown["mine_count"] == 2
    assert len(client.get(shown["mine_url"]).context["cl"].result_list) == 2
