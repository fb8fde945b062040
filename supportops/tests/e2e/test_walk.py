"""One inquiry from the form to the answer of a person, as its people live it."""

import re

import pytest
from playwright.sync_api import expect

from tickets.models import Ticket
from tickets.tests.visiting import certify

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse battery staple"


@pytest.fixture
def page_of(browser, live_server):
    """A window of its own for each person."""
    contexts = []

    def opened():
        context = browser.new_context(base_url=live_server.url, locale="en-GB")
        contexts.append(context)
        return context.new_page()

    yield opened
    for context in contexts:
        context.close()


def test_from_form_to_automatic_answer_to_a_person(starter, says, agent, page_of):
    says("account_access")
    certify("account_access")
    agent.set_password(PASSWORD)
    agent.save()

    customer = page_of()
    customer.goto("/ui/")
    customer.get_by_label("Name").fill("Ann Lee")
    customer.get_by_label(re.compile("mail", re.I)).first.fill("ann@example.com")
    customer.get_by_label(re.compile("message", re.I)).fill("I forgot my password.")
    customer.get_by_role("button", name=re.compile("send", re.I)).click()
    expect(customer.locator("body")).to_contain_text("automatic")
    ticket = Ticket.objects.get()
    expect(customer.locator("body")).to_contain_text(ticket.reference)

    customer.get_by_role("button", name=re.compile("did not help", re.I)).click()
    expect(customer.locator("body")).to_contain_text("person")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == ("open", 2)

    desk = page_of()
    desk.goto("/ops/")
    desk.get_by_label("Username").fill(agent.username)
    desk.get_by_label("Password", exact=False).first.fill(PASSWORD)
    desk.get_by_role("button", name=re.compile("log in", re.I)).click()
    desk.goto(f"/ops/tickets/ticket/{ticket.pk}/change/")
    expect(desk.locator("body")).to_contain_text("I forgot my password.")
    desk.locator("textarea[name=body]").first.fill("I have sent you a new link, Ann.")
    desk.get_by_role("button", name=re.compile("^(send|reply)", re.I)).first.click()
    expect(desk.locator("body")).to_contain_text("I have sent you a new link, Ann.")
    ticket.refresh_from_db()
    assert (ticket.status, ticket.assignee) == ("waiting", agent)

    customer.reload()
    expect(customer.locator("body")).to_contain_text("I have sent you a new link, Ann.")
    assert agent.username not in customer.locator("body").inner_text()
