"""Statements put together once do what Django's do."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction

from decisions.models import Breaker, Certificate, Switch, sql
from decisions.tests.factories import CertificateFactory
from tickets.models import (
    IdempotencyKey,
    Message,
    Outbox,
    Requester,
    Ticket,
)
from tickets.models.sql import first_row, insert, rows_of, update
from tickets.tests.arriving import DAY, NOW, arrive
from tickets.tests.factories import OutboxFactory, TicketFactory

WITHIN = timedelta(microseconds=1)


def built(model, ticket: Ticket):
    """An unsaved row of a model with something of everything in it."""
    person = ticket.requester
    values = {
        Message: {
            "ticket": ticket,
            "number": 2,
            "author": "agent",
            "subject": "Grüße",
            "body": "🙂\n",
            "created_at": NOW,
            "salt": "ab" * 16,
        },
        Outbox: {
            "kind": "mail.reply",
            "dedupe": "x",
            "ticket": ticket,
            "requester": person,
            "data": {"a": [1, None, "ü"]},
            "next_attempt_at": NOW,
            "created_at": NOW,
        },
        IdempotencyKey: {
            "owner": 1,
            "key": "k",
            "body_hash": "0" * 64,
            "ticket": ticket,
            "created_at": NOW,
        },
        Requester: {
            "email": "new@example.com",
            "name": "New",
            "verified": True,
            "created_at": NOW,
        },
    }
    return model(**values[model])


@pytest.mark.parametrize("model", [Message, Outbox, IdempotencyKey, Requester])
def test_an_inserted_row_is_the_one_that_save_would_have_stored(db, model):
    ticket = TicketFactory(created_at=NOW)
    saved = built(model, ticket)
    with transaction.atomic():
        saved.save()
        fields = [f.attname for f in model._meta.concrete_fields if not f.primary_key]
        expected = model.objects.values(*fields).get(pk=saved.pk)
        transaction.set_rollback(True)
    inserted = built(model, ticket)
    assert insert(inserted) is True
    assert model.objects.values(*fields).get(pk=inserted.pk) == expected
    assert (inserted._state.adding, inserted._state.db) == (False, "default")
    inserted.refresh_from_db()
    inserted.save()  # it can be worked on as any other
    assert model.objects.filter(pk=inserted.pk).count() == 1


def test_a_row_whose_unique_values_are_taken_is_refused_or_left_out(db):
    first = OutboxFactory(dedupe="once")
    twin = OutboxFactory.build(ticket=first.ticket, requester=first.requester, dedupe="once")
    with pytest.raises(IntegrityError), transaction.atomic():
        insert(twin)
    assert insert(twin, unless_there=True) is False
    assert (twin.pk, Outbox.objects.count()) == (None, 1)


def test_a_refusal_spoils_the_transaction_that_it_happened_in(db):
    """As with `save`: without a savepoint of its own nothing goes on as if nothing had been."""
    first = OutboxFactory(dedupe="once")
    twin = OutboxFactory.build(ticket=first.ticket, requester=first.requester, dedupe="once")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            insert(twin)
        assert connection.needs_rollback
        transaction.set_rollback(True)


def test_an_update_writes_the_named_fields_and_no_others(db):
    ticket = TicketFactory(created_at=NOW)
    ticket.reasons, ticket.decided_at, ticket.status = ["ü"], NOW + DAY, "open"
    ticket.priority = "urgent"
    update(ticket, ["reasons", "decided_at", "status"])
    ticket.refresh_from_db()
    assert (ticket.reasons, ticket.decided_at, ticket.status) == (["ü"], NOW + DAY, "open")
    assert ticket.priority == "normal"


def test_an_update_of_a_row_that_is_gone_is_a_failure(db):
    ticket = TicketFactory.build(pk=4711, requester=None, created_at=NOW)
    with pytest.raises(LookupError, match="There is no Ticket 4711"), transaction.atomic():
        update(ticket, ["status"])


def test_moments_are_compared_as_the_database_keeps_them(db):
    ticket = TicketFactory(created_at=NOW)
    asked = "SELECT COUNT(*) FROM tickets_ticket WHERE created_at > %s AND created_at <= %s"
    assert first_row(asked, NOW - WITHIN, NOW) == (1,)
    assert first_row(asked, NOW, NOW + DAY) == (0,)
    (found,) = rows_of(Ticket, "SELECT * FROM tickets_ticket WHERE created_at = %s", NOW)
    assert (found, found.created_at) == (ticket, NOW)
    assert first_row("SELECT id FROM tickets_ticket WHERE id = %s", 4711) is None


# --- What is asked with every decision ------------------------------------------------------------


def test_the_certificates_asked_for_are_those_in_force(starter):
    for issued, expires in [(-2, 2), (-2, 0), (0, 1), (1, 2), (-3, 1)]:
        CertificateFactory(issued_at=NOW + issued * DAY, expires_at=NOW + expires * DAY)
    CertificateFactory(classifier_version="another")
    asked = rows_of(Certificate, sql.IN_FORCE, "scripted-1", NOW, NOW, "praise")
    assert asked == list(Certificate.objects.in_force("scripted-1", NOW))
    assert len(asked) == 3


def test_a_persons_last_24_hours_are_counted_without_this_ticket(automating):
    arrive(now=NOW - DAY)  # 24 hours ago to the moment: over
    arrive(now=NOW - DAY + WITHIN)
    automating("refund_request")
    arrive(now=NOW - timedelta(hours=1))
    arrive(now=NOW - timedelta(hours=1), email="somebody@else.example")
    arrive(sent_at=NOW - 30 * DAY)  # imported: written long ago
    facts = arrive().decisions.get().facts
    assert (facts["tickets_24h"], facts["automatic_replies_24h"]) == (2, 1)


@pytest.mark.parametrize(
    ("switch", "breakers", "reasons"),
    [
        (False, {}, ["permitted"]),
        (True, {}, ["guard:kill_switch"]),
        (False, {"": True}, ["guard:breaker_open"]),
        (False, {"order_status": True}, ["guard:breaker_open"]),
        (False, {"order_status": False, "praise": True, "": False}, ["permitted"]),
        (True, {"order_status": True}, ["guard:kill_switch", "guard:breaker_open"]),
    ],
)
def test_switch_and_breakers_are_asked_again(automating, switch, breakers, reasons):
    Switch.objects.create(pk=1, on=switch, changed_at=NOW)
    for intent, is_open in breakers.items():
        Breaker.objects.create(intent=intent, open=is_open, changed_at=NOW)
    assert arrive().reasons == reasons


# --- Where statements are written by hand ---------------------------------------------------------

# What QuerySets cannot say, or what pays: `docs/benchmarks.md` has the figures.
BY_HAND = {
    "decisions/models/stops.py",  # PostgreSQL's advisory locks
    "supportops/health.py",
    "supportops/operations/doctor.py",
    "supportops/operations/prepare.py",
    "tickets/admin/ticket_list/change_list.py",  # numbers of the views
    "tickets/data/erase.py",  # VACUUM, and emptying the write-ahead log
    "tickets/history/triggers.py",
    "tickets/models/sql.py",
    "tickets/search/index.py",  # full-text search
}


def test_statements_are_written_by_hand_in_few_places_only():
    found = {
        str(path.relative_to(settings.BASE_DIR))
        for app in ("classification", "decisions", "metrics", "supportops", "tickets")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if not {"tests", "migrations", "benchmarks"} & {*path.parts}
        and re.search(r"\.(cursor|raw)\(", path.read_text())
    }
    assert found == BY_HAND
