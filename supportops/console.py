"""The console's site: navigation, styles and scripts, and the home page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from supportops import homepage
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
    groups: list[dict[str, Any]] = [{"items": [home_item]}]
    for title, entries in MENU.items():
        items = [_item(request, e) for e in entries if request.user.has_perm(e.permission)]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _item(request: HttpRequest, entry: Entry) -> dict[str, Any]:
    item = {
        "title": entry.title,
        "icon": entry.icon,
        "link": f"{entry.link}?view={entry.view}" if entry.view else entry.link,
        "active": _is_here(request, entry),
    }
    waiting = _waiting_for(request.user) if entry.view == "mine" else ""
    return item | ({"badge": waiting, "badge_variant": "primary"} if waiting else {})


def _is_here(request: HttpRequest, entry: Entry) -> bool:
    """Whether this is the page, or one below it. A built-in view with a line is its own page."""
    here = [e.link for lines in MENU.values() for e in lines if request.path.startswith(e.link)]
    if not here or entry.link != max(here, key=len):
        return False
    chosen = request.GET.get("view", "") if request.path == entry.link else ""
    lines = {other.view for other in MENU["Tickets"]}
    return entry.view == (chosen if chosen in lines else "")


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
