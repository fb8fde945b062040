"""The audit chain: whatever is changed in it is named."""

import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from supportops.tests.clean_slate import lift_triggers
from tickets.codes import AuditKind
from tickets.history import heads as history_heads
from tickets.history import record, verify
from tickets.history.record import Actor, AuditEntry
from tickets.history.triggers import install_triggers
from tickets.models import AuditHead, AuditRecord

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
VERIFIER = Path(__file__).resolve().parents[3] / "docs" / "verify_audit.py"
LENGTH = 40


@pytest.fixture(autouse=True)
def own_key(settings, tmp_path):
    settings.AUDIT_KEY_FILE = tmp_path / "audit.key"
    settings.AUDIT_HEADS_FILE = tmp_path / "heads.jsonl"


def write(number):
    entry = AuditEntry(
        AuditKind.DECISION, f"ticket:{number}", Actor.machine(), {"outcome": "escalate"}
    )
    record.write(now=START + timedelta(seconds=number), audit=[entry])


@pytest.fixture
def chain(db):
    for number in range(1, LENGTH + 1):
        write(number)
    return list(AuditRecord.objects.values())


def execute(statement, parameters=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def edit(draw, rows):
    """Another word in a body; the digest made again, as a careful forger would."""
    row = draw.choice(rows)
    body = row["body"].replace("escalate", "auto_resolve")
    digest = draw.choice([row["digest"], record.hashlib.sha256(body.encode()).hexdigest()])
    execute(
        "UPDATE tickets_auditrecord SET body = %s, digest = %s WHERE id = %s",
        [body, digest, row["id"]],
    )
    # With its digest made again only the next record shows that something before it changed.
    return {row["number"], row["number"] + (digest != row["digest"])}


def edit_column(draw, rows):
    row = draw.choice(rows)
    column, value = draw.choice(
        [("kind", "switch"), ("subject", "ticket:999"), ("actor", "person:7")]
    )
    execute(f"UPDATE tickets_auditrecord SET {column} = %s WHERE id = %s", [value, row["id"]])
    return {row["number"]}


def edit_time(draw, rows):
    row = draw.choice(rows)
    at = row["at"] + timedelta(seconds=draw.randrange(1, 10_000))
    execute("UPDATE tickets_auditrecord SET at = %s WHERE id = %s", [at, row["id"]])
    return {row["number"]}


def edit_digest(draw, rows):
    row = draw.choice(rows)
    position = draw.randrange(64)
    other = draw.choice([c for c in "0123456789abcdef" if c != row["digest"][position]])
    digest = row["digest"][:position] + other + row["digest"][position + 1 :]
    execute("UPDATE tickets_auditrecord SET digest = %s WHERE id = %s", [digest, row["id"]])
    return {row["number"]}


def delete(draw, rows):
    row = draw.choice(rows)
    execute("DELETE FROM tickets_auditrecord WHERE id = %s", [row["id"]])
    return {row["number"]}


def truncate(draw, rows):
    """The end cut off, and the head put back to match: only the signed head knows."""
    last = draw.choice(rows[:-1])
    execute("DELETE FROM tickets_auditrecord WHERE number > %s", [last["number"]])
    if draw.random() < 0.5:
        execute(
            "UPDATE tickets_audithead SET number = %s, digest = %s",
            [last["number"], last["digest"]],
        )
    return {last["number"] + 1}


def insert(draw, rows):
    """A record of somebody's own, in between or at the end."""
    row = draw.choice(rows)
    entry = AuditEntry(AuditKind.SWITCH, "switch", Actor.machine(), {"on": draw.random()})
    forged = record.link(entry, number=row["number"], previous=row["previous"], now=START)
    if draw.random() < 0.5:
        forged.number = LENGTH + 1
    else:
        execute(
            "UPDATE tickets_auditrecord SET number = number + 1000 WHERE number >= %s",
            [row["number"]],
        )
        execute("UPDATE tickets_auditrecord SET number = number - 999 WHERE number >= 1000")
    forged.save()
    # What was put in between fits what is before it; what follows does not fit any more.
    return {forged.number, row["number"] + 1}


def swap(draw, rows):
    one, other = draw.sample(rows, 2)
    execute("UPDATE tickets_auditrecord SET number = 0 WHERE id = %s", [one["id"]])
    execute(
        "UPDATE tickets_auditrecord SET number = %s WHERE id = %s", [one["number"], other["id"]]
    )
    execute(
        "UPDATE tickets_auditrecord SET number = %s WHERE id = %s", [other["number"], one["id"]]
    )
    return {min(one["number"], other["number"])}


TAMPERINGS = [edit, edit_column, edit_time, edit_digest, delete, truncate, insert, swap]


def test_an_untouched_chain_is_sound(chain):
    found = verify.verify()
    assert (found.records, found.finding) == (LENGTH, None)


def test_a_thousand_tamperings_of_eight_kinds_are_all_named(chain):
    history_heads.sign_due(now=START + timedelta(hours=1))
    lift_triggers()
    draw, missed = random.Random(17), []
    for number in range(1_000):
        tamper = TAMPERINGS[number % len(TAMPERINGS)]
        point = transaction.savepoint()
        changed = tamper(draw, chain)
        found = verify.verify().finding
        if found is None or found.number not in changed:
            missed.append((number, tamper.__name__, changed, found))
        transaction.savepoint_rollback(point)
    install_triggers()
    assert missed == []
    assert verify.verify().is_sound


@pytest.mark.parametrize("number", [1, 17, LENGTH])
def test_the_first_bad_record_is_named(chain, number):
    lift_triggers()
    execute("UPDATE tickets_auditrecord SET actor = 'person:7' WHERE number = %s", [number])
    found = verify.verify()
    assert found.finding is not None
    assert found.finding.number == number
    assert "actor" in found.finding.problem
    with pytest.raises(CommandError, match=f"Record {number}: its column 'actor' differs"):
        call_command("audit", "verify")


def test_what_is_cut_off_after_the_last_signed_head_cannot_be_noticed(chain):
    AuditHead.objects.update(number=30, digest=chain[29]["digest"])
    lift_triggers()
    execute("DELETE FROM tickets_auditrecord WHERE number > 30")
    assert verify.verify().is_sound


def test_heads_are_signed_after_a_hundred_records_or_a_minute(chain):
    assert history_heads.sign_due(now=START) == 1
    write(LENGTH + 1)
    assert history_heads.sign_due(now=START + timedelta(seconds=59)) == 0
    assert history_heads.sign_due(now=START + timedelta(seconds=60)) == 1
    for number in range(100):
        write(LENGTH + 2 + number)
    assert history_heads.sign_due(now=START + timedelta(seconds=61)) == 1
    assert [head.number for head in history_heads.read()] == [40, 41, 141]
    assert history_heads.sign_due(now=START + timedelta(hours=5)) == 0  # nothing new


def test_key_is_readable_by_its_owner_only(chain, settings):
    history_heads.sign_due(now=START)
    assert settings.AUDIT_KEY_FILE.stat().st_mode & 0o777 == 0o600


def test_a_forged_head_is_named(chain, settings):
    history_heads.sign_due(now=START)
    heads = settings.AUDIT_HEADS_FILE
    heads.write_text(heads.read_text().replace(chain[-1]["digest"], chain[-2]["digest"]))
    found = verify.verify()
    assert found.finding is not None
    assert "no valid signature" in found.finding.problem


def test_a_damaged_file_of_heads_is_named_with_its_line(chain, settings):
    history_heads.sign_due(now=START)
    with settings.AUDIT_HEADS_FILE.open("a") as file:
        file.write("cut off {\n")
    with pytest.raises(CommandError, match=r"heads.jsonl, line 2 is no signed head"):
        call_command("audit", "verify")


def run_verifier(*arguments, isolated=False):
    command = [sys.executable, *(["-I", "-S"] if isolated else []), str(VERIFIER)]
    done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout


@pytest.fixture
def exported(chain, tmp_path):
    history_heads.sign_due(now=START)
    path = tmp_path / "chain.jsonl"
    call_command("audit", "export", "--output", str(path))
    return path


def test_an_export_is_verified_with_the_standard_library_alone(exported):
    # -I -S: no third-party package can be imported; openssl may still check the signatures
    code, out = run_verifier(exported, isolated=True)
    assert code == 0
    assert "40 records, each follows from the one before it." in out
    assert "1 signed heads, the last of record 40" in out or "NOT checked" in out


def test_signatures_of_an_export_are_checked(exported):
    code, out = run_verifier(exported)
    assert (code, "1 signed heads, the last of record 40" in out) == (0, True)
    code, out = run_verifier(exported, "--public-key", "00" * 32)
    assert (code, out.splitlines()[-1]) == (1, "NOT SOUND. The signed head of record 40.")


def test_a_change_in_an_export_is_named(exported):
    lines = exported.read_text().splitlines()
    third = json.loads(lines[3])
    third["body"] = third["body"].replace("escalate", "auto_resolve")
    exported.write_text("\n".join([*lines[:3], json.dumps(third), *lines[4:]]))
    assert run_verifier(exported) == (
        1,
        "NOT SOUND. record 3: its body does not have its digest\n",
    )
    exported.write_text("\n".join(lines[:-5]))
    assert run_verifier(exported) == (1, "NOT SOUND. record 36: missing; 40 were signed\n")


def test_a_file_that_is_no_export_is_refused(tmp_path):
    path = tmp_path / "x"
    path.write_text("hello")
    assert run_verifier(path)[0] == 2


def while_reading(monkeypatch, write_at):
    """Somebody writes a record while the chain is read."""
    read, done = verify._problem, []

    def slow(row, number, previous, signed):
        if number == write_at and not done:
            done.append(True)
            write(1000)
        return read(row, number, previous, signed)

    monkeypatch.setattr(verify, "_problem", slow)


def test_what_is_written_while_the_chain_is_read_breaks_nothing(chain, monkeypatch):
    read = verify._rows
    monkeypatch.setattr(
        verify, "_rows", lambda: iter(list(read()))
    )  # a snapshot, as databases give
    while_reading(monkeypatch, LENGTH - 3)
    assert verify.verify().finding is None
    assert AuditRecord.objects.count() == LENGTH + 1
    assert verify.verify().records == LENGTH + 1


def test_what_is_written_between_the_looks_of_a_stretch_breaks_nothing(chain, monkeypatch):
    look, done = verify._head, []

    def then_somebody_writes():
        head = look()
        if not done:
            done.append(True)
            write(1000)
        return head

    monkeypatch.setattr(verify, "_head", then_somebody_writes)
    found = verify.verify_stretch(0, record.GENESIS, 100)
    assert (found.finding, found.ended) == (None, False)
    assert verify.verify_stretch(found.number, found.digest, 100).ended
