"""Erasing a person."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from decisions.models import Review
from tickets import tracking
from tickets.codes import AuditKind, Channel, OutboxState
from tickets.data import erase
from tickets.desk import agent_actions, customer_actions
from tickets.history import verify
from tickets.history.record import Actor
from tickets.models import (
    AuditRecord,
    IdempotencyKey,
    Message,
    Outbox,
    Requester,
    SavedView,
    Ticket,
)
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.visiting import certify

WORDS = "Zyxwuvian parcels never reach Quibberdale"


@pytest.fixture
def ticket(starter, says, agent):
    says("refund_request")
    now = timezone.now()
    inquiry = Inquiry(
        name="Quentina Zzyzx",
        email="quentina@zzyzx.example",
        subject="Zyxwuvian subject",
        message=WORDS,
        channel=Channel.FORM,
        metadata={"order": "ZYX-1"},
        idempotency_key="k" * 20,
    )
    made = receive(inquiry, now=now).ticket
    agent_actions.add_note(made.pk, "Zyxwuvian note", actor=Actor.person(agent), now=now)
    customer_actions.customer_reply(made.pk, "Zyxwuvian reply", now=now)
    Review.objects.update_or_create(
        ticket=made,
        part="first",
        defaults={
            "decision": made.decisions.earliest("id"),
            "u": 0.0,
            "rate": 1.0,
            "stratum": "base",
            "created_at": now,
            "due_at": now,
            "note": "Zyxwuvian, she writes.",
        },
    )
    return made


def test_words_names_and_salts_are_gone_and_the_chain_stays(ticket):
    link = tracking.signature(ticket)
    erase.erase(" Quentina@zzyzx.example", actor=Actor.machine(), now=timezone.now())
    person = Requester.objects.get()
    assert (person.email, person.name) == (None, "")
    assert set(Message.objects.values_list("subject", "body", "salt")) == {("", "", "")}
    row = Ticket.objects.get()
    assert (row.metadata, row.external_id, row.body_hash) == ({}, None, "")
    assert (row.intent, row.reasons) == (ticket.intent, ticket.reasons)
    assert not IdempotencyKey.objects.exists()
    assert set(Review.objects.values_list("note", flat=True)) == {""}
    assert set(Outbox.objects.values_list("state", flat=True)) == {OutboxState.SUPPRESSED}
    assert tracking.find(row.reference, link, timezone.now()) is None
    assert verify.verify().is_sound
    last = AuditRecord.objects.last()
    assert (last.kind, last.subject) == (AuditKind.ERASURE, f"requester:{person.pk}")


def test_a_dry_run_counts_and_writes_nothing(ticket, capsys):
    call_command("erase", "--email", "quentina@zzyzx.example", "--dry-run")
    out = capsys.readouterr().out
    assert "1 requesters, 1 tickets, 3 messages" in out
    assert "Nothing was written" in out
    assert Requester.objects.get().name == "Quentina Zzyzx"
    assert Message.objects.first().body == WORDS


def test_others_keep_their_words(ticket, says):
    other = Inquiry(name="B", email="b@example.com", message="Keep me", channel=Channel.FORM)
    receive(other, now=timezone.now() - timedelta(minutes=1))
    erase.erase("quentina@zzyzx.example", actor=Actor.machine(), now=timezone.now())
    assert Message.objects.filter(body="Keep me").count() == 1


def test_an_unknown_address_is_named_as_such(db):
    with pytest.raises(CommandError, match="Nobody with this address"):
        call_command("erase", "--email", "nobody@example.com")


def test_the_person_may_write_again_as_somebody_new(ticket, says):
    erase.erase("quentina@zzyzx.example", actor=Actor.machine(), now=timezone.now())
    again = Inquiry(name="Q", email="quentina@zzyzx.example", message="Hello", channel=Channel.FORM)
    assert receive(again, now=timezone.now()).ticket.requester_id != ticket.requester_id


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(
    settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3",
    reason="reads the database file of SQLite",
)
def test_the_database_file_holds_no_trace(ticket):
    path = Path(connection.settings_dict["NAME"])
    files = [path, path.with_name(path.name + "-wal")]
    traces = [b"Zyxwuvian", b"Quibberdale", b"Quentina", b"quentina@zzyzx", b"ZYX-1"]

    def found():
        content = b"".join(file.read_bytes() for file in files if file.exists())
        return [trace for trace in traces if trace in content]

    assert found() == traces
    erase.erase("quentina@zzyzx.example", actor=Actor.machine(), now=timezone.now())
    assert found() == []


def test_a_name_is_taken_from_the_inquiry_and_never_from_the_address(starter, says):
    """Whoever types somebody's address does not learn what that person is called."""
    certify("account_access")
    says("account_access")
    for name in ("Quentina Zzyzx", "Eve"):
        inquiry = Inquiry(
            name=name, email="q@example.com", message=f"Hello from {name}", channel=Channel.FORM
        )
        receive(inquiry, now=timezone.now())
    replies = Message.objects.filter(author="machine").order_by("id").values_list("body", flat=True)
    assert [reply.splitlines()[0] for reply in replies] == ["Hello Quentina,", "Hello Eve,"]
    names = Message.objects.filter(number=1).order_by("id").values_list("sender_name", flat=True)
    assert list(names) == ["Quentina Zzyzx", "Eve"]


def test_saved_searches_for_the_person_go_and_others_stay(ticket, agent, lead):
    now = timezone.now()
    searches = {
        "by address": "q=quentina%40zzyzx.example",
        "by name": "q=Quentina++Zzyzx&status=open",
        "quentina@ZZYZX.example": "status=open",
        "first name only": "q=quentina",
        "another": "q=order",
    }
    for number, (name, query) in enumerate(searches.items()):
        owner = lead if number % 2 else agent
        SavedView.objects.create(owner=owner, name=name, query=query, shared=True, created_at=now)
    assert erase.count("quentina@zzyzx.example").views == 3
    erase.erase("quentina@zzyzx.example", actor=Actor.machine(), now=now)
    left = set(SavedView.objects.values_list("name", flat=True))
    assert left == {"first name only", "another"}
