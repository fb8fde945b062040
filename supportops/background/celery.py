"""The same jobs under Celery with Redis, for when one machine is outgrown.

    celery -A supportops.background.celery worker    any number, on any number of machines
    celery -A supportops.background.celery beat      exactly one: it says when a job is due

Nothing depends on a message arriving: what one that got lost would have done, the next one does.
"""

import logging
import os
import time
from typing import Any

import django
from celery import Celery
from celery.beat import PersistentScheduler
from celery.signals import heartbeat_sent
from django.apps import apps
from django.conf import settings
from django.utils import timezone
from kombu import Queue
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
if not apps.ready:
    django.setup()

from supportops.background import alive, jobs  # models can be imported only after the setup

logger = logging.getLogger("supportops.celery")

MESSAGE_LIFE = 30  # seconds after which beat has long said the same again
CONNECT_SECONDS = 2  # a request does not wait long for a broker
COLLAPSE_SECONDS = 0.5  # nudges of one process within this time become one
INSIDE, OUTSIDE = "supportops", "supportops-outside"


def queue_of(job: jobs.Job) -> str:
    """Jobs that wait for others' machines queue up apart; a worker takes from both in turn."""
    return OUTSIDE if job.outside else INSIDE


app = Celery("supportops", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    accept_content=["json"],
    beat_schedule={
        job.name: {
            "task": "supportops.run_job",
            "schedule": job.every,
            "args": (job.name,),
            # What piled up while nobody worked is not run many times over.
            "options": {
                "expires": max(job.every.total_seconds(), MESSAGE_LIFE),
                "queue": queue_of(job),
            },
        }
        for job in jobs.JOBS
    },
    beat_scheduler="supportops.background.celery:Scheduler",
    beat_schedule_filename=str(settings.DATA_DIR / "celerybeat-schedule"),
    broker_connection_retry_on_startup=True,
    broker_connection_timeout=CONNECT_SECONDS,
    broker_transport_options={
        "visibility_timeout": 900,  # after which a message of a machine that died comes again
        "socket_timeout": 5,
        "socket_connect_timeout": CONNECT_SECONDS,
    },
    task_acks_late=True,
    task_default_queue=INSIDE,
    task_ignore_result=True,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    task_queues=[Queue(INSIDE), Queue(OUTSIDE)],
    task_reject_on_worker_lost=True,
    task_serializer="json",
    task_soft_time_limit=600,
    timezone="UTC",
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=1_000,
    worker_prefetch_multiplier=1,
)


class Scheduler(PersistentScheduler):
    """Beat's own, which says at each of its rounds that it works."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; seconds until there is something again."""
        seconds: float = super().tick(*args, **kwargs)
        alive.touch()
        return seconds


@heartbeat_sent.connect
def worker_is_alive(**kwargs: Any) -> None:
    """A worker that is connected to the broker beats every two seconds."""
    alive.touch()


@app.task(name="supportops.run_job")
def run_job(name: str) -> None:
    """Run a job of the table now, unless somebody else runs it. Full batches call for another."""
    job = jobs.named(name)
    for ran in jobs.run_due(timezone.now(), jobs=[job], urgent=[name]):
        if job.batch is not None and ran.done >= job.batch:
            send(job)


def send(job: jobs.Job, *, after: float = 0.0) -> None:
    """Ask for a job. Never fails: the rows are there, and beat comes round soon."""
    try:
        run_job.apply_async(
            (job.name,), queue=queue_of(job), countdown=after or None, expires=MESSAGE_LIFE
        )
    except OperationalError as error:
        logger.warning("the broker cannot be reached: %s", type(error).__name__)


class Nudges:
    """One message speaks for everything that this process commits while it is under way."""

    def __init__(self) -> None:
        self.quiet_until = 0.0

    def give(self, now: float) -> bool:
        """Ask for delivery, unless a message is under way; whether it did."""
        if now < self.quiet_until:
            return False
        self.quiet_until = now + COLLAPSE_SECONDS
        send(jobs.named(jobs.DELIVER), after=COLLAPSE_SECONDS)
        return True


_nudges = Nudges()


def nudge() -> None:
    """What the web process calls when something waits for delivery."""
    _nudges.give(time.monotonic())
