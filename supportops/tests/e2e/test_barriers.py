"""Every page of the console with axe. Ours have no barrier; those of the frame are listed, once."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page

from decisions.models import Certificate, Policy, ReplyTemplate
from supportops.console import site
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Ticket
from tickets.tests.at_work import page_of, write_in
from tickets.tests.visiting import certify

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What unfold 0.91 itself brings along: the rule, where, and why it stays. Nothing may be added.
UNFOLDS_OWN: dict[tuple[str, str], str] = {}
RULES = ["wcag2a", "wcag2aa"]


@pytest.fixture
def order(starter, says, lead) -> Ticket:
    """A ticket on which everybody has said something."""
    says("order_status", confidence=0.62, margin=0.4)
    certify("order_status")
    ticket = write_in("Where is my order 4411?", subject="My order", name="Olga Orders")
    write_in("And another one", subject="Second")
    now = timezone.now()
    agent_actions.add_note(ticket.pk, "A note", actor=Actor.person(lead), now=now)
    agent_actions.agent_reply(ticket.pk, "It left us.", actor=Actor.person(lead), now=now)
    customer_actions.customer_reply(ticket.pk, "Not here yet!", now=timezone.now())
    old = timezone.now() - timedelta(days=3)
    Ticket.objects.filter(pk=ticket.pk).update(created_at=old)
    return ticket


def lists() -> dict[str, str]:
    """Every page of the menu."""
    entries = [entry for group in site.MENU.values() for entry in group]
    return {"Home": "/ops/", **{entry.title: entry.link for entry in entries}}


def rows(order: Ticket) -> dict[str, str]:
    """Pages of single rows."""
    return {
        "a ticket": page_of(order),
        "its why": f"{page_of(order)}#why",
        "its timeline": f"{page_of(order)}#timeline",
        "a merge": f"/ops/tickets/ticket/{order.pk}/merge/",
        "nothing found": "/ops/tickets/ticket/?q=nothing-of-this",
        "a requester": f"/ops/tickets/requester/{order.requester_id}/change/",
        "a policy": f"/ops/decisions/policy/{Policy.objects.get().pk}/change/",
        "a decision": f"/ops/decisions/decision/{order.decisions.get().pk}/change/",
        "a reply": f"/ops/decisions/replytemplate/{ReplyTemplate.objects.first().pk}/change/",
        "a certificate": f"/ops/decisions/certificate/{Certificate.objects.first().pk}/change/",
    }


def found(page: Page, rules: list[str], *, by: str = "tag") -> dict[tuple[str, str], str]:
    """Violations on a page, by rule and the element that was found fault with."""
    options = {"runOnly": {"type": by, "values": rules}}
    violations = Axe().run(page, options=options).response["violations"]
    return {
        (violation["id"], " ".join(node["target"])): node["html"][:200]
        for violation in violations
        for node in violation["nodes"]
    }


def visit(page: Page, address: str) -> None:
    page.goto("about:blank")  # else only the part behind "#" would change
    response = page.goto(address)
    assert response.status == 200, address
    page.wait_for_load_state("networkidle")


def test_no_page_of_the_console_has_a_barrier(enter, administrator, order):
    page, faults = enter(administrator), {}
    for name, address in (lists() | rows(order)).items():
        visit(page, address)
        for fault, html in found(page, RULES).items():
            if fault not in UNFOLDS_OWN:
                faults.setdefault(fault, (name, html))
    assert faults == {}
    assert page.complaints == []


def test_in_the_dark_every_word_can_be_read(enter, administrator, order):
    page, faults = enter(administrator, color_scheme="dark"), {}
    for name, address in (
        {"home": "/ops/", "tickets": "/ops/tickets/ticket/"} | rows(order)
    ).items():
        visit(page, address)
        for fault, html in found(page, ["color-contrast"], by="rule").items():
            if fault not in UNFOLDS_OWN:
                faults.setdefault(fault, (name, html))
    assert faults == {}
