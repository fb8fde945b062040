from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from supportops.background.jobs import HEARTBEAT
from supportops.operations import doctor
from supportops.operations.doctor import Level
from supportops.tests.clean_slate import lift_triggers
from tickets.models import JobLease
from tickets.tests.factories import OutboxFactory, TicketFactory

pytestmark = pytest.mark.django_db


def findings(subject):
    now = timezone.now()
    return [
        (finding.level, finding.words)
        for finding in doctor.examine(now)
        if finding.subject == subject
    ]


def test_a_fresh_database_says_what_is_still_to_do(starter):
    assert findings("migrations") == [(Level.OK, "all applied")]
    assert findings("history") == [(Level.OK, "the triggers that refuse changes are there")]
    assert findings("policy") == [(Level.OK, "v1 Starter")]
    assert findings("model") == [(Level.WARN, "none is in force; a word list guesses")]
    assert findings("worker") == [(Level.WARN, "never seen")]


def test_nothing_is_changed_by_looking(starter):
    before = [JobLease.objects.count(), connection.introspection.table_names()]
    list(doctor.examine(timezone.now()))
    assert [JobLease.objects.count(), connection.introspection.table_names()] == before


def test_missing_triggers_are_a_failure_and_the_command_says_so():
    lift_triggers()
    out = StringIO()
    with pytest.raises(CommandError, match="must be mended"):
        call_command("doctor", stdout=out)
    assert "triggers are missing" in out.getvalue()
    assert "-> manage.py prepare" in out.getvalue()


def test_without_a_policy_every_ticket_goes_to_a_person():
    assert findings("policy") == [(Level.FAIL, "none is in force; a person gets every ticket")]


def test_a_database_out_of_reach_ends_the_examination(monkeypatch):
    def refused():
        raise OperationalError("no route to host")
        yield

    monkeypatch.setattr(doctor, "_database", refused)
    assert findings("database") == [(Level.FAIL, "cannot be used: no route to host")]
    assert findings("migrations") == []


@pytest.mark.parametrize(
    ("mode", "level"), [(0o600, Level.OK), (0o640, Level.WARN), (0o604, Level.WARN)]
)
def test_a_settings_file_that_others_can_read(tmp_path, settings, mode, level):
    settings.BASE_DIR = tmp_path
    (tmp_path / ".env").touch()
    (tmp_path / ".env").chmod(mode)
    assert [found for found, _ in findings(".env")] == [level]


@pytest.mark.parametrize(
    ("free", "level"), [(199, Level.FAIL), (200, Level.WARN), (1999, Level.WARN), (2000, Level.OK)]
)
def test_a_disk_that_fills_up(monkeypatch, free, level):
    usage = type("Usage", (), {"free": free * 1_000_000})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert [found for found, _ in findings("disk")] == [level]


def test_a_worker_that_was_seen_long_ago_and_a_job_that_failed():
    long_ago = timezone.now() - timedelta(hours=2)
    JobLease.objects.create(name=HEARTBEAT, due_at=long_ago, last_finished_at=long_ago)
    JobLease.objects.create(name="sweep", due_at=long_ago, last_error="KeyError: 'x'")
    assert findings("worker") == [(Level.WARN, f"last seen {long_ago:%Y-%m-%d %H:%M} UTC")]
    assert findings("job") == [(Level.WARN, "sweep: KeyError: 'x'")]


def test_what_waits_is_counted():
    TicketFactory()
    OutboxFactory(state="failed")
    assert findings("tickets") == [(Level.WARN, "1 are not decided")]
    assert findings("mail") == [(Level.WARN, "1 could not be delivered")]
