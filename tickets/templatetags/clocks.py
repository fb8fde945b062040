"""Clocks of service levels: on the list one for each ticket, on its page all of the round."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from supportops.ui.show import exactly
from tickets.codes import TargetKind
from tickets.models import Target, Ticket
from tickets.promises.hours_in_words import spell_minutes

register = template.Library()

DAY = timedelta(days=1)
LONG = 10 * 60  # minutes, from which on single ones say nothing
TITLES = {TargetKind.FIRST_RESPONSE: "First answer", TargetKind.RESOLUTION: "Resolution"}


@dataclass(frozen=True, slots=True)
class Clock:
    """A target in words; `exact` is shown on hover."""

    title: str
    words: str
    exact: str
    tone: str  # danger, warning, plain or faint
    at: datetime | None = None


def time_words(span: timedelta) -> str:
    """`2 h 10 min`; whole hours from ten on, and days from two on."""
    if span >= 2 * DAY:
        days, rest = divmod(span, DAY)
        hours = rest // timedelta(hours=1)
        return f"{days} d {hours} h" if hours else f"{days} d"
    minutes = span // timedelta(minutes=1)
    return spell_minutes(minutes if minutes < LONG else minutes - minutes % 60)


def clock_of(target: Target, now: datetime) -> Clock:
    """How a target stands: missed, kept, paused, or the time until it is due."""
    title = TITLES[TargetKind(target.kind)]
    if target.due_at is None:
        left = time_words(target.remaining or timedelta())
        return Clock(title, f"paused, {left} left", _paused(target), "faint")
    exact, due_at = f"{title} due {exactly(target.due_at)}", target.due_at
    if target.is_missed(now):
        ended = target.met_at
        late = time_words((ended or now) - due_at)
        words = f"{late} late" if ended else f"overdue by {late}"
        return Clock(title, words, exact, "danger", due_at)
    if target.met_at is not None:
        return Clock(title, "in time", f"{exact}; done {exactly(target.met_at)}", "plain", due_at)
    if target.cancelled_at is not None:
        return Clock(title, "not owed any more", exact, "faint", due_at)
    tone = "warning" if target.is_nearly_over(now) else "plain"
    return Clock(title, f"due in {time_words(due_at - now)}", exact, tone, due_at)


def _paused(target: Target) -> str:
    since = exactly(target.paused_at) if target.paused_at else ""
    return f"Waiting for the customer since {since}; business time is left"


@register.simple_tag
def clock(ticket: Ticket) -> SafeString | str:
    """The clock that ends first, for a ticket of `with_next_target()`."""
    targets: Sequence[Target] = ticket.open_targets  # type: ignore[attr-defined]
    if not targets:
        return ""
    return render_to_string("console/clock.html", {"clock": clock_of(targets[0], timezone.now())})


@register.inclusion_tag("console/clocks.html")
def clocks(ticket: Ticket) -> dict[str, Any]:
    """All clocks of the ticket's round. One query."""
    rows: Iterable[Target] = Target.objects.filter(ticket=ticket, round=ticket.round)
    now = timezone.now()
    return {"clocks": [clock_of(row, now) for row in rows]}
