"""A ticket's page when something fails: told in words, the text kept, nothing done by halves."""

import threading
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connections
from django.test import Client
from django.utils import timezone

from supportops.logs import redacted
from tickets import tracking
from tickets.codes import Channel, EventKind, TicketStatus
from tickets.desk import customer_actions
from tickets.models import Message, Ticket, TicketEvent
from tickets.pipeline import receive
from tickets.pipeline.inquiry import Inquiry
from tickets.tests.visiting import act, address, certify, everything_stored, hidden
from tickets.views import actions

URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture
def answered(starter, says) -> Ticket:
    """A ticket with an automatic answer."""
    says("order_status")
    certify("order_status")
    inquiry = Inquiry(
        name="Ada Example",
        email="ada@example.com",
        message="Where is my order?",
        channel=Channel.FORM,
    )
    return receive.receive(inquiry, now=timezone.now()).ticket


def fail(*args, **kwargs):
    raise OperationalError("database is locked")


# --- The database is away -------------------------------------------------------------------------


def test_a_page_that_cannot_be_read_apologises(client, answered, monkeypatch):
    monkeypatch.setattr(tracking, "find", fail)
    for page in (address(answered), address(answered) + "sent/"):
        response = client.get(page)
        assert response.status_code == 503
        assert response["Retry-After"] == "30"
        assert "We cannot show this page right now; the fault is ours." in response.content.decode()


def test_a_reply_that_cannot_be_stored_is_given_back_to_be_sent_again(
    client, answered, monkeypatch
):
    before = everything_stored()
    with monkeypatch.context() as patch:
        patch.setattr(customer_actions, "held", fail)
        response = act(client, answered, "reply", message="It is <urgent>", after="2")
    page = response.content.decode()
    assert response.status_code == 503
    assert ">\nIt is &lt;urgent&gt;</textarea>" in page
    assert everything_stored() == before
    again = {name: hidden(response, name) for name in ("action", "after")}
    assert again == {"action": "reply", "after": "2"}
    assert client.post(address(answered), again | {"message": "It is <urgent>"}).status_code == 302
    assert Message.objects.filter(body="It is <urgent>").count() == 1


@pytest.mark.parametrize("action", ["helped", "not_helped", "person"])
def test_a_press_that_cannot_be_stored_can_be_repeated(client, answered, monkeypatch, action):
    before = everything_stored()
    monkeypatch.setattr(customer_actions, "held", fail)
    response = act(client, answered, action)
    assert response.status_code == 503
    assert hidden(response, "action") == action
    assert everything_stored() == before


# --- Too often, too large, without a token --------------------------------------------------------


def test_too_many_replies_have_to_wait_and_a_person_never_does(client, answered, monkeypatch):
    monkeypatch.setattr(actions, "seconds_to_wait", lambda scope, who: 120)
    before = everything_stored()
    response = act(client, answered, "reply", message="Again")
    assert response.status_code == 429
    assert response["Retry-After"] == "120"
    assert ">\nAgain</textarea>" in response.content.decode()
    assert everything_stored() == before
    act(client, answered, "person")
    answered.refresh_from_db()
    assert answered.status == TicketStatus.OPEN


def test_the_twenty_first_reply_of_an_hour_has_to_wait(client, answered):
    statuses = [
        act(client, answered, "reply", message=f"Thanks {'!' * number}").status_code
        for number in range(21)
    ]
    assert statuses.count(302) == 20
    assert statuses[-1] == 429


def test_a_reply_far_too_long_is_given_back(client, answered):
    before = everything_stored()
    text = "x" * 600_000
    body = urlencode({"action": "reply", "message": text})
    response = client.post(address(answered), body, content_type=URLENCODED)
    assert response.status_code == 413
    assert text in response.content.decode()
    assert everything_stored() == before


def test_without_a_token_the_reply_comes_back_with_a_fresh_one(answered):
    visitor = Client(enforce_csrf_checks=True)
    before = everything_stored()
    response = act(visitor, answered, "reply", message="Hello again")
    assert response.status_code == 403
    assert response["Cache-Control"] == "private, no-store"
    assert ">\nHello again</textarea>" in response.content.decode()
    assert everything_stored() == before
    token = hidden(response, "csrfmiddlewaretoken")
    sent = act(visitor, answered, "reply", message="Hello again", csrfmiddlewaretoken=token)
    assert sent.status_code == 302


@pytest.mark.parametrize("action", ["helped", "not_helped", "person", "rate", "reply"])
def test_nothing_is_done_without_a_token(answered, action):
    visitor = Client(enforce_csrf_checks=True)
    before = everything_stored()
    assert act(visitor, answered, action, rating="5", message="Hello").status_code == 403
    assert everything_stored() == before


def test_without_a_token_a_wrong_link_tells_nothing_either(answered):
    visitor = Client(enforce_csrf_checks=True)
    nothing = visitor.get("/ui/t/T-2222-2222/x/")
    response = visitor.post(f"/ui/t/{answered.reference}/x/", {"action": "reply"})
    assert (response.status_code, response.content) == (404, nothing.content)


def test_elsewhere_a_missing_token_is_a_page_of_its_own(db):
    response = Client(enforce_csrf_checks=True).post("/ops/login/", {"username": "x"})
    page = response.content.decode()
    assert response.status_code == 403
    assert "This page was open for too long" in page
    assert 'href="/ops/login/"' in page


# --- Pages of last resort -------------------------------------------------------------------------


def test_a_fault_of_ours_is_told_without_help_of_anything(answered, monkeypatch):
    def break_(*args, **kwargs):
        raise RuntimeError("a fault")

    monkeypatch.setattr(tracking, "find", break_)
    response = Client(raise_request_exception=False).get(address(answered))
    page = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong on our side" in page
    assert "Bei uns ist etwas schiefgegangen" in page
    assert "{" not in page


def test_what_cannot_be_read_is_told_so(client, db):
    response = client.post(
        "/ui/", b"name=%ff", content_type="application/x-www-form-urlencoded; charset=utf-16"
    )
    assert response.status_code == 400
    assert "We could not read this" in response.content.decode()


@pytest.mark.parametrize("path", ["/ui/", "/ops/login/", "/ui/t/T-2222-2222/x/"])
def test_what_cannot_be_read_is_told_so_where_tokens_are_checked(path, db):
    strict = Client(enforce_csrf_checks=True, raise_request_exception=False)
    content_type = "application/x-www-form-urlencoded; charset=utf-16"
    strict.get("/ui/")  # a browser without a token is turned away before its form is read
    response = strict.post(path, b"name=Ada", content_type=content_type)
    assert response.status_code == 400
    assert "We could not read this" in response.content.decode()


@pytest.mark.parametrize("words", [b"%ff%fe", b"%ed%a0%80", b"half%c3", b"\xff"])
def test_bytes_that_are_no_text_are_refused_and_nothing_is_stored(answered, client, words):
    before = everything_stored()
    form = "application/x-www-form-urlencoded"
    typed = b"name=Ada&email=a%40example.com&message=" + words
    refused = [client.post("/ui/", typed, content_type=form)]
    typed = b"action=reply&message=" + words
    refused.append(client.post(address(answered), typed, content_type=form))
    for response in refused:
        assert response.status_code == 400
        assert "There is a broken character in here." in response.content.decode()
    assert everything_stored() == before


# --- Logs -----------------------------------------------------------------------------------------


def test_no_log_line_holds_the_link(client, answered, caplog):
    caplog.set_level("DEBUG")
    signature = tracking.signature(answered)
    act(client, answered, "nothing")
    act(client, answered, "reply", message="")
    client.get(f"/ui/t/T-2222-2222/{signature}/")
    client.get(address(answered) + "sent/else/", {"done": "x"})
    lines = [redacted(record.getMessage()) for record in caplog.records]
    assert any("/ui/t/" in line for line in lines)
    assert not [line for line in lines if signature in line]


# --- At the same time -----------------------------------------------------------------------------


@pytest.fixture
def at_once():
    """Runs something in many threads that start together, each with connections of its own."""

    def run(number, task):
        start, results = threading.Barrier(number), []

        def work(which):
            start.wait(timeout=60)
            try:
                results.append(task(which))
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work, args=[which]) for which in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=120)
        return results

    return run


@pytest.mark.django_db(transaction=True)
def test_a_hundred_did_not_help_at_once_reopen_once(answered, at_once):
    statuses = at_once(100, lambda _: act(Client(), answered, "not_helped").status_code)
    answered.refresh_from_db()
    assert statuses == [302] * 100
    assert (answered.status, answered.round) == (TicketStatus.OPEN, 2)
    reopened = TicketEvent.objects.filter(ticket=answered, kind=EventKind.REOPENED)
    assert reopened.count() == 1
    assert answered.decisions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_page_sent_many_times_at_once_makes_one_ticket(starter, says, at_once):
    says("order_status")
    typed = {"name": "Ada", "email": "ada@example.com", "message": "Hello", "key": "a1" * 20}
    targets = at_once(16, lambda _: Client().post("/ui/", typed)["Location"])
    assert len(set(targets)) == 1
    assert len(targets) == 16
    assert Ticket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_reply_clicked_many_times_at_once_is_added_once(answered, at_once):
    fields = {"message": "It is still not here, what now?", "after": "2"}
    statuses = at_once(8, lambda _: act(Client(), answered, "reply", **fields).status_code)
    assert statuses == [302] * 8
    assert Message.objects.filter(body=fields["message"]).count() == 1
