"""The customer's pages in a browser: without JavaScript, by keyboard, on a phone, with axe."""

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from tickets.codes import Channel, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Message, Ticket
from tickets.pipeline import receive
from tickets.pipeline.inquiry import Inquiry
from tickets.tests.visiting import address, certify

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}
HOSTILE = "W" * 2000 + " \u202eoverride " + "Z" + "\u0301" * 5000 + " http://x.example/" + "a" * 300


@pytest.fixture
def visit(browser, live_server):
    """Opens a page: `visit("/ui/", viewport=PHONE, java_script_enabled=False)`."""
    contexts = []

    def opened(path: str, *, status: int = 200, **options) -> Page:
        context = browser.new_context(base_url=live_server.url, locale="en-GB", **options)
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        assert page.goto(path).status == status
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def make(starter, says):
    """Makes a ticket that came by the form; with `automatic` it is answered at once."""

    people = itertools.count()

    def made(
        *,
        automatic: bool = False,
        email: str | None = None,
        message: str = "Where is my order?",
        subject: str = "",
    ) -> Ticket:
        says("order_status" if automatic else None)
        if automatic:
            certify("order_status")
        inquiry = Inquiry(
            name="Ada Example",
            email=email or f"ada{next(people)}@example.com",
            message=message,
            subject=subject,
            channel=Channel.FORM,
        )
        return receive.receive(inquiry, now=timezone.now()).ticket

    return made


@pytest.fixture
def in_state(make, agent):
    """Makes a ticket in a state, with something said on it by everybody who may."""
    actor, now = Actor.person(agent), timezone.now()

    def made(state: str) -> Ticket:
        ticket = make(automatic=state in {"answered", "resolved"})
        if state == "waiting":
            agent_actions.agent_reply(ticket.pk, "It left us today.", actor=actor, now=now)
        elif state == "resolved":
            customer_actions.helped(ticket.pk, now=now)
            customer_actions.rate(ticket.pk, 4, now=now)
        elif state == "spam":
            agent_actions.mark_spam(ticket.pk, actor=actor, now=now)
        elif state == "received":
            Ticket.objects.filter(pk=ticket.pk).update(status=state)
        elif state == "merged":
            into = make(email=ticket.requester.email)
            agent_actions.merge(ticket.pk, into, actor=actor, now=now)
        ticket.refresh_from_db()
        assert ticket.status == state
        return ticket

    return made


def fill_in(page: Page, **changed) -> None:
    typed = {
        "Your name": "Ada Example",
        "E-mail address for our answer": "ada@example.com",
        "Subject (optional)": "My order",
        "Your message": "Where is my order 10234?",
    }
    for label, value in (typed | changed).items():
        page.get_by_label(label).fill(value)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name).click()


def assert_fits(page: Page) -> None:
    """Nothing sticks out to the side."""
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= page.viewport_size["width"]


def assert_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


# --- A walk without JavaScript, on a phone --------------------------------------------------------


def test_a_person_gets_through_without_javascript(visit, starter, says):
    says("order_status")
    certify("order_status")
    page = visit("/ui/", viewport=PHONE, java_script_enabled=False)
    fill_in(page)
    press(page, "Send")

    expect(page.get_by_role("heading", level=1)).to_have_text("Here is an answer right away")
    expect(page.get_by_text("This is an automatic answer. No person wrote it.")).to_be_visible()
    ticket = Ticket.objects.get()
    expect(page.get_by_text(ticket.reference, exact=True)).to_be_visible()

    press(page, "No, this did not help")
    expect(page.get_by_text("A person from our team takes over.")).to_be_visible()
    expect(page.get_by_role("heading", name="A person will answer you")).to_be_visible()

    page.get_by_label("Write to us").fill("The number is 10234.")
    press(page, "Send reply")
    expect(page.get_by_text("Thank you, your message was added.")).to_be_visible()
    expect(page.get_by_text("The number is 10234.")).to_be_visible()

    agent_actions.resolve(ticket.pk, actor=Actor.machine(), now=timezone.now())
    page.reload()
    press(page, "5 of 5")
    expect(page.get_by_text("You gave us 5 of 5.")).to_be_visible()
    press(page, "Talk to a person")
    expect(page.get_by_role("heading", name="A person will answer you")).to_be_visible()
    ticket.refresh_from_db()
    assert (ticket.status, ticket.rating, ticket.round) == (TicketStatus.OPEN, 5, 3)


def test_errors_lead_to_their_field_and_nothing_typed_is_lost(visit, starter, says):
    says("order_status")
    page = visit("/ui/", viewport=PHONE, java_script_enabled=False)
    fill_in(page, **{"E-mail address for our answer": "ada@"})
    press(page, "Send")
    expect(page).to_have_title("Not sent yet – Write to Example Store")
    expect(page.get_by_label("Your message")).to_have_value("Where is my order 10234?")
    page.get_by_role("alert").get_by_role("link").click()
    mail = page.get_by_label("E-mail address for our answer")
    expect(mail).to_be_focused()
    expect(mail).to_have_accessible_description(
        "This is not an e-mail address. One looks like name@example.com."
    )
    assert Ticket.objects.count() == 0
    mail.fill("ada@example.com")
    press(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, we have your message")
    assert Message.objects.get().body == "Where is my order 10234?"


def test_going_back_after_sending_finds_the_text_and_makes_no_second_ticket(visit, starter, says):
    says("order_status")
    page = visit("/ui/")
    fill_in(page)
    press(page, "Send")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, we have your message")
    first = page.url
    page.evaluate("history.back()")
    expect(page.get_by_label("Your message")).to_have_value("Where is my order 10234?")
    expect(page.get_by_label("Subject")).to_have_value("My order")
    press(page, "Send")
    expect(page).to_have_url(first)
    assert Ticket.objects.count() == 1


def test_a_double_click_makes_one_ticket(visit, starter, says):
    says("order_status")
    page = visit("/ui/")
    fill_in(page)
    page.get_by_role("button", name="Send").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, we have your message")
    assert Ticket.objects.count() == 1


def test_the_keyboard_goes_from_field_to_field_and_never_to_the_hidden_one(visit):
    page = visit("/ui/")
    passed = []
    for _ in range(6):
        page.keyboard.press("Tab")
        passed.append(page.evaluate("document.activeElement.name || document.activeElement.text"))
    assert passed[0].strip() == "Example Store"
    assert passed[1:5] == ["name", "email", "subject", "message"]
    page.keyboard.press("Enter")
    expect(page).to_have_title("Not sent yet – Write to Example Store")


# --- Every page in light and dark, on a desk and on a phone ---------------------------------------

STATES = ["received", "open", "waiting", "answered", "resolved", "spam", "merged"]
looks = pytest.mark.parametrize(
    "look",
    [
        {"viewport": DESK, "color_scheme": "light"},
        {"viewport": PHONE, "color_scheme": "dark"},
        {"viewport": DESK, "color_scheme": "dark"},
        {"viewport": PHONE, "color_scheme": "light"},
    ],
    ids=["desk-light", "phone-dark", "desk-dark", "phone-light"],
)


@looks
def test_the_form_is_accessible_empty_and_with_errors(visit, starter, look):
    page = visit("/ui/", **look)
    assert_accessible(page)
    assert_fits(page)
    assert page.complaints == []
    page.get_by_label("Your message").fill("x" * 20_001)
    press(page, "Send")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)


@looks
def test_every_state_of_a_conversation_is_accessible(visit, in_state, look):
    for state in STATES:
        page = visit(address(in_state(state)), **look)
        assert_accessible(page)
        assert_fits(page)
        assert page.complaints == []


@looks
def test_confirmations_are_accessible(visit, in_state, look):
    for state in ("open", "answered"):
        page = visit(address(in_state(state)) + "sent/", **look)
        assert_accessible(page)
        assert_fits(page)
        assert page.complaints == []


@looks
def test_pages_that_say_no_are_accessible(visit, make, look):
    page = visit("/ui/t/T-2222-2222/x/", status=404, **look)
    assert_accessible(page)
    assert_fits(page)
    page = visit(address(make()), **look)
    page.get_by_label("Write to us").fill("   ")
    press(page, "Send reply")
    expect(page.get_by_role("alert")).to_be_visible()
    assert_accessible(page)
    assert_fits(page)


@pytest.mark.parametrize("colour", ["#ffe600", "#ffffff", "#000000", "#ff5a5f"])
def test_any_colour_of_a_business_can_be_read(visit, in_state, settings, colour):
    settings.BUSINESS_COLOUR = colour
    ticket = in_state("resolved")
    for scheme in ("light", "dark"):
        assert_accessible(visit("/ui/", color_scheme=scheme))
        assert_accessible(visit(address(ticket), color_scheme=scheme))


@pytest.mark.parametrize("viewport", [PHONE, DESK, {"width": 320, "height": 600}])
def test_hostile_words_do_not_break_the_page(visit, make, viewport):
    ticket = make(message=HOSTILE, subject="S" * 200)
    page = visit(address(ticket), viewport=viewport)
    assert_fits(page)
    words = page.locator(".message .words")
    box, card = words.bounding_box(), page.locator(".message article").bounding_box()
    assert box["x"] >= card["x"]
    assert box["x"] + box["width"] <= card["x"] + card["width"]
    # Accents piled on one letter are cut off where the message ends.
    assert words.evaluate("element => getComputedStyle(element).overflow") == "clip"
    assert page.get_by_role("link", name="x.example").count() == 0
    expect(page.get_by_role("button", name="Send reply")).to_be_visible()
