"""The console's site: navigation, styles and scripts, and the home page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from supportops.console import homepage
from tickets.codes import TicketStatus
from tickets.models import Ticket

MOST_COUNTED = 99
PAGES_OF_OUR_OWN = frozenset({"automation"})  # that no table's admin serves


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the menu: a table's list, for those who may look at it."""

    title: str
    icon: str
    table: str  # app.model
    view: str = ""  # one of the list's built-in views
    right: str = "view"
    page: str = ""  # another page than the table's list, by its name in the console or outside

    @property
    def permission(self) -> str:
        app, model = self.table.split(".")
        return f"{app}.{self.right}_{model}"

    @property
    def link(self) -> str:
        if self.page in PAGES_OF_OUR_OWN:
            return reverse(self.page)
        return reverse(f"admin:{self.page or self.table.replace('.', '_') + '_changelist'}")


MENU: Mapping[str, tuple[Entry, ...]] = {
    "Tickets": (
        Entry("All tickets", "inbox", "tickets.ticket"),
        Entry("Mine", "person", "tickets.ticket", view="mine", right="change"),
        Entry("Unassigned", "group", "tickets.ticket", view="unassigned", right="change"),
        Entry("Requesters", "contacts", "tickets.requester"),
        Entry(
            "Blind review",
            "visibility_off",
            "decisions.review",
            right="change",
            page="decisions_review_next",
        ),
    ),
    "Watching": (
        Entry("Alerts", "notifications", "metrics.alert"),
        Entry("Drift", "troubleshoot", "metrics.driftlook"),
    ),
    "Automation": (
        Entry("Overview", "monitoring", "decisions.policy", page="automation"),
        Entry("Policies", "rule", "decisions.policy"),
        Entry("Scenarios", "checklist", "decisions.scenario"),
        Entry("In the shadow", "contrast", "decisions.candidate"),
        Entry("Reply templates", "format_quote", "decisions.replytemplate"),
        Entry("Intents", "label", "classification.intent"),
        Entry("Certificates", "verified", "decisions.certificate"),
        Entry("Quarantine", "block", "decisions.quarantine"),
        Entry("Breakers", "electrical_services", "decisions.breaker"),
    ),
    "On record": (
        Entry("Decisions", "gavel", "decisions.decision"),
        Entry("Overrides", "edit_note", "decisions.override"),
        Entry("Reviews", "rate_review", "decisions.review"),
        Entry("Predictions", "psychology", "classification.prediction"),
        Entry("Events", "history", "tickets.ticketevent"),
        Entry("Publications", "publish", "decisions.publication"),
        Entry("Kill switch", "power_settings_new", "decisions.switch"),
        Entry("Audit records", "link", "tickets.auditrecord"),
    ),
    "Classifier": (
        Entry("Model versions", "model_training", "classification.modelversion"),
        Entry("Promotions", "upgrade", "classification.promotion"),
    ),
    "Running it": (
        Entry("Queues", "move_to_inbox", "tickets.queue"),
        Entry("Outbox", "outgoing_mail", "tickets.outbox"),
        Entry("Jobs", "schedule", "tickets.joblease"),
        Entry("Service levels", "timer", "tickets.servicelevel"),
        Entry("Calendars", "calendar_month", "tickets.calendar"),
        Entry("API keys", "key", "tickets.apikey"),
        Entry("Users", "badge", "auth.user"),
        Entry("Groups", "groups", "auth.group"),
        Entry("Failed logins", "lock_person", "axes.accessattempt"),
    ),
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu of this person: each sees only what they may use."""
    index = reverse("admin:index")
    home_item = {"title": "Home", "icon": "home", "link": index, "active": request.path == index}
    links = {entry: entry.link for entries in MENU.values() for entry in entries}
    here = _here(request, links)
    groups: list[dict[str, Any]] = [{"items": [home_item]}]
    for title, entries in MENU.items():
        may_use = [entry for entry in entries if request.user.has_perm(entry.permission)]
        items = [_item(request, entry, links[entry], active=entry == here) for entry in may_use]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _item(request: HttpRequest, entry: Entry, link: str, *, active: bool) -> dict[str, Any]:
    item = {
        "title": entry.title,
        "icon": entry.icon,
        "link": f"{link}?view={entry.view}" if entry.view else link,
        "active": active,
    }
    waiting = _waiting_for(request.user) if entry.view == "mine" else ""
    return item | ({"badge": waiting, "badge_variant": "primary"} if waiting else {})


def _here(request: HttpRequest, links: Mapping[Entry, str]) -> Entry | None:
    """The line of this page, or of the page that it lies below. A built-in view with a line is its
    own page."""
    above = [link for link in links.values() if request.path.startswith(link)]
    if not above:
        return None
    page = max(above, key=len)
    lines = {entry.view: entry for entry, link in links.items() if link == page}
    chosen = request.GET.get("view", "") if request.path == page else ""
    return lines.get(chosen, lines.get(""))


def _waiting_for(user: Any) -> str:
    """Open tickets of somebody, counted as far as an index makes it cheap."""
    rows = Ticket.objects.filter(assignee_id=user.pk, status=TicketStatus.OPEN).order_by()
    found = rows.values("pk")[: MOST_COUNTED + 1].count()
    return f"{MOST_COUNTED}+" if found > MOST_COUNTED else str(found or "")


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """What the home page shows."""
    return {**context, "title": "Home", **homepage.gather(request)}


def styles(request: HttpRequest) -> str:
    return static("console.css")


def chart_styles(request: HttpRequest) -> str:
    return static("charts.css")


def scripts(request: HttpRequest) -> str:
    return static("console.js")


def favicon(request: HttpRequest) -> str:
    return static("favicon.svg")
