"""What the console's pages of alerts and drift show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from metrics.drift.weeks import WEEK, predictions
from metrics.models import Alert, AlertNotice, DriftLook, UnexplainedGroup
from supportops.ui import show
from tickets.codes import AlertKind
from tickets.models import Message, Queue
from tickets.outbox import alert_words

VIEWS: Mapping[AlertKind, Mapping[str, str]] = {
    AlertKind.SERVICE_LEVEL_WARNING: {"view": "breach"},
    AlertKind.SERVICE_LEVEL_BREACHED: {"promise": "late"},
    AlertKind.TICKETS_UNDECIDED: {"view": "undecided"},
}
EXAMPLES = 3
OPENING = 160  # characters of a message


def alert(row: Alert, now: datetime) -> dict[str, Any]:
    """One alert: its sentence, its history, and what became of its notices."""
    notices = AlertNotice.objects.filter(alert=row).select_related("outbox").order_by("id")
    return {
        "title": alert_words.title(row.kind, row.subject),
        "sentence": alert_words.sentence(row.kind, row.facts),
        "facts": sorted(row.facts.items()),
        "silent": row.is_silent(now),
        "tickets_url": tickets_of(row),
        "events": row.events.select_related("user").order_by("id"),
        "notices": [notice.outbox for notice in notices],
        "earlier": Alert.objects.filter(kind=row.kind, subject=row.subject, pk__lt=row.pk)
        .order_by("-id")
        .only("first_seen_at", "resolved_at")[:5],
    }


def tickets_of(row: Alert) -> str:
    """The list of the tickets that an alert speaks of; empty where it speaks of none."""
    asked = VIEWS.get(AlertKind(row.kind))
    if asked is None:
        return ""
    if row.subject:
        queue = Queue.objects.filter(slug=row.subject).values_list("pk", flat=True).first()
        asked = {**asked, "queue": str(queue or "none")}
    return f"{reverse('admin:tickets_ticket_changelist')}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket that shows what a group or an intent is about."""

    ticket_id: int
    reference: str
    words: str


def verdict(look: DriftLook) -> SafeString:
    if look.p is None:
        return show.pill("Not enough days")
    return show.pill(*(("Drift", "warning") if look.fires else ("As in the sample", "success")))


def drift(now: datetime, *, words: bool) -> dict[str, Any]:
    """The newest look of each series, and the newest groups, with examples of both."""
    newest = DriftLook.objects.order_by("-day").values_list("day", flat=True).first()
    looks = list(DriftLook.objects.filter(day=newest)) if newest else []
    groups = list(UnexplainedGroup.objects.all())
    wanted = {pk for group in groups for pk in group.tickets[:EXAMPLES]}
    by_intent = _newest_of_intents(looks, now)
    shown = examples(wanted | {pk for ids in by_intent.values() for pk in ids}, words=words)
    return {
        "looks": [(look, verdict(look), _moved(look, by_intent, shown)) for look in looks],
        "groups": [(group, _in_order(group.tickets[:EXAMPLES], shown)) for group in groups],
        "grouped_at": groups[0].at if groups else None,
    }


def _moved(
    look: DriftLook, by_intent: dict[str, list[int]], shown: dict[int, Example]
) -> list[dict[str, Any]]:
    return [
        {**row, "examples": _in_order(by_intent.get(row["kind"], []), shown)} for row in look.moved
    ]


def _in_order(ids: Iterable[int], shown: dict[int, Example]) -> list[Example]:
    return [shown[pk] for pk in ids if pk in shown]


def _newest_of_intents(looks: list[DriftLook], now: datetime) -> dict[str, list[int]]:
    """Some tickets of the week for each intent that moved."""
    kinds = {row["kind"] for look in looks if look.series == "intents" for row in look.moved}
    if not kinds:
        return {}
    rows = predictions(looks[0].classifier, now - WEEK, now).order_by("-id")
    found: dict[str, list[int]] = {}
    for ticket_id, intent, why in rows.values_list("ticket_id", "intent", "no_intent")[:1_000]:
        kind = intent or f"no_intent:{why}"
        if kind in kinds and len(found.setdefault(kind, [])) < EXAMPLES:
            found[kind].append(ticket_id)
    return found


def examples(tickets: Iterable[int], *, words: bool) -> dict[int, Example]:
    """Openings of these tickets as they stand now: what was erased is gone here too."""
    rows = Message.objects.openings().filter(ticket__in=list(tickets))
    return {
        ticket_id: Example(ticket_id, reference, _opening(body) if words else "")
        for ticket_id, reference, body in rows.values_list("ticket_id", "ticket__reference", "body")
    }


def _opening(body: str) -> str:
    line = " ".join(body.split())
    return f"{line[:OPENING]}…" if len(line) > OPENING else line
