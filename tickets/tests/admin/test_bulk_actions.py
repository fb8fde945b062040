"""The forms of the ticket list: many tickets at once, undo, saved views."""

import pytest
from django.utils import timezone

from tickets.codes import BulkKind
from tickets.desk import bulk
from tickets.models import BulkChange, Queue, SavedView, Ticket
from tickets.tests.at_work import LIST, all_rows, as_user, words_of, write_in

pytestmark = pytest.mark.django_db
BULK = f"{LIST}do/"
VIEWS = f"{LIST}views/"


@pytest.fixture
def two(starter, says):
    says("order_status", confidence=0.62)
    return [write_in(f"Order {n}?", email=f"c{n}@example.com") for n in range(2)]


def do(client, tickets, what, **more):
    data = {"ticket": [ticket.pk for ticket in tickets], "do": what, **more}
    return client.post(BULK, data, follow=True)


def column(tickets, name):
    return [getattr(Ticket.objects.get(pk=ticket.pk), name) for ticket in tickets]


@pytest.mark.parametrize(
    ("what", "field", "value"),
    [
        ("resolve", "status", "resolved"),
        ("spam", "status", "spam"),
        ("priority:urgent", "priority", "urgent"),
        ("intent:delivery_problem", "intent", "delivery_problem"),
        ("intent:none", "intent", None),
    ],
)
def test_the_chosen_tickets_change(two, agent, what, field, value):
    response = do(as_user(agent), two, what)
    assert column(two, field) == [value, value]
    assert "2 tickets" in words_of(response)


def test_tickets_are_given_to_people_and_queues(two, agent, lead):
    client = as_user(agent)
    do(client, two, "assign:me")
    assert column(two, "assignee") == [agent, agent]
    do(client, two[:1], f"assign:{lead.pk}")
    do(client, two[1:], "assign:none")
    assert column(two, "assignee") == [lead, None]
    billing = Queue.objects.get(slug="billing")
    do(client, two, f"queue:{billing.pk}")
    assert column(two, "queue") == [billing, billing]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("", "Choose what to do"),
        ("delete", "Choose what to do"),
        ("queue:999", "no such queue"),
        ("priority:huge", "not one of the available choices"),
        ("intent:bogus", "no such intent"),
        ("assign:999", "somebody who works on tickets"),
    ],
)
def test_what_is_no_choice_changes_nothing(two, agent, what, words):
    before = all_rows()
    assert words in words_of(do(as_user(agent), two, what))
    assert all_rows() == before


def test_without_tickets_nothing_happens(two, agent):
    response = as_user(agent).post(
        BULK, {"do": "spam", "ticket": ["x", "9" * 40, "²"]}, follow=True
    )
    assert "Choose tickets first." in words_of(response)
    assert not BulkChange.objects.exists()


def test_undo_stands_above_the_list_until_it_is_used(two, agent, lead):
    client = as_user(agent)
    page = words_of(do(client, two, "spam"))
    assert "2 tickets marked as spam." in page
    undo = f"{LIST}undo/{BulkChange.objects.get().pk}/"
    assert undo in page
    assert undo not in words_of(as_user(lead).get(LIST))
    page = words_of(client.post(undo, follow=True))
    assert "Undone: 2 tickets as before." in page
    assert undo not in page
    assert column(two, "status") == ["open", "open"]
    assert "can be undone no more" in words_of(client.post(undo, follow=True))


def test_the_way_back_keeps_what_the_list_knows_and_nothing_else(two, agent):
    response = as_user(agent).post(
        BULK, {"ticket": two[0].pk, "do": "spam", "back": "status=open&next=//evil.example&p=2"}
    )
    assert response.url == f"{LIST}?p=2&status=open"


def test_who_may_only_look_changes_nothing(two, auditor, agent):
    change = bulk.change(BulkKind.SPAM, [two[0].pk], None, user=agent, now=timezone.now()).change
    client, before = as_user(auditor), all_rows()
    assert "data-bulk" not in words_of(client.get(LIST))
    for address in (BULK, f"{LIST}undo/{change.pk}/", VIEWS, f"{VIEWS}1/delete/"):
        assert client.post(address, {"ticket": two[1].pk, "do": "spam"}).status_code == 403
    assert all_rows() == before


@pytest.mark.parametrize("address", [BULK, f"{LIST}undo/1/", VIEWS, f"{VIEWS}1/rename/"])
def test_looking_at_an_address_that_acts_does_nothing(two, agent, address):
    assert as_user(agent).get(address).status_code == 405


# --- Saved views ----------------------------------------------------------------------------------


def save(client, query, name="Urgent ones", **more):
    return client.post(VIEWS, {"name": name, "query": query, "back": query, **more}, follow=True)


def links(client, query=""):
    shown = client.get(f"{LIST}?{query}").context["cl"].views
    return [(link.view.name, link.chosen, link.mine) for link in shown]


def test_a_view_is_saved_found_and_chosen(two, agent):
    client = as_user(agent)
    page = words_of(save(client, "q=order&priority=urgent"))
    assert "“Urgent ones” is saved." in page
    assert links(client) == [("Urgent ones", False, True)]
    assert links(client, "priority=urgent&q=order") == [("Urgent ones", True, True)]


def test_a_view_keeps_only_what_the_list_knows(two, agent):
    save(as_user(agent), "status=open&requester__email=x&p=3&priority=&e=1")
    assert SavedView.objects.get().query == "status=open"


def test_nothing_narrowed_is_no_view(two, agent):
    assert "Choose a filter" in words_of(save(as_user(agent), "p=2"))
    assert not SavedView.objects.exists()


@pytest.mark.parametrize(("name", "words"), [("", "Give the view a name"), ("x" * 41, "40")])
def test_a_view_needs_a_name_that_fits(two, agent, name, words):
    assert words in words_of(save(as_user(agent), "status=open", name=name))
    assert not SavedView.objects.exists()


def test_the_same_name_again_replaces_the_search(two, agent):
    client = as_user(agent)
    save(client, "status=open"), save(client, "status=closed")
    assert SavedView.objects.get().query == "status=closed"


def test_views_of_others_are_seen_only_when_shared(two, agent, lead):
    save(as_user(lead), "status=open", name="Alone")
    save(as_user(lead), "status=closed", name="For all", shared="on")
    assert links(as_user(agent)) == [("For all", False, False)]


def test_only_who_may_share_shares(two, agent):
    save(as_user(agent), "status=open", shared="on")
    assert not SavedView.objects.get().shared


def test_a_view_is_renamed_and_deleted_by_its_owner_alone(two, agent, lead):
    save(as_user(lead), "status=open", shared="on")
    view = SavedView.objects.get()
    for what in ("rename", "delete"):
        page = as_user(agent).post(f"{VIEWS}{view.pk}/{what}/", {"name": "Mine now"}, follow=True)
        assert "not yours" in words_of(page)
    assert SavedView.objects.get().name == "Urgent ones"
    client = as_user(lead)
    client.post(f"{VIEWS}{view.pk}/rename/", {"name": "Better"})
    assert SavedView.objects.get().name == "Better"
    client.post(f"{VIEWS}{view.pk}/delete/")
    assert not SavedView.objects.exists()


def test_names_of_views_are_shown_as_text(two, agent):
    save(as_user(agent), "status=open", name="<b>bold</b>")
    page = as_user(agent).get(LIST).content.decode()
    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page
