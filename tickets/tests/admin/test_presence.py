"""Two people on one ticket: they see each other, and neither takes it from the other unawares."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from tickets.admin.ticket import presence
from tickets.admin.ticket.presence import Onlooker
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import Ticket
from tickets.tests.at_work import act, all_rows, as_user, page_of, words_of, write_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(starter, says):
    says(None)
    return write_in()


def here(client, ticket, **query):
    return client.get(f"/ops/tickets/ticket/{ticket.pk}/here/", query)


def test_two_agents_on_one_ticket_see_each_other(ticket, agent, lead):
    lead.first_name, lead.last_name = "Mia", "Moss"
    lead.save()
    assert "has this ticket open" not in words_of(as_user(lead).get(page_of(ticket)))
    assert "<strong>Mia Moss</strong></bdi> has this ticket open as well." in words_of(
        as_user(agent).get(page_of(ticket))
    )
    assert "<strong>agent</strong>" in words_of(here(as_user(lead), ticket))


def test_who_writes_is_said_to_write(ticket, agent, lead):
    here(as_user(lead), ticket, writing="yes")
    assert "is writing on this ticket right now." in words_of(here(as_user(agent), ticket))


def test_nobody_is_told_of_themselves_or_of_another_ticket(ticket, agent, lead, says):
    client = as_user(agent)
    client.get(page_of(ticket))
    assert words_of(here(client, ticket)) == ""
    other = write_in("Something else")
    as_user(lead).get(page_of(other))
    assert words_of(here(client, ticket)) == ""


def test_who_went_is_forgotten(agent, lead):
    now = timezone.now()
    presence.look(7, lead, now)
    just_in_time = presence.SEEN_FOR - timedelta(seconds=1)
    assert presence.look(7, agent, now + just_in_time) == [Onlooker("lead", writing=False)]
    assert presence.look(7, agent, now + presence.SEEN_FOR) == []


def test_who_may_only_read_is_in_nobodys_way(ticket, agent, auditor):
    shown = as_user(auditor).get(page_of(ticket))
    assert "data-here" not in words_of(shown)
    assert words_of(here(as_user(agent), ticket)) == ""


def test_looking_at_each_other_writes_no_row(ticket, agent, lead):
    before = all_rows()
    as_user(lead).get(page_of(ticket))
    here(as_user(agent), ticket, writing="yes")
    assert all_rows() == before


def test_without_a_cache_the_page_is_there_all_the_same(ticket, agent, monkeypatch):
    def fails(*args, **kwargs):
        raise DatabaseError("locked")

    monkeypatch.setattr(cache, "get", fails)
    assert as_user(agent).get(page_of(ticket)).status_code == 200


def test_what_others_did_is_told_while_the_page_is_open(ticket, agent, lead):
    seen = Ticket.objects.get(pk=ticket.pk).updated_at.isoformat()
    client = as_user(agent)
    assert words_of(here(client, ticket, seen_at=seen)) == ""
    agent_actions.agent_reply(
        ticket.pk, "I was faster.", actor=Actor.person(lead), now=timezone.now()
    )
    words = words_of(here(client, ticket, seen_at=seen))
    assert "This ticket changed since you opened it." in words
    assert "<bdi>lead</bdi> replied" in words


@pytest.mark.parametrize("seen", ["", "yesterday", "2026-01-01T10:00:00", "9" * 400])
def test_a_moment_that_is_none_is_no_change(ticket, agent, seen):
    response = here(as_user(agent), ticket, seen_at=seen)
    assert response.status_code == 200
    assert "changed" not in words_of(response)


def test_taking_a_ticket_that_somebody_took_meanwhile_is_refused(ticket, agent, lead):
    client = as_user(agent)
    agent_actions.assign(ticket.pk, lead, actor=Actor.person(lead), now=timezone.now())
    before = all_rows()
    response = act(client, ticket, "assign", to=str(agent.pk), was="")
    assert all_rows() == before
    assert "somebody assigned this ticket while you had it open" in words_of(
        client.get(response.url)
    )


def test_taking_it_knowingly_is_possible(ticket, agent, lead):
    agent_actions.assign(ticket.pk, lead, actor=Actor.person(lead), now=timezone.now())
    act(as_user(agent), ticket, "assign", to=str(agent.pk), was=str(lead.pk))
    assert Ticket.objects.get(pk=ticket.pk).assignee_id == agent.pk


@pytest.mark.parametrize("was", ["x", "-1", "9" * 19])
def test_who_had_it_must_be_somebody(ticket, agent, was):
    before = all_rows()
    act(as_user(agent), ticket, "assign", to=str(agent.pk), was=was)
    assert all_rows() == before
