# ruff: noqa: E402  Django is set up first
"""What each hand-written statement gains over the QuerySet that does the same.

    python -m supportops.benchmarks.statements [--rounds 7] [--times 200]

Both run in turns in one process, on a SQLite database of its own with some hundred inquiries; what
counts is the best round of each, in CPU time. Prints microseconds of both and the ratio. What gains
less than 1.3 x, or is asked rarely, has no place among the statements.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

FOLDER = tempfile.TemporaryDirectory(prefix="statements-")
os.environ.update(DATA_DIR=FOLDER.name, DATABASE_URL="", TESTING="true", CLASSIFIER="keywords")
os.environ.update(SECRET_KEY="only-for-measuring-" + "x" * 50, ALLOWED_HOSTS="localhost")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

import django

django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import models, transaction
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from decisions.models import (
    OVERALL,
    Breaker,
    Certificate,
    Decision,
    Publication,
    Quarantine,
    Quota,
    ReplyTemplate,
    Switch,
)
from decisions.models import sql as of_decisions
from decisions.policies import starter
from supportops.benchmarks.posting import text
from tickets.admin.ticket_list import change_list, filters
from tickets.codes import Author, Channel, EventKind, OutboxKind, Outcome, Scope, TargetKind
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import (
    ApiKey,
    AuditHead,
    Calendar,
    Message,
    Outbox,
    Queue,
    Requester,
    ServiceLevel,
    Target,
    Ticket,
    sql,
)
from tickets.pipeline import decide, receive
from tickets.pipeline.receive import Inquiry
from tickets.promises.calendars import DEFAULT_SLUG
from tickets.references import new_reference

NOW = timezone.now()
DAY = timedelta(hours=24)
HOUR = NOW.replace(minute=0, second=0, microsecond=0)
INQUIRIES, PEOPLE, BATCH = 300, 40, 200
NUMBERS = count(1000)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two forms of one piece of work, which get what `make` made."""

    name: str
    asked: str
    make: Callable[[], Any]
    queryset: Callable[[Any], Any]
    statement: Callable[[Any], Any]
    share: int = 1  # it is done so many times less often in a round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--times", type=int, default=200, help="in each round")
    options = parser.parse_args()
    fill()
    sys.stdout.write(
        "| work | asked | QuerySet, µs | statement, µs | ratio |\n|---|---|--:|--:|--:|\n"
    )
    for pair in [*questions(), *changes(), *batches()]:
        slow, fast = best_of(pair, options.rounds, max(1, options.times // pair.share))
        figures = f"{slow:,.0f} | {fast:,.0f} | {slow / fast:.1f}"
        sys.stdout.write(f"| {pair.name} | {pair.asked} | {figures} |\n")


def best_of(pair: Pair, rounds: int, times: int) -> tuple[float, float]:
    """CPU microseconds of each form, in turns so that a noisy moment hits both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for form, seconds in zip((pair.queryset, pair.statement), taken, strict=True):
            seconds.append(_round(pair, form, times))
    return min(taken[0]) * 1e6, min(taken[1]) * 1e6


def _round(pair: Pair, form: Callable[[Any], Any], times: int) -> float:
    """Seconds for one, of as many as that; nothing of it stays."""
    with transaction.atomic():
        given = [pair.make() for _ in range(times)]
        form(pair.make())
        started = time.process_time()
        for one in given:
            form(one)
        spent = time.process_time() - started
        transaction.set_rollback(True)
    return spent / times


# --- A small installation -------------------------------------------------------------------------


def fill() -> None:
    call_command("migrate", verbosity=0)
    starter.install_starter(NOW)
    Quota.objects.create(intent="order_status", hour=HOUR)
    for kind in ("provisional", "live"):
        _certificate(kind)
    for number in range(INQUIRIES):
        email = f"p{number % PEOPLE}@statements.example"
        inquiry = Inquiry(name="P", email=email, message=text(number), channel=Channel.API)
        receive.receive(inquiry, now=NOW)
    ApiKey.issue(name="statements", scopes=[Scope.TICKETS_READ])
    User.objects.create(username="agent", is_staff=True)


def _certificate(kind: str) -> None:
    Certificate.objects.create(
        kind=kind,
        classifier_version="c-1",
        intents=["order_status", "praise"],
        thresholds=[0.8],
        **dict.fromkeys(("alpha", "delta", "coverage", "threshold"), 0.5),
        **dict.fromkeys(("rows", "errors", "bound"), 0),
        method="m",
        sample_digest="0" * 64,
        statement="",
        issued_at=NOW - DAY,
        expires_at=NOW + DAY,
    )


def a_ticket() -> Ticket:
    return Ticket.objects.order_by("-pk")[0]


# --- What is asked --------------------------------------------------------------------------------


def questions() -> list[Pair]:
    return [
        Pair("API key", "request", _digest, _key, lambda d: sql.rows_of(ApiKey, sql.API_KEY, d)),
        Pair("requester", "inquiry", _address, _person, _person_by_statement),
        Pair("policy in force", "inquiry", _nothing, _policy, _policy_by_statement),
        Pair("switch and breakers", "inquiry", _nothing, _stops, _stops_by_statement),
        Pair("opening hours", "inquiry", _nothing, _hours, _hours_by_statement),
        Pair("the last 24 hours", "inquiry", a_ticket, _lately, _lately_by_statement),
        Pair("certificates", "inquiry", _nothing, _certificates, _certificates_by_statement),
        Pair("newest reply template", "inquiry", _template, _reply, _reply_by_statement),
        Pair("head of the audit chain", "inquiry", _nothing, _head, _head_by_statement),
        Pair("queue", "escalation", _nothing, _queue, _queue_by_statement),
        Pair("what is promised", "escalation", a_ticket, _promise, _promise_by_statement),
        Pair("answered so often", "automatic answer", _nothing, _often, _often_by_statement),
        Pair("numbers of the views", "list", _request, _views, change_list.count_views, 20),
    ]


def _nothing() -> None:
    return None


def _digest() -> str:
    return str(ApiKey.objects.values_list("digest", flat=True)[0])


def _key(digest: str) -> object:
    return ApiKey.objects.filter(digest=digest).first()


def _address() -> str:
    return "p1@statements.example"


def _person(email: str) -> object:
    return Requester.objects.select_for_update(no_key=True).filter(email=email).first()


def _person_by_statement(email: str) -> object:
    return sql.rows_of(Requester, sql.REQUESTER + sql.locking("NO KEY UPDATE"), email)


def _policy(_: None) -> object:
    return Publication.objects.order_by("-id").values_list("id", "policy_id").first()


def _policy_by_statement(_: None) -> object:
    return sql.first_row(of_decisions.LATEST_PUBLICATION)


def _stops(_: None) -> object:
    breakers = Breaker.objects.filter(open=True, intent__in=(OVERALL, "praise"))
    return Switch.objects.filter(on=True).exists(), breakers.exists()


def _stops_by_statement(_: None) -> object:
    return sql.first_row(of_decisions.STOPPED, OVERALL, "praise")


def _hours(_: None) -> object:
    names = "time_zone", "hours", "holiday_country", "holiday_subdivision", "closing_days"
    return Calendar.objects.filter(slug=DEFAULT_SLUG).values_list(*names).first()


def _hours_by_statement(_: None) -> object:
    return sql.first_row(sql.CALENDAR, DEFAULT_SLUG)


def _lately(ticket: Ticket) -> object:
    since = NOW - DAY
    written, answered = Q(created_at__gt=since, created_at__lte=NOW), Q(auto_replied_at__gt=since)
    rows = Ticket.objects.filter(requester_id=ticket.requester_id).exclude(pk=ticket.pk)
    return rows.filter(written | answered).aggregate(
        written=Count("pk", filter=written), answered=Count("pk", filter=answered)
    )


def _lately_by_statement(ticket: Ticket) -> object:
    since, pk = NOW - DAY, ticket.pk
    values = since, NOW, since, ticket.requester_id, pk, since, NOW, since
    return sql.first_row(sql.RECENT, *values)


def _certificates(_: None) -> object:
    stopped = Quarantine.objects.filter(
        classifier_version=OuterRef("classifier_version"), intent="praise", lifted_at=None
    )
    return list(Certificate.objects.in_force("c-1", NOW).filter(~Exists(stopped))[:20])


def _certificates_by_statement(_: None) -> object:
    return sql.rows_of(Certificate, of_decisions.IN_FORCE, "c-1", NOW, NOW, "praise")


def _template() -> str:
    return str(ReplyTemplate.objects.values_list("slug", flat=True)[0])


def _reply(slug: str) -> object:
    return ReplyTemplate.objects.filter(slug=slug).order_by("-version").first()


def _reply_by_statement(slug: str) -> object:
    return sql.rows_of(ReplyTemplate, of_decisions.NEWEST_VERSION, slug)


def _head(_: None) -> object:
    rows = AuditHead.objects.select_for_update().filter(pk=record.HEAD)
    return rows.values_list("number", "digest").first()


def _head_by_statement(_: None) -> object:
    return sql.first_row(sql.AUDIT_HEAD + sql.locking("UPDATE"), record.HEAD)


def _queue(_: None) -> object:
    return Queue.objects.filter(slug="orders").values_list("pk", flat=True).first()


def _queue_by_statement(_: None) -> object:
    return sql.first_row(sql.QUEUE, "orders")


def _promise(ticket: Ticket) -> object:
    """The level with its calendars, and the default one: two questions."""
    fits = Q(queue=None) | Q(queue_id=ticket.queue_id), Q(priority=None) | Q(priority="normal")
    rows = ServiceLevel.objects.filter(*fits, active=True).select_related("queue__calendar")
    first = F("queue").asc(nulls_last=True), F("priority").asc(nulls_last=True)
    level = rows.select_related("calendar").order_by(*first).first()
    return level, Calendar.objects.filter(slug=DEFAULT_SLUG).first()


def _promise_by_statement(ticket: Ticket) -> object:
    return sql.first_row(sql.SERVICE_LEVEL, ticket.queue_id, DEFAULT_SLUG, "normal")


def _often(_: None) -> object:
    rows = Decision.objects.filter(outcome=Outcome.AUTO_RESOLVE, intent="order_status").order_by()
    return rows[100:101].exists()


def _often_by_statement(_: None) -> object:
    return sql.first_row(of_decisions.ANSWERED, Outcome.AUTO_RESOLVE, "order_status", 100)


def _request() -> HttpRequest:
    request = HttpRequest()
    request.user = User.objects.get()
    return request


def _views(request: HttpRequest) -> object:
    """One question for each of them."""
    named = {key: rows for key, (title, rows) in filters.VIEWS.items() if title}
    return {
        key: rows(Ticket.objects.all(), request).order_by()[: change_list.MOST_COUNTED + 1].count()
        for key, rows in named.items()
    }


# --- What is written ------------------------------------------------------------------------------


def changes() -> list[Pair]:
    return [
        Pair("insert a ticket", "inquiry", new_ticket, saved, sql.insert),
        Pair("insert a message", "inquiry", new_message, saved, sql.insert),
        Pair("insert a decision", "inquiry", new_decision, saved, sql.insert),
        Pair("insert a mail unless it is there", "inquiry", new_mail, kept, kept_by_statement),
        Pair("note the decision on its ticket", "inquiry", a_ticket, noted, noted_by_statement),
        Pair("move the head of the chain", "inquiry", new_head, moved, moved_by_statement),
        Pair("insert two clocks", "escalation", new_clocks, all_kept, sql.insert_all),
        Pair("take one of a quota", "automatic answer", _nothing, taken, taken_by_statement),
    ]


def new_ticket() -> Ticket:
    return Ticket(
        reference=new_reference(),
        requester_id=1,
        channel=Channel.API,
        message_count=1,
        tracking_expires_at=NOW,
        created_at=NOW,
        updated_at=NOW,
        last_customer_at=NOW,
    )


def new_message() -> Message:
    return Message(
        ticket_id=1, number=next(NUMBERS), author=Author.CUSTOMER, body=text(1), created_at=NOW
    )


def new_decision() -> Decision:
    row = Decision.objects.order_by("-pk")[0]
    row.pk, row._state.adding, row.round = None, True, next(NUMBERS)
    return row


def saved(row: models.Model) -> None:
    models.Model.save(row, force_insert=True)


def new_mail() -> Outbox:
    return Outbox(
        kind=OutboxKind.REPLY,
        dedupe=str(next(NUMBERS)),
        ticket_id=1,
        requester_id=1,
        next_attempt_at=NOW,
        created_at=NOW,
    )


def kept(row: Outbox) -> None:
    Outbox.objects.bulk_create([row], ignore_conflicts=True)


def kept_by_statement(row: Outbox) -> None:
    sql.insert(row, unless_there=True)


def noted(ticket: Ticket) -> None:
    ticket.save(update_fields=decide.DECIDED_FIELDS)


def noted_by_statement(ticket: Ticket) -> None:
    sql.update(ticket, decide.DECIDED_FIELDS)


def new_head() -> AuditHead:
    return AuditHead(pk=record.HEAD, number=next(NUMBERS), digest="0" * 64)


def moved(head: AuditHead) -> None:
    AuditHead.objects.filter(pk=head.pk).update(number=head.number, digest=head.digest)


def moved_by_statement(head: AuditHead) -> None:
    sql.update(head, ["number", "digest"])


def new_clocks() -> list[Target]:
    level, number = ServiceLevel.objects.all()[0], next(NUMBERS)
    return [
        Target(
            ticket_id=1,
            kind=kind,
            round=number,
            service_level=level,
            promised_minutes=60,
            started_at=NOW,
            due_at=NOW,
            warn_at=NOW,
        )
        for kind in (TargetKind.FIRST_RESPONSE, TargetKind.RESOLUTION)
    ]


def all_kept(rows: list[Target]) -> None:
    Target.objects.bulk_create(rows, ignore_conflicts=True)


def taken(_: None) -> int:
    rows: QuerySet[Quota] = Quota.objects.filter(intent="order_status", hour=HOUR, used__lt=10**6)
    return rows.update(used=F("used") + 1)


def taken_by_statement(_: None) -> int:
    return sql.changed(of_decisions.TAKE_ONE, "order_status", HOUR, 10**6)


# --- What is written by the hundred ---------------------------------------------------------------


def batches() -> list[Pair]:
    return [
        Pair("insert 200 people unless they are there", "import", new_people, *PEOPLE_FORMS, 50),
        Pair("insert 200 tickets", "import", new_tickets, *many(Ticket), 50),
        Pair("insert 200 messages", "import", new_messages, *many(Message), 50),
        Pair("insert 200 events", "import, reclassify", new_events, *many(record.TicketEvent), 50),
    ]


def many(
    model: type[models.Model],
) -> tuple[Callable[[list[Any]], Any], Callable[[list[Any]], Any]]:
    return model._default_manager.bulk_create, sql.insert_many


def new_people() -> list[Requester]:
    numbers = [next(NUMBERS) for _ in range(BATCH)]
    return [Requester(email=f"n{n}@statements.example", created_at=NOW) for n in numbers]


def _unless_there(rows: list[Requester]) -> None:
    Requester.objects.bulk_create(rows, ignore_conflicts=True)


PEOPLE_FORMS = (_unless_there, sql.insert_all)


def new_tickets() -> list[Ticket]:
    return [new_ticket() for _ in range(BATCH)]


def new_messages() -> list[Message]:
    return [new_message() for _ in range(BATCH)]


def new_events() -> list[Any]:
    ticket, machine = a_ticket(), Actor.machine()
    return [record.event(ticket, EventKind.RECEIVED, machine, NOW) for _ in range(BATCH)]


if __name__ == "__main__":
    main()
