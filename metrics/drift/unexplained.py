"""Messages of the last week that no intent explains, grouped. Words are looked up when shown."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from classification.models import Prediction
from metrics.models import UnexplainedGroup
from tickets.codes import NoIntent
from tickets.models import Message

WEEK = timedelta(days=7)
MOST_MESSAGES = 2_000  # the newest; more would take minutes to compare
MOST_GROUPS = 20
MOST_TICKETS = 200  # ids kept of one group
# scikit-learn takes a second to load, and only the worker ever groups anything.
GROUP = "metrics.drift.grouping.group"


def regroup(now: datetime) -> int:
    """Group the messages of the last seven days, once a day; how many groups."""
    day = timezone.localtime(now).date()
    if UnexplainedGroup.objects.filter(day=day).exists():
        return 0
    tickets = _unexplained(now)
    messages = dict(
        Message.objects.openings()
        .filter(ticket__in=tickets, erased_at=None)
        .values_list("ticket_id", "body")
    )
    ids = sorted(messages)
    groups = import_string(GROUP)([messages[pk] for pk in ids])[:MOST_GROUPS]
    rows = [
        UnexplainedGroup(
            day=day,
            position=position,
            size=len(group.members),
            closeness=group.closeness,
            tickets=[ids[member] for member in group.members[:MOST_TICKETS]],
            at=now,
        )
        for position, group in enumerate(groups, 1)
    ]
    with transaction.atomic():
        UnexplainedGroup.objects.filter(day__lt=day).delete()
        UnexplainedGroup.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _unexplained(now: datetime) -> list[int]:
    """Tickets whose first message had no intent, though it could be read."""
    rows = Prediction.objects.first_keys().filter(
        at__gt=now - WEEK,
        round=1,
        message_number=1,
        no_intent__in=[NoIntent.OUT_OF_SCOPE, NoIntent.AMBIGUOUS],
    )
    newest = rows.order_by("-id").values_list("ticket_id", flat=True)[:MOST_MESSAGES]
    return list(dict.fromkeys(newest))
