"""Is the process there, and can it do its work? For load balancers and for people in a hurry."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import Min
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from classification import services as classification
from classification.models import Promotion
from supportops.background.jobs import HEARTBEAT
from tickets.codes import OutboxState
from tickets.models import JobLease, Outbox, Ticket

WORKER_LATE = timedelta(minutes=2)
UNDECIDED_LATE = timedelta(minutes=2)
OUTBOX_LATE = timedelta(minutes=15)


class State(StrEnum):
    OK = "ok"
    LATE = "late"  # something waits longer than it should; inquiries are taken all the same
    FAIL = "fail"  # inquiries cannot be taken or decided


@dataclass(frozen=True, slots=True)
class Part:
    """How one part is doing. Says nothing that a stranger must not know."""

    state: State
    facts: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"status": self.state, **self.facts}


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches no database."""
    return JsonResponse({"status": State.OK})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 while inquiries can be taken and decided, else 503; `late` parts need somebody soon."""
    parts = look(timezone.now())
    states = {part.state for part in parts.values()}
    worst = next(state for state in (State.FAIL, State.LATE, State.OK) if state in states)
    return JsonResponse(
        {"status": worst, "parts": {name: part.as_json() for name, part in parts.items()}},
        status=503 if worst == State.FAIL else 200,
    )


def look(now: datetime) -> dict[str, Part]:
    """Every part; where the database is out of reach, that alone is told."""
    try:
        return {name: part(now) for name, part in PARTS.items()}
    except DatabaseError:
        return {"database": Part(State.FAIL, {})}


def _database(now: datetime) -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part(State.OK, {"vendor": connection.vendor})


def _classifier(now: datetime) -> Part:
    """The promoted model serves. Another in its place is late: people get more, nothing is lost."""
    promoted = Promotion.objects.order_by("-id").values_list("model__version", flat=True).first()
    serving = classification.serving_version()
    if serving is None:
        return Part(State.FAIL, {"version": None})
    return Part(State.OK if serving == promoted else State.LATE, {"version": serving})


def _worker(now: datetime) -> Part:
    """When the embedded worker, or Celery with its beat, last did its round."""
    last = JobLease.objects.filter(name=HEARTBEAT).values_list("last_finished_at", flat=True)
    return _waiting(last.first(), now, WORKER_LATE, "seconds_since_heartbeat", absent=State.LATE)


def _undecided(now: datetime) -> Part:
    oldest = Ticket.objects.undecided().aggregate(at=Min("updated_at"))["at"]
    return _waiting(oldest, now, UNDECIDED_LATE, "oldest_seconds", absent=State.OK)


def _outbox(now: datetime) -> Part:
    oldest = Outbox.objects.filter(state=OutboxState.PENDING).aggregate(at=Min("created_at"))["at"]
    return _waiting(oldest, now, OUTBOX_LATE, "oldest_seconds", absent=State.OK)


def _waiting(
    since: datetime | None, now: datetime, late: timedelta, name: str, *, absent: State
) -> Part:
    if since is None:
        return Part(absent, {name: None})
    age = max(now - since, timedelta())
    return Part(State.LATE if age > late else State.OK, {name: round(age.total_seconds())})


PARTS: dict[str, Callable[[datetime], Part]] = {
    "database": _database,
    "classifier": _classifier,
    "worker": _worker,
    "undecided": _undecided,
    "outbox": _outbox,
}
