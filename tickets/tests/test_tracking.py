"""Tracking links: unguessable, ending, written down nowhere."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.apps import apps

from supportops.logs import redacted
from tickets import tracking
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Ticket
from tickets.outbox import deliver
from tickets.tests.arriving import DAY, HOUR, NOW, arrive
from tickets.tests.factories import TicketFactory

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def ticket(db) -> Ticket:
    TicketFactory()
    return Ticket.objects.get(pk=TicketFactory(created_at=NOW).pk)


def test_the_right_link_finds_its_ticket(ticket):
    assert tracking.find(ticket.reference, tracking.signature(ticket), NOW) == ticket


def test_a_link_is_an_address_of_ours_with_reference_and_signature(ticket, settings):
    settings.PUBLIC_URL = "https://help.example.com"
    address = urlsplit(tracking.link(ticket))
    assert (address.scheme, address.netloc) == ("https", "help.example.com")
    assert address.path == f"/ui/t/{ticket.reference}/{tracking.signature(ticket)}/"


def test_every_flipped_bit_and_every_other_character_finds_nothing(ticket):
    right = tracking.signature(ticket)
    assert len(right) == 32
    wrong = {
        right[:place] + other + right[place + 1 :]
        for place, letter in enumerate(right)
        for other in {*BASE64, *(chr(ord(letter) ^ 1 << bit) for bit in range(8))} - {letter}
    }
    assert len(wrong) > 2000
    found = [given for given in wrong if tracking.find(ticket.reference, given, NOW) is not None]
    assert found == []


@pytest.mark.parametrize(
    "change",
    [
        lambda right: "",
        lambda right: right[:-1],
        lambda right: right + "A",
        lambda right: right + "=",
        lambda right: right.lower(),
        lambda right: right.upper(),
        lambda right: f" {right}",
        lambda right: f"{right}\n",
        lambda right: "é" * 32,
        lambda right: "\ud800" * 32,
        lambda right: "\0" * 32,
    ],
)
def test_anything_but_the_exact_signature_finds_nothing(ticket, change):
    assert tracking.find(ticket.reference, change(tracking.signature(ticket)), NOW) is None


@pytest.mark.parametrize("reference", ["", "T-2222-2222", "t-", "x" * 1000, "T-%"])
def test_a_reference_that_is_not_there_finds_nothing(ticket, reference):
    assert tracking.find(reference, tracking.signature(ticket), NOW) is None


def test_the_link_of_one_ticket_opens_no_other(ticket):
    other = Ticket.objects.exclude(pk=ticket.pk).get()
    assert tracking.find(other.reference, tracking.signature(ticket), NOW) is None
    assert tracking.find(ticket.reference, tracking.signature(other), NOW) is None


def test_a_link_ends_to_the_moment(ticket):
    right, end = tracking.signature(ticket), ticket.tracking_expires_at
    assert tracking.find(ticket.reference, right, end - timedelta(microseconds=1)) == ticket
    assert tracking.find(ticket.reference, right, end) is None
    assert tracking.find(ticket.reference, right, end + 100 * DAY) is None


def test_the_end_is_part_of_what_is_signed(ticket):
    """Whoever could move the end in the row has made another link, not a longer one."""
    right = tracking.signature(ticket)
    Ticket.objects.filter(pk=ticket.pk).update(tracking_expires_at=ticket.tracking_expires_at + DAY)
    assert tracking.find(ticket.reference, right, NOW) is None


def test_another_nonce_ends_all_links_of_a_ticket(ticket):
    right = tracking.signature(ticket)
    Ticket.objects.filter(pk=ticket.pk).update(tracking_nonce="ab" * 16)
    assert tracking.find(ticket.reference, right, NOW) is None


def test_another_secret_key_ends_all_links(ticket, settings):
    right = tracking.signature(ticket)
    settings.SECRET_KEY = "another-" + "k" * 50
    assert tracking.find(ticket.reference, right, NOW) is None


def test_two_tickets_alike_in_everything_have_different_links(db):
    one, two = TicketFactory(created_at=NOW), TicketFactory(created_at=NOW)
    assert tracking.signature(one) != tracking.signature(two)
    assert one.tracking_nonce != two.tracking_nonce


def test_a_link_lasts_as_long_as_the_settings_say(automating, settings):
    settings.TRACKING_DAYS = 3
    assert arrive().tracking_expires_at == NOW + 3 * DAY


def test_the_link_stands_in_no_table(automating, mailoutbox):
    """Not after an automatic answer, its mail, a reply and a reopening."""
    ticket = Ticket.objects.get(pk=arrive(idempotency_key="k").pk)
    signature = tracking.signature(ticket)
    deliver.deliver_due(now=NOW)
    customer_actions.customer_reply(ticket.pk, "Not solved", now=NOW + HOUR)
    assert signature in mailoutbox[0].body
    rows = {
        model.__name__: repr(list(model._base_manager.values()))
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed
    }
    assert ticket.reference in rows["Ticket"]
    assert [name for name, text in rows.items() if signature in text] == []


def test_the_link_stands_in_no_log(ticket):
    line = redacted(f"GET {tracking.link(ticket)}?done=reply 200")
    assert tracking.signature(ticket) not in line
    assert ticket.reference in line


def test_an_answer_brings_a_link_that_works_however_old_the_ticket_is(automating, agent):
    automating("refund_request")
    ticket = arrive()
    late = NOW + 200 * DAY
    agent_actions.agent_reply(
        ticket.pk, "Sorry that it took so long.", actor=Actor.person(agent), now=late
    )
    ticket.refresh_from_db()
    sent = tracking.signature(ticket)
    assert tracking.find(ticket.reference, sent, late + 100 * DAY) == ticket


def test_a_link_that_lasts_is_left_alone(automating, agent):
    automating("refund_request")
    ticket = arrive()
    sent = tracking.signature(ticket)
    by_agent = Actor.person(agent)
    agent_actions.agent_reply(ticket.pk, "Here you are.", actor=by_agent, now=NOW + 150 * DAY)
    ticket.refresh_from_db()
    assert tracking.signature(ticket) == sent
    agent_actions.agent_reply(ticket.pk, "And this.", actor=by_agent, now=NOW + 170 * DAY)
    ticket.refresh_from_db()
    assert tracking.signature(ticket) != sent  # ten days were left
