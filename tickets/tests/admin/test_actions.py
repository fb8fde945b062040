"""What people do on a ticket's page, and what is refused."""

import pytest
from django.urls import reverse
from django.utils import timezone

from decisions.models import Finding, Override
from tickets.admin.ticket.actions import ACTIONS
from tickets.codes import ActorKind, EventKind
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import Message, Outbox, Queue, Ticket, TicketEvent
from tickets.tests.at_work import (
    act,
    all_rows,
    as_user,
    page_of,
    reply,
    words_of,
    write_in,
)
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(starter, says):
    says("order_status", confidence=0.62)
    return write_in()


@pytest.fixture
def answered(starter, says):
    says("order_status", confidence=0.97)
    certify("order_status")
    return write_in(email="bea@example.com")


@pytest.fixture
def client(agent):
    return as_user(agent)


def now_of(ticket):
    return Ticket.objects.select_related("assignee", "queue").get(pk=ticket.pk)


def last_event(ticket):
    return TicketEvent.objects.filter(ticket=ticket).order_by("-id").first()


def test_a_reply_goes_out_and_the_ticket_waits(client, ticket, agent):
    response = reply(client, ticket, "It left us today.")
    assert response.status_code == 302
    assert response.url == page_of(ticket)
    after = now_of(ticket)
    assert (after.status, after.assignee) == ("waiting", agent)
    message = Message.objects.get(ticket=ticket, number=2)
    assert (message.body, message.author, message.user, message.internal) == (
        "It left us today.",
        "agent",
        agent,
        False,
    )
    assert Outbox.objects.get(message=message).kind == "mail.reply"
    event = last_event(ticket)
    assert (event.kind, event.actor_kind, event.user) == (
        EventKind.AGENT_REPLIED,
        ActorKind.PERSON,
        agent,
    )


def test_line_ends_of_browsers_count_and_stay_as_one_character(client, ticket):
    typed = "a\r\n" * 9_999 + "ab"
    assert reply(client, ticket, typed).status_code == 302
    assert Message.objects.get(ticket=ticket, number=2).body == typed.replace("\r\n", "\n")


def test_send_and_resolve_does_both(client, ticket):
    reply(client, ticket, "Done.", then="resolve")
    assert now_of(ticket).status == "resolved"
    assert Message.objects.filter(ticket=ticket, author="agent").count() == 1


def test_a_reply_over_somebodys_head_is_kept_and_warned_of(client, ticket, lead):
    seen = now_of(ticket).updated_at.isoformat()
    agent_actions.agent_reply(
        ticket.pk, "I was faster.", actor=Actor.person(lead), now=timezone.now()
    )
    before = all_rows()
    response = act(client, ticket, "reply", body="My own long text", seen_at=seen)
    assert response.status_code == 409
    assert all_rows() == before
    words = words_of(response)
    assert "My own long text</textarea>" in words
    assert "Nothing was sent: this ticket changed while you were writing." in words
    assert "<bdi>lead</bdi> replied" in words


def test_after_the_warning_the_same_text_can_be_sent(client, ticket, lead):
    seen = now_of(ticket).updated_at.isoformat()
    agent_actions.add_note(ticket.pk, "Wait.", actor=Actor.person(lead), now=timezone.now())
    warned = act(client, ticket, "reply", body="My text", seen_at=seen)
    again = act(client, ticket, "reply", body="My text", seen_at=warned.context["seen_at"])
    assert again.status_code == 302
    assert Message.objects.filter(ticket=ticket, body="My text").count() == 1


def test_a_second_click_sends_nothing_twice(client, ticket):
    seen = now_of(ticket).updated_at.isoformat()
    act(client, ticket, "reply", body="Once", seen_at=seen)
    assert act(client, ticket, "reply", body="Once", seen_at=seen).status_code == 409
    assert Message.objects.filter(ticket=ticket, body="Once").count() == 1


@pytest.mark.parametrize(
    ("case", "body", "said"),
    [
        ("empty", "", "Write something first."),
        ("blank", " \n ", "Write something first."),
        ("too long", "x" * 20_001, "at most 20000 characters"),
        ("invisible", "\u200b\u2060", "Write something first."),
        ("broken", "Hello \0 there", "broken character"),
        ("a gap", "We sent it on [day], Ada.", "There is still a gap to fill: [day]"),
    ],
)
def test_a_reply_that_cannot_be_sent_stays_where_it_was_typed(client, ticket, case, body, said):
    before = all_rows()
    response = reply(client, ticket, body)
    assert response.status_code == 422
    assert said in words_of(response)
    assert response.context["composer"]["body"] == body.replace("\0", "\ufffd")
    assert all_rows() == before


def test_brackets_are_sent_when_they_are_meant(client, ticket):
    reply(client, ticket, "See [1] in the manual.", gaps_meant="on")
    assert Message.objects.get(ticket=ticket, number=2).body == "See [1] in the manual."


@pytest.mark.parametrize("seen_at", ["", "yesterday", "2026-01-01T00:00:00"])
def test_a_reply_without_the_moment_at_which_it_was_written_is_refused(client, ticket, seen_at):
    before = all_rows()
    response = act(client, ticket, "reply", body="Hello", seen_at=seen_at)
    assert response.status_code == 422
    assert "Hello</textarea>" in words_of(response)
    assert all_rows() == before


def test_a_note_is_internal_and_mails_nobody(client, ticket):
    mails = Outbox.objects.count()
    act(client, ticket, "note", body="Only for us")
    message = Message.objects.get(ticket=ticket, number=2)
    assert (message.body, message.internal) == ("Only for us", True)
    assert (now_of(ticket).status, Outbox.objects.count()) == ("open", mails)


def test_assigning(client, ticket, agent, lead, auditor):
    act(client, ticket, "assign", to=str(agent.pk))
    assert now_of(ticket).assignee == agent
    act(client, ticket, "assign", to=str(lead.pk))
    assert now_of(ticket).assignee == lead
    act(client, ticket, "assign", to="")
    assert now_of(ticket).assignee is None


@pytest.mark.parametrize("to", ["auditor", "999999", "x", "٣", "9" * 5000])
def test_a_ticket_goes_only_to_somebody_who_works_on_tickets(client, ticket, auditor, to):
    before = all_rows()
    act(client, ticket, "assign", to=str(auditor.pk) if to == "auditor" else to)
    assert all_rows() == before


def test_moving_and_priority(client, ticket):
    billing = Queue.objects.get(slug="billing")
    act(client, ticket, "queue", queue=billing.pk)
    act(client, ticket, "priority", priority="urgent")
    assert (now_of(ticket).queue, now_of(ticket).priority) == (billing, "urgent")


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("queue", {"queue": "x"}),
        ("queue", {"queue": "99999999999999999999999"}),
        ("queue", {}),
        ("priority", {"priority": "immediately"}),
        ("intent", {"intent": "nonsense", "wrong": "yes"}),
        ("intent", {"intent": "delivery_problem"}),
        ("intent", {"intent": "delivery_problem", "wrong": "maybe"}),
        ("intent", {"wrong": "yes"}),
        ("escalate", {"queue": "x"}),
        ("merge", {"reference": "T-0000-0000"}),
        ("merge", {"reference": ""}),
        ("merge", {"reference": "x" * 5000}),
        ("not_spam", {}),
        ("note", {"body": " "}),
    ],
)
def test_what_makes_no_sense_changes_nothing(client, ticket, name, fields):
    before = all_rows()
    assert act(client, ticket, name, **fields).status_code in {302, 422}
    assert all_rows() == before


def test_escalating_raises_and_frees_the_ticket(client, ticket, agent):
    act(client, ticket, "assign", to=str(agent.pk))
    sensitive = Queue.objects.get(slug="sensitive")
    act(client, ticket, "escalate", queue=sensitive.pk)
    after = now_of(ticket)
    assert (after.status, after.assignee, after.priority, after.queue) == (
        "open",
        None,
        "high",
        sensitive,
    )


def test_resolving_closing_and_opening_again(client, ticket):
    act(client, ticket, "resolve")
    assert now_of(ticket).status == "resolved"
    act(client, ticket, "reopen")
    after = now_of(ticket)
    assert (after.status, after.round, after.reasons[0]) == ("open", 2, "guard:reopened")
    act(client, ticket, "close")
    assert now_of(ticket).status == "closed"


def test_spam_and_not_spam(client, ticket):
    act(client, ticket, "spam")
    assert now_of(ticket).status == "spam"
    act(client, ticket, "not_spam")
    assert now_of(ticket).status == "open"


@pytest.mark.parametrize(("wrong", "judged"), [("yes", True), ("no", False), ("unsure", None)])
def test_correcting_the_intent_asks_whether_the_machine_was_wrong(
    client, answered, agent, wrong, judged
):
    act(client, answered, "intent", intent="delivery_problem", wrong=wrong)
    after = now_of(answered)
    assert (after.intent, after.intent_corrected) == ("delivery_problem", True)
    override = Override.objects.get()
    assert (override.before, override.after, override.machine_was_wrong, override.user) == (
        "order_status",
        "delivery_problem",
        judged,
        agent,
    )


WORDS_ON_THE_MACHINE = [("yes", True), ("no", False), ("", None), ("unsure", None)]


@pytest.mark.parametrize(("wrong", "judged"), WORDS_ON_THE_MACHINE)
def test_a_reply_may_say_whether_the_machine_was_wrong(client, answered, agent, wrong, judged):
    reply(client, answered, "Let me look myself.", wrong=wrong)
    override = Override.objects.get()
    assert (override.kind, override.machine_was_wrong, override.user) == ("reply", judged, agent)
    told = words_of(client.get(page_of(answered)))
    assert ("called the automatic answer wrong" in told) == (judged is True)
    assert ("called the automatic answer right" in told) == (judged is False)
    findings = Finding.objects.values_list("wrong", "user_id")
    assert list(findings) == ([] if judged is None else [(judged, agent.pk)])


@pytest.mark.parametrize(("wrong", "judged"), WORDS_ON_THE_MACHINE)
def test_escalating_may_say_whether_the_machine_was_wrong(client, answered, wrong, judged):
    act(client, answered, "escalate", wrong=wrong)
    override = Override.objects.get()
    assert (override.kind, override.machine_was_wrong) == ("outcome", judged)
    assert Finding.objects.count() == (judged is not None)


def test_the_machine_is_asked_about_only_where_it_answered(client, ticket, answered):
    assert 'name="wrong"' in client.get(page_of(answered)).content.decode().split("so-send")[0]
    page = client.get(page_of(ticket)).content.decode()
    assert "The automatic answer was" not in page


def test_what_was_said_of_the_machine_survives_a_refusal(client, answered):
    response = reply(client, answered, "", wrong="yes")
    assert response.status_code == 422
    assert '<option value="yes" selected>' in response.content.decode()


def test_another_word_on_the_machine_is_refused(client, answered):
    before = all_rows()
    assert reply(client, answered, "Words", wrong="maybe").status_code == 422
    assert all_rows() == before


def test_none_of_the_intents_can_be_said(client, ticket):
    act(client, ticket, "intent", intent="none", wrong="yes")
    assert (now_of(ticket).intent, now_of(ticket).intent_corrected) == (None, True)


def test_merging_by_reference(client, ticket, says):
    says(None)
    twin = write_in("The same again")
    act(client, twin, "merge", reference=f" {ticket.reference.lower()} ")
    assert (now_of(twin).status, now_of(twin).merged_into) == ("merged", ticket)


def test_another_persons_ticket_is_not_merged(client, ticket, answered):
    before = all_rows()
    response = act(client, answered, "merge", reference=ticket.reference)
    assert all_rows() == before
    assert "Only tickets of the same person can be merged." in words_of(client.get(response.url))


def test_a_reply_on_spam_is_refused_and_kept(client, ticket):
    agent_actions.mark_spam(ticket.pk, actor=Actor.machine(), now=timezone.now())
    before = all_rows()
    response = reply(client, ticket, "Too late")
    assert response.status_code == 422
    assert "Too late</textarea>" in words_of(response)
    assert all_rows() == before


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_every_action_needs_a_post_and_else_leads_to_the_page(client, ticket, name):
    before = all_rows()
    address = reverse("admin:tickets_ticket_act", args=[ticket.pk, name])
    assert client.get(address).url == page_of(ticket)  # where a login leads back to
    assert client.put(address).status_code == 405
    assert all_rows() == before


def test_an_action_that_does_not_exist_is_not_found(client, ticket):
    assert act(client, ticket, "delete").status_code == 404


def test_an_action_on_a_ticket_that_does_not_exist_is_not_found(client, starter):
    assert client.post("/ops/tickets/ticket/4711/do/resolve/").status_code == 404


def test_a_post_without_the_hidden_token_is_refused(ticket, agent):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(agent, backend="django.contrib.auth.backends.ModelBackend")
    before = all_rows()
    assert act(strict, ticket, "resolve").status_code == 403
    assert all_rows() == before


def test_after_an_action_the_list_is_still_known(client, ticket):
    address = reverse("admin:tickets_ticket_act", args=[ticket.pk, "resolve"])
    response = client.post(f"{address}?_changelist_filters=status%3Dopen")
    assert response.url == f"{page_of(ticket)}?_changelist_filters=status%3Dopen"
