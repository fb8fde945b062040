"""A ticket's page for its customer: what it shows, and what can be done there."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tickets import tracking
from tickets.codes import Author, Channel, EventKind, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Message, Ticket, TicketEvent
from tickets.pipeline import catch_up, receive
from tickets.pipeline.inquiry import Inquiry
from tickets.tests.factories import TicketFactory
from tickets.tests.visiting import act, address, certify, everything_stored

pytestmark = pytest.mark.django_db

WORDS = {
    "received": "We have your message",
    "open": "A person will answer you",
    "waiting": "We have answered – it is your turn",
    "answered": "There is an automatic answer for you",
    "resolved": "Solved",
    "closed": "Solved",
    "spam": "This conversation has ended",
    "merged": "This conversation goes on elsewhere",
}


@pytest.fixture
def make(starter, says):
    """Makes a ticket that came by the form: `make()`, `make(automatic=True)`."""

    def made(*, automatic=False, email="ada@example.com", **inquiry) -> Ticket:
        says("order_status")
        if automatic:
            certify("order_status")
        words = {"subject": "My order", "message": "Where is my order 10234?"} | inquiry
        inquiry = Inquiry(name="Ada Example", email=email, channel=Channel.FORM, **words)
        ticket = receive.receive(inquiry, now=timezone.now()).ticket
        assert ticket.status == (TicketStatus.ANSWERED if automatic else TicketStatus.OPEN)
        return ticket

    return made


@pytest.fixture
def staff(agent) -> Actor:
    User.objects.filter(pk=agent.pk).update(first_name="Brunhilde", last_name="Quasimodo")
    return Actor.person(agent)


def put(ticket: Ticket, status: str, staff: Actor, make) -> Ticket:
    """Bring a ticket into a state as people would."""
    now = timezone.now()
    if status == "waiting":
        agent_actions.agent_reply(ticket.pk, "It left us today.", actor=staff, now=now)
    elif status == "resolved":
        agent_actions.resolve(ticket.pk, actor=staff, now=now)
    elif status == "closed":
        agent_actions.close(ticket.pk, actor=staff, now=now)
    elif status == "spam":
        agent_actions.mark_spam(ticket.pk, actor=staff, now=now)
    elif status == "merged":
        agent_actions.merge(ticket.pk, make(), actor=staff, now=now)
    elif status == "received":
        Ticket.objects.filter(pk=ticket.pk).update(status=status)
    ticket.refresh_from_db()
    assert ticket.status == status
    return ticket


def shown(client: Client, ticket: Ticket, **query) -> str:
    response = client.get(address(ticket), query)
    assert response.status_code == 200
    return response.content.decode()


# --- What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("status", sorted(WORDS))
def test_every_state_is_told_in_plain_words(client, make, staff, status):
    ticket = put(make(automatic=status == "answered"), status, staff, make)
    page = shown(client, ticket)
    told = {words for words in WORDS.values() if f"<h2>{words}</h2>" in page}
    assert told == {WORDS[status]}
    assert "Where is my order 10234?" in page


@pytest.mark.parametrize(
    "status", ["received", "waiting", "answered", "resolved", "closed", "merged"]
)
def test_a_person_is_one_step_away(client, make, staff, status):
    ticket = put(make(automatic=status == "answered"), status, staff, make)
    assert 'value="person"' in shown(client, ticket)


def test_who_waits_for_a_person_is_told_so(client, make):
    page = shown(client, make())
    assert "A person will answer you" in page
    assert "We are at work" in page


def test_an_automatic_answer_says_so_and_an_agents_does_not(client, make, staff):
    ticket = make(automatic=True)
    page = shown(client, ticket)
    assert page.count("This is an automatic answer. No person wrote it.") == 1
    agent_actions.agent_reply(ticket.pk, "It left us today.", actor=staff, now=timezone.now())
    assert shown(client, ticket).count("This is an automatic answer. No person wrote it.") == 1


def test_nothing_internal_shows(client, make, staff):
    ticket = make(automatic=True)
    now = timezone.now()
    agent_actions.add_note(ticket.pk, "Difficult customer.", actor=staff, now=now)
    agent_actions.agent_reply(ticket.pk, "It left us today.", actor=staff, now=now)
    agent_actions.assign(ticket.pk, User.objects.get(pk=staff.user_id), actor=staff, now=now)
    ticket.refresh_from_db()
    page = shown(client, ticket)
    assert "It left us today." in page
    for word in (
        "Difficult customer",
        "Brunhilde",
        "Quasimodo",
        "agent",
        "order_status",
        str(ticket.confidence),
        "permitted",
        ticket.queue.name,
        ticket.tracking_nonce,
    ):
        assert word not in page


def test_words_of_people_are_shown_as_words(client, make, staff):
    hostile = "<script>alert(1)</script> {{7*7}} http://evil.example/ \u202eoverride"
    ticket = make(message=hostile, subject="<b>bold</b>")
    agent_actions.agent_reply(
        ticket.pk, "<img src=x onerror=alert(1)>", actor=staff, now=timezone.now()
    )
    page = shown(client, ticket)
    assert (
        '<div class="words" dir="auto">&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}} '
        "http://evil.example/ \u202eoverride</div>" in page
    )
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<script" not in page
    assert "<img" not in page
    assert 'href="http://evil' not in page


def test_an_erased_text_is_said_to_be_deleted(client, make):
    ticket = make()
    Message.objects.update(body="", subject="", erased_at=timezone.now())
    assert "This text was deleted." in shown(client, ticket)


def test_a_merged_conversation_says_where_it_goes_on_without_handing_out_the_way(
    client, make, staff
):
    first, second, third = make(), make(), make()
    agent_actions.merge(first.pk, second, actor=staff, now=timezone.now())
    second.refresh_from_db()
    agent_actions.merge(second.pk, third, actor=staff, now=timezone.now())
    page = shown(client, Ticket.objects.get(pk=first.pk))
    assert third.reference in page
    # Whoever wrote under somebody's address must not get that person's conversation.
    assert tracking.signature(third) not in page


def test_nothing_keeps_or_finds_the_page(client, make):
    ticket = make()
    for page in (address(ticket), address(ticket) + "sent/"):
        response = client.get(page)
        assert response["Cache-Control"] == "private, no-store"
        assert response["Referrer-Policy"] == "same-origin"
        assert response["X-Robots-Tag"] == "noindex, nofollow"


def test_a_long_conversation_costs_no_more_queries(client, make, django_assert_num_queries):
    ticket = make()
    for number in range(2, 40):
        Message.objects.create(
            ticket=ticket, number=number, author="customer", body="…", created_at=timezone.now()
        )
    with django_assert_num_queries(3):  # the ticket, its messages, the opening hours
        shown(client, ticket)


# --- Who may see it -------------------------------------------------------------------------------


def wrong_links(ticket: Ticket, other: Ticket) -> list[str]:
    right = tracking.signature(ticket)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    flipped = [
        right[:place] + letters[letters.index(letter) ^ bit] + right[place + 1 :]
        for place, letter in enumerate(right)
        for bit in (1, 32)
    ]
    signatures = [*flipped, tracking.signature(other), right[:-1], right + "A", right.swapcase()]
    signatures += ["x", "%C3%A9" * 16, "%00", "%F0%9F%8E%AB", "."]
    return [f"/ui/t/{ticket.reference}/{given}/" for given in signatures] + [
        f"/ui/t/{other.reference}/{right}/",
        f"/ui/t/{ticket.reference.lower()}/{right}/",
        f"/ui/t/T-2222-2222/{right}/",
        f"/ui/t/{ticket.reference}/",
        f"/ui/t/%00/{right}/",
    ]


def test_every_wrong_link_gets_the_same_answer(client, make):
    ticket, other = make(), make(email="ben@example.com")
    nothing = client.get("/ui/t/T-2222-2222/x/")
    before = everything_stored()
    for link in wrong_links(ticket, other):
        for response in (
            client.get(link),
            client.get(link + "sent/"),
            client.post(link, {"action": "not_helped"}),
        ):
            assert response.status_code == 404, link
            assert response.content == nothing.content, link
        assert client.head(link).status_code == 404
    assert everything_stored() == before
    assert ticket.reference not in nothing.content.decode()


def test_a_link_ends_with_its_time(client, make):
    ticket = make()
    Ticket.objects.update(tracking_expires_at=timezone.now() - timedelta(seconds=1))
    ticket.refresh_from_db()
    nothing = client.get("/ui/t/T-2222-2222/x/")
    response = client.get(address(ticket))
    assert response.status_code == 404
    assert response.content == nothing.content


def test_moving_the_end_of_a_link_ends_the_old_one(client, make):
    ticket = make()
    old = address(ticket)
    Ticket.objects.update(tracking_expires_at=ticket.tracking_expires_at + timedelta(days=30))
    assert client.get(old).status_code == 404


def test_looking_changes_nothing(client, make, staff):
    tickets = [make(), put(make(), "waiting", staff, make), make(automatic=True)]
    before = everything_stored()
    for ticket in tickets:
        for query in ({}, {"done": "helped"}, {"action": "not_helped", "rating": "5"}):
            assert client.get(address(ticket), query).status_code == 200
            assert client.head(address(ticket), query).status_code == 200
    assert everything_stored() == before


# --- What can be done -----------------------------------------------------------------------------


def test_did_not_help_brings_a_person(client, make):
    ticket = make(automatic=True)
    response = act(client, ticket, "not_helped")
    ticket.refresh_from_db()
    assert response["Location"] == f"{address(ticket)}?done=not_helped"
    assert (ticket.status, ticket.round, ticket.helped) == (TicketStatus.OPEN, 2, False)
    assert "A person from our team takes over." in shown(client, ticket, done="not_helped")


@pytest.mark.parametrize("status", ["waiting", "answered", "resolved", "closed"])
def test_a_person_is_given_in_every_state(client, make, staff, status):
    ticket = put(make(automatic=status == "answered"), status, staff, make)
    act(client, ticket, "person")
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.OPEN


def test_a_person_takes_over_where_a_merged_conversation_goes_on(client, make, staff):
    first, second = make(), make()
    agent_actions.merge(first.pk, second, actor=staff, now=timezone.now())
    agent_actions.resolve(second.pk, actor=staff, now=timezone.now())
    act(client, first, "person")
    second.refresh_from_db()
    assert second.status == TicketStatus.OPEN
    page = shown(client, Ticket.objects.get(pk=first.pk), done="person")
    assert "A person from our team takes over." in page


def test_a_ticket_nobody_has_looked_at_yet_goes_to_a_person_as_well(client, starter, says):
    says("order_status")
    certify("order_status")
    ticket = TicketFactory(channel=Channel.FORM)
    act(client, ticket, "person")
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.OPEN
    # No machine comes back to it later.
    assert catch_up.finish(ticket.pk, now=timezone.now()) is None


def test_this_solved_it_resolves(client, make):
    ticket = make(automatic=True)
    act(client, ticket, "helped")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.helped) == (TicketStatus.RESOLVED, True)
    assert "We are glad that it is solved." in shown(client, ticket, done="helped")


def test_a_notice_is_shown_only_while_it_is_true(client, make):
    page = shown(client, make(), done="helped")
    assert "We are glad that it is solved." not in page


def test_a_rating_is_kept_and_can_be_changed(client, make):
    ticket = make(automatic=True)
    customer_actions.helped(ticket.pk, now=timezone.now())
    for rating in ("5", "2", "2"):
        act(client, ticket, "rate", rating=rating)
    ticket.refresh_from_db()
    assert ticket.rating == 2
    told = TicketEvent.objects.filter(kind=EventKind.RATED).values_list("data", flat=True)
    assert list(told) == [{"rating": 5}, {"rating": 2}]
    assert "You gave us 2 of 5." in shown(client, ticket)


@pytest.mark.parametrize("rating", ["", "0", "6", "-1", "4.5", "five", "٣", "5" * 5000])
def test_what_is_no_rating_changes_nothing(client, make, rating):
    ticket = make(automatic=True)
    customer_actions.helped(ticket.pk, now=timezone.now())
    before = everything_stored()
    assert act(client, ticket, "rate", rating=rating).status_code == 302
    assert everything_stored() == before


def test_nothing_is_rated_before_it_is_solved(client, make):
    ticket = make(automatic=True)
    assert 'name="rating"' not in shown(client, ticket)
    before = everything_stored()
    act(client, ticket, "rate", rating="5")
    assert everything_stored() == before


@pytest.mark.parametrize("action", ["", "close", "__class__", "helped\0"])
def test_an_unknown_action_changes_nothing(client, make, action):
    ticket = make(automatic=True)
    before = everything_stored()
    response = act(client, ticket, action, message="Hello")
    assert response["Location"] == address(ticket)
    assert everything_stored() == before


# --- Replies --------------------------------------------------------------------------------------


def test_a_reply_is_added_and_shown(client, make):
    ticket = make()
    response = act(client, ticket, "reply", message="It is\r\nurgent.")
    assert response["Location"] == f"{address(ticket)}?done=reply"
    page = shown(client, ticket, done="reply")
    assert "It is\nurgent." in page
    assert "Thank you, your message was added." in page
    assert Message.objects.get(number=2).author == Author.CUSTOMER


@pytest.mark.parametrize("status", ["answered", "resolved", "closed", "waiting"])
def test_a_reply_brings_a_person(client, make, staff, status):
    ticket = put(make(automatic=status == "answered"), status, staff, make)
    act(client, ticket, "reply", message="It is broken, what now?")
    ticket.refresh_from_db()
    assert ticket.status == TicketStatus.OPEN


def test_thanks_alone_change_nothing_else(client, make):
    ticket = make(automatic=True)
    act(client, ticket, "reply", message="Thank you!")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == (TicketStatus.ANSWERED, 1)
    assert Message.objects.filter(ticket=ticket, body="Thank you!").count() == 1


def test_a_double_click_adds_one_reply(client, make):
    ticket = make()
    for _ in range(2):
        act(client, ticket, "reply", message="Any news?", after="1")
    assert Message.objects.filter(body="Any news?").count() == 1
    # Asked again from a page that showed the first, it is said again.
    act(client, ticket, "reply", message="Any news?", after="2")
    assert Message.objects.filter(body="Any news?").count() == 2


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 5000])
def test_a_faulty_number_is_no_hindrance(client, make, after):
    ticket = make()
    assert act(client, ticket, "reply", message="Any news?", after=after).status_code == 302
    assert Message.objects.filter(body="Any news?").count() == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("", "Please write your message first."),
        ("\u200b \n", "Please write your message first."),
        ("x" * 20_001, "Your text has 20001 characters; we can take up to 20000."),
        ("nul\0", "There is a broken character in here."),
    ],
)
def test_a_faulty_reply_is_given_back(client, make, message, words):
    ticket = make()
    before = everything_stored()
    response = act(client, ticket, "reply", message=message)
    page = response.content.decode()
    assert response.status_code == 400
    assert words in page
    assert f"{message.replace(chr(0), chr(0xFFFD))}</textarea>" in page
    assert everything_stored() == before


def test_a_reply_to_a_merged_ticket_is_added_where_it_goes_on(client, make, staff):
    first, second, third = make(), make(), make()
    agent_actions.merge(first.pk, second, actor=staff, now=timezone.now())
    second.refresh_from_db()
    agent_actions.merge(second.pk, third, actor=staff, now=timezone.now())
    act(client, Ticket.objects.get(pk=first.pk), "reply", message="Still there?", after="1")
    assert Message.objects.get(body="Still there?").ticket_id == third.pk


def test_what_is_written_to_an_ended_conversation_is_given_back(client, make, staff):
    ticket = put(make(), "spam", staff, make)
    before = everything_stored()
    response = act(client, ticket, "reply", message="But I am a person")
    page = response.content.decode()
    assert response.status_code == 409
    assert "This conversation has ended, so nothing can be added." in page
    assert ">\nBut I am a person</textarea>" in page
    assert everything_stored() == before
