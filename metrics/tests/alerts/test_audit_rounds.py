"""Checking the audit chain little by little."""

from datetime import timedelta

import pytest
from django.db import connection

from metrics.alerts import watch
from metrics.alerts.audit_rounds import verify
from metrics.models import AuditCheck
from metrics.tests.factories import NOON
from supportops.tests.clean_slate import lift_triggers
from tickets.codes import AuditKind
from tickets.history import heads, record
from tickets.history.record import Actor, AuditEntry
from tickets.models import AuditRecord

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def own_heads(settings, tmp_path):
    settings.AUDIT_HEADS_FILE = tmp_path / "heads.jsonl"
    settings.AUDIT_KEY_FILE = tmp_path / "audit.key"


def write(number):
    entries = [
        AuditEntry(AuditKind.SWITCH, "switch", Actor.machine(), {"on": n % 2 == 0})
        for n in range(number)
    ]
    record.write(now=NOON, audit=entries)


def tamper(number):
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_auditrecord SET body = body || ' ' WHERE number = %s", [number]
        )


def test_a_round_goes_through_the_chain_in_stretches():
    write(7)
    assert [verify(NOON, limit=3) for _ in range(4)] == [3, 3, 1, 0]
    check = AuditCheck.objects.get()
    assert (check.number, check.whole_at, check.broken_at) == (7, NOON, None)


def test_what_is_new_is_checked_as_it_comes():
    write(3)
    verify(NOON)
    write(2)
    assert verify(NOON + HOUR) == 2


def test_a_changed_record_behind_the_check_is_found_by_the_next_round():
    write(5)
    verify(NOON)
    tamper(2)
    verify(NOON + HOUR)
    assert watch.audit(NOON) == []
    verify(NOON + 24 * HOUR)
    check = AuditCheck.objects.get()
    assert (check.broken_at, check.problem) == (2, "its body does not have its digest")
    (found,) = watch.audit(NOON)
    assert found.facts["record"] == 2


def test_what_is_broken_stays_broken_until_it_is_mended():
    write(4)
    body = AuditRecord.objects.get(number=3).body
    tamper(3)
    for hours in range(3):
        verify(NOON + hours * HOUR)
        assert AuditCheck.objects.get().broken_at == 3
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tickets_auditrecord SET body = %s WHERE number = 3", [body])
    verify(NOON + 4 * HOUR)
    assert AuditCheck.objects.get().broken_at is None
    assert AuditCheck.objects.get().number == 4


def test_a_chain_that_was_cut_off_is_found_at_its_end():
    write(4)
    heads.sign_due(now=NOON)
    verify(NOON)
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tickets_auditrecord WHERE number = 4")
    verify(NOON + 24 * HOUR)
    assert AuditCheck.objects.get().broken_at == 4


def test_an_empty_chain_is_whole():
    assert verify(NOON) == 0
    assert AuditCheck.objects.get().broken_at is None
