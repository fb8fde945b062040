"""The writer of history: events, outbox and the chain."""

import hashlib
import hmac
import json
import random
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from supportops.tests.clean_slate import lift_triggers
from tickets.codes import AuditKind, EventKind
from tickets.history import record, verify
from tickets.history.record import GENESIS, Actor, AuditEntry, canonical, commitment
from tickets.models import AuditHead, AuditRecord, Message, Outbox, TicketEvent
from tickets.tests.arriving import NOW, arrive, in_threads, stored
from tickets.tests.factories import OutboxFactory, TicketFactory

MACHINE = Actor.machine()


def entry(**data) -> AuditEntry:
    return AuditEntry(AuditKind.SWITCH, "switch:1", MACHINE, data)


def write(*entries: AuditEntry) -> None:
    record.write(now=NOW, audit=entries)


# --- Canonical JSON -------------------------------------------------------------------------------


def test_canonical_json_is_one_text_for_one_value():
    value = {"b": [1, 2.5, None, True], "a": {"ü": "\n", "z": ""}}
    assert canonical(value) == '{"a":{"z":"","\\u00fc":"\\n"},"b":[1,2.5,null,true]}'
    assert canonical({"a": AuditKind.SWITCH}) == '{"a":"switch"}'


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@given(JSON, st.randoms())
def test_canonical_json_can_be_read_back_and_knows_no_order(value, chance):
    assert json.loads(canonical(value)) == value
    assert canonical(value).isascii()
    if isinstance(value, dict):
        pairs = list(value.items())
        chance.shuffle(pairs)
        assert canonical(dict(pairs)) == canonical(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_what_is_no_json_is_refused(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical(value)


# --- The chain ------------------------------------------------------------------------------------


def test_the_first_link_follows_from_nothing(db):
    write(entry(on=True))
    link = AuditRecord.objects.get()
    assert (link.number, link.previous) == (1, GENESIS)
    assert json.loads(link.body) == {
        "number": 1,
        "kind": "switch",
        "subject": "switch:1",
        "actor": "machine",
        "at": "2026-03-02T10:00:00.000000+00:00",
        "data": {"on": True},
        "previous": GENESIS,
    }
    assert link.body == canonical(json.loads(link.body))
    assert link.digest == hashlib.sha256(link.body.encode()).hexdigest()


def test_each_link_holds_the_digest_of_the_one_before(db):
    write(entry(n=1), entry(n=2))
    write(entry(n=3))
    links = list(AuditRecord.objects.order_by("number"))
    assert [link.number for link in links] == [1, 2, 3]
    assert [link.previous for link in links] == [GENESIS, links[0].digest, links[1].digest]
    head = AuditHead.objects.get()
    assert (head.number, head.digest) == (3, links[2].digest)
    assert verify.verify().is_sound


def test_the_moment_stands_in_utc_whatever_the_clock_of_the_caller(db):
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    record.write(now=berlin, audit=[entry()])
    body = json.loads(AuditRecord.objects.get().body)
    assert datetime.fromisoformat(body["at"]) == NOW
    assert datetime.fromisoformat(body["at"]).tzinfo == UTC


@pytest.mark.parametrize(
    ("actor", "name"),
    [
        (Actor.machine(), "machine"),
        (Actor.customer(), "customer"),
        (Actor(kind="person", user_id=4), "person:4"),
        (Actor(kind="integration", api_key_id=3), "integration:3"),
    ],
)
def test_an_actor_is_named_by_code_and_number(actor, name):
    assert str(actor) == name


@pytest.mark.parametrize("seed", range(12))
def test_any_change_by_sql_is_visible_by_recomputing(db, seed):
    """One field of one link, changed at random behind the triggers' back."""
    write(*[entry(n=n) for n in range(6)])
    chance = random.Random(seed)
    number = chance.randrange(1, 7)
    column = chance.choice(["kind", "subject", "actor", "at", "body", "previous", "digest"])
    lift_triggers()
    changed = {
        "kind": "override",
        "subject": "switch:2",
        "actor": "person:1",
        "at": NOW + timedelta(seconds=1),
        "body": AuditRecord.objects.get(number=number).body.replace("switch", "Switch"),
        "previous": "1" * 64,
        "digest": "2" * 64,
    }[column]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE tickets_auditrecord SET {column} = %s WHERE number = %s", [changed, number]
        )
    finding = verify.verify().finding
    assert finding is not None
    assert finding.number in {number, number + 1}


def test_numbers_have_no_gap_when_a_transaction_is_rolled_back(db):
    write(entry(n=1))
    with transaction.atomic():
        write(entry(n=2))
        transaction.set_rollback(True)
    write(entry(n=3))
    assert list(AuditRecord.objects.values_list("number", flat=True)) == [1, 2]
    assert verify.verify().is_sound


@pytest.mark.django_db(transaction=True)
def test_writers_at_once_make_one_chain_from_its_very_first_link():
    errors = in_threads([lambda n=n: write(entry(n=n), entry(n=-n)) for n in range(16)])
    assert errors == [None] * 16
    assert AuditRecord.objects.count() == 32
    assert verify.verify().is_sound


def test_the_head_of_the_chain_is_locked_last(automating):
    """Whoever holds it makes everybody wait, so nothing comes after it but the end."""
    with CaptureQueriesContext(connection) as queries:
        arrive()
    changes = (re.match(r'(?:INSERT INTO|UPDATE) "?(\w+)', query["sql"]) for query in queries)
    written = [change[1] for change in changes if change]
    assert written[-2:] == ["tickets_auditrecord", "tickets_audithead"]
    assert written.index("tickets_auditrecord") == len(written) - 2


# --- Commitments ----------------------------------------------------------------------------------


def said(subject="Order", body="Where is it?", salt="ab" * 16) -> Message:
    return Message(subject=subject, body=body, salt=salt)


def test_a_commitment_is_an_hmac_of_subject_and_body_under_the_messages_salt():
    expected = hmac.new(bytes.fromhex("ab" * 16), b'["Order","Where is it?"]', hashlib.sha256)
    assert commitment(said()) == expected.hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        said(body="Where is it"),
        said(body="Where is It?"),
        said(subject="order"),
        said(subject="OrderW", body="here is it?"),
        said(salt="ab" * 15 + "ac"),
    ],
)
def test_a_commitment_changes_with_every_word_and_with_the_salt(other):
    assert commitment(other) != commitment(said())


def test_every_message_has_a_salt_of_its_own(automating):
    arrive(), arrive()
    salts = list(Message.objects.values_list("salt", flat=True))
    assert len(set(salts)) == len(salts) == 4
    assert {len(salt) for salt in salts} == {32}


def test_the_chain_holds_the_commitment_and_none_of_the_words(automating):
    ticket = arrive(message="My name is Rumpelstiltskin", name="Gold Spinner")
    link = AuditRecord.objects.filter(kind=AuditKind.DECISION).get()
    assert json.loads(link.body)["data"]["message"] == commitment(ticket.messages.get(number=1))
    told = str(list(TicketEvent.objects.values()))
    for words in ("Rumpelstiltskin", "Spinner", "ada@example.com"):
        assert words not in link.body
        assert words not in told


# --- Events and outbox ----------------------------------------------------------------------------


def test_events_keep_their_order_and_their_round(db):
    ticket = TicketFactory(round=3)
    kinds = [EventKind.NOT_HELPED, EventKind.REOPENED, EventKind.ESCALATED]
    record.write(now=NOW, events=[record.event(ticket, kind, MACHINE, NOW, n=1) for kind in kinds])
    events = TicketEvent.objects.order_by("id")
    assert [(event.kind, event.round, event.data) for event in events] == [
        (kind, 3, {"n": 1}) for kind in kinds
    ]


def test_the_same_thing_is_never_queued_twice(db, django_capture_on_commit_callbacks):
    first = OutboxFactory(dedupe="mail.reply:1")
    again = OutboxFactory.build(
        ticket=first.ticket, requester=first.requester, dedupe="mail.reply:1"
    )
    with django_capture_on_commit_callbacks() as callbacks:
        record.write(now=NOW, outbox=[again])
    assert list(Outbox.objects.all()) == [first]
    assert len(callbacks) == 1


def test_what_needs_no_delivery_nudges_nobody(db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        write(entry())
    assert callbacks == []


def test_a_failure_writes_nothing_of_a_call(db, monkeypatch):
    ticket = TicketFactory()

    def fail(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(record, "_append", fail)
    before = stored()
    with pytest.raises(RuntimeError), transaction.atomic():
        record.write(
            now=NOW,
            events=[record.event(ticket, EventKind.RESOLVED, MACHINE, NOW)],
            outbox=[OutboxFactory.build(ticket=ticket, requester=ticket.requester)],
            audit=[entry()],
        )
    assert stored() == before
