"""Figures that are kept: as good as new ones, and never old."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from metrics.alerts import hours
from metrics.figures import definitions
from metrics.models import LatestFigures
from metrics.rollup import read, roll_up
from metrics.rollup.latest import FRESH, keep, latest, worked_out
from supportops.background import jobs
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Ticket
from tickets.pipeline.receive import receive
from tickets.tests.arriving import inquiry

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 18, 10, 20, tzinfo=UTC)


@pytest.fixture
def history(starter, says, agent):
    """Tickets of three weeks, some of them rated and some answered by a person."""
    for number in range(12):
        at = NOW - timedelta(hours=40 * number + 2)
        says("order_status", confidence=0.97 if number % 2 else 0.5)
        ticket = receive(inquiry(email=f"p{number % 5}@example.com"), now=at).ticket
        later = at + timedelta(minutes=9)
        if number % 3 == 0:
            agent_actions.agent_reply(ticket.pk, "Hi", actor=Actor.person(agent), now=later)
            agent_actions.resolve(ticket.pk, actor=Actor.person(agent), now=later)
            customer_actions.rate(ticket.pk, 4, now=later + timedelta(hours=1))
    while roll_up.roll_up(NOW):
        pass


def one_more(says):
    says("order_status")
    receive(inquiry(email="late@example.com"), now=NOW - timedelta(minutes=1))


def test_what_is_kept_is_what_was_worked_out(history):
    keep(NOW)
    found = latest(NOW)
    assert found == worked_out(NOW)
    assert found.figures["ticket_volume"].value == 12
    assert found.figures["satisfaction"].numerator == 4
    assert sum(one.tickets for one in found.course) == 12
    assert found.ever["channel"]["form"]["received"] == 12


def test_reading_it_takes_one_statement(history):
    keep(NOW)
    with CaptureQueriesContext(connection) as asked:
        latest(NOW)
    assert len(asked) == 1


def test_it_is_shown_until_it_is_old(history, says):
    keep(NOW)
    one_more(says)
    assert latest(NOW + FRESH / 2).figures["ticket_volume"].value == 12
    assert latest(NOW + FRESH).figures["ticket_volume"].value == 13


def test_what_a_clock_ahead_of_ours_wrote_is_not_believed(history, says):
    keep(NOW + timedelta(seconds=1))
    one_more(says)
    assert latest(NOW).figures["ticket_volume"].value == 13


@pytest.mark.parametrize("changed", ["days", "definitions"])
def test_other_rules_make_it_void(history, says, settings, monkeypatch, changed):
    keep(NOW)
    one_more(says)
    if changed == "days":
        settings.SILENT_DAYS += 1
    else:
        monkeypatch.setattr(definitions, "VERSION", definitions.VERSION + 1)
    assert latest(NOW).figures["ticket_volume"].value == 13


def test_the_job_keeps_one_row(history, says):
    job = jobs.named("keep_figures")
    job.run(NOW)
    one_more(says)
    job.run(NOW + timedelta(seconds=30))
    assert LatestFigures.objects.count() == 1
    assert latest(NOW + timedelta(seconds=31)).figures["ticket_volume"].value == 13


def test_before_anything_was_counted_it_is_worked_out(starter):
    assert latest(NOW).figures["ticket_volume"].value == 0
    keep(NOW)
    assert latest(NOW) == worked_out(NOW)


def test_hours_that_nobody_counted_are_named(history, says, monkeypatch):
    monkeypatch.setattr(read, "FEW", 3)
    later = NOW + timedelta(hours=30)
    for number in range(8):
        says("order_status")
        receive(inquiry(email=f"l{number}@example.com"), now=NOW + timedelta(hours=3 * number + 1))
    assert latest(later).waiting >= 24
    while roll_up.roll_up(later):
        pass
    assert latest(later).waiting == 0
    assert latest(later).figures["ticket_volume"].value == 20


def test_the_hours_of_spikes_hold_what_was_sorted_out_later_too(history, agent):
    before = hours.gather(NOW).tickets
    ticket = Ticket.objects.order_by("created_at")[6]
    agent_actions.mark_spam(ticket.pk, actor=Actor.person(agent), now=NOW)
    while roll_up.roll_up(NOW):
        pass
    assert np.nansum(hours.gather(NOW).tickets) == np.nansum(before) > 6
    assert latest(NOW).figures["ticket_volume"].value == 11
