"""The embedded worker: nudges, stopping, crashes."""

import logging
import signal
import socket
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import OperationalError
from django.utils import timezone

from decisions.models import Decision
from supportops.background import alive, jobs, worker
from supportops.background.jobs import Job
from supportops.tests import processes
from supportops.tests.processes import MANAGE
from tickets.codes import EventKind, OutboxState, TicketStatus
from tickets.history import nudge
from tickets.history.verify import verify
from tickets.models import AuditRecord, JobLease, Outbox, Ticket, TicketEvent
from tickets.tests.factories import OutboxFactory, TicketFactory

HOUR = timedelta(hours=1)


@pytest.fixture
def stop():
    stop = worker.Stop()
    yield stop
    stop.close()


@pytest.fixture
def path(tmp_path, settings):
    settings.WORKER_SOCKET = tmp_path / "worker.sock"
    return settings.WORKER_SOCKET


def lane(stop, *table, **options):
    return worker.Lane(table, stop, **options)


# --- What a health check looks at -----------------------------------------------------------------


@pytest.mark.parametrize("pulse", [True, False])
def test_a_lane_with_a_pulse_touches_the_file_at_each_of_its_rounds(
    pulse, stop, tmp_path, settings, monkeypatch
):
    monkeypatch.setattr(worker, "close_old_connections", lambda: None)  # the test's own
    settings.ALIVE_FILE = tmp_path / "alive"
    seen = []

    def round_of_two(lane, *, nudged=False):
        seen.append(settings.ALIVE_FILE.exists())
        settings.ALIVE_FILE.unlink(missing_ok=True)
        if len(seen) == 2:
            stop.tell()
        return 0.0

    monkeypatch.setattr(worker.Lane, "round", round_of_two)
    lane(stop, pulse=pulse).run()
    assert seen == [pulse] * 2


def test_nothing_fails_where_nobody_looks_or_the_file_cannot_be_touched(tmp_path, settings):
    for file in (None, tmp_path / "missing" / "alive"):
        settings.ALIVE_FILE = file
        alive.touch()
    assert list(tmp_path.iterdir()) == []


# --- Nudges ---------------------------------------------------------------------------------------


def test_nudges_arrive_and_many_mean_the_same_as_one(path, stop):
    with worker.listening(path) as nudges:
        listener = lane(stop, nudges=nudges)
        for _ in range(3):
            nudge.by_socket()
        assert listener.wait(5) is True
        assert listener.wait(0) is False


def test_a_socket_that_a_dead_worker_left_is_in_nobodys_way(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
    assert path.exists()
    with worker.listening(path) as nudges:
        assert nudges is not None


def test_a_second_worker_on_the_machine_works_without_nudges(path):
    with worker.listening(path) as first:
        with worker.listening(path) as second:
            assert second is None
        nudge.by_socket()
        assert first.recv(64) == b"."  # the first still has its socket
    assert not path.exists()


def test_a_path_too_long_for_a_socket_is_said_and_no_reason_to_fail(tmp_path, caplog):
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with worker.listening(folder / "worker.sock") as nudges:
        assert nudges is None
    assert "no nudges" in caplog.text


def test_nudging_without_a_worker_does_nothing(path):
    nudge.by_socket()
    assert not path.exists()


@pytest.mark.django_db(transaction=True)
def test_a_nudge_delivers_mail_long_before_it_is_due(path, stop):
    jobs._rows(jobs.JOBS, timezone.now())
    JobLease.objects.update(due_at=timezone.now() + HOUR)
    row = OutboxFactory()
    thread = threading.Thread(target=worker.run_forever, args=(stop,))
    thread.start()
    processes.until(path.exists, "listening")
    nudge.by_socket()
    processes.until(lambda: mail.outbox, "delivery")
    stop.tell()
    thread.join()
    row.refresh_from_db()
    assert row.state == OutboxState.SENT


# --- Rounds ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_round_says_how_long_to_wait_for_the_next_job(stop):
    soon = Job("soon", timedelta(seconds=3), lambda now: 0)
    assert 2.5 < lane(stop, soon).round() <= 3.0


@pytest.mark.django_db
def test_nobody_waits_longer_than_a_few_seconds(stop):
    assert lane(stop, Job("late", HOUR, lambda now: 0)).round() == worker.LONGEST_WAIT


def test_a_database_that_fails_is_asked_again(stop, monkeypatch, caplog):
    def locked(*args, **options):
        raise OperationalError("database is locked")

    monkeypatch.setattr(jobs, "run_due", locked)
    assert lane(stop).round() == worker.DATABASE_PAUSE
    assert "the database cannot be used" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_the_job_under_way_is_finished_and_no_other_started(stop):
    done = []

    def told_meanwhile(now):
        stop.tell()
        done.append("first")
        return 1

    first = Job("first", HOUR, told_meanwhile)
    second = Job("second", HOUR, lambda now: done.append("second") or 1)
    lane(stop, first, second).run()
    assert done == ["first"]
    assert JobLease.objects.get(name="first").last_finished_at is not None


def test_a_lane_that_breaks_ends_the_worker_and_says_so(path, stop, monkeypatch, caplog):
    def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "run_due", broken)
    with caplog.at_level(logging.ERROR, logger="supportops.worker"):
        assert worker.run_forever(stop) is False
    assert "a lane of the worker broke" in caplog.text


def test_a_mail_server_that_hangs_holds_up_no_other_job():
    outside = {job.name for job in jobs.JOBS if job.outside}
    assert outside == {"deliver", "shadow"}


# --- The real process -----------------------------------------------------------------------------


def test_once_runs_what_is_due_and_leaves(around):
    done = processes.run(around, "worker", "--once")
    kept = {"keep_figures": 1}  # always written again
    assert done.stdout.splitlines() == [f"{job.name}: {kept.get(job.name, 0)}" for job in jobs.JOBS]
    assert JobLease.objects.count() == len(jobs.JOBS)


def test_sigterm_stops_the_worker_in_order(around, tmp_path):
    log = tmp_path / "log"
    with processes.running(around, *MANAGE, "worker", log=log) as process:
        beat = JobLease.objects.filter(name=jobs.HEARTBEAT).exclude(last_finished_at=None)
        processes.until(beat.exists, "a heartbeat")
        assert (tmp_path / "worker.sock").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(processes.PATIENCE) == 0
    assert processes.says(log, "The worker has stopped.")
    assert not (tmp_path / "worker.sock").exists()


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_decides_nothing_twice(around, tmp_path, starter):
    log = tmp_path / "log"
    long_ago = timezone.now() - HOUR
    for _ in range(200):
        TicketFactory(created_at=long_ago)
    decided = Decision.objects.all()
    with processes.running(around, *MANAGE, "worker", log=log) as first:
        processes.until(lambda: decided.count() > 20, "some work")
        processes.kill(first)
    left = Ticket.objects.undecided().count()
    assert 0 < left < 180
    # The dead worker's lease runs out by itself; nobody wants to wait for that here.
    JobLease.objects.update(leased_until=None, due_at=long_ago)
    with processes.running(around, *MANAGE, "worker", log=log):
        processes.until(lambda: decided.count() == 200, "the rest of the work")
    assert_each_decided_once(200)


def assert_each_decided_once(number):
    assert Ticket.objects.undecided().count() == 0
    assert Ticket.objects.filter(status=TicketStatus.OPEN).count() == number
    assert Decision.objects.values("ticket").distinct().count() == number
    assert Decision.objects.count() == number
    assert TicketEvent.objects.filter(kind=EventKind.ESCALATED).count() == number
    assert AuditRecord.objects.filter(kind="decision").count() == number
    assert Outbox.objects.count() == number
    assert verify().is_sound
