"""What a ticket's page fetches: earlier messages and events, templates, the way to the next."""

import pytest
from django.utils import timezone

from classification.contract import Explanation
from decisions.policies import reply_offers
from decisions.tests.factories import ReplyTemplateFactory
from tickets.admin.ticket.fragments import neighbour
from tickets.codes import ActorKind, Author, EventKind
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import Message, Ticket, TicketEvent
from tickets.tests.at_work import act, all_rows, as_user, page_of, words_of, write_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(agent):
    return as_user(agent)


@pytest.fixture
def ticket(starter, says):
    says("order_status", confidence=0.62)
    return write_in("Where is my order 4411?", subject="My order")


def say_much(ticket, number: int) -> None:
    """Adds notes until the conversation has that many messages, and as many events."""
    now = timezone.now()
    Message.objects.bulk_create(
        Message(
            ticket=ticket,
            number=n,
            author=Author.AGENT,
            internal=True,
            body=f"Note {n}.",
            created_at=now,
        )
        for n in range(2, number + 1)
    )
    TicketEvent.objects.bulk_create(
        TicketEvent(
            ticket=ticket,
            kind=EventKind.NOTE_ADDED,
            actor_kind=ActorKind.MACHINE,
            round=1,
            at=now,
            data={"message": n},
        )
        for n in range(2, number + 1)
    )
    Ticket.objects.filter(pk=ticket.pk).update(message_count=number)


def numbers(conversation) -> list[int]:
    return [one.message.number for one in conversation.all]


def part(client, ticket, name, **query):
    return client.get(f"/ops/tickets/ticket/{ticket.pk}/{name}/", query)


# --- Five hundred messages ------------------------------------------------------------------------


def test_a_long_conversation_shows_its_opening_and_its_end(client, ticket):
    say_much(ticket, 500)
    shown = client.get(page_of(ticket))
    assert numbers(shown.context["conversation"]) == [1, *range(481, 501)]
    assert "(479 between the first one and here)" in words_of(shown)
    assert len(shown.content) < 200_000


def test_the_messages_between_come_piece_by_piece(client, ticket):
    say_much(ticket, 120)
    found, before = [], 101
    while before is not None:
        piece = part(client, ticket, "earlier", before=before)
        found = numbers(piece.context["conversation"]) + found
        before = found[0] if "hx-get" in words_of(piece) else None
    assert found == list(range(2, 101))


@pytest.mark.parametrize("count", [1, 20, 21])
def test_a_shorter_one_is_shown_whole(client, ticket, count):
    say_much(ticket, count)
    shown = client.get(page_of(ticket))
    assert numbers(shown.context["conversation"]) == list(range(1, count + 1))
    assert "Show earlier messages" not in words_of(shown)


def test_one_message_more_is_left_out_and_said_to_be(client, ticket):
    say_much(ticket, 22)
    shown = client.get(page_of(ticket))
    assert numbers(shown.context["conversation"]) == [1, *range(3, 23)]
    assert "(1 between the first one and here)" in words_of(shown)


def test_five_hundred_messages_cost_as_many_queries_as_one(
    client, ticket, django_assert_max_num_queries
):
    with django_assert_max_num_queries(34) as short:
        client.get(page_of(ticket))
    say_much(ticket, 500)
    with django_assert_max_num_queries(34) as long:
        client.get(page_of(ticket))
    assert len(long) == len(short)


def test_the_timeline_goes_back_piece_by_piece(client, ticket):
    say_much(ticket, 250)
    shown = client.get(page_of(ticket))
    keys = [line.event for line in shown.context["lines"]]
    while (before := shown.context["more_before"]) is not None:
        shown = part(client, ticket, "events", before=before)
        keys = [line.event for line in shown.context["lines"]] + keys
    every = TicketEvent.objects.filter(ticket=ticket).order_by("pk")
    assert keys == list(every.values_list("pk", flat=True))


@pytest.mark.parametrize("name", ["earlier", "events"])
@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "٣"])
def test_a_piece_before_nothing_is_not_found(client, ticket, name, before):
    assert part(client, ticket, name, before=before).status_code == 404


# --- Templates ------------------------------------------------------------------------------------


def test_any_template_is_read_in_the_words_of_the_ticket_before_it_is_used(client, ticket):
    ReplyTemplateFactory(slug="thanks", body="{{ first_name }}, {{reference}} is closed. [why]")
    preview = words_of(part(client, ticket, "template", template="thanks"))
    assert f"Ada, {ticket.reference} is closed. [why]</div>" in preview
    assert "first name: <bdi>Ada</bdi>" in preview
    assert "Fill in what stands in [brackets]" in preview
    assert "data-use-draft" in preview
    assert Message.objects.filter(ticket=ticket).count() == 1


def test_the_newest_version_is_offered(client, ticket):
    ReplyTemplateFactory(slug="thanks", version=1, body="Old words")
    ReplyTemplateFactory(slug="thanks", version=2, body="New words")
    assert "New words" in words_of(part(client, ticket, "template", template="thanks"))
    offered = client.get(page_of(ticket)).context["templates"]
    assert [row.version for row in offered if row.slug == "thanks"] == [2]


def test_a_variable_nobody_knows_is_left_as_a_gap_and_named(client, ticket):
    ReplyTemplateFactory(slug="odd", body="Hello {{ first_name }}, see {{ invoice }}.")
    preview = words_of(part(client, ticket, "template", template="odd"))
    assert "Hello Ada, see [invoice].</div>" in preview
    assert "No value here for invoice" in preview


def test_a_gap_stops_the_reply_until_it_is_filled(client, ticket):
    filled = reply_offers.fill_in(ReplyTemplateFactory(slug="odd", body="See {{ invoice }}."), {})
    seen = Ticket.objects.get(pk=ticket.pk).updated_at.isoformat()
    response = act(client, ticket, "reply", body=filled.body, seen_at=seen)
    assert response.status_code == 422
    assert "There is still a gap to fill: [invoice]" in words_of(response)


def test_a_template_that_is_not_there_is_not_found(client, ticket):
    assert part(client, ticket, "template", template="nothing").status_code == 404


# --- Why? -----------------------------------------------------------------------------------------


def test_why_shows_the_training_messages_most_like_it(client, ticket, says, monkeypatch):
    told = Explanation(terms=(), nearest=(("s05-037", 0.307), ("row-9", 0.2)))
    monkeypatch.setattr(says("order_status"), "explain", lambda text, nearest=5: told)
    words = words_of(part(client, ticket, "terms"))
    assert "0.31" in words
    assert "Order status" in words
    assert "<code>s05-037</code>" in words
    assert "<code>row-9</code>" in words


# --- On to the next -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "here", "step", "found"),
    [
        ([9, 7, 4], 7, 1, 4),
        ([9, 7, 4], 7, -1, 9),
        ([9, 7, 4], 4, 1, None),
        ([9, 7, 4], 9, -1, None),
        ([9, 7, 4], 8, 1, 7),  # left the list meanwhile
        ([9, 7, 4], 8, -1, 9),
        ([4, 7, 9], 8, 1, 9),
        ([4, 7, 9], 8, -1, 7),
        ([4], 9, 1, 4),
        ([], 9, 1, None),
    ],
)
def test_the_next_ticket_is_the_lists(keys, here, step, found):
    assert neighbour(keys, here, step) == found


def test_next_goes_on_in_the_list_as_it_was_filtered(client, ticket, agent, says):
    says(None)
    others = [write_in(f"Question {n}", email=f"p{n}@example.com") for n in range(3)]
    agent_actions.resolve(others[1].pk, actor=Actor.person(agent), now=timezone.now())
    query = {"_changelist_filters": "status=open"}
    onward = part(client, others[2], "next", **query)
    assert onward.url == f"{page_of(others[0])}?_changelist_filters=status%3Dopen"
    back = part(client, others[0], "next", back="1", **query)
    assert back.url == f"{page_of(others[2])}?_changelist_filters=status%3Dopen"


def test_after_the_last_one_the_list_is_shown(client, ticket):
    response = part(client, ticket, "next", _changelist_filters="status=open")
    assert response.url == "/ops/tickets/ticket/?status=open"
    assert "That was the last ticket of this list." in words_of(client.get(response.url))


# --- Merging --------------------------------------------------------------------------------------


def test_before_a_merge_it_is_said_what_will_happen(client, ticket, says):
    says(None)
    twin = write_in("The same again")
    before = all_rows()
    offered = part(client, twin, "merge")
    assert [row.reference for row in offered.context["candidates"]] == [ticket.reference]
    assert "What will happen" not in words_of(offered)
    shown = words_of(part(client, twin, "merge", reference=f" {ticket.reference.lower()} "))
    assert f"{twin.reference} → {ticket.reference}" in shown
    assert "A merge cannot be undone." in shown
    assert f'name="reference" value="{ticket.reference}"' in shown
    assert all_rows() == before


def test_a_merge_leads_to_where_the_conversation_goes_on(client, ticket, says):
    says(None)
    twin = write_in("The same again")
    response = act(client, twin, "merge", reference=ticket.reference)
    assert response.url == page_of(ticket)
    words = words_of(client.get(response.url))
    assert "Merged into this one:" in words
    assert page_of(twin) in words


def test_what_cannot_be_merged_is_said_before_it_is_tried(client, ticket, says, agent):
    says(None)
    strangers = write_in("Hello", email="other@example.com")
    spam, actor = write_in("Buy now"), Actor.person(agent)
    agent_actions.mark_spam(spam.pk, actor=actor, now=timezone.now())
    for reference, words in {
        strangers.reference: "is of another person",
        spam.reference: "is spam itself",
        ticket.reference: "That is this very ticket.",
        "T-0000-0000": "There is no ticket T-0000-0000.",
    }.items():
        shown = words_of(part(client, ticket, "merge", reference=reference))
        assert words in shown, reference
        assert "What will happen" not in shown
    assert "A ticket that is spam cannot be merged." in words_of(part(client, spam, "merge"))


def test_an_auditor_merges_nothing(ticket, auditor):
    assert part(as_user(auditor), ticket, "merge").status_code == 403


@pytest.mark.parametrize("name", ["terms", "here", "earlier", "events", "template", "next"])
def test_nothing_that_is_fetched_changes_a_row(client, ticket, name):
    before = all_rows()
    part(client, ticket, name, before="2", template="order_status")
    assert all_rows() == before
