"""The index of words: what is found, by whom, and that it never lags behind."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supportops.tests import clean_slate
from tickets.codes import TicketStatus
from tickets.data import erase
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Message, Ticket
from tickets.search import index
from tickets.search.index import Window
from tickets.tests.at_work import all_rows, write_in
from tickets.tests.factories import MessageFactory, TicketFactory
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


def found(q, *, limit=100, rows=None, **window):
    rows = Ticket.objects.all() if rows is None else rows
    return list(index.search(rows, q, Window(limit, **window)).order_by("id"))


@pytest.fixture
def ticket(starter, says):
    says(None)
    return write_in(
        "The blue parcel is lost, José.",
        subject="Urgent matter",
        name="Ada Lovelace",
        email="ada.l@shop.example",
    )


@pytest.mark.parametrize(
    "q",
    [
        "parcel",
        "PARCEL blue",
        "parc",  # a beginning
        "jose",
        "José",
        "Jose\u0301",
        "urgent",
        "lovelace parcel",  # a name and a word
        "ada.l@shop.example",
        "ADA.L@SHOP.EXAMPLE",
        "shop.example",
        "parcel ' \" * -- ^( :",
    ],
)
def test_words_names_and_addresses_find_a_ticket(ticket, q):
    TicketFactory(message="Something else entirely")
    assert found(q) == [ticket]


@pytest.mark.parametrize("q", ["parcels", "arcel", "blue letter", "*", '"', "%", "my NOT parcel"])
def test_what_is_not_there_is_not_found(ticket, q):
    assert found(q) == []


def test_a_reference_is_found_whole_and_in_parts(ticket):
    assert found(ticket.reference.lower()) == [ticket]
    assert found(ticket.reference[2:6]) == [ticket]


def test_nothing_asked_is_everything(ticket):
    assert found("  \0 ") == [ticket]


def test_the_whole_conversation_is_searched(ticket, agent):
    now, person = timezone.now(), Actor.person(agent)
    customer_actions.customer_reply(ticket.pk, "It was a zebra.", now=now)
    agent_actions.agent_reply(ticket.pk, "We sent a giraffe.", actor=person, now=now)
    agent_actions.add_note(ticket.pk, "Smells of walrus.", actor=person, now=now)
    for q in ("zebra", "giraffe", "walrus", "zebra walrus parcel lovelace"):
        assert found(q) == [ticket]


def test_automatic_answers_are_searched_too(starter, says):
    certify("order_status")
    says("order_status")
    ticket = write_in("Where is it?")
    answer = Message.objects.get(ticket=ticket, author="machine")
    assert found(max(answer.body.split(), key=len)) == [ticket]


def test_a_name_that_comes_later_finds_the_earlier_tickets(starter, says):
    says(None)
    first = write_in(name="")
    second = write_in("Again", name="Ada Lovelace")
    assert found("lovelace") == [first, second]


def test_what_is_rolled_back_is_not_found(ticket):
    with transaction.atomic():
        customer_actions.customer_reply(ticket.pk, "zebra", now=timezone.now())
        assert found("zebra") == [ticket]
        transaction.set_rollback(True)
    assert found("zebra") == []
    assert found("parcel") == [ticket]


def test_other_conditions_hold_as_well(ticket):
    other = TicketFactory(decided=True, message="another parcel", status=TicketStatus.CLOSED)
    closed = Ticket.objects.filter(status=TicketStatus.CLOSED)
    assert found("parcel", rows=closed) == [other]
    assert found("parcel", rows=Ticket.objects.none()) == []
    assert found("parcel", rows=Ticket.objects.filter(requester__name="Ada Lovelace")) == [ticket]


def test_a_window_takes_the_hits_at_its_end_of_the_order():
    made = [TicketFactory(message="a parcel") for _ in range(6)]
    assert found("parcel", limit=2) == made[4:]
    assert found("parcel", limit=2, oldest_first=True) == made[:2]
    assert found("parcel", limit=2, before=made[4].pk) == made[2:4]
    assert found("parcel", limit=2, after=made[1].pk) == made[2:4]


def test_frequent_and_rare_words_are_found_by_either_way(monkeypatch):
    """PostgreSQL looks at the newest lines first, and at all where they do not hold enough."""
    monkeypatch.setattr(index, "RECENT", 2)
    made = [TicketFactory(message=words) for words in ("rare parcel", "parcel", "parcel")]
    assert found("parcel", limit=2) == made[1:]
    assert found("parcel", limit=3) == made
    assert found("rare parcel") == made[:1]


def test_one_question_takes_one_query_for_the_hits(ticket, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):  # on PostgreSQL the hits may take two
        assert found("parcel") == [ticket]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(q=st.text(max_size=250))
def test_no_text_makes_a_search_fail(ticket, q):
    found(q)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.text(min_size=1, max_size=200))
def test_whatever_is_written_is_found_by_its_own_words(db, body):
    written = body.replace("\0", "") or "x"  # no database keeps that sign
    with transaction.atomic():
        ticket = TicketFactory(message="opening")
        MessageFactory(ticket=ticket, number=2, body=written)
        for word in index.words_of(written)[:5]:
            assert ticket in found(word)
        transaction.set_rollback(True)


def test_a_conversation_without_end_does_not_outgrow_its_line(ticket):
    for number in range(8):
        words = " ".join(f"w{number}x{n}" for n in range(3_000))
        index.append(ticket.pk, words)
    assert found("w0x17") == [ticket]
    assert found("parcel") == [ticket]


# --- Erasure --------------------------------------------------------------------------------------


def test_an_erased_person_is_found_no_more(ticket):
    other = TicketFactory(message="blue parcel")
    erase.erase("ada.l@shop.example", actor=Actor.machine(), now=timezone.now())
    assert found("lovelace") == found("urgent") == []
    assert found("parcel") == [other]
    assert found(ticket.reference) == [ticket]


# --- Rebuilding -----------------------------------------------------------------------------------


def rebuild(**options):
    out = StringIO()
    call_command("rebuild_search", stdout=out, **options)
    return out.getvalue()


def test_rebuilding_brings_back_what_the_service_had_indexed(ticket, agent):
    agent_actions.add_note(ticket.pk, "walrus", actor=Actor.person(agent), now=timezone.now())
    clean_slate.empty_search()
    assert index.is_behind()
    assert "1 tickets can be found" in rebuild()
    for q in ("lovelace", "parcel urgent walrus", ticket.reference[2:6]):
        assert found(q) == [ticket]
    assert not index.is_behind()


def test_rebuilding_twice_changes_nothing_and_drops_what_is_gone(ticket):
    Message.objects.filter(ticket=ticket).update(body="green letter")
    rebuild(), rebuild(batch=1)
    assert found("parcel") == []
    assert found("green letter") == [ticket]


def test_a_dry_run_indexes_nothing(ticket):
    clean_slate.empty_search()
    before = all_rows()
    assert "nothing was written" in rebuild(dry_run=True)
    assert index.is_behind()
    assert all_rows() == before


def test_a_stopped_rebuild_goes_on_where_it_stopped(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    made = [TicketFactory(message="parcel") for _ in range(4)]
    clean_slate.empty_search()
    whole = index.rebuild

    def stops(**options):
        for number, batch in enumerate(whole(**options)):
            yield batch
            if number == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(index, "rebuild", stops)
    with pytest.raises(CommandError, match="--resume"):
        rebuild(batch=1)
    assert found("parcel") == made[:2]
    monkeypatch.setattr(index, "rebuild", whole)
    assert "2 tickets can be found" in rebuild(resume=True)
    assert found("parcel") == made
    with pytest.raises(CommandError, match="no stopped run"):
        rebuild(resume=True)


def test_a_batch_of_nothing_is_refused(db):
    with pytest.raises(CommandError, match="at least 1"):
        rebuild(batch=0)
