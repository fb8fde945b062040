"""The console's home page: is anything on fire, what waits for me, how is automation doing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any
from urllib.parse import urlencode

from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from classification import services as classification
from decisions.certificates import validity
from decisions.models import Breaker, Publication, Quarantine, Switch
from decisions.why.explain import rules_in_force
from decisions.why.words import reason_words
from metrics.alerts import pages
from metrics.figures.figure import Figure, Unit
from metrics.figures.words import doubt_words, rows_words, value_words
from metrics.models import Alert
from metrics.rollup.latest import Latest, latest
from supportops.ui import charts
from supportops.ui.show import age_words
from tickets.admin.ticket_list.change_list import OLDEST_FIRST, with_openings
from tickets.admin.ticket_list.filters import AT_WORK, VIEWS, midnight
from tickets.codes import AlertKind, AlertState, OutboxState, Severity, TicketStatus
from tickets.models import JobLease, Outbox, Ticket
from tickets.outbox import alert_words

DAY = timedelta(days=1)
UNDECIDED_FOR = timedelta(seconds=60)
WORKER_SILENT_FOR = timedelta(minutes=5)
MAIL_STUCK_FOR = timedelta(minutes=30)
MOST_COUNTED = 999
SHOWN = 8
USUAL_WEEKS = 4


@dataclass(frozen=True, slots=True)
class Fire:
    """Something that somebody should look at now."""

    words: str
    detail: str
    url: str = ""
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Number:
    """A figure with what it is made of and the rows behind it."""

    title: str
    figure: Mapping[str, Any]
    url: str
    note: str = ""


def gather(request: HttpRequest) -> dict[str, Any]:
    """Everything that this person may see of it."""
    user: Any = request.user
    now = timezone.now()
    if not user.get_all_permissions():
        return {"has_no_role": True}
    shown: dict[str, Any] = {
        "switch": Switch.objects.first(),
        "may_turn": user.has_perm("decisions.change_switch"),
        "fires": sorted(fires(user, now), key=lambda fire: not fire.grave),
    }
    if user.has_perm("tickets.view_ticket"):
        found = latest(now)
        shown |= {"volume": volume(now), "course": course(found), **automation(user, found, now)}
    if user.has_perm("tickets.change_ticket"):
        shown |= waiting(request)
    return shown


def tickets_at(**query: str) -> str:
    return f"{reverse('admin:tickets_ticket_changelist')}?{urlencode(query)}"


def counted(rows: Any) -> int:
    return int(rows.order_by().values("pk")[: MOST_COUNTED + 1].count())


def many(found: int, one: str, more: str) -> str:
    number = f"{MOST_COUNTED}+" if found > MOST_COUNTED else str(found)
    return f"{number} {one if found == 1 else more}"


# --- Is anything on fire? -------------------------------------------------------------------------


def fires(user: Any, now: datetime) -> Iterator[Fire]:
    """What burns. A link only for those who may follow it."""
    yield from _stopped(user)
    yield from _quarantined(user)
    yield from _nothing_in_force(user)
    yield from _late_tickets(now)
    yield from _worker(user, now)
    yield from _mail(user, now)
    yield from _alerts(user)


def _may(user: Any, right: str, address: str) -> str:
    return address if user.has_perm(right) else ""


def _stopped(user: Any) -> Iterator[Fire]:
    switch = Switch.objects.filter(on=True).first()
    if switch is not None:
        yield Fire("All automation is stopped.", switch.reason)
    for breaker in Breaker.objects.filter(open=True):
        address = reverse("admin:decisions_breaker_change", args=[breaker.pk])
        about = breaker.intent.replace("_", " ") or "all intents"
        yield Fire(
            f"The breaker for {about} is open.",
            breaker.reason,
            _may(user, "decisions.view_breaker", address),
        )


def _quarantined(user: Any) -> Iterator[Fire]:
    for row in Quarantine.objects.filter(lifted_at=None):
        address = reverse("admin:decisions_quarantine_change", args=[row.pk])
        yield Fire(
            f"{row.intent.replace('_', ' ').capitalize()} is in quarantine.",
            f"{row.errors} of {row.rows} reviewed answers were wrong.",
            _may(user, "decisions.view_quarantine", address),
            grave=False,
        )


# What is looked at above by itself, so that it burns here even when nobody looks for alerts.
SEEN_BY_ITSELF = {
    AlertKind.BREAKER_OPEN,
    AlertKind.TICKETS_UNDECIDED,
    AlertKind.OUTBOX_STUCK,
}


def _alerts(user: Any) -> Iterator[Fire]:
    """Alerts that fire and nobody has taken. Agents read them; leads may open them."""
    for alert in Alert.objects.filter(state=AlertState.FIRING).gravest_first()[:SHOWN]:
        if alert.kind in SEEN_BY_ITSELF:
            continue
        address = reverse("admin:metrics_alert_change", args=[alert.pk])
        yield Fire(
            f"{alert_words.title(alert.kind, alert.subject)}.",
            alert_words.sentence(alert.kind, alert.facts),
            _may(user, "metrics.view_alert", address)
            or _may(user, "tickets.view_ticket", pages.tickets_of(alert)),
            grave=alert.severity == Severity.CRITICAL,
        )


def _nothing_in_force(user: Any) -> Iterator[Fire]:
    if not Publication.objects.exists():
        address = _may(user, "decisions.view_policy", reverse("admin:decisions_policy_changelist"))
        yield Fire("No policy is in force.", "Every ticket goes to a person.", address)


def _late_tickets(now: datetime) -> Iterator[Fire]:
    undecided = _came_before(now - UNDECIDED_FOR, Ticket.objects.undecided())
    if undecided:
        yield Fire(
            f"{many(len(undecided), 'ticket is', 'tickets are')} not decided yet.",
            "They came in more than a minute ago.",
            tickets_at(view="undecided"),
        )
    late = _came_before(now - DAY, Ticket.objects.needing_a_person())
    if late:
        yield Fire(
            f"{many(len(late), 'open ticket', 'open tickets')} older than a day.",
            f"The oldest waits for {age_words(min(late), now)}.",
            tickets_at(view="old", o=OLDEST_FIRST),
            grave=False,
        )


def _came_before(moment: datetime, tickets: QuerySet[Ticket]) -> list[datetime]:
    """When those came that are older, counted as far as it helps. In the order of their index:
    asked for both status and time, the database may go through all times there ever were."""
    oldest = tickets.order_by("id").values_list("created_at", flat=True)[: MOST_COUNTED + 1]
    return [created_at for created_at in oldest if created_at < moment]


def _worker(user: Any, now: datetime) -> Iterator[Fire]:
    address = _may(user, "tickets.view_joblease", reverse("admin:tickets_joblease_changelist"))
    seen = JobLease.objects.aggregate(seen=Max("last_started_at"))["seen"]
    if seen is None:
        yield Fire("The worker has never run.", "Mail waits. Start manage.py worker.", address)
    elif seen < now - WORKER_SILENT_FOR:
        silent = age_words(seen, now)
        yield Fire("The worker is silent.", f"It was last seen {silent} ago. Mail waits.", address)
    failing = list(JobLease.objects.exclude(last_error="").values_list("name", "last_error"))
    for name, error in failing:
        yield Fire(f"The job {name.replace('_', ' ')} fails.", error, address)


def _mail(user: Any, now: datetime) -> Iterator[Fire]:
    address = reverse("admin:tickets_outbox_changelist")
    failed = counted(Outbox.objects.filter(state=OutboxState.FAILED))
    if failed:
        yield Fire(
            f"{many(failed, 'mail was', 'mails were')} given up.",
            "The mail server or the address refused them.",
            _may(user, "tickets.view_outbox", f"{address}?state__exact=failed"),
        )
    stuck = counted(
        Outbox.objects.filter(state=OutboxState.PENDING, created_at__lt=now - MAIL_STUCK_FOR)
    )
    if stuck:
        yield Fire(
            f"{many(stuck, 'mail waits', 'mails wait')} for more than half an hour.",
            "Is the worker running, and does the mail server answer?",
            _may(user, "tickets.view_outbox", f"{address}?state__exact=pending"),
        )


# --- What waits for me? ---------------------------------------------------------------------------


def waiting(request: HttpRequest) -> dict[str, Any]:
    """My tickets whose turn is mine, the oldest first, and what nobody has taken."""
    mine = Ticket.objects.filter(assignee_id=request.user.pk, status=TicketStatus.OPEN)
    free = VIEWS["unassigned"][1](Ticket.objects.all(), request)
    rows = mine.select_related("requester").order_by("id")[:SHOWN]
    taken = with_openings(rows)
    return {
        "mine": taken,
        "mine_count": counted(mine),
        "mine_url": tickets_at(view="mine", status=TicketStatus.OPEN),
        "free_count": counted(free),
        "free_url": tickets_at(view="unassigned", o=OLDEST_FIRST),
        "next_free": with_openings(
            free.select_related("requester").order_by("id")[: SHOWN - len(taken)]
        ),
        "reopened_count": counted(Ticket.objects.filter(round__gt=1, status__in=AT_WORK)),
        "reopened_url": tickets_at(view="reopened"),
    }


# --- How is automation doing? ---------------------------------------------------------------------


SHOWN_FIGURES: tuple[tuple[str, str, str, str], ...] = (
    # metric, words, view of the list that holds its rows, note
    ("auto_resolution_gross", "Answered automatically, gross", "automated", ""),
    ("auto_resolution_confirmed", "Customer said that it helped", "confirmed", ""),
    ("escalation_rate", "Handed to a person", "handed", ""),
    ("abstention_rate", "No intent named", "no_intent", ""),
    ("reopen_rate", "Reopened", "came_back", "of those answered or resolved"),
    ("override_rate", "Overruled", "", "of those that a person judged"),
    ("satisfaction", "Satisfied", "satisfied", "of those who rated"),
    ("breach_rate_first_response", "First response missed", "", "of targets due"),
    ("breach_rate_resolution", "Resolution missed", "", "of targets due"),
)
SHOWN_TIMES = (
    ("first_response_median", "First response, half of all"),
    ("first_response_p90", "First response, nine of ten"),
    ("first_response_business_median", "First response, half, in business hours"),
    ("first_response_oldest", "Oldest that waits for a first response"),
    ("resolution_first_median", "First resolution, half of all"),
)


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A length of time with what it is made of."""

    title: str
    words: str
    rows: str
    doubt: str


def automation(user: Any, asked: Latest, now: datetime) -> dict[str, Any]:
    """Figures of the last 30 days with their rows, and the certificate they rest on."""
    found = asked.figures
    version = classification.serving_version()
    return {
        "durable": found["auto_resolution_durable"],
        "maturing": found["auto_resolution_maturing"].numerator,
        "wrong": found["wrong_automation_rate"],
        "wrong_url": _may(
            user, "decisions.view_review", reverse("admin:decisions_review_changelist")
        ),
        "numbers": [_number(user, line, found) for line in SHOWN_FIGURES],
        "times": [_time(title, found[name]) for name, title in SHOWN_TIMES],
        "figures_at": asked.until,
        "waiting_hours": asked.waiting,
        "reasons": reasons(asked.reasons),
        "escalated": found["escalation_rate"].numerator,
        "classifier": version,
        "certificate": validity.held(version, now).first,
    }


def _number(user: Any, line: tuple[str, str, str, str], found: Mapping[str, Figure]) -> Number:
    name, words, view, note = line
    if name == "override_rate":
        url = _may(user, "decisions.view_override", reverse("admin:decisions_override_changelist"))
    else:
        url = tickets_at(view=view, created="30") if view else ""
    return Number(words, found[name].as_record(), url, note)


def _time(title: str, figure: Figure) -> TimeLine:
    record = figure.as_record()
    return TimeLine(
        title,
        value_words(figure.value, Unit.SECONDS),
        rows_words(record, Unit.SECONDS) if figure.denominator > 1 else "",
        doubt_words(record, Unit.SECONDS),
    )


def course(asked: Latest) -> dict[str, Any]:
    """The last four weeks, day by day."""
    rows = asked.course
    drawn = charts.columns([(f"{r.start:%d %b}", r.automated, r.tickets) for r in rows])
    return {"chart": drawn, "days": rows[::-1], "any": any(row.tickets for row in rows)}


@dataclass(frozen=True, slots=True)
class ReasonBar:
    code: str
    words: str
    number: int
    share: float
    url: str


def reasons(found: Sequence[tuple[str, int]]) -> list[ReasonBar]:
    """Why tickets went to a person, most frequent first."""
    total = sum(number for _, number in found) or 1
    rules = rules_in_force()
    return [
        ReasonBar(
            code,
            reason_words(code, rules),
            number,
            number / total,
            tickets_at(reason=code, created="30"),
        )
        for code, number in found
    ]


@dataclass(frozen=True, slots=True)
class Volume:
    """Tickets today, and at the same time of the same weekday in the weeks before."""

    today: int
    usual: float | None
    url: str

    @property
    def difference(self) -> str:
        if self.usual is None:
            return "There is no earlier week to compare with yet."
        if not self.usual:
            return "Usually nobody has written by this time."
        if abs(self.today - self.usual) < max(0.1 * self.usual, 2 * sqrt(self.usual)):
            return "As usual for this weekday."  # so much comes and goes by chance
        change = self.today / self.usual - 1
        return f"{abs(change):.0%} {'more' if change > 0 else 'fewer'} than usual on this weekday."


def volume(now: datetime) -> Volume:
    """Today so far against the mean of the same hours a week ago, two weeks ago and so on.

    Weeks from before the first ticket do not count; without a single one there is no usual.
    """
    start = midnight(now)
    spans = [(start - 7 * DAY * week, now - 7 * DAY * week) for week in range(USUAL_WEEKS + 1)]
    rows = Ticket.objects.counted()
    first = Ticket.objects.order_by("created_at").values_list("created_at", flat=True).first()
    numbers = [
        rows.filter(Q(created_at__gte=since, created_at__lt=until)).count()
        for since, until in spans
        if first is not None and (since >= first or since == start)
    ]
    today, before = (numbers[0], numbers[1:]) if numbers else (0, [])
    usual = sum(before) / len(before) if before else None
    return Volume(today, usual, tickets_at(created="today"))
