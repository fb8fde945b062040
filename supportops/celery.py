"""The same jobs under Celery with Redis, for when one machine is outgrown.

    celery -A supportops.celery worker        any number of them, on any number of machines
    celery -A supportops.celery beat          exactly one: it says when a job is due

Nothing depends on a message arriving: what one that got lost would have done, the next one does.
"""

import logging
import os

import django
from celery import Celery
from django.apps import apps
from django.conf import settings
from django.utils import timezone
from kombu.exceptions import OperationalError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")
if not apps.ready:
    django.setup()

from supportops import jobs

logger = logging.getLogger("supportops.celery")

NUDGE_LIFE = 30  # seconds after which beat has long done the same
CONNECT_SECONDS = 2  # a request does not wait long for a broker

app = Celery("supportops", broker=settings.CELERY_BROKER_URL)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_soft_time_limit=600,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_max_tasks_per_child=1_000,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 900,  # after which a message of a machine that died comes again
        "socket_timeout": 5,
        "socket_connect_timeout": CONNECT_SECONDS,
    },
    broker_connection_timeout=CONNECT_SECONDS,
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
    task_serializer="json",
    accept_content=["json"],
    timezone="UTC",
    beat_schedule_filename=str(settings.DATA_DIR / "celerybeat-schedule"),
    beat_schedule={
        job.name: {
            "task": "supportops.run_job",
            "schedule": job.every,
            "args": (job.name,),
            # What waited while nobody worked is not run many times over.
            "options": {"expires": max(job.every.total_seconds(), NUDGE_LIFE)},
        }
        for job in jobs.JOBS
    },
)


@app.task(name="supportops.run_job")
def run_job(name: str) -> None:
    """Run a job of the table now, unless somebody else runs it. Full batches call for another."""
    job = jobs.named(name)
    ran = jobs.run(job, timezone.now(), urgent=True)
    if ran is not None and job.batch is not None and ran.done >= job.batch:
        _send(name)


def nudge() -> None:
    """Ask for delivery now. Never fails: the rows are there, and beat comes round soon."""
    _send(jobs.DELIVER)


def _send(name: str) -> None:
    try:
        run_job.apply_async((name,), expires=NUDGE_LIFE)
    except OperationalError as error:
        logger.warning("the broker cannot be reached: %s", type(error).__name__)
