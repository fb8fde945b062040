"""The table of periodic jobs, and who runs which of them when.

The embedded worker and Celery run the same functions. Any job may run twice or be killed anywhere:
rows are the truth, a job only makes things happen sooner.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from decisions.stops import breakers
from metrics.alerts import alerts, audit_rounds, watch
from metrics.drift import unexplained, weeks
from metrics.rollup import latest, roll_up
from supportops import logs, slowness
from supportops.logs import redacted
from tickets.desk import customer_actions
from tickets.history import heads
from tickets.learning import certify, shadow
from tickets.models import IdempotencyKey, JobLease
from tickets.outbox import deliver
from tickets.pipeline import catch_up, idempotency
from tickets.promises import targets

logger = logging.getLogger("supportops.jobs")

DECIDE_BATCH = 8  # all of them wait for the second classifier at the same time
MAIL_BATCH = 10  # small, so that a worker told to stop leaves soon though the mail server is slow
SWEEP_BATCH = 200
SILENT_BATCH = 500
TARGET_BATCH = 200
KEY_BATCH = 1_000
HOUR_BATCH = 200
SHADOW_BATCH = 100


@dataclass(frozen=True, slots=True)
class Job:
    """Something to do again and again. `run` says how many things it did.

    `batch`: after that many there may be more, so it is due again at once.
    `shared`: its rows are claimed one by one, so several workers may run it at the same time.
    `outside`: waits for others' machines, so it must not hold up the other jobs.
    `lease`: for how long a worker that died keeps others from running it.
    """

    name: str
    every: timedelta
    run: Callable[[datetime], int]
    batch: int | None = None
    shared: bool = False
    outside: bool = False
    lease: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of one job that was due."""

    name: str
    done: int = 0
    error: str = ""


def forget_keys(now: datetime) -> int:
    """Forget idempotency keys whose day is over; how many."""
    old = IdempotencyKey.objects.filter(created_at__lte=now - idempotency.KEY_LIFE).order_by("id")
    keys = list(old.values_list("pk", flat=True)[:KEY_BATCH])
    return IdempotencyKey.objects.filter(pk__in=keys).delete()[0]


def beat(now: datetime) -> int:
    """Does nothing: when it last did so tells `/health/ready` that somebody works."""
    return 0


HEARTBEAT = "heartbeat"
DELIVER = "deliver"

# Only where the business asks a second classifier: without one intake decides by itself.
DECIDE = Job(
    "decide_received",
    timedelta(seconds=2),
    lambda now: catch_up.decide_received(now=now, limit=DECIDE_BATCH),
    batch=DECIDE_BATCH,
    outside=True,
    # Not much longer than a round takes: what a worker that died left is asked about once more.
    lease=timedelta(seconds=settings.LLM_DEADLINE_SECONDS + 15),
)

JOBS: tuple[Job, ...] = (
    Job(HEARTBEAT, timedelta(seconds=15), beat, shared=True),
    Job(
        DELIVER,
        timedelta(seconds=5),
        lambda now: deliver.deliver_due(now=now, limit=MAIL_BATCH),
        batch=MAIL_BATCH,
        shared=True,
        outside=True,
    ),
    Job(
        "sweep",
        timedelta(seconds=15),
        lambda now: catch_up.sweep(now=now, limit=SWEEP_BATCH),
        batch=SWEEP_BATCH,
        lease=timedelta(seconds=30),  # what a worker that died left waits no longer than this
    ),
    Job(
        "settle_silent",
        timedelta(minutes=10),
        lambda now: customer_actions.settle_silent(now=now, limit=SILENT_BATCH),
        batch=SILENT_BATCH,
    ),
    Job(
        "service_levels",
        timedelta(seconds=20),
        lambda now: targets.notice(now=now, limit=TARGET_BATCH),
        batch=TARGET_BATCH,
    ),
    Job("sign_head", timedelta(seconds=15), lambda now: heads.sign_due(now=now)),
    Job("breakers", timedelta(hours=1), lambda now: breakers.keep_up(now=now)),
    Job("quarantine", timedelta(hours=1), lambda now: len(certify.watch(now=now))),
    # A lane of its own: a slow candidate must not keep anything that counts waiting.
    Job(
        "shadow",
        timedelta(seconds=20),
        lambda now: shadow.work(now=now, limit=SHADOW_BATCH),
        batch=SHADOW_BATCH,
        outside=True,
    ),
    Job("forget_keys", timedelta(hours=1), forget_keys, batch=KEY_BATCH),
    Job(
        "roll_up",
        timedelta(seconds=10),
        lambda now: roll_up.roll_up(now, limit=HOUR_BATCH),
        batch=HOUR_BATCH,
    ),
    Job("keep_figures", timedelta(seconds=30), latest.keep),
    Job("check_alerts", timedelta(minutes=1), lambda now: alerts.run(now, watch.OFTEN)),
    Job("check_spikes", timedelta(minutes=5), lambda now: alerts.run(now, watch.SELDOM)),
    Job(
        "verify_audit",
        timedelta(minutes=5),
        lambda now: audit_rounds.verify(now),
        batch=audit_rounds.LIMIT,
    ),
    Job("look_for_drift", timedelta(hours=1), weeks.look),
    Job("group_unexplained", timedelta(hours=6), unexplained.regroup, lease=timedelta(minutes=10)),
    *([DECIDE] if settings.LLM_URL else []),
)


def named(name: str) -> Job:
    """Raises KeyError when no job has that name."""
    return {job.name: job for job in JOBS}[name]


def run_due(
    now: datetime,
    *,
    jobs: Iterable[Job] = JOBS,
    urgent: Collection[str] = (),
    stopping: Callable[[], bool] = lambda: False,
) -> list[Ran]:
    """Run each job that is due and that nobody else runs; `urgent` ones before their time too.

    Raises:
        OperationalError: the database cannot be reached or written.
    """
    rows = _rows(jobs, now)
    ran = []
    for job in jobs:
        if stopping():
            break
        if job.name in urgent or rows[job.name].due_at <= now:
            outcome = run(job, now, urgent=job.name in urgent)
            ran += [outcome] if outcome else []
    return ran


def run(job: Job, now: datetime, *, urgent: bool = False) -> Ran | None:
    """Run a job under its lease; None when it is not due or somebody else runs it.

    Whatever the job raises is logged and stands in its row; the other jobs go on.
    """
    holder = _take(job, now, urgent=urgent)
    if holder is None:
        return None
    try:
        with logs.bound(job=job.name), slowness.watched():
            outcome = Ran(job.name, done=job.run(now))
    except Exception as error:
        # A job may fail in any way; none may keep the others from their work.
        logger.exception("job failed: %s", job.name)
        outcome = Ran(job.name, error=redacted(f"{type(error).__name__}: {error}")[:200])
    _give_back(job, holder, outcome, now)
    return outcome


def next_due(now: datetime, *, jobs: Iterable[Job] = JOBS) -> datetime:
    """When the next of these jobs is due."""
    return min(row.due_at for row in _rows(jobs, now).values())


def _rows(jobs: Iterable[Job], now: datetime) -> dict[str, JobLease]:
    """The row of each job. A job that has none yet is due now."""
    names = [job.name for job in jobs]
    rows = JobLease.objects.in_bulk(names, field_name="name")
    missing = [name for name in names if name not in rows]
    if missing:
        JobLease.objects.bulk_create(
            [JobLease(name=name, due_at=now) for name in missing], ignore_conflicts=True
        )
        rows = JobLease.objects.in_bulk(names, field_name="name")
    return rows


def _take(job: Job, now: datetime, *, urgent: bool) -> str | None:
    """Who holds the job from now on: us, or None. Counted rows decide, not what was read before."""
    rows = JobLease.objects.filter(name=job.name)
    if not urgent:
        rows = rows.filter(due_at__lte=now)
    if not job.shared:
        rows = rows.filter(Q(leased_until=None) | Q(leased_until__lte=now))
    holder = f"{socket.gethostname()[:32]}:{os.getpid()}:{secrets.token_hex(6)}"
    taken = rows.update(
        holder=holder, leased_until=now + job.lease, due_at=now + job.every, last_started_at=now
    )
    return holder if taken else None


def _give_back(job: Job, holder: str, outcome: Ran, started: datetime) -> None:
    """Say how it went. Whoever took over an expired lease meanwhile keeps it."""
    now = timezone.now()
    full = job.batch is not None and outcome.done >= job.batch
    rows = JobLease.objects.filter(name=job.name)
    if not job.shared:
        rows = rows.filter(holder=holder)
    try:
        rows.update(
            holder="",
            leased_until=None,
            due_at=started if full else max(started + job.every, now),
            last_finished_at=now,
            last_error=outcome.error,
        )
    except DatabaseError:
        # The lease runs out by itself.
        logger.exception("job's end not recorded: %s", job.name)
