"""An inquiry is stored, decided and acknowledged in one transaction, or not at all."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from decisions.models import Decision
from tickets.codes import Channel, OutboxKind, Outcome, Scope, TicketStatus
from tickets.history import record
from tickets.models import ApiKey, AuditRecord, IdempotencyKey, Outbox, Requester, Ticket
from tickets.pipeline import idempotency
from tickets.pipeline import receive as pipeline_receive
from tickets.pipeline.idempotency import DifferentBody
from tickets.pipeline.receive import receive
from tickets.tests.arriving import DAY, HOUR, NOW, arrive, in_threads, inquiry, kinds_of, stored
from tickets.tests.factories import TicketFactory


@pytest.fixture
def shop(db):
    return ApiKey.issue(name="shop", scopes=[Scope.TICKETS_WRITE])[0]


# --- One transaction ------------------------------------------------------------------------------


def test_an_inquiry_is_stored_with_its_decision_its_history_and_its_confirmation(starter, says):
    says("refund_request")
    receipt = receive(inquiry(subject="Refund", metadata={"shop": "uk"}), now=NOW)
    ticket = Ticket.objects.get()
    assert receipt.ticket == ticket
    assert (ticket.status, ticket.outcome) == (TicketStatus.OPEN, Outcome.ESCALATE)
    assert (ticket.intent, ticket.confidence, ticket.queue.slug) == (
        "refund_request",
        0.97,
        "billing",
    )
    assert ticket.reasons == ["guard:risk_class", "level_off", "not_certified"]
    assert (ticket.created_at, ticket.decided_at, ticket.last_customer_at) == (NOW, NOW, NOW)
    assert ticket.metadata == {"shop": "uk"}
    message = ticket.messages.get()
    assert (message.number, message.subject, message.body) == (1, "Refund", "Where is my order?")
    assert ticket.decisions.get() == receipt.decision
    assert ticket.predictions.get().pk == receipt.decision.prediction_id
    assert kinds_of(ticket) == ["ticket.received", "decision.escalated"]
    mail = Outbox.objects.get()
    assert (mail.kind, mail.automatic, mail.requester) == (
        OutboxKind.CONFIRMATION,
        True,
        ticket.requester,
    )
    assert AuditRecord.objects.filter(subject=f"ticket:{ticket.pk}").count() == 1


def test_a_permitted_inquiry_is_answered_in_the_same_transaction(automating):
    ticket = arrive()
    ticket.refresh_from_db()
    assert (ticket.status, ticket.outcome) == (TicketStatus.ANSWERED, Outcome.AUTO_RESOLVE)
    assert (ticket.reasons, ticket.auto_replied_at) == (["permitted"], NOW)
    assert kinds_of(ticket) == ["ticket.received", "decision.auto_resolved", "message.machine"]
    answer = ticket.messages.get(number=2)
    assert (answer.author, answer.body.startswith("Hello Ada,")) == ("machine", True)
    mail = Outbox.objects.get()
    assert (mail.kind, mail.message, mail.automatic) == (OutboxKind.REPLY, answer, True)


def test_when_history_cannot_be_written_nothing_is_stored(automating, monkeypatch):
    before = stored()

    def fail(*args, **kwargs):
        raise OperationalError("disk full")

    monkeypatch.setattr(record, "write", fail)
    with pytest.raises(OperationalError):
        receive(inquiry(idempotency_key="key"), now=NOW)
    assert stored() == before
    assert not Requester.objects.exists()


def test_an_automatic_mail_is_never_answered_and_never_confirmed(automating):
    ticket = arrive(automatic_mail=True, channel=Channel.MAIL)
    assert (ticket.status, ticket.reasons) == (TicketStatus.OPEN, ["guard:automatic_mail"])
    assert not Outbox.objects.exists()


def test_an_imported_inquiry_keeps_the_time_when_it_was_written(starter, says):
    says("refund_request")
    ticket = arrive(sent_at=NOW - 30 * DAY, channel=Channel.IMPORT)
    assert (ticket.created_at, ticket.last_customer_at) == (NOW - 30 * DAY, NOW - 30 * DAY)
    assert ticket.decided_at == NOW


def test_one_address_in_two_spellings_is_one_person(starter, says):
    says("refund_request")
    first, second = arrive(name=""), arrive(email="Ada@Example.com", name="Ada Lovelace")
    assert first.requester == second.requester
    assert Requester.objects.get().name == "Ada Lovelace"


def test_a_later_inquiry_does_not_rename_a_person(starter, says):
    says("refund_request")
    arrive(), arrive(name="Somebody Else")
    assert Requester.objects.get().name == "Ada Example"


def test_a_reference_that_is_taken_is_drawn_again(starter, says, monkeypatch):
    says("refund_request")
    drawn = iter(["T-2222-2222", "T-2222-2222", "T-3333-3333"])
    monkeypatch.setattr(pipeline_receive, "new_reference", lambda: next(drawn))
    assert [arrive().reference, arrive().reference] == ["T-2222-2222", "T-3333-3333"]


def test_a_reference_that_stays_taken_stores_nothing(starter, says, monkeypatch):
    says("refund_request")
    monkeypatch.setattr(pipeline_receive, "new_reference", lambda: "T-2222-2222")
    arrive()
    before = stored()
    with pytest.raises(pipeline_receive.IntegrityError):
        arrive()
    assert stored() == before


# --- Repeated inquiries ---------------------------------------------------------------------------


def test_the_same_key_and_body_get_the_same_ticket(automating):
    first = receive(inquiry(idempotency_key="k"), now=NOW)
    before = stored()
    again = receive(inquiry(idempotency_key="k"), now=NOW + HOUR)
    assert (again.ticket, again.decision) == (first.ticket, first.decision)
    assert (first.repeated, again.repeated) == (False, True)
    assert stored() == before


@pytest.mark.parametrize(
    "other",
    [
        {"message": "Where is my parcel?"},
        {"subject": "Order"},
        {"email": "bob@example.com"},
        {"name": "Bob"},
        {"metadata": {"a": 1}},
        {"external_id": "1"},
    ],
)
def test_the_same_key_with_another_body_is_refused_and_nothing_is_stored(automating, other):
    receive(inquiry(idempotency_key="k"), now=NOW)
    before = stored()
    with pytest.raises(DifferentBody):
        receive(inquiry(idempotency_key="k", **other), now=NOW)
    assert stored() == before


def test_keys_of_different_owners_have_nothing_to_do_with_each_other(automating, shop):
    by_form = receive(inquiry(idempotency_key="k"), now=NOW)
    by_shop = receive(inquiry(idempotency_key="k", api_key=shop), now=NOW)
    assert by_form.ticket != by_shop.ticket


@pytest.mark.parametrize(
    ("later", "tickets"),
    [(idempotency.KEY_LIFE - timedelta(microseconds=1), 1), (idempotency.KEY_LIFE, 2)],
)
def test_a_key_is_remembered_for_24_hours_and_usable_again_from_then_on(automating, later, tickets):
    receive(inquiry(idempotency_key="k"), now=NOW)
    receive(inquiry(idempotency_key="k"), now=NOW + later)
    assert Ticket.objects.count() == tickets
    assert IdempotencyKey.objects.get().ticket == Ticket.objects.latest("id")


def test_an_expired_key_takes_another_body(automating):
    receive(inquiry(idempotency_key="k"), now=NOW)
    again = receive(inquiry(idempotency_key="k", message="Something else"), now=NOW + 2 * DAY)
    assert not again.repeated
    assert IdempotencyKey.objects.get().ticket == again.ticket


def test_a_key_is_kept_as_a_hash_of_the_body_and_not_as_the_body(automating):
    receive(inquiry(idempotency_key="k", message="My secret plan"), now=NOW)
    row = IdempotencyKey.objects.values().get()
    assert "secret plan" not in str(row)
    assert len(row["body_hash"]) == 64


def test_an_external_id_is_unique_for_its_key_for_ever(automating, shop):
    first = receive(inquiry(external_id="crm-1", api_key=shop), now=NOW)
    before = stored()
    again = receive(inquiry(external_id="crm-1", api_key=shop), now=NOW + 400 * DAY)
    assert (again.ticket, again.repeated) == (first.ticket, True)
    assert stored() == before


def test_an_external_id_with_another_body_is_refused_and_nothing_is_stored(automating, shop):
    receive(inquiry(external_id="crm-1", api_key=shop), now=NOW)
    before = stored()
    with pytest.raises(DifferentBody):
        receive(inquiry(external_id="crm-1", api_key=shop, message="Other"), now=NOW)
    assert stored() == before


def test_two_integrations_may_use_the_same_external_id(automating, shop):
    other = ApiKey.issue(name="other", scopes=[Scope.TICKETS_WRITE])[0]
    first = receive(inquiry(external_id="1", api_key=shop), now=NOW)
    assert receive(inquiry(external_id="1", api_key=other), now=NOW).ticket != first.ticket


def test_who_was_faster_while_the_classifier_thought_is_who_counts(automating, monkeypatch):
    """The twin is stored between looking for an earlier one and storing this one."""
    ask, twins = pipeline_receive.ask.ask, []

    def slow(*args, **kwargs):
        if not twins:
            twins.append(None)
            twins[0] = receive(inquiry(idempotency_key="k"), now=NOW)
        return ask(*args, **kwargs)

    monkeypatch.setattr(pipeline_receive.ask, "ask", slow)
    late = receive(inquiry(idempotency_key="k"), now=NOW)
    assert (late.ticket, late.repeated) == (twins[0].ticket, True)
    assert Ticket.objects.count() == 1


def test_who_was_faster_with_another_body_is_a_refusal(automating, monkeypatch):
    ask, twins = pipeline_receive.ask.ask, []

    def slow(*args, **kwargs):
        if not twins:
            twins.append(None)
            receive(inquiry(idempotency_key="k", message="Faster"), now=NOW)
        return ask(*args, **kwargs)

    monkeypatch.setattr(pipeline_receive.ask, "ask", slow)
    with pytest.raises(DifferentBody):
        receive(inquiry(idempotency_key="k"), now=NOW)
    assert Ticket.objects.count() == 1


def test_a_deadlock_is_tried_again_and_other_failures_are_not(automating, monkeypatch):
    store, failures = pipeline_receive._store, []

    class Deadlock(Exception):
        sqlstate = "40P01"

    def fail_once(*args):
        if not failures:
            failures.append(None)
            raise OperationalError("deadlock detected") from Deadlock()
        return store(*args)

    monkeypatch.setattr(pipeline_receive, "_store", fail_once)
    assert arrive().status == TicketStatus.ANSWERED

    def fail(*args):
        failures.append(None)
        raise OperationalError("database is locked")

    monkeypatch.setattr(pipeline_receive, "_store", fail)
    with pytest.raises(OperationalError):
        arrive()
    assert len(failures) == 2


# --- At the same time -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("known", [{"idempotency_key": "k"}, {"external_id": "crm-1"}])
def test_the_same_inquiry_32_times_at_once_makes_one_ticket(automating, known):
    shop = ApiKey.issue(name="shop", scopes=[Scope.TICKETS_WRITE])[0]
    same = inquiry(api_key=shop, **known)
    receipts = in_threads([lambda: receive(same, now=NOW)] * 32)
    assert {receipt.ticket.reference for receipt in receipts} == {Ticket.objects.get().reference}
    assert sorted(receipt.repeated for receipt in receipts) == [False] + [True] * 31
    assert Decision.objects.count() == Outbox.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_first_inquiries_of_one_person_at_once_make_one_person(automating):
    same = in_threads([lambda: receive(inquiry(), now=NOW)] * 8)
    assert len({receipt.ticket.pk for receipt in same}) == 8
    assert Requester.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_cap_of_automatic_replies_holds_for_inquiries_at_once(automating):
    """Three automatic replies to a person in 24 hours, however many ask at the same moment."""
    in_threads([lambda: receive(inquiry(), now=NOW)] * 10)
    assert Ticket.objects.filter(status=TicketStatus.ANSWERED).count() == 3
    rest = Ticket.objects.exclude(status=TicketStatus.ANSWERED)
    assert {tuple(ticket.reasons[:1]) for ticket in rest} == {("guard:requester_cap",)}


# --- What it costs --------------------------------------------------------------------------------


def test_an_inquiry_costs_a_fixed_number_of_queries(automating, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0  # no lot decides
    TicketFactory(requester__email="ada@example.com")
    arrive()  # the policy is read once for each process
    automating("refund_request")
    with CaptureQueriesContext(connection) as escalated:
        arrive(now=NOW + DAY)
    automating("order_status")
    with CaptureQueriesContext(connection) as answered:
        arrive(now=NOW + 2 * DAY)
    locks = connection.vendor == "postgresql"  # one that whoever stops automation waits for
    assert (len(escalated), len(answered)) == (25 + locks, 32 + locks)


def test_predicting_happens_before_the_transaction_opens(automating, monkeypatch):
    asked_inside = []
    ask = pipeline_receive.ask.ask
    monkeypatch.setattr(
        pipeline_receive.ask,
        "ask",
        lambda *args, **kwargs: (
            asked_inside.append(len(connection.savepoint_ids)),
            ask(*args, **kwargs),
        )[1],
    )
    depth = len(connection.savepoint_ids)
    arrive()
    assert asked_inside == [depth]
