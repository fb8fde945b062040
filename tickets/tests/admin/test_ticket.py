"""A ticket's page in the console: what it shows, to whom, and what it costs."""

import re

import pytest
from django.utils import timezone

from classification.contract import Explanation, Term
from decisions.models import Policy
from tickets.codes import NoIntent
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Outbox, Ticket
from tickets.tests.at_work import all_rows, as_user, page_of, words_of, write_in
from tickets.tests.factories import TicketFactory
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(agent):
    return as_user(agent)


@pytest.fixture
def escalated(starter, says):
    says("order_status", confidence=0.62, margin=0.4)
    certify("order_status")
    return write_in("Where is my order 4411?", subject="My order")


@pytest.fixture
def answered(starter, says):
    says("order_status", confidence=0.97)
    certify("order_status")
    return write_in("Where is my order 4411?")


def plain(response) -> str:
    """The words of a page, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def test_the_page_shows_the_conversation_with_its_authors(client, escalated, agent):
    actor, now = Actor.person(agent), timezone.now()
    agent.first_name, agent.last_name = "Mia", "Moss"
    agent.save()
    agent_actions.add_note(escalated.pk, "Looks like a late one.", actor=actor, now=now)
    agent_actions.agent_reply(escalated.pk, "It left us today.", actor=actor, now=now)
    customer_actions.customer_reply(escalated.pk, "Still nothing here!", now=timezone.now())
    shown = client.get(page_of(escalated))
    roles = [(one.who, one.role, one.message.body) for one in shown.context["said"]]
    assert roles == [
        ("Ada Example", "customer", "Where is my order 4411?"),
        ("Mia Moss", "note", "Looks like a late one."),
        ("Mia Moss", "agent", "It left us today."),
        ("Ada Example", "customer", "Still nothing here!"),
    ]


def test_an_automatic_answer_is_shown_as_the_machines(client, answered):
    machine = client.get(page_of(answered)).context["said"][1]
    assert (machine.who, machine.role) == ("Automatic answer", "machine")


def test_a_mail_that_was_given_up_is_said_beside_its_message(client, answered):
    Outbox.objects.filter(ticket=answered).update(state="failed", last_error="SMTPException")
    assert "mail failed" in words_of(client.get(page_of(answered)))


def test_words_are_isolated_and_never_markup(starter, says, client):
    says(None)
    ticket = write_in("</textarea><script>alert(1)</script>", subject="<b>x</b>", name="<i>N</i>")
    page = client.get(page_of(ticket)).content.decode()
    assert "<script>alert(1)" not in page
    assert "<b>x</b>" not in page
    assert "<i>N</i>" not in page
    words = '<div class="so-words" dir="auto" data-fold>&lt;/textarea&gt;&lt;script&gt;alert(1)'
    assert words in page


def test_why_names_every_step_in_words(client, escalated):
    words = plain(client.get(page_of(escalated)))
    for sentence in (
        "The confidence is below the threshold.",
        "All automation is switched off.",
        "The customer asked for a person.",
        "A long message often holds more than one request.",
        "More than three questions at once.",
        "A certificate speaks of this intent and this classifier.",
        "The policy lets this intent be answered automatically.",
        "Confidence: 0.62 → at least 0.8",
        "v1 Starter",
        "scripted-1",
        "For a test.",
    ):
        assert sentence in words


def test_why_shows_each_step_once_with_what_it_saw(client, escalated):
    why = client.get(page_of(escalated)).context["why"]
    steps = [step for stage in why.stages for step in stage.steps]
    assert len(steps) == len(why.decision.trace)
    assert [step.name for step in steps if step.fired] == why.decision.reasons
    seen = {step.name: dict(step.values) for step in steps}
    assert seen["below_threshold"] == {"Confidence": "0.62", "Threshold": "0.8"}
    assert seen["guard:kill_switch"] == {"Kill switch": "no"}


def test_where_a_guard_decided_nothing_would_have_turned_it(starter, says, client):
    says("order_status", confidence=0.99)
    certify("order_status")
    ticket = write_in("My lawyer asks where my order is.")
    words = plain(client.get(page_of(ticket)))
    assert "The message touches a topic that only a person should answer." in words
    assert "No policy and no confidence could have turned it" in words


def test_no_intent_comes_with_its_reason(starter, says, client):
    says(None, reason=NoIntent.AMBIGUOUS, confidence=0.41, best_guess="order_change")
    ticket = write_in("Order or refund or both")
    words = plain(client.get(page_of(ticket)))
    assert "No intent Several intents fit about equally well." in words
    assert "41% for its best guess, order change" in words


def test_the_suggested_reply_is_filled_in(client, escalated):
    shown = client.get(page_of(escalated))
    assert shown.context["filled"].template.slug == "order_status"
    assert "Hello Ada" in shown.context["filled"].body


def test_the_timeline_names_true_actors(client, escalated, agent, lead):
    actor = Actor.person(agent)
    agent_actions.assign(escalated.pk, agent, actor=actor, now=timezone.now())
    agent_actions.assign(escalated.pk, lead, actor=actor, now=timezone.now())
    agent_actions.correct_intent(
        escalated.pk, "delivery_problem", actor=actor, now=timezone.now(), machine_was_wrong=True
    )
    told = [(line.who, line.what) for line in client.get(page_of(escalated)).context["lines"]]
    assert told == [
        ("Ada Example", "sent the inquiry (form)"),
        (
            "The machine",
            "handed the ticket to a person: The confidence is below the threshold.",
        ),
        ("agent", "took the ticket"),
        ("agent", "assigned the ticket to lead"),
        ("agent", "corrected the intent from Order status to Delivery problem"),
    ]


def test_an_integration_is_named_in_the_timeline(starter, says, client, issue_key):
    from tickets.models import ApiKey

    says(None)
    issue_key("tickets:write", name="shop")
    ticket = write_in("Hello", api_key=ApiKey.objects.get(name="shop"))
    assert client.get(page_of(ticket)).context["lines"][0].who == "Integration “shop”"


def test_other_tickets_of_the_person_are_linked(client, escalated, says):
    says(None)
    other = write_in("Something else entirely")
    words = words_of(client.get(page_of(escalated)))
    assert "Something else entirely" in words
    assert page_of(other) in words


def test_terms_are_computed_when_asked_for(client, escalated, says, monkeypatch):
    scripted = says("order_status")
    told = Explanation(terms=(Term("order", 2.0), Term("hello", -0.5)), nearest=())
    monkeypatch.setattr(scripted, "explain", lambda text, nearest=5: told, raising=False)
    words = plain(client.get(f"/ops/tickets/ticket/{escalated.pk}/terms/"))
    assert "order 2 hello -0.5" in words
    assert "scripted-1" in words


def test_erased_words_are_neither_shown_nor_explained(client, escalated):
    escalated.messages.update(body="", subject="", erased_at=timezone.now())
    assert "These words were erased" in words_of(client.get(page_of(escalated)))
    words = words_of(client.get(f"/ops/tickets/ticket/{escalated.pk}/terms/"))
    assert "This classifier names no words, or the words were erased." in words


def test_a_ticket_that_waits_for_its_decision_has_a_page(client, starter):
    ticket = TicketFactory()
    words = words_of(client.get(page_of(ticket)))
    assert "Not decided yet." in words
    assert "There is no decision yet, so there is nothing to explain." in words


def test_a_ticket_decided_without_any_rule_has_a_page(client, starter, says, monkeypatch):
    from decisions.deciding import decide

    says("order_status")
    monkeypatch.setattr(decide, "gather", lambda *args, **kwargs: 1 / 0)
    ticket = write_in()
    assert Ticket.objects.get(pk=ticket.pk).reasons == ["processing_failed"]
    words = plain(client.get(page_of(ticket)))
    assert "Something failed on our side, so a person gets the ticket." in words
    assert "Processing failed before the rules were asked" in words


def test_earlier_rounds_stay_on_the_page(client, answered):
    customer_actions.not_helped(answered.pk, now=timezone.now())
    shown = client.get(page_of(answered))
    assert shown.context["why"].decision.round == 2
    assert [decision.round for decision in shown.context["earlier"]] == [1]
    assert "The ticket was opened again: the last answer was not enough." in plain(shown)


def test_the_number_of_queries_does_not_grow_with_the_conversation(
    client, escalated, agent, django_assert_max_num_queries
):
    with django_assert_max_num_queries(32) as short:
        client.get(page_of(escalated))
    for number in range(15):
        now = timezone.now()
        agent_actions.add_note(escalated.pk, f"Note {number}", actor=Actor.person(agent), now=now)
    for number in range(5):
        write_in(f"Another {number}")
    with django_assert_max_num_queries(32) as long:
        client.get(page_of(escalated))
    # With other tickets to show, their first words are one query more.
    assert len(long) <= len(short) + 1


def test_looking_changes_nothing(client, escalated):
    before = all_rows()
    client.get(page_of(escalated))
    client.get(f"/ops/tickets/ticket/{escalated.pk}/terms/")
    assert all_rows() == before
    assert client.post(page_of(escalated), {"status": "resolved"}).status_code == 405
    assert all_rows() == before


@pytest.mark.parametrize("key", ["0", "999999", "9" * 40, "x", "1x", "-1"])
def test_a_ticket_that_is_not_there_is_not_found(client, starter, key):
    assert client.get(f"/ops/tickets/ticket/{key}/change/").status_code == 404


def test_an_agent_sees_the_policys_name_but_no_way_into_it(client, escalated):
    words = words_of(client.get(page_of(escalated)))
    assert "v1 Starter" in words
    assert f"/ops/decisions/policy/{Policy.objects.get().pk}/" not in words


def test_an_auditor_reads_everything_and_finds_no_form(escalated, auditor):
    words = words_of(as_user(auditor).get(page_of(escalated)))
    assert "Where is my order 4411?" in words
    assert "The confidence is below the threshold." in words
    assert "/do/" not in words


def test_the_way_back_leads_to_the_list_as_it_was(client, escalated):
    shown = client.get(f"{page_of(escalated)}?_changelist_filters=status%3Dopen")
    assert shown.context["back"] == "/ops/tickets/ticket/?status=open"


def test_values_by_the_names_of_methods_are_shown_as_they_are(client, escalated):
    Ticket.objects.filter(pk=escalated.pk).update(metadata={"items": 3, "keys": "a", "get": None})
    shown = client.get(page_of(escalated))
    assert shown.status_code == 200
    assert "<bdi>3</bdi>" in shown.content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "here/?seen_at=0001-01-01T00:00:00%2B23:59",
        "here/?seen_at=9999-12-31T23:59:59-23:59",
        "next/?_changelist_filters=foo%3Dbar",
    ],
)
def test_odd_addresses_are_no_failure(client, escalated, path):
    assert client.get(f"/ops/tickets/ticket/{escalated.pk}/{path}").status_code < 500
