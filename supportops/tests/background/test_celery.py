"""The same jobs under Celery, with a real broker and real workers that are really killed."""

import signal
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from decisions.models import Decision
from supportops.background import jobs
from supportops.tests import processes
from supportops.tests.background.test_worker import assert_each_decided_once
from tickets.codes import OutboxState
from tickets.models import JobLease, Outbox, Ticket
from tickets.tests.factories import OutboxFactory, TicketFactory

celery = pytest.importorskip("celery", reason="requirements-celery.txt is not installed")

from celery.signals import heartbeat_sent  # noqa: E402

from supportops.background import celery as ours  # noqa: E402  only where Celery is installed
from supportops.background.celery import app, run_job  # noqa: E402

HOUR = timedelta(hours=1)
CELERY = [sys.executable, "-m", "celery", "-A", "supportops.background.celery"]


@pytest.fixture
def with_celery(around, redis_url):
    """Environment of Celery's processes on the suite's database and an empty broker."""
    return around | {"TASK_ENGINE": "celery", "CELERY_BROKER_URL": redis_url}


def worker(with_celery, log):
    command = [*CELERY, "worker", "--concurrency=2", "--loglevel=INFO", "--without-gossip"]
    return processes.running(with_celery, *command, log=log)


def send(with_celery, name):
    """Ask for a job as beat does."""
    with app.connection_for_write(with_celery["CELERY_BROKER_URL"]) as broker:
        run_job.apply_async((name,), connection=broker)


def test_beat_knows_every_job_of_the_table():
    schedule = app.conf.beat_schedule
    assert {name: entry["schedule"] for name, entry in schedule.items()} == {
        job.name: job.every for job in jobs.JOBS
    }
    assert {entry["args"][0] for entry in schedule.values()} == set(schedule)


def test_worker_and_beat_touch_the_file_that_a_health_check_looks_at(tmp_path, settings):
    settings.ALIVE_FILE = tmp_path / "alive"
    heartbeat_sent.send(sender=None)
    assert settings.ALIVE_FILE.exists()
    settings.ALIVE_FILE.unlink()
    scheduler = ours.Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    scheduler.schedule.clear()  # nothing is due, so the suite's broker gets nothing
    scheduler.tick()
    scheduler.close()
    assert settings.ALIVE_FILE.exists()


def test_a_message_is_acknowledged_only_after_the_work():
    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True


@pytest.mark.django_db
def test_the_task_runs_a_job_of_the_table_before_its_time():
    JobLease.objects.create(name=jobs.HEARTBEAT, due_at=timezone.now() + HOUR)
    run_job(jobs.HEARTBEAT)
    assert JobLease.objects.get(name=jobs.HEARTBEAT).last_finished_at is not None


@pytest.mark.django_db
def test_the_task_leaves_a_job_alone_that_somebody_else_runs():
    later = timezone.now() + HOUR
    JobLease.objects.create(name="sweep", due_at=later, holder="else", leased_until=later)
    run_job("sweep")
    assert JobLease.objects.get(name="sweep").last_started_at is None


@pytest.mark.django_db
def test_a_full_batch_asks_for_another(monkeypatch):
    asked = []
    monkeypatch.setattr(ours, "send", asked.append)
    full = jobs.Job("sweep", HOUR, lambda now: 5, batch=5)
    monkeypatch.setattr(jobs, "named", lambda name: full)
    run_job("sweep")
    assert asked == [full]


def test_many_nudges_of_a_process_become_one_message_that_comes_after_them_all(monkeypatch):
    sent = []
    monkeypatch.setattr(run_job, "apply_async", lambda args, **options: sent.append(options))
    nudges = ours.Nudges()
    assert [nudges.give(now) for now in (10.0, 10.1, 10.49, 10.5, 10.9)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert [options["countdown"] for options in sent] == [0.5, 0.5]


def test_mail_does_not_stand_in_the_way_of_decisions():
    assert ours.queue_of(jobs.named("deliver")) != ours.queue_of(jobs.named("sweep"))
    assert {queue.name for queue in app.conf.task_queues} == {
        entry["options"]["queue"] for entry in app.conf.beat_schedule.values()
    }


def test_a_broker_out_of_reach_is_logged_and_stops_no_request(tmp_path):
    nowhere = processes.environment(tmp_path, CELERY_BROKER_URL="redis://127.0.0.1:1/0")
    code = "from supportops.background.celery import nudge; nudge(); print('went on')"
    done = processes.python(nowhere, code)
    assert done.stdout == "went on\n"
    assert "the broker cannot be reached: OperationalError" in done.stderr


@pytest.mark.redis
@pytest.mark.slow
def test_beat_and_worker_deliver_mail_and_leave_on_sigterm(with_celery, tmp_path):
    row = OutboxFactory()
    log = tmp_path / "worker.log"
    beat = processes.running(with_celery, *CELERY, "beat", log=tmp_path / "beat.log")
    with worker(with_celery, log) as process, beat as clock:
        sent = Outbox.objects.filter(pk=row.pk, state=OutboxState.SENT)
        processes.until(sent.exists, "delivery")
        clock.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        assert process.wait(processes.PATIENCE) == 0
        assert clock.wait(processes.PATIENCE) == 0


@pytest.mark.redis
@pytest.mark.slow
def test_a_killed_celery_worker_loses_nothing_and_decides_nothing_twice(
    with_celery, tmp_path, starter
):
    long_ago = timezone.now() - HOUR
    for _ in range(200):
        TicketFactory(created_at=long_ago)
    decided = Decision.objects.all()
    log = tmp_path / "log"
    with worker(with_celery, log) as first:
        send(with_celery, "sweep")
        processes.until(lambda: decided.count() > 20, "some work")
        processes.kill(first)
    left = Ticket.objects.undecided().count()
    assert 0 < left < 180
    # The dead worker's lease runs out by itself; nobody wants to wait for that here.
    JobLease.objects.update(leased_until=None)
    with worker(with_celery, log), worker(with_celery, log):
        for _ in range(4):  # several at once: only one may sweep, and a full batch calls for more
            send(with_celery, "sweep")
        processes.until(lambda: decided.count() == 200, "the rest of the work")
    assert_each_decided_once(200)
