import logging
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from supportops.background import jobs
from supportops.background.jobs import Job, Ran
from tickets.models import IdempotencyKey, JobLease
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def clock_stands_still(monkeypatch):
    """However late a test runs: a job that began at NOW ended at NOW."""
    monkeypatch.setattr(jobs.timezone, "now", lambda: NOW)


class Counting:
    """A job's function that counts how often it ran."""

    def __init__(self, done=0, raises=None):
        self.done, self.raises, self.times = done, raises, 0

    def __call__(self, now):
        self.times += 1
        if self.raises:
            raise self.raises
        return self.done


def job(run, name="sample", **options):
    return Job(name, MINUTE, run, **options)


def row(name="sample"):
    return JobLease.objects.get(name=name)


def test_a_job_without_a_row_is_due_and_gets_one():
    run = Counting(done=3)
    assert jobs.run_due(NOW, jobs=[job(run)]) == [Ran("sample", done=3)]
    assert (run.times, row().last_started_at, row().last_error) == (1, NOW, "")


def test_a_job_runs_again_only_after_its_period():
    run = Counting()
    for seconds in (0, 59.9, 60, 61, 120):
        jobs.run_due(NOW + timedelta(seconds=seconds), jobs=[job(run)])
    assert run.times == 3  # at 0, 60 and 120


def test_an_urgent_job_runs_before_its_time():
    run, other = Counting(), Counting()
    table = [job(run), job(other, "other")]
    jobs.run_due(NOW, jobs=table)
    jobs.run_due(NOW, jobs=table, urgent=["sample"])
    assert (run.times, other.times) == (2, 1)


def test_a_job_under_way_elsewhere_is_passed_over_until_its_lease_ends():
    run = Counting()
    JobLease.objects.create(name="sample", due_at=NOW, holder="else", leased_until=NOW + MINUTE)
    assert jobs.run_due(NOW, jobs=[job(run)], urgent=["sample"]) == []
    assert (run.times, row().holder) == (0, "else")
    assert jobs.run_due(NOW + MINUTE, jobs=[job(run)]) == [Ran("sample")]


def test_a_shared_job_runs_while_another_runs_it():
    run = Counting()
    JobLease.objects.create(name="sample", due_at=NOW, holder="else", leased_until=NOW + MINUTE)
    jobs.run_due(NOW, jobs=[job(run, shared=True)])
    assert run.times == 1


def test_two_workers_that_saw_the_same_due_row_do_not_both_run():
    taken = [jobs._take(job(Counting()), NOW, urgent=False) for _ in range(2)]
    assert taken == [None, None]  # no row yet
    jobs._rows([job(Counting())], NOW)
    taken = [jobs._take(job(Counting()), NOW, urgent=False) for _ in range(2)]
    assert taken[0] is not None
    assert taken[1] is None


def test_a_full_batch_makes_the_job_due_at_once():
    jobs.run_due(NOW, jobs=[job(Counting(done=10), batch=10)])
    assert row().due_at == NOW
    jobs.run_due(NOW, jobs=[job(Counting(done=9), batch=10)])
    assert row().due_at == NOW + MINUTE


def test_one_failing_job_stops_no_other_and_is_on_record(caplog):
    table = [job(Counting(raises=KeyError("what")), "bad"), job(Counting(done=1), "good")]
    with caplog.at_level(logging.ERROR, logger="supportops.jobs"):
        ran = jobs.run_due(NOW, jobs=table)
    assert ran == [Ran("bad", error="KeyError: 'what'"), Ran("good", done=1)]
    assert row("bad").last_error == "KeyError: 'what'"
    assert (row("bad").holder, row("bad").leased_until) == ("", None)
    assert [record.getMessage() for record in caplog.records] == ["job failed: bad"]


def test_an_error_on_record_names_no_address():
    jobs.run_due(NOW, jobs=[job(Counting(raises=ValueError("ann@example.com refused")))])
    assert row().last_error == "ValueError: [address] refused"


def test_a_later_success_takes_the_error_away():
    jobs.run_due(NOW, jobs=[job(Counting(raises=ValueError("x")))])
    jobs.run_due(NOW + MINUTE, jobs=[job(Counting())])
    assert row().last_error == ""


def test_who_lost_the_lease_does_not_end_the_other_ones_run():
    def overtaken(now):
        JobLease.objects.update(holder="else", leased_until=NOW + 2 * MINUTE)
        return 0

    jobs.run_due(NOW, jobs=[job(overtaken)])
    assert (row().holder, row().leased_until) == ("else", NOW + 2 * MINUTE)
    assert row().last_finished_at is None


def test_an_end_that_cannot_be_written_leaves_the_lease_to_run_out(monkeypatch):
    def locked(*args, **kwargs):
        raise OperationalError("database is locked")

    def run(now):
        monkeypatch.setattr(type(JobLease.objects.all()), "update", locked)
        return 1

    assert jobs.run_due(NOW, jobs=[job(run)]) == [Ran("sample", done=1)]
    monkeypatch.undo()
    assert row().leased_until == NOW + timedelta(minutes=2)


def test_no_further_job_starts_after_the_word_to_stop():
    told = []
    table = [job(lambda now: told.append(1) or 1, "first"), job(Counting(), "second")]
    ran = jobs.run_due(NOW, jobs=table, stopping=lambda: bool(told))
    assert ran == [Ran("first", done=1)]


def test_the_next_due_job_sets_the_alarm():
    table = [job(Counting()), job(Counting(), "other")]
    jobs.run_due(NOW, jobs=table)
    JobLease.objects.filter(name="other").update(due_at=NOW + timedelta(seconds=7))
    assert jobs.next_due(NOW, jobs=table) == NOW + timedelta(seconds=7)


def test_idle_rounds_read_once_and_write_nothing(django_assert_num_queries):
    jobs.run_due(NOW, jobs=[job(Counting())])
    with django_assert_num_queries(1):
        jobs.run_due(NOW, jobs=[job(Counting())])


def test_names_are_unique_and_every_job_runs_on_an_empty_database():
    names = [job.name for job in jobs.JOBS]
    assert len(set(names)) == len(names)
    assert [ran.name for ran in jobs.run_due(NOW) if not ran.error] == names


def test_keys_are_forgotten_after_their_day_and_not_before():
    for name, age in (("old", timedelta(hours=24)), ("young", timedelta(hours=23, minutes=59))):
        IdempotencyKey.objects.create(
            key=name, body_hash="0" * 64, ticket=TicketFactory(), created_at=NOW - age
        )
    assert jobs.forget_keys(NOW) == 1
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["young"]
