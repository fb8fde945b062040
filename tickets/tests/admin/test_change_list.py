"""The ticket list of the console: what it finds, what it shows, what it costs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from supportops.ui.listing import CappedPaginator
from tickets.admin.ticket_list import change_list
from tickets.codes import Channel, NoIntent, Priority
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Queue, ServiceLevel, Target, Ticket
from tickets.tests.at_work import LIST, all_rows, as_user, listed, words_of, write_in
from tickets.tests.factories import TicketFactory
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


@pytest.fixture
def some(starter, says, agent):
    """Tickets that differ in everything that can be asked for."""
    says("order_status", confidence=0.62)
    orders = write_in("Where is my order?", name="Olga Orders", email="olga@example.com")
    agent_actions.assign(orders.pk, agent, actor=Actor.person(agent), now=timezone.now())
    certify("account_access")
    says("account_access", confidence=0.97)
    answered = write_in("I cannot log in.", name="Liam Login", email="liam@example.com")
    says(None, reason=NoIntent.AMBIGUOUS, confidence=0.41)
    legal = write_in(
        "My lawyer will hear of this.",
        name="Lena Legal",
        email="lena@example.com",
        channel=Channel.API,
    )
    old = TicketFactory(created_at=timezone.now() - timedelta(days=40), message="Old words")
    return {"orders": orders, "answered": answered, "legal": legal, "undecided": old}


def names_of(some, references):
    known = {ticket.reference: name for name, ticket in some.items()}
    return [known[reference] for reference in references]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["undecided", "legal", "answered", "orders"]),
        ("q=olga", ["orders"]),
        ("q=LIAM@example.com", ["answered"]),
        ("q=lawyer hear", ["legal"]),
        ("q=nobody wrote this", []),
        ("status=open", ["legal", "orders"]),
        ("status=answered", ["answered"]),
        ("status=received", ["undecided"]),
        ("intent=order_status", ["orders"]),
        ("intent=none", ["undecided", "legal"]),
        ("assignee=me", ["orders"]),
        ("assignee=none", ["undecided", "legal", "answered"]),
        ("outcome=auto_resolve", ["answered"]),
        ("outcome=escalate", ["legal", "orders"]),
        ("priority=high", ["legal"]),
        ("channel=form", ["answered", "orders"]),
        ("confidence=50to80", ["orders"]),
        ("confidence=over95", ["answered"]),
        ("confidence=under50", ["legal"]),
        ("confidence=none", ["undecided"]),
        ("created=today", ["legal", "answered", "orders"]),
        ("created=30", ["legal", "answered", "orders"]),
        ("reason=not_certified", ["orders"]),
        ("reason=guard:sensitive_topic", ["legal"]),
        ("reason=rule:long-message", []),
        ("view=mine", ["orders"]),
        ("view=unassigned", ["legal"]),
        ("view=guard", ["legal"]),
        ("view=auto_today", ["answered"]),
        ("view=automated", ["answered"]),
        ("view=undecided", ["undecided"]),
        ("view=reopened", []),
        ("view=old", []),
        ("status=open&q=example.com&assignee=none", ["legal"]),
        ("o=-8", ["orders", "answered", "legal", "undecided"]),
    ],
)
def test_search_filters_and_views_find_exactly_what_they_say(some, agent, query, found):
    assert names_of(some, listed(as_user(agent), query)) == found


def test_a_reference_is_found_as_people_type_it(some, agent):
    reference = some["legal"].reference
    assert listed(as_user(agent), f"q={reference.lower()}") == [reference]


def test_the_queue_filter_names_queues(some, agent):
    sensitive = Queue.objects.get(slug="sensitive")
    client = as_user(agent)
    assert names_of(some, listed(client, f"queue={sensitive.pk}")) == ["legal"]
    assert names_of(some, listed(client, "queue=none")) == ["undecided"]


@pytest.mark.parametrize(
    "query", ["status=bogus", "view=bogus", "reason=rule:%00", "created=x", "queue=9999999"]
)
def test_a_value_that_is_no_choice_filters_nothing(some, agent, query):
    assert len(listed(as_user(agent), query)) == 4


def test_a_filter_that_does_not_exist_leads_back_to_the_list(some, agent):
    response = as_user(agent).get(f"{LIST}?colour=red")
    assert response.status_code == 302
    assert response.url == f"{LIST}?e=1"


def test_a_column_that_is_no_filter_is_refused(some, agent):
    assert as_user(agent).get(f"{LIST}?requester__email=ada").status_code == 400


def test_the_reopened_view_shows_what_came_back_and_is_not_done(some, agent):
    customer_actions.not_helped(some["answered"].pk, now=timezone.now())
    assert names_of(some, listed(as_user(agent), "view=reopened")) == ["answered"]
    agent_actions.resolve(some["answered"].pk, actor=Actor.person(agent), now=timezone.now())
    client = as_user(agent)
    assert listed(client, "view=reopened") == []
    assert names_of(some, listed(client, "view=came_back")) == ["answered"]


def test_open_for_more_than_a_day_is_old(some, agent):
    yesterday = timezone.now() - timedelta(hours=25)
    Ticket.objects.filter(pk=some["legal"].pk).update(created_at=yesterday)
    assert names_of(some, listed(as_user(agent), "view=old")) == ["legal"]


def test_the_row_says_what_matters(some, agent):
    words = words_of(as_user(agent).get(f"{LIST}?q=olga"))
    for part in (
        some["orders"].reference,
        "Olga Orders",
        "olga@example.com",
        "Where is my order?",
        "order status",
        "62%",
        "Open",
        "Normal",
        "Orders and delivery",
        "agent",
    ):
        assert part in words


def test_the_subject_comes_before_the_first_words(starter, says, agent):
    says(None)
    write_in("The text itself", subject="The subject line")
    words = words_of(as_user(agent).get(LIST))
    assert "The subject line" in words
    assert "The text itself" not in words


def test_customers_words_are_shown_as_text(starter, says, agent):
    says(None)
    write_in("<img src=x onerror=alert(1)> {{7*7}}", name="<script>alert(1)</script>")
    page = as_user(agent).get(LIST).content.decode()
    assert "<img src=x" not in page
    assert "<script>alert(1)" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; {{7*7}}" in page


def test_the_number_of_queries_does_not_grow_with_the_rows(
    some, agent, django_assert_max_num_queries
):
    client = as_user(agent)
    with django_assert_max_num_queries(15) as few:
        assert len(listed(client)) == 4
    queues = list(Queue.objects.all())
    for number in range(40):
        TicketFactory(
            decided=True,
            requester__name=f"Person {number}",
            queue=queues[number % len(queues)],
            assignee=agent,
        )
    with django_assert_max_num_queries(15) as many:
        assert len(listed(client)) == 44
    assert len(many) == len(few)


@pytest.mark.parametrize(
    "query",
    [
        "q=olga",
        "q=where order&status=open&priority=normal",
        "view=breach",
        "view=guard&channel=api&confidence=under50",
        "promise=late&created=7",
        "reason=not_certified&assignee=me&o=-8",
    ],
)
def test_search_and_filters_cost_no_more_queries(some, agent, query, django_assert_max_num_queries):
    client = as_user(agent)
    with django_assert_max_num_queries(15):
        listed(client, query)


@pytest.fixture
def promises(some):
    """One promise that is late, one due in half an hour, one that has time, one that waits."""
    level = ServiceLevel.objects.first() or ServiceLevel.objects.create(
        name="All", first_response_minutes=60, around_the_clock=True
    )
    now = timezone.now()
    due = {"orders": -5, "legal": 30, "answered": 300}
    for name, minutes in due.items():
        at = now + timedelta(minutes=minutes)
        Target.objects.update_or_create(
            ticket=some[name],
            kind="first_response",
            round=1,
            defaults={
                "service_level": level,
                "promised_minutes": 60,
                "started_at": at - timedelta(hours=1),
                "due_at": at,
                "warn_at": at,
                "met_at": None,
                "breached_at": None,
                "paused_at": None,
                "cancelled_at": None,
                "remaining": None,
            },
        )
    Target.objects.filter(kind="resolution").update(cancelled_at=now)
    return some


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("promise=late", ["orders"]),
        ("promise=soon", ["legal"]),
        ("promise=running", ["legal", "answered"]),
        ("promise=paused", []),
        ("promise=missed", []),
        ("view=breach", ["legal"]),
    ],
)
def test_promises_are_asked_for_by_how_they_stand(promises, agent, query, found):
    found_now = [
        name for name in names_of(promises, listed(as_user(agent), query)) if name != "undecided"
    ]
    assert found_now == found


def test_the_assignee_filter_names_colleagues(some, agent, lead):
    agent_actions.assign(some["legal"].pk, lead, actor=Actor.person(lead), now=timezone.now())
    assert names_of(some, listed(as_user(agent), f"assignee={lead.pk}")) == ["legal"]


def test_no_query_of_the_list_counts_all_tickets(some, agent, django_assert_max_num_queries):
    client = as_user(agent)
    with django_assert_max_num_queries(15) as captured:
        client.get(LIST)
    counting = [q["sql"] for q in captured.captured_queries if "COUNT(" in q["sql"]]
    assert counting
    assert all("LIMIT" in sql for sql in counting)
    assert not any("SELECT DISTINCT" in q["sql"] for q in captured.captured_queries)


def test_above_the_cap_the_list_says_that_there_are_more(some, agent, monkeypatch):
    monkeypatch.setattr(CappedPaginator, "cap", 3)
    assert "more than 3 tickets" in words_of(as_user(agent).get(LIST))


def test_below_the_cap_the_list_says_how_many(some, agent):
    assert "4 tickets" in words_of(as_user(agent).get(LIST))


def test_a_page_that_is_gone_shows_the_last_one(some, agent):
    assert len(listed(as_user(agent), "p=7&status=open")) == 2


def test_views_carry_their_numbers(some, agent):
    links = {link.title: link for link in as_user(agent).get(LIST).context["cl"].view_links}
    assert [title for title in links if links[title].chosen] == ["All"]
    assert (links["Mine"].count, links["Unassigned"].count, links["Undecided"].count) == (
        "1",
        "1",
        "1",
    )


def test_looking_at_the_list_changes_nothing(some, agent):
    before = all_rows()
    as_user(agent).get(LIST)
    assert all_rows() == before


def test_an_empty_list_offers_the_way_back(some, agent):
    assert "No row fits what you asked for." in words_of(as_user(agent).get(f"{LIST}?q=zzz"))


def test_priorities_that_stand_out_are_marked(some, agent):
    agent_actions.set_priority(
        some["orders"].pk, Priority.URGENT, actor=Actor.person(agent), now=timezone.now()
    )
    words = words_of(as_user(agent).get(f"{LIST}?q=olga"))
    assert '<span class="so-pill so-danger">Urgent</span>' in words


def test_a_search_counts_as_far_as_it_lists(agent, starter, says, monkeypatch):
    says("order_status")
    monkeypatch.setattr(change_list, "MOST_FOUND", 2)
    client = as_user(agent)
    for number in range(3):
        write_in(f"parcel {number}", email=f"p{number}@example.com")
    found = client.get(f"{LIST}?q=parcel")
    assert len(found.context["cl"].result_list) == 2
    assert "more than 2 tickets" in words_of(found)
    assert "3 tickets" in words_of(client.get(LIST))
    assert len(listed(client, "q=parcel+1")) == 1
