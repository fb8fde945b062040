"""Counting what the definitions speak of."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from classification.models import Prediction
from decisions.models import Decision, Override
from metrics.definitions import Counts
from metrics.definitions import figures as defined
from tickets.codes import Outcome, TicketStatus
from tickets.models import Ticket

ENDED_BY_MACHINE = Q(
    outcome=Outcome.AUTO_RESOLVE,
    status__in=[TicketStatus.ANSWERED, TicketStatus.RESOLVED, TicketStatus.CLOSED],
    first_human_reply_at=None,
    round=1,
)


def figures(since: datetime, until: datetime, now: datetime | None = None) -> dict[str, Any]:
    """Every metric of tickets created in [since, until), JSON-ready."""
    counted = counts(since, until, now or timezone.now())
    return {name: figure.as_record() for name, figure in defined(counted).items()}


def counts(since: datetime, until: datetime, now: datetime) -> Counts:
    """What happened to the tickets created in [since, until)."""
    tickets = Ticket.objects.counted().filter(created_at__gte=since, created_at__lt=until)
    mature = Q(created_at__lte=now - timedelta(days=settings.SILENT_DAYS))
    concluded = Q(first_resolved_at__isnull=False) | Q(auto_replied_at__isnull=False)
    simple = tickets.aggregate(
        tickets=Count("pk"),
        decided=Count("pk", filter=Q(decided_at__isnull=False)),
        automated=Count("pk", filter=ENDED_BY_MACHINE),
        confirmed=Count("pk", filter=ENDED_BY_MACHINE & Q(helped=True)),
        mature=Count("pk", filter=mature),
        resolved=Count("pk", filter=concluded),
        reopened=Count("pk", filter=Q(round__gt=1)),
        rated=Count("pk", filter=Q(rating__isnull=False)),
        satisfied=Count("pk", filter=Q(rating__gte=4)),
    )
    first_round = Decision.objects.filter(ticket__in=tickets, round=1)
    decided = first_round.aggregate(
        permitted=Count("pk", filter=Q(outcome=Outcome.AUTO_RESOLVE)),
        escalated=Count("pk", filter=Q(outcome=Outcome.ESCALATE)),
    )
    predictions = Prediction.objects.first_keys().filter(
        ticket__in=tickets, round=1, message_number=1
    )
    predicted = predictions.aggregate(
        predicted=Count("ticket", distinct=True),
        abstained=Count("ticket", filter=Q(intent=None), distinct=True),
    )
    overrides = Override.objects.filter(
        decision__ticket__in=tickets, machine_was_wrong__isnull=False
    ).aggregate(
        reviewed=Count("decision", distinct=True),
        overridden=Count("decision", filter=Q(machine_was_wrong=True), distinct=True),
    )
    return Counts(
        **simple, **decided, **predicted, **overrides, durable=_durable(tickets.filter(mature))
    )


def _durable(tickets: QuerySet[Ticket]) -> int:
    """Ended by automation, and the same person did not come back with the same matter."""
    days = timedelta(days=settings.SILENT_DAYS)
    again = Ticket.objects.filter(
        requester=OuterRef("requester"),
        intent=OuterRef("intent"),
        created_at__gt=OuterRef("created_at"),
        created_at__lte=OuterRef("created_at") + days,
    )
    overridden = Override.objects.filter(decision__ticket=OuterRef("pk"))
    ended = tickets.filter(ENDED_BY_MACHINE).exclude(helped=False)
    return ended.filter(~Exists(again), ~Exists(overridden)).count()


def reasons(since: datetime, until: datetime) -> list[tuple[str, int]]:
    """Why tickets went to a person: the first reason of each, most frequent first."""
    tickets = Ticket.objects.counted().filter(created_at__gte=since, created_at__lt=until)
    rows = Decision.objects.filter(ticket__in=tickets, outcome=Outcome.ESCALATE, round=1)
    listed = rows.values_list("reasons", flat=True).iterator()
    first = Counter(reason[0] for reason in listed if reason)
    return sorted(first.items(), key=lambda item: (-item[1], item[0]))


def by_intent(since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Tickets and automatic answers for each intent, most frequent first."""
    rows = (
        Ticket.objects.counted()
        .filter(created_at__gte=since, created_at__lt=until)
        .values("intent")
        .annotate(tickets=Count("pk"), automated=Count("pk", filter=ENDED_BY_MACHINE))
        .order_by(F("tickets").desc(), "intent")
    )
    return [dict(row) for row in rows]
