"""What agents and integrations do on a ticket."""

import json
from datetime import timedelta

import pytest

from decisions.models import Finding, Override
from tickets.codes import AuditKind, Priority, Role
from tickets.desk import agent_actions, customer_actions
from tickets.history import verify
from tickets.history.record import Actor
from tickets.locks import ChangedMeanwhile, NotPossible
from tickets.models import ApiKey, AuditRecord, Message, Outbox, Queue, Ticket
from tickets.pipeline import catch_up
from tickets.tests.arriving import DAY, HOUR, MINUTE, NOW, arrive, in_threads, kinds_of, stored
from tickets.tests.factories import TicketFactory

LATER = NOW + HOUR


@pytest.fixture
def ticket(automating) -> Ticket:
    """A refund request that waits for a person."""
    automating("refund_request")
    return arrive()


@pytest.fixture
def answered(automating) -> Ticket:
    return arrive(email="bob@example.com")


@pytest.fixture
def by_shop(issue_key) -> Actor:
    issue_key(name="shop")
    return Actor.integration(ApiKey.objects.get(name="shop"))


def row(ticket: Ticket) -> dict:
    return Ticket.objects.filter(pk=ticket.pk).values().get()


def last_event(ticket: Ticket):
    return ticket.events.latest("id")


# --- Answering ------------------------------------------------------------------------------------


def test_an_agents_reply_waits_for_the_customer_and_goes_out_by_mail(ticket, by_agent, agent):
    message = agent_actions.agent_reply(ticket.pk, "On its way.", actor=by_agent, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("waiting", agent)
    assert (ticket.first_human_reply_at, ticket.updated_at) == (LATER, LATER)
    assert (message.number, message.author, message.user, message.internal) == (
        2,
        "agent",
        agent,
        False,
    )
    mail = Outbox.objects.get(message=message)
    assert (mail.kind, mail.automatic, mail.requester) == ("mail.reply", False, ticket.requester)
    told = last_event(ticket)
    assert (told.kind, told.user, told.data) == ("message.agent", agent, {"message": 2})


def test_the_first_reply_and_the_first_assignee_stay(ticket, by_agent, agent, lead):
    agent_actions.agent_reply(ticket.pk, "First.", actor=by_agent, now=NOW + MINUTE)
    agent_actions.agent_reply(ticket.pk, "Second.", actor=Actor.person(lead), now=LATER)
    ticket.refresh_from_db()
    assert (ticket.first_human_reply_at, ticket.assignee) == (NOW + MINUTE, agent)


def test_an_integration_answers_without_becoming_the_assignee(ticket, by_shop):
    message = agent_actions.agent_reply(ticket.pk, "Shipped.", actor=by_shop, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee, message.user) == ("waiting", None, None)
    told = last_event(ticket)
    assert (told.actor_kind, told.api_key_id) == ("integration", by_shop.api_key_id)


def test_a_person_without_an_address_gets_no_mail(ticket, by_agent):
    ticket.requester.email = None
    ticket.requester.save()
    before = Outbox.objects.count()
    agent_actions.agent_reply(ticket.pk, "Done.", actor=by_agent, now=LATER)
    assert Outbox.objects.count() == before


def test_a_note_changes_nothing_that_a_customer_sees(ticket, by_agent):
    agent_actions.add_note(ticket.pk, "Looks like fraud", actor=by_agent, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.first_human_reply_at) == ("open", None)
    assert [m.body for m in ticket.messages.visible_to_customer()] == ["Where is my order?"]
    assert Outbox.objects.filter(kind="mail.reply").count() == 0


# --- Two at once ----------------------------------------------------------------------------------


def test_a_reply_over_another_ones_head_changes_nothing(ticket, by_agent, lead):
    seen = Ticket.objects.get(pk=ticket.pk).updated_at
    agent_actions.set_priority(ticket.pk, Priority.URGENT, actor=Actor.person(lead), now=LATER)
    before, rows = row(ticket), stored()
    with pytest.raises(ChangedMeanwhile):
        agent_actions.agent_reply(ticket.pk, "Hello", actor=by_agent, now=LATER, seen_at=seen)
    assert (row(ticket), stored()) == (before, rows)
    seen = Ticket.objects.get(pk=ticket.pk).updated_at
    agent_actions.agent_reply(ticket.pk, "Hello", actor=by_agent, now=LATER, seen_at=seen)
    assert Message.objects.filter(ticket=ticket, author="agent").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_agents_who_saw_the_same_one_replies(automating, by_agent, lead):
    automating("refund_request")
    ticket = arrive()
    seen = Ticket.objects.get(pk=ticket.pk).updated_at
    made = in_threads(
        [
            lambda actor=actor: agent_actions.agent_reply(
                ticket.pk, "Hello", actor=actor, now=LATER, seen_at=seen
            )
            for actor in (by_agent, Actor.person(lead))
        ]
    )
    assert sorted(type(one).__name__ for one in made) == ["ChangedMeanwhile", "Message"]
    assert Message.objects.filter(ticket=ticket, author="agent").count() == 1


# --- Sorting --------------------------------------------------------------------------------------


def test_assigning_moving_and_prioritising_say_what_was_before(ticket, by_agent, agent):
    agent_actions.assign(ticket.pk, agent, actor=by_agent, now=LATER)
    assert last_event(ticket).data == {"before": None, "after": agent.pk}
    agent_actions.assign(ticket.pk, None, actor=by_agent, now=LATER)
    assert last_event(ticket).data == {"before": agent.pk, "after": None}
    sales = Queue.objects.get(slug="sales")
    agent_actions.move(ticket.pk, sales, actor=by_agent, now=LATER)
    assert last_event(ticket).data == {"before": "billing", "after": "sales"}
    agent_actions.set_priority(ticket.pk, Priority.LOW, actor=by_agent, now=LATER)
    assert last_event(ticket).data == {"before": "high", "after": "low"}
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.queue, ticket.priority) == (None, sales, "low")
    assert kinds_of(ticket)[2:] == [
        "ticket.assigned",
        "ticket.assigned",
        "ticket.queue_changed",
        "ticket.priority_changed",
    ]


def test_what_is_so_already_leaves_no_trace(ticket, by_agent):
    before, rows = row(ticket), stored()
    agent_actions.assign(ticket.pk, None, actor=by_agent, now=LATER)
    agent_actions.move(ticket.pk, Queue.objects.get(slug="billing"), actor=by_agent, now=LATER)
    agent_actions.set_priority(ticket.pk, Priority.HIGH, actor=by_agent, now=LATER)
    agent_actions.unmark_spam(ticket.pk, actor=by_agent, now=LATER)
    assert (row(ticket), stored()) == (before, rows)


# --- Escalating -----------------------------------------------------------------------------------


def test_escalating_raises_the_priority_and_frees_the_ticket(ticket, by_agent, agent):
    agent_actions.set_priority(ticket.pk, Priority.LOW, actor=by_agent, now=NOW)
    agent_actions.assign(ticket.pk, agent, actor=by_agent, now=NOW)
    sensitive = Queue.objects.get(slug="sensitive")
    agent_actions.escalate(ticket.pk, actor=by_agent, now=LATER, queue=sensitive)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee, ticket.queue) == ("open", None, sensitive)
    assert ticket.priority == "high"
    assert last_event(ticket).data == {"queue": "sensitive"}
    assert not Override.objects.exists()  # no automatic answer was taken away


def test_escalating_lowers_no_priority_and_keeps_the_queue(ticket, by_agent):
    agent_actions.set_priority(ticket.pk, Priority.URGENT, actor=by_agent, now=NOW)
    agent_actions.escalate(ticket.pk, actor=by_agent, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.priority, ticket.queue.slug) == ("urgent", "billing")


def test_taking_an_automatic_answer_away_is_an_override_once(answered, by_agent, agent):
    agent_actions.escalate(answered.pk, actor=by_agent, now=LATER)
    answered.refresh_from_db()
    assert (answered.status, answered.round) == ("open", 1)
    override = Override.objects.get()
    assert (override.kind, override.before, override.after) == (
        "outcome",
        "auto_resolve",
        "escalate",
    )
    assert (override.user, override.decision) == (agent, answered.decisions.get())
    link = AuditRecord.objects.latest("number")
    assert (link.kind, link.actor, link.subject) == (
        AuditKind.OVERRIDE,
        f"person:{agent.pk}",
        f"ticket:{answered.pk}",
    )
    assert json.loads(link.body)["data"]["override"] == override.pk
    agent_actions.agent_reply(answered.pk, "Hello", actor=by_agent, now=LATER)
    agent_actions.escalate(answered.pk, actor=by_agent, now=LATER)
    assert Override.objects.count() == 1
    assert verify.verify().is_sound


def test_an_integration_escalates_without_an_override(answered, by_shop):
    agent_actions.escalate(answered.pk, actor=by_shop, now=LATER)
    answered.refresh_from_db()
    assert (answered.status, Override.objects.count()) == ("open", 0)


# --- Ending ---------------------------------------------------------------------------------------


def test_resolving_and_closing_keep_when_the_ticket_was_first_resolved(ticket, by_agent):
    agent_actions.resolve(ticket.pk, actor=by_agent, now=LATER)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=LATER + MINUTE)
    agent_actions.close(ticket.pk, actor=by_agent, now=LATER + HOUR)
    agent_actions.close(ticket.pk, actor=by_agent, now=LATER + 2 * HOUR)
    ticket.refresh_from_db()
    assert (ticket.status, ticket.resolved_at) == ("closed", LATER)
    assert ticket.first_resolved_at == LATER
    assert kinds_of(ticket)[2:] == ["ticket.resolved", "ticket.closed"]


@pytest.mark.parametrize(
    "end", [agent_actions.resolve, agent_actions.close, agent_actions.mark_spam]
)
def test_a_ticket_nobody_decided_can_be_ended_and_is_not_decided_any_more(
    automating, by_agent, end
):
    left = TicketFactory(created_at=NOW)
    end(left.pk, actor=by_agent, now=LATER)
    left.refresh_from_db()
    assert left.decided_at == LATER
    assert catch_up.sweep(now=LATER + HOUR) == 0


def test_spam_can_be_taken_back_and_is_a_persons_turn_then(answered, by_agent):
    agent_actions.mark_spam(answered.pk, actor=by_agent, now=LATER)
    assert last_event(answered).data == {"before": "answered"}
    agent_actions.unmark_spam(answered.pk, actor=by_agent, now=LATER)
    answered.refresh_from_db()
    assert (answered.status, answered.round) == ("open", 1)
    assert last_event(answered).data == {"status": "spam"}


STOPPABLE = {
    "reply": lambda pk, by: agent_actions.agent_reply(pk, "Hello", actor=by, now=LATER),
    "escalate": lambda pk, by: agent_actions.escalate(pk, actor=by, now=LATER),
    "resolve": lambda pk, by: agent_actions.resolve(pk, actor=by, now=LATER),
    "close": lambda pk, by: agent_actions.close(pk, actor=by, now=LATER),
}


@pytest.mark.parametrize("action", STOPPABLE)
@pytest.mark.parametrize("end", ["spam", "merged"])
def test_spam_and_merged_tickets_are_not_worked_on(ticket, by_agent, end, action):
    if end == "spam":
        agent_actions.mark_spam(ticket.pk, actor=by_agent, now=NOW)
    else:
        agent_actions.merge(ticket.pk, arrive(), actor=by_agent, now=NOW)
    before, rows = row(ticket), stored()
    with pytest.raises(NotPossible, match=end):
        STOPPABLE[action](ticket.pk, by_agent)
    assert (row(ticket), stored()) == (before, rows)


# --- Correcting the intent ------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "wrong"), [("invoice_request", True), (None, None)])
def test_a_correction_stands_on_the_ticket_and_on_record(ticket, by_agent, agent, said, wrong):
    agent_actions.correct_intent(
        ticket.pk, said, actor=by_agent, now=LATER, machine_was_wrong=wrong
    )
    ticket.refresh_from_db()
    assert (ticket.intent, ticket.intent_corrected) == (said, True)
    override = Override.objects.get()
    assert (override.kind, override.before, override.after) == (
        "intent",
        "refund_request",
        said or "",
    )
    assert (override.user, override.machine_was_wrong) == (agent, wrong)
    assert AuditRecord.objects.latest("number").kind == AuditKind.OVERRIDE
    assert last_event(ticket).data == {"before": "refund_request", "after": said}
    assert ticket.predictions.get().intent == "refund_request"  # the machine's word stays


def test_the_same_correction_twice_is_one(ticket, by_agent):
    for _ in range(2):
        agent_actions.correct_intent(ticket.pk, "praise", actor=by_agent, now=LATER)
    assert Override.objects.count() == 1


def test_confirming_the_machines_intent_protects_it(ticket, by_agent):
    agent_actions.correct_intent(ticket.pk, "refund_request", actor=by_agent, now=LATER)
    ticket.refresh_from_db()
    assert ticket.intent_corrected


def test_an_integration_corrects_without_an_override(ticket, by_shop):
    agent_actions.correct_intent(ticket.pk, "praise", actor=by_shop, now=LATER)
    ticket.refresh_from_db()
    assert (ticket.intent, Override.objects.count()) == ("praise", 0)
    assert last_event(ticket).actor_kind == "integration"


# --- Merging --------------------------------------------------------------------------------------


def test_a_duplicate_follows_the_other_ticket(ticket, by_agent):
    duplicate = arrive()
    agent_actions.merge(duplicate.pk, ticket, actor=by_agent, now=LATER)
    duplicate.refresh_from_db()
    assert (duplicate.status, duplicate.merged_into) == ("merged", ticket)
    assert last_event(duplicate).data == {"into": ticket.reference, "before": "open"}


def refused(ticket: Ticket, into: Ticket, by_agent: Actor) -> bool:
    before, rows = (row(ticket), row(into)), stored()
    with pytest.raises(NotPossible):
        agent_actions.merge(ticket.pk, into, actor=by_agent, now=LATER)
    return ((row(ticket), row(into)), stored()) == (before, rows)


def test_merges_that_would_lose_a_conversation_are_refused(ticket, answered, by_agent):
    mine, other = arrive(), arrive()
    assert refused(mine, mine, by_agent)  # itself
    assert refused(mine, answered, by_agent)  # another person's
    agent_actions.mark_spam(other.pk, actor=by_agent, now=NOW)
    assert refused(mine, other, by_agent)  # into spam
    assert refused(other, mine, by_agent)  # spam
    agent_actions.merge(mine.pk, ticket, actor=by_agent, now=NOW)
    assert refused(arrive(), Ticket.objects.get(pk=mine.pk), by_agent)  # into a merged one
    assert refused(Ticket.objects.get(pk=mine.pk), arrive(), by_agent)  # a merged one


def test_a_target_that_was_merged_meanwhile_is_refused(ticket, by_agent):
    """The caller's copies are old: each of two tickets would follow the other."""
    mine = arrive()
    agent_actions.merge(mine.pk, ticket, actor=by_agent, now=NOW)
    assert mine.merged_into_id is None  # as the caller knows it
    assert refused(ticket, mine, by_agent)


@pytest.mark.django_db(transaction=True)
def test_of_two_tickets_merged_into_each_other_at_once_one_goes_on(automating, by_agent):
    automating("refund_request")
    one, two = arrive(), arrive()
    made = in_threads(
        [
            lambda: agent_actions.merge(one.pk, two, actor=by_agent, now=LATER),
            lambda: agent_actions.merge(two.pk, one, actor=by_agent, now=LATER),
        ]
    )
    assert sorted(type(one).__name__ for one in made) == ["NoneType", "NotPossible"]
    assert sorted(Ticket.objects.values_list("status", flat=True)) == ["merged", "open"]


# --- Who did it -----------------------------------------------------------------------------------


def test_every_action_names_its_true_actor(ticket, person, by_shop):
    mia = person(Role.LEAD, username="mia")
    for actor in (Actor.person(mia), by_shop):
        agent_actions.add_note(ticket.pk, "Seen", actor=actor, now=LATER)
        agent_actions.set_priority(
            ticket.pk,
            Priority.LOW if actor == by_shop else Priority.URGENT,
            actor=actor,
            now=LATER,
        )
    customer_actions.rate(ticket.pk, 3, now=LATER + timedelta(minutes=1))
    events = ticket.events.exclude(kind__startswith="service_level.").order_by("id")
    told = events.values_list("actor_kind", "user_id", "api_key_id")[2:]
    assert list(told) == [
        ("person", mia.pk, None),
        ("person", mia.pk, None),
        ("integration", None, by_shop.api_key_id),
        ("integration", None, by_shop.api_key_id),
        ("customer", None, None),
    ]


# --- A person's word about an automatic answer ----------------------------------------------------


def test_an_answer_in_place_of_the_machines_is_on_record_and_no_evidence(answered, by_agent):
    message = agent_actions.agent_reply(answered.pk, "Rather this.", actor=by_agent, now=LATER)
    override = Override.objects.get()
    decision = answered.decisions.get()
    assert (override.kind, override.decision, override.before, override.after) == (
        "reply",
        decision,
        str(decision.template),
        f"message:{message.number}",
    )
    assert override.machine_was_wrong is None
    assert not Finding.objects.exists()
    agent_actions.agent_reply(answered.pk, "And this.", actor=by_agent, now=LATER)
    assert Override.objects.count() == 1
    assert verify.verify().is_sound


@pytest.mark.parametrize("act", [agent_actions.agent_reply, agent_actions.escalate])
@pytest.mark.parametrize("wrong", [True, False])
def test_what_is_said_explicitly_of_the_machine_is_evidence(answered, by_agent, act, wrong):
    said = {"actor": by_agent, "now": LATER, "machine_was_wrong": wrong}
    words = ["Rather this."] if act is agent_actions.agent_reply else []
    act(answered.pk, *words, **said)
    assert Override.objects.get().machine_was_wrong is wrong
    finding = Finding.objects.get()
    assert (finding.wrong, finding.source) == (wrong, "override")


def test_after_a_reopening_only_an_explicit_word_speaks_of_the_answer_before(answered, by_agent):
    customer_actions.reopen(answered.pk, actor=Actor.customer(), now=LATER)
    agent_actions.agent_reply(answered.pk, "Hello.", actor=by_agent, now=LATER)
    assert not Override.objects.exists()
    agent_actions.agent_reply(
        answered.pk, "It was wrong.", actor=by_agent, now=LATER, machine_was_wrong=True
    )
    assert (Override.objects.get().decision.round, Finding.objects.get().source) == (1, "reopen")


def test_where_the_machine_answered_nothing_there_is_nothing_to_replace(ticket, by_agent):
    agent_actions.agent_reply(
        ticket.pk, "Hello.", actor=by_agent, now=LATER, machine_was_wrong=True
    )
    assert not Override.objects.exists()
    assert not Finding.objects.exists()


def test_a_ticket_that_is_closed_later_was_not_resolved_before(automating, by_agent):
    automating("refund_request")
    ticket = arrive()
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW)
    agent_actions.agent_reply(ticket.pk, "One more thing.", actor=by_agent, now=NOW + DAY)
    assert Ticket.objects.get(pk=ticket.pk).resolved_at is None
    agent_actions.close(ticket.pk, actor=by_agent, now=NOW + 2 * DAY)
    after = Ticket.objects.get(pk=ticket.pk)
    assert (after.first_resolved_at, after.resolved_at) == (NOW, NOW + 2 * DAY)


def test_spam_that_was_none_is_not_resolved(automating, by_agent):
    automating("refund_request")
    ticket = arrive()
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW)
    agent_actions.mark_spam(ticket.pk, actor=by_agent, now=NOW)
    agent_actions.unmark_spam(ticket.pk, actor=by_agent, now=NOW + DAY)
    after = Ticket.objects.get(pk=ticket.pk)
    assert (after.status, after.resolved_at) == ("open", None)


@pytest.mark.parametrize("how", ["move", "escalate"])
def test_where_a_person_put_a_ticket_the_machine_leaves_it(automating, by_agent, how):
    automating("refund_request")
    ticket = arrive()
    technical = Queue.objects.get(slug="technical")
    if how == "move":
        agent_actions.move(ticket.pk, technical, actor=by_agent, now=NOW)
    else:
        agent_actions.escalate(ticket.pk, actor=by_agent, now=NOW, queue=technical)
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW)
    Ticket.objects.update(assignee=None)
    customer_actions.customer_reply(ticket.pk, "It came back broken again.", now=NOW + DAY)
    after = Ticket.objects.get(pk=ticket.pk)
    assert (after.round, after.queue.slug) == (2, "technical")
