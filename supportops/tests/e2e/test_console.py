"""The console in a browser: an agent's day, a lead's switch, on a desk and on a phone, with axe."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from decisions.models import Override, Switch
from supportops.tests.e2e.conftest import DESK, PHONE
from tickets.codes import NoIntent
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import Message, Ticket
from tickets.tests.at_work import write_in
from tickets.tests.visiting import certify

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def order(starter, says) -> Ticket:
    says("order_status", confidence=0.62, margin=0.4)
    certify("order_status")
    return write_in("Where is my order 4411?", subject="My order", name="Olga Orders")


def address(ticket: Ticket) -> str:
    return f"/ops/tickets/ticket/{ticket.pk}/change/"


def test_an_agents_day(enter, agent, order):
    """From the list to the answer: find, take, ask why, use the suggestion, send, resolve."""
    page = enter(agent)
    page.goto("/ops/")
    page.get_by_role("link", name="All tickets").click()
    page.get_by_label("Search").fill("olga")
    page.get_by_label("Search").press("Enter")
    page.get_by_role("link", name="My order").click()
    expect(page.locator(".so-words")).to_have_text("Where is my order 4411?")

    page.get_by_role("button", name="Assign to me").click()
    expect(page.get_by_label("Assignee")).to_have_value(str(agent.pk))

    page.get_by_role("tab", name="Why?").click()
    expect(page.get_by_text("Confidence: 0.62 → at least 0.8")).to_be_visible()
    expect(page.get_by_text("This classifier names no words")).to_be_visible()

    page.get_by_role("button", name="Use this reply").click()
    text = page.get_by_label("Text")
    assert text.input_value().startswith("Hello Olga")
    text.fill("Hello Olga, it left us today.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Your reply is on its way.")).to_be_visible()
    expect(page.locator(".so-by-agent .so-words")).to_have_text("Hello Olga, it left us today.")

    page.get_by_role("button", name="Resolve", exact=True).click()
    expect(page.locator(".so-crumbs .so-pill").first).to_have_text("Resolved")
    order.refresh_from_db()
    assert (order.status, order.assignee) == ("resolved", agent)
    assert page.complaints == []


def test_what_was_typed_survives_somebody_faster(enter, agent, lead, order):
    page = enter(agent)
    page.goto(address(order))
    page.get_by_label("Text").fill("My long and careful answer")
    agent_actions.agent_reply(
        order.pk, "I was faster.", actor=Actor.person(lead), now=timezone.now()
    )
    page.get_by_role("button", name="Send", exact=True).click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Nothing was sent")
    expect(alert).to_contain_text("lead replied")
    expect(page.get_by_label("Text")).to_have_value("My long and careful answer")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Your reply is on its way.")).to_be_visible()
    assert Message.objects.filter(ticket=order, author="agent").count() == 2


def test_a_note_looks_different_and_stays_inside(enter, agent, order):
    page = enter(agent)
    page.goto(address(order))
    page.get_by_label("Internal note").check()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    page.get_by_label("Text").fill("Only for us")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".so-by-note .so-words")).to_have_text("Only for us")
    assert Message.objects.get(ticket=order, number=2).internal


def test_a_choice_beside_the_ticket_is_saved_at_once(enter, agent, order):
    page = enter(agent)
    page.goto(address(order))
    page.get_by_label("Priority").select_option("urgent")
    expect(page.get_by_text("Priority is urgent now.")).to_be_visible()
    order.refresh_from_db()
    assert order.priority == "urgent"


def test_correcting_the_intent_asks_about_the_machine(enter, agent, order):
    page = enter(agent)
    page.goto(address(order))
    page.get_by_text("Correct the intent…").click()
    page.get_by_label("The customer wants").select_option("delivery_problem")
    page.get_by_role("button", name="Correct", exact=True).click()
    assert Override.objects.count() == 0  # the question is not answered yet
    page.get_by_label("Yes, it misread the message").check()
    page.get_by_role("button", name="Correct", exact=True).click()
    expect(page.locator(".so-intent")).to_have_text("Delivery problem")
    assert Override.objects.get().machine_was_wrong is True


def test_filters_apply_as_they_are_chosen_and_leave_a_clean_address(enter, agent, order, says):
    says(None, reason=NoIntent.AMBIGUOUS)
    write_in("Something unclear")
    page = enter(agent)
    page.goto("/ops/tickets/ticket/")
    expect(page.locator("tr.data-row")).to_have_count(2)
    page.get_by_label("Intent").select_option("order_status")
    expect(page.locator("tr.data-row")).to_have_count(1)
    assert page.url.endswith("/ops/tickets/ticket/?intent=order_status")
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tr.data-row")).to_have_count(2)


def test_the_list_goes_by_keyboard(enter, agent, order, says):
    """Down, up, choose, take, search, help, open: no hand leaves the keys."""
    says(None, reason=NoIntent.AMBIGUOUS)
    second = write_in("Something unclear", email="bea@example.com", name="Bea")
    page = enter(agent)
    page.goto("/ops/tickets/ticket/")
    press = page.keyboard.press
    press("j"), press("j")
    expect(page.locator("tr.so-at")).to_contain_text("My order")
    press("k")
    expect(page.locator("tr.so-at")).to_contain_text("Something unclear")
    press("x")
    expect(page.locator("[data-chosen]")).to_have_text("1 chosen")
    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    press("a")
    expect(page.locator(".so-undo")).to_contain_text("1 ticket assigned.")
    second.refresh_from_db()
    assert second.assignee == agent
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: 1 ticket as before.")).to_be_visible()
    press("/")
    page.keyboard.type("order ajk")  # letters are letters in a field
    expect(page.get_by_label("Search")).to_have_value("order ajk")
    page.get_by_label("Search").fill("olga")
    press("Enter")
    expect(page.locator("tr.data-row")).to_have_count(1)
    page.wait_for_load_state()  # the row is there before the keys work
    press("j"), press("Enter")
    page.wait_for_url("**/change/**")
    assert page.complaints == []


def test_many_tickets_change_at_once(enter, agent, order):
    write_in("Where is order 5?", email="bea@example.com")
    page = enter(agent)
    page.goto("/ops/tickets/ticket/")
    what = page.get_by_label("What to do with the chosen tickets")
    expect(what).to_be_disabled()
    page.get_by_label("All on this page").check()
    what.select_option("priority:urgent")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator(".so-undo")).to_contain_text("2 tickets given another priority.")
    assert set(Ticket.objects.values_list("priority", flat=True)) == {"urgent"}


def test_a_view_is_saved_used_and_shared(enter, lead, agent, order):
    page = enter(lead)
    page.goto("/ops/tickets/ticket/?intent=order_status")
    page.locator(".so-save > summary").click()
    page.get_by_label("Save these filters as").fill("Where is it")
    page.get_by_label("Share with everybody").check()
    page.get_by_role("button", name="Save view").click()
    expect(page.locator(".so-kept[aria-current]")).to_contain_text("Where is it")
    other = enter(agent)
    other.goto("/ops/tickets/ticket/")
    other.get_by_role("link", name="Where is it").click()
    expect(other.locator("tr.data-row")).to_have_count(1)
    assert other.url.endswith("?intent=order_status")


def test_a_long_message_is_folded_and_opens(enter, agent, starter, says):
    says(None)
    ticket = write_in("word " * 4000)
    page = enter(agent)
    page.goto(address(ticket))
    words = page.locator(".so-words")
    folded = words.bounding_box()["height"]
    page.get_by_role("button", name="Show all").click()
    assert words.bounding_box()["height"] > 4 * folded
    assert words.text_content() == "word " * 4000


def test_a_lead_stops_and_starts_automation(enter, lead, order):
    page = enter(lead)
    page.goto("/ops/")
    page.get_by_label("Why stop?").fill("Odd answers")
    page.get_by_role("button", name="Stop all automation").click()
    expect(page.get_by_text("All automation is stopped.")).to_be_visible()
    assert Switch.objects.get().on
    page.get_by_label("Why may it go on?").fill("Mended")
    page.get_by_role("button", name="Let automation go on").click()
    expect(page.get_by_text("Automation may go on.")).to_be_visible()
    assert not Switch.objects.get().on


def test_after_wrong_passwords_the_door_is_locked(browser, live_server, agent):
    context = browser.new_context(base_url=live_server.url)
    page = context.new_page()
    page.goto("/ops/")
    for _ in range(8):
        page.get_by_label("Username").fill("agent")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading")).to_have_text("Locked for a while")
    expect(page.get_by_text("Try again in 15 minutes")).to_be_visible()
    context.close()


HOSTILE = "W" * 2000 + " \u202eoverride " + "Z" + "\u0301" * 5000 + " http://x.example/" + "a" * 300


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_no_words_push_a_page_wider_than_its_window(enter, agent, starter, says, viewport):
    says(None)
    name = "Maximiliana-Theodora" * 10
    ticket = write_in(HOSTILE, name=name, subject="S" * 200, email=f"{'a' * 60}@example.com")
    agent_actions.add_note(ticket.pk, HOSTILE, actor=Actor.person(agent), now=timezone.now())
    page = enter(agent, viewport=viewport)
    for path in ("/ops/", "/ops/tickets/ticket/", address(ticket), f"{address(ticket)}#why"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= viewport["width"], path
