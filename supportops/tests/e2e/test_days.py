"""The main walk of each role, once by keyboard alone and once on a phone."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from decisions.models import Policy, Switch
from supportops.tests.e2e.conftest import PHONE
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import ApiKey, Message, Ticket
from tickets.tests.at_work import page_of, write_in
from tickets.tests.visiting import certify

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order(starter, says) -> Ticket:
    says("order_status", confidence=0.62, margin=0.4)
    certify("order_status")
    return write_in("Where is my order 4411?", subject="My order", name="Olga Orders")


@pytest.fixture
def question(order, says) -> Ticket:
    """A second ticket that waits, of somebody else."""
    says(None)
    return write_in("Do you sell ladders?", name="Leo Ladder", email="leo@example.com")


def press(page: Page, *keys: str) -> None:
    page.wait_for_load_state()  # words are there before keys work
    for key in keys:
        page.keyboard.press(key)


def tab_to(page: Page, name: str) -> None:
    """Tabs on until the focus is on something of this name, as a person would."""
    for _ in range(60):
        page.keyboard.press("Tab")
        words = page.evaluate(
            "document.activeElement.matches('a, button') ? document.activeElement.innerText : ''"
        )
        if name in words:
            return
    raise AssertionError(f"the keyboard never comes to {name}")


def sent_to(ticket: Ticket) -> list[str]:
    rows = Message.objects.filter(ticket=ticket, author="agent", internal=False)
    return list(rows.order_by("number").values_list("body", flat=True))


# --- An agent, by keyboard alone ------------------------------------------------------------------


def test_two_tickets_are_answered_without_a_mouse(enter, agent, order, question):
    page = enter(agent)
    page.goto("/ops/")
    tab_to(page, "Unassigned")
    press(page, "Enter")
    page.wait_for_url(re.compile("view=unassigned"))
    tab_to(page, "Do you sell ladders?")
    press(page, "Enter")
    page.wait_for_url(re.compile(f"/{question.pk}/change/"))

    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys on this page")).to_be_visible()
    press(page, "Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    press(page, "n")
    expect(page.get_by_label("Internal note")).to_be_checked()
    page.keyboard.type("Asks for ladders: r, e and a are letters here")
    press(page, "Control+Enter")
    expect(page.locator(".so-by-note .so-words")).to_contain_text("r, e and a are letters here")

    press(page, "r")
    expect(page.get_by_label("Reply to the customer")).to_be_checked()
    page.keyboard.type("Yes, we do.")
    press(page, "Control+Enter")
    expect(page.get_by_text("Your reply is on its way.")).to_be_visible()
    assert sent_to(question) == ["Yes, we do."]

    press(page, "j")
    page.wait_for_url(re.compile(f"/{order.pk}/change/"))
    press(page, "a")
    expect(page.get_by_text("Assigned to you.")).to_be_visible()
    press(page, "s")
    expect(page.get_by_label("Text")).to_be_focused()
    press(page, "Control+End")
    page.keyboard.type("!")
    press(page, "Control+Enter")
    expect(page.get_by_text("Your reply is on its way.")).to_be_visible()
    assert sent_to(order)[0].startswith("Hello Olga")

    press(page, "e")
    expect(page.get_by_label("Into queue")).to_be_focused()
    tab_to(page, "Escalate")
    press(page, "Enter")
    expect(page.get_by_text("Escalated: high priority")).to_be_visible()
    press(page, "w")
    expect(page.get_by_role("heading", name="What was decided")).to_be_visible()
    press(page, "u")
    page.wait_for_url(re.compile("view=unassigned"))
    assert page.complaints == []


def test_single_keys_can_be_turned_off(enter, agent, order):
    page = enter(agent)
    page.goto(page_of(order))
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Single keys work").uncheck()
    page.get_by_role("button", name="Close").click()
    press(page, "a")
    press(page, "n")
    expect(page.get_by_label("Reply to the customer")).to_be_checked()
    order.refresh_from_db()
    assert order.assignee is None


# --- What an agent is spared ----------------------------------------------------------------------


def test_a_template_is_chosen_read_and_changed_before_it_goes(enter, agent, question):
    page = enter(agent)
    page.goto(page_of(question))
    page.get_by_label("Template").select_option("order_status")
    preview = page.get_by_role("region", name="Preview of the reply")
    expect(preview).to_contain_text("Hello Leo")
    page.get_by_role("button", name="Use this reply").click()
    text = page.get_by_label("Text")
    expect(text).to_have_value(re.compile("^Hello Leo"))
    text.fill("Hello Leo, ladders are in aisle 4.")
    page.get_by_role("button", name="Send and resolve").click()
    expect(page.get_by_text("the ticket is resolved")).to_be_visible()
    assert sent_to(question) == ["Hello Leo, ladders are in aisle 4."]


def test_two_agents_see_each_other_while_they_write(enter, agent, lead, order):
    one, other = enter(agent), enter(lead)
    one.clock.install()
    one.goto(page_of(order))
    other.goto(page_of(order))
    expect(other.get_by_text("agent has this ticket open as well.")).to_be_visible()
    one.get_by_label("Text").fill("Half an answer")
    agent_actions.agent_reply(
        order.pk, "I was faster.", actor=Actor.person(lead), now=timezone.now()
    )
    one.clock.run_for(16_000)
    expect(one.get_by_text("lead has this ticket open as well.")).to_be_visible()
    expect(one.get_by_text("This ticket changed since you opened it.")).to_be_visible()
    one.get_by_role("link", name="Show it as it is now").click()
    expect(one.get_by_text("I was faster.")).to_be_visible()
    expect(one.get_by_label("Text")).to_have_value("Half an answer")


def test_a_draft_outlives_the_login_and_is_gone_once_it_was_sent(enter, agent, order):
    page = enter(agent)
    page.goto(page_of(order))
    page.get_by_label("Internal note").check()
    page.get_by_label("Text").fill("My long thoughts")
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Add note").click()
    expect(page.get_by_label("Your text")).to_have_value("My long thoughts")
    back = enter(agent)
    page.context.add_cookies(back.context.cookies())
    page.goto(page_of(order))
    expect(page.get_by_text("What you wrote here before was put back.")).to_be_visible()
    expect(page.get_by_label("Internal note")).to_be_checked()
    expect(page.get_by_label("Text")).to_have_value("My long thoughts")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".so-by-note .so-words")).to_have_text("My long thoughts")
    page.reload()
    expect(page.get_by_label("Text")).to_have_value("")


def test_a_merge_is_explained_before_it_is_done(enter, agent, order, says):
    says(None)
    twin = write_in("Where is order 4411??", name="Olga Orders")
    page = enter(agent)
    page.goto(page_of(twin))
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Merge into another ticket").click()
    page.get_by_label("My order").check()
    page.get_by_role("button", name="Show what will happen").click()
    expect(page.get_by_text("A merge cannot be undone.")).to_be_visible()
    page.get_by_role("button", name=f"Merge into {order.reference}").click()
    expect(page.get_by_text("Merged into this one:")).to_be_visible()
    twin.refresh_from_db()
    assert twin.merged_into == order


# --- The other roles ------------------------------------------------------------------------------


def test_an_agent_answers_on_a_phone(enter, agent, order):
    page = enter(agent, viewport=PHONE, has_touch=True)
    page.goto("/ops/tickets/ticket/")
    page.get_by_role("link", name="My order").tap()
    page.get_by_label("Text").fill("It left us today.")
    page.get_by_role("button", name="Send", exact=True).tap()
    expect(page.get_by_text("Your reply is on its way.")).to_be_visible()
    page.get_by_label("Priority").select_option("urgent")
    expect(page.get_by_text("Priority is urgent now.")).to_be_visible()
    page.locator("summary", has_text="More").tap()
    page.get_by_role("button", name="Mark as spam").tap()
    page.get_by_role("button", name="Not spam").tap()
    expect(page.locator(".so-crumbs .so-pill").first).to_have_text("Open")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def test_a_leads_day(enter, lead, order):
    """Stop automation, look why a ticket was handed over, find the policy, let it go on."""
    page = enter(lead)
    page.goto("/ops/")
    page.get_by_label("Why stop?").fill("Odd answers")
    page.get_by_role("button", name="Stop all automation").click()
    assert Switch.objects.get().on
    page.goto(f"{page_of(order)}#why")
    policy = Policy.objects.get()
    page.get_by_role("link", name=str(policy)).click()
    page.wait_for_url(re.compile(f"/policy/{policy.pk}/change/"))
    page.get_by_role("link", name="Decisions").first.click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.goto("/ops/")
    page.get_by_label("Why may it go on?").fill("Mended")
    page.get_by_role("button", name="Let automation go on").click()
    expect(page.get_by_text("Automation may go on.")).to_be_visible()
    assert not Switch.objects.get().on


def test_an_auditors_day(enter, auditor, order, agent):
    """Read a ticket, its reasons and the record; find nothing that changes anything."""
    agent_actions.assign(order.pk, agent, actor=Actor.person(agent), now=timezone.now())
    page = enter(auditor)
    page.goto("/ops/tickets/ticket/")
    page.get_by_role("link", name="My order").click()
    expect(page.locator(".so-words")).to_have_text("Where is my order 4411?")
    page.get_by_role("tab", name="Timeline").click()
    expect(page.get_by_text("took the ticket")).to_be_visible()
    assert page.locator("#main form[method=post]").count() == 0
    page.get_by_role("link", name="Audit records").click()
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    # Verifying the chain changes nothing; there is no other button.
    expect(page.locator("#main form[method=post] button[type=submit]")).to_contain_text(
        ["Verify now"]
    )


def test_an_administrators_day(enter, administrator, order):
    """Issue a key, see it once, and take it back."""
    page = enter(administrator)
    page.goto("/ops/tickets/apikey/add/")
    page.get_by_label("Name").fill("Shop")
    page.get_by_label(re.compile("tickets:write")).check()
    page.get_by_role("button", name="Save").click()
    key = page.locator(".so-key").inner_text()
    row = ApiKey.objects.get(name="Shop")
    assert row.digest == ApiKey.digest_of(key.strip())
    page.goto(f"/ops/tickets/apikey/{row.pk}/change/")
    assert key not in page.content()
    page.get_by_label("Revoke it now").check()
    page.get_by_role("button", name="Save").click()
    row.refresh_from_db()
    assert row.revoked_at is not None
    page.goto("/ops/auth/user/")
    expect(page.get_by_role("link", name="administrator")).to_be_visible()
