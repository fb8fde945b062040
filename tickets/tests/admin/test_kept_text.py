"""What somebody wrote on a ticket's page comes back, also when their login is over."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tickets.models import Message, Ticket
from tickets.tests.at_work import BACKEND, act, all_rows, as_user, page_of, words_of, write_in

pytestmark = pytest.mark.django_db
TEXT = "A long and careful answer\nin two lines, with <b>marks</b>"
SHOWN = "A long and careful answer\nin two lines, with &lt;b&gt;marks&lt;/b&gt;</textarea>"


@pytest.fixture
def ticket(starter, says):
    says(None)
    return write_in()


def token_of(response) -> str:
    return re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', response.content.decode())[1]


@pytest.mark.parametrize("name", ["reply", "note"])
def test_after_the_login_is_over_the_text_comes_back(ticket, name):
    before = all_rows()
    response = act(Client(), ticket, name, body=TEXT, seen_at="2026-01-01T10:00:00+00:00")
    assert response.status_code == 401
    assert all_rows() == before
    page = response.content.decode()
    assert SHOWN in page
    assert f"/ops/login/?next={page_of(ticket).replace('/', '%2F')}" in page
    assert "no-store" in response["Cache-Control"]


def test_that_page_says_nothing_of_the_ticket(ticket):
    there = words_of(act(Client(), ticket, "reply", body=TEXT))
    assert ticket.reference not in there
    assert "Ada Example" not in there
    nowhere = Client().post(f"/ops/tickets/ticket/{ticket.pk + 1}/do/reply/", {"body": TEXT})
    assert nowhere.status_code == 401


def test_other_actions_lead_to_the_login_and_from_there_to_the_page(ticket, agent):
    client = Client()
    response = act(client, ticket, "resolve")
    assert response.status_code == 302
    assert response.url.startswith("/ops/login/?next=")
    client.force_login(agent, backend=BACKEND)
    target = reverse("admin:tickets_ticket_act", args=[ticket.pk, "resolve"])
    assert client.get(target).url == page_of(ticket)
    assert Ticket.objects.get(pk=ticket.pk).status == "open"


def test_without_javascript_the_text_goes_through_a_login_in_another_tab(ticket, agent):
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent, backend=BACKEND)
    opened = client.get(page_of(ticket))
    client.logout()
    fields = {"body": TEXT, "seen_at": opened.context["seen_at"], "mode": "reply"}
    stopped = act(client, ticket, "reply", csrfmiddlewaretoken=token_of(opened), **fields)
    assert stopped.status_code == 401
    client.get("/ops/login/")
    client.force_login(agent, backend=BACKEND)
    client.cookies["csrftoken"] = "n" * 32  # a login changes the token
    back = act(client, ticket, "reply", csrfmiddlewaretoken=token_of(stopped), **fields)
    assert back.status_code == 403
    assert SHOWN in back.content.decode()
    assert "please send it once more" in words_of(back)
    assert Message.objects.count() == 1
    fields["body"] = TEXT
    sent = act(client, ticket, "reply", csrfmiddlewaretoken=token_of(back), **fields)
    assert sent.status_code == 302
    assert Message.objects.get(number=2).body == TEXT


def test_a_faulty_token_never_shows_a_ticket_to_who_may_not_see_it(ticket, person):
    from django.contrib.auth.models import User

    nobody = User.objects.create_user("nobody", is_staff=True)
    client = Client(enforce_csrf_checks=True)
    client.force_login(nobody, backend=BACKEND)
    response = act(client, ticket, "reply", body=TEXT)
    assert response.status_code == 403
    assert ticket.reference not in words_of(response)


def test_an_auditor_gets_no_composer_by_a_faulty_token(ticket, auditor):
    client = Client(enforce_csrf_checks=True)
    client.force_login(auditor, backend=BACKEND)
    response = act(client, ticket, "note", body=TEXT)
    assert response.status_code == 403
    assert "composer" not in words_of(response)


def test_own_messages_are_marked_so_that_a_draft_that_was_sent_is_dropped(ticket, agent, lead):
    act(as_user(agent), ticket, "note", body="Mine")
    act(as_user(lead), ticket, "note", body="Not mine")
    page = words_of(as_user(agent).get(page_of(ticket)))
    assert page.count("data-mine") == 1
    assert re.search(r"data-mine>(?:(?!so-message).)*Mine", page)
