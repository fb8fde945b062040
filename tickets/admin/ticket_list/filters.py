"""Filters of the ticket list. Their choices are fixed, so that none costs a scan for its values."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from classification.models import Intent, Prediction
from decisions.models import Decision
from decisions.rules.guards import GUARDS
from metrics.rollup.gather import ENDED_BY_MACHINE
from supportops.ui import show
from tickets.admin.staff import assignable
from tickets.codes import (
    Channel,
    NoIntent,
    Outcome,
    Priority,
    Reason,
    TicketStatus,
)
from tickets.models import Queue, Target, Ticket

NONE = "none"
RULE_REASON = re.compile(r"rule:[-a-zA-Z0-9_]{1,64}")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT_WORK = (TicketStatus.OPEN, TicketStatus.WAITING)
Choices = list[tuple[str, str]]
Tickets = QuerySet[Ticket]


def words(codes: Any) -> Choices:
    return [(code.value, code.value.replace("_", " ").capitalize()) for code in codes]


class Fixed(admin.SimpleListFilter):
    """A drop-down with fixed choices. A value that is none of them filters nothing."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return self.offered(request)

    def offered(self, request: HttpRequest) -> Choices:
        raise NotImplementedError

    def has_output(self) -> bool:
        return True  # also without choices: the parameter is known

    def queryset(self, request: HttpRequest, queryset: Tickets) -> Tickets:
        value = self.value()
        if value not in {key for key, _ in self.lookup_choices}:
            return queryset
        return self.narrowed(queryset, str(value), request)

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return queryset.filter(**{str(self.parameter_name): value})


class StatusFilter(Fixed):
    title, parameter_name = "status", "status"

    def offered(self, request: HttpRequest) -> Choices:
        return words(TicketStatus)


class QueueFilter(Fixed):
    title, parameter_name = "queue", "queue"

    def offered(self, request: HttpRequest) -> Choices:
        # The number and not the slug: with a join the index on queue and status is of no use.
        rows = Queue.objects.values_list("pk", "name")
        return [*((str(pk), name) for pk, name in rows), (NONE, "No queue")]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return queryset.filter(queue=None if value == NONE else int(value))


class IntentFilter(Fixed):
    title, parameter_name = "intent", "intent"

    def offered(self, request: HttpRequest) -> Choices:
        slugs = Intent.objects.order_by("slug").values_list("slug", flat=True)
        return [(NONE, "No intent"), *((slug, slug.replace("_", " ")) for slug in slugs)]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return queryset.filter(intent=None if value == NONE else value)


class PriorityFilter(Fixed):
    title, parameter_name = "priority", "priority"

    def offered(self, request: HttpRequest) -> Choices:
        return words(Priority)


class AssigneeFilter(Fixed):
    title, parameter_name = "assignee", "assignee"

    def offered(self, request: HttpRequest) -> Choices:
        people = [(str(user.pk), show.person(user)) for user in assignable()]
        return [("me", "Mine"), (NONE, "Nobody’s"), *people]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        keys = {"me": request.user.pk, NONE: None}
        return queryset.filter(assignee_id=keys[value] if value in keys else int(value))


class OutcomeFilter(Fixed):
    title, parameter_name = "decision", "outcome"

    def offered(self, request: HttpRequest) -> Choices:
        return [
            (Outcome.AUTO_RESOLVE.value, "Automatic"),
            (Outcome.ESCALATE.value, "To a person"),
        ]


class PromiseFilter(Fixed):
    """How the promises of the service level stand."""

    title, parameter_name = "promise", "promise"

    def offered(self, request: HttpRequest) -> Choices:
        return [
            ("late", "Late"),
            ("soon", "Due within an hour"),
            ("running", "In time"),
            ("paused", "Paused"),
            ("missed", "Ever missed"),
        ]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        now, targets = timezone.now(), Target.objects.order_by()
        rows = {
            "late": targets.running().filter(due_at__lte=now),
            "soon": about_to_breach(now),
            "running": targets.running().filter(due_at__gt=now),
            "paused": targets.still_open().filter(paused_at__isnull=False),
            "missed": targets.breached(),
        }[value]
        # By the targets' own index first: those that are open are few.
        return queryset.filter(pk__in=rows.values("ticket"))


def about_to_breach(now: datetime) -> QuerySet[Target]:
    """Promises that are kept or broken within the hour, and those of which alerts warn."""
    running = Target.objects.order_by().running().filter(breached_at__isnull=True)
    soon = Q(due_at__lte=now + HOUR) | Q(warn_at__lte=now)
    return running.filter(soon, due_at__gt=now)


class ChannelFilter(Fixed):
    title, parameter_name = "channel", "channel"

    def offered(self, request: HttpRequest) -> Choices:
        return words(Channel)


class ConfidenceFilter(Fixed):
    title, parameter_name = "confidence", "confidence"
    RANGES: Mapping[str, tuple[str, Q]] = {
        "under50": ("below 50 %", Q(confidence__lt=0.5)),
        "50to80": ("50 to 80 %", Q(confidence__gte=0.5, confidence__lt=0.8)),
        "80to95": ("80 to 95 %", Q(confidence__gte=0.8, confidence__lt=0.95)),
        "over95": ("95 % and more", Q(confidence__gte=0.95)),
        NONE: ("not predicted", Q(confidence__isnull=True)),
    }

    def offered(self, request: HttpRequest) -> Choices:
        return [(key, title) for key, (title, _) in self.RANGES.items()]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return queryset.filter(self.RANGES[value][1])


class CreatedFilter(Fixed):
    title, parameter_name = "created", "created"

    def offered(self, request: HttpRequest) -> Choices:
        return [("today", "Today"), ("7", "Last 7 days"), ("30", "Last 30 days")]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        now = timezone.now()
        since = midnight(now) if value == "today" else now - int(value) * DAY
        return queryset.filter(created_at__gte=since)


class ReasonFilter(Fixed):
    """The first reason of the first decision, as the home page counts them."""

    title, parameter_name = "reason", "reason"

    def offered(self, request: HttpRequest) -> Choices:
        plain = [r.value for r in Reason if r not in {Reason.PERMITTED, Reason.CAP_REACHED}]
        codes = [
            *plain,
            *(f"no_intent:{why.value}" for why in NoIntent),
            *(f"guard:{guard.name}" for guard in GUARDS),
            Reason.CAP_REACHED.value,
        ]
        chosen = self.value() or ""
        if RULE_REASON.fullmatch(chosen):
            codes.append(chosen)  # rules are named by policies; the one asked for is enough
        return [(code, code.replace(":", ": ").replace("_", " ")) for code in codes]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return queryset.counted().filter(first_decided(reasons__0=value))  # type: ignore[attr-defined]


def midnight(now: datetime) -> datetime:
    """When today began where the business is."""
    local = timezone.localtime(now)
    return timezone.make_aware(datetime.combine(local.date(), time.min), local.tzinfo)


def first_decided(**said: Any) -> Q:
    """The first decision said so. It stands on a ticket of one round; only where a ticket was
    reopened its first decision has to be looked up."""
    first = Decision.objects.filter(ticket=OuterRef("pk"), round=1, **said)
    return Q(round=1, **said) | (Q(round__gt=1) & Q(Exists(first)))


def _abstained() -> Exists:
    """Whether the classifier first named no intent."""
    first = Prediction.objects.first_keys().filter(ticket=OuterRef("pk"), round=1, message_number=1)
    return Exists(first.filter(intent=None))


View = Callable[[Tickets, HttpRequest], Tickets]

# Built-in views, in the order of their links. Those without a title are linked from the home page.
VIEWS: Mapping[str, tuple[str, View]] = {
    "mine": (
        "Mine",
        lambda rows, request: rows.filter(assignee_id=request.user.pk, status__in=AT_WORK),
    ),
    "unassigned": (
        "Unassigned",
        lambda rows, request: rows.filter(assignee=None, status=TicketStatus.OPEN),
    ),
    "breach": (
        "About to breach",
        lambda rows, request: rows.filter(
            status=TicketStatus.OPEN, pk__in=about_to_breach(timezone.now()).values("ticket")
        ),
    ),
    "guard": (
        "Escalated by guard",
        lambda rows, request: rows.filter(status=TicketStatus.OPEN, reasons__icontains='"guard:'),
    ),
    "auto_today": (
        "Auto-resolved today",
        lambda rows, request: rows.filter(
            outcome=Outcome.AUTO_RESOLVE, created_at__gte=midnight(timezone.now())
        ),
    ),
    "reopened": (
        "Reopened",
        lambda rows, request: rows.filter(round__gt=1, status__in=AT_WORK),
    ),
    "undecided": ("Undecided", lambda rows, request: rows.undecided()),  # type: ignore[attr-defined]
    "old": (
        "",
        lambda rows, request: rows.filter(
            status=TicketStatus.OPEN, created_at__lt=timezone.now() - DAY
        ),
    ),
    "automated": ("", lambda rows, request: rows.counted().filter(ENDED_BY_MACHINE)),  # type: ignore[attr-defined]
    "confirmed": (
        "",
        lambda rows, request: rows.counted().filter(ENDED_BY_MACHINE, helped=True),  # type: ignore[attr-defined]
    ),
    "satisfied": ("", lambda rows, request: rows.counted().filter(rating__gte=4)),  # type: ignore[attr-defined]
    # As the metrics count: by the first decision and the first prediction, whatever came later.
    "handed": (
        "",
        lambda rows, request: rows.counted().filter(  # type: ignore[attr-defined]
            first_decided(outcome=Outcome.ESCALATE)
        ),
    ),
    "no_intent": ("", lambda rows, request: rows.counted().filter(_abstained())),  # type: ignore[attr-defined]
    "came_back": ("", lambda rows, request: rows.counted().filter(round__gt=1)),  # type: ignore[attr-defined]
}


class ViewFilter(Fixed):
    """One of the built-in views, chosen by a link above the list."""

    title, parameter_name = "view", "view"

    def offered(self, request: HttpRequest) -> Choices:
        return [(key, title) for key, (title, _) in VIEWS.items()]

    def narrowed(self, queryset: Tickets, value: str, request: HttpRequest) -> Tickets:
        return VIEWS[value][1](queryset, request)


FILTERS = (
    ViewFilter,
    StatusFilter,
    QueueFilter,
    AssigneeFilter,
    PriorityFilter,
    IntentFilter,
    ConfidenceFilter,
    OutcomeFilter,
    ReasonFilter,
    PromiseFilter,
    ChannelFilter,
    CreatedFilter,
)
