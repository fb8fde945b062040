"""The customer's form: what is taken, what is refused, and that nothing typed gets lost."""

import html
from urllib.parse import urlencode

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from supportops.tests import clean_slate
from tickets.api import throttling
from tickets.codes import Channel, TicketStatus
from tickets.forms import InquiryForm
from tickets.models import IdempotencyKey, Message, Requester, Ticket
from tickets.pipeline import idempotency, receive
from tickets.tests.visiting import FORM, TYPED, address, certify, everything_stored, hidden, send
from tickets.views import form_page

KEY = "a1" * 20
URLENCODED = "application/x-www-form-urlencoded"

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor(starter, says):
    says("order_status")
    return Client()


def assert_given_back(response, status, **changed):
    """The form with every typed word in it, and nothing stored."""
    page = response.content.decode()
    typed = TYPED | changed
    assert response.status_code == status
    for name in ("name", "email", "subject"):
        shown = f'value="{html.escape(typed[name])}"' if typed[name] else f'name="{name}"'
        assert shown in page
    assert f">\n{html.escape(typed['message'])}</textarea>" in page
    assert "Not sent yet" in page
    assert (Ticket.objects.count(), Requester.objects.count(), Message.objects.count()) == (0, 0, 0)


# --- The page -------------------------------------------------------------------------------------


def test_the_form_is_shown_without_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get(FORM)
    page = response.content.decode()
    assert response.status_code == 200
    assert "Example Store" in page
    assert response["Cache-Control"] == "private, no-cache"
    # Browsers would cut what is pasted without a word.
    assert "maxlength" not in page


def test_every_browser_has_a_key_of_its_own_that_stays(client):
    keys = [hidden(client.get(FORM), "key") for _ in range(3)]
    assert len(set(keys)) == 1
    assert hidden(Client().get(FORM), "key") not in keys


def test_the_page_holds_no_inline_style_or_script(client):
    page = client.get(FORM).content.decode()
    policy = client.get(FORM)["Content-Security-Policy"]
    assert not any(word in page for word in ("<style", "style=", "<script", "javascript:"))
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


def test_other_methods_are_refused(client):
    assert client.put(FORM).status_code == 405
    assert client.delete(FORM).status_code == 405


# --- Sending --------------------------------------------------------------------------------------


def test_an_inquiry_is_stored_as_typed_and_leads_to_its_confirmation(visitor):
    response = send(visitor)
    ticket = Ticket.objects.get()
    message = Message.objects.get()
    assert response.status_code == 302
    assert response["Location"] == address(ticket) + "sent/"
    assert "no-store" in response["Cache-Control"]
    assert (ticket.channel, ticket.status) == (Channel.FORM, TicketStatus.OPEN)
    assert (ticket.requester.name, ticket.requester.email) == ("Ada Example", "ada@example.com")
    assert (message.subject, message.body) == ("My order", "Where is my order 10234?")


def test_fields_that_a_business_adds_are_kept_beside_the_message(visitor, settings):
    assert "phone" not in visitor.get(FORM).content.decode()
    settings.FORM_FIELDS = {"order_number": "Order <number>", "phone": "Telephone"}
    page = visitor.get(FORM).content.decode()
    assert "Order &lt;number&gt;" in page
    send(visitor, order_number="10234", phone="")
    assert Ticket.objects.get().metadata == {"order_number": "10234"}


@pytest.mark.parametrize("value", ["x" * 201, "one\ntwo", "\0"])
def test_a_faulty_added_field_is_named_and_nothing_is_lost(visitor, settings, value):
    settings.FORM_FIELDS = {"phone": "Telephone"}
    response = send(visitor, phone=value)
    assert_given_back(response, 400)
    assert 'id="id_phone_error"' in response.content.decode()


def test_an_added_field_comes_back_when_the_form_could_not_be_taken(visitor, settings):
    settings.FORM_FIELDS = {"phone": "Telephone"}
    response = send(visitor, phone="0123", homepage="filled")
    assert_given_back(response, 400)
    assert 'value="0123"' in response.content.decode()


def test_line_ends_of_browsers_become_plain_ones(visitor):
    send(visitor, message="one\r\n\r\n  two\r\n")
    assert Message.objects.get().body == "one\n\n  two\n"


def test_the_address_is_kept_in_lower_case(visitor):
    send(visitor, email="Ada@EXAMPLE.com")
    assert Requester.objects.get().email == "ada@example.com"


def test_the_confirmation_shows_reference_link_and_what_comes_next(visitor, settings):
    settings.PUBLIC_URL = "https://help.example.com"
    page = visitor.get(send(visitor)["Location"]).content.decode()
    ticket = Ticket.objects.get()
    assert ticket.reference in page
    assert f"https://help.example.com{address(ticket)}" in page
    assert "A person from our team reads your message." in page
    assert "We are at work" in page
    assert "ada@example.com" in page


def test_an_automatic_answer_is_shown_at_once_and_says_what_it_is(visitor):
    certify("order_status")
    page = visitor.get(send(visitor)["Location"]).content.decode()
    assert Ticket.objects.get().status == TicketStatus.ANSWERED
    assert "Here is an answer right away" in page
    assert "This is an automatic answer. No person wrote it." in page
    assert "Talk to a person" in page
    assert "Yes, this solved it" in page
    assert "No, this did not help" in page


def test_later_the_confirmation_leads_to_the_conversation(visitor):
    confirmation = send(visitor)["Location"]
    Ticket.objects.update(status=TicketStatus.RESOLVED)
    response = visitor.get(confirmation)
    assert response.status_code == 302
    assert response["Location"] == address(Ticket.objects.get())


# --- Sent twice -----------------------------------------------------------------------------------


def test_the_same_words_sent_twice_make_one_ticket(visitor):
    first = send(visitor, key=hidden(visitor.get(FORM), "key"))
    second = send(visitor, key=hidden(visitor.get(FORM), "key"))
    assert first["Location"] == second["Location"]
    assert Ticket.objects.count() == 1


def test_the_same_words_after_an_error_make_one_ticket(visitor):
    first = send(visitor, key=hidden(visitor.get(FORM), "key"))
    faulty = send(visitor, email="nobody", key=hidden(visitor.get(FORM), "key"))
    assert send(visitor, key=hidden(faulty, "key"))["Location"] == first["Location"]
    trapped = send(visitor, homepage="x", key=hidden(faulty, "key"))
    assert send(visitor, key=hidden(trapped, "key"))["Location"] == first["Location"]
    assert Ticket.objects.count() == 1


def test_the_same_words_from_two_browsers_make_two_tickets(visitor):
    for browser in (visitor, Client()):
        send(browser, key=hidden(browser.get(FORM), "key"))
    assert Ticket.objects.count() == 2


def test_the_same_trouble_again_after_it_was_over_is_a_new_inquiry(visitor, monkeypatch):
    key = hidden(visitor.get(FORM), "key")
    first = send(visitor, key=key)
    ticket = Ticket.objects.get()
    Ticket.objects.update(status=TicketStatus.RESOLVED, decided_at=ticket.created_at)
    assert send(visitor, key=key)["Location"] == first["Location"]  # a double click
    later = timezone.now() + idempotency.DOUBLE_CLICK
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert send(visitor, key=key)["Location"] != first["Location"]
    assert Ticket.objects.count() == 2


def test_going_back_and_changing_a_word_makes_another_ticket(visitor):
    first, second = send(visitor, key=KEY), send(visitor, key=KEY, message="Something else")
    assert first["Location"] != second["Location"]
    assert Ticket.objects.count() == 2


@pytest.mark.parametrize("key", ["", "short", "x" * 40, "a1" * 21, "\0" * 40])
def test_a_faulty_key_is_no_hindrance(visitor, key):
    assert send(visitor, key=key).status_code == 302
    assert Ticket.objects.count() == 1
    assert IdempotencyKey.objects.count() == 0


# --- What is not accepted -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "Please tell us your name."),
        ("name", "\u200b\u00a0", "Please tell us your name."),
        ("name", "x" * 201, "at most 200 characters"),
        ("name", "Ada\tBcc", "Please leave out line breaks and tabs."),
        ("email", "", "Please tell us the e-mail address for our answer."),
        ("email", "nobody", "This is not an e-mail address."),
        ("email", "a@b.example\r\nBcc: c@d.example", "Please leave out line breaks and tabs."),
        ("email", '"a\x7f"@example.com', "This is not an e-mail address."),
        ("email", "x" * 250 + "@example.com", "at most 254 characters"),
        ("subject", "one\r\ntwo", "Please leave out line breaks and tabs."),
        ("subject", "x" * 201, "at most 200 characters"),
        ("message", "", "Please write your message."),
        ("message", " \n\t ", "Please write your message."),
        ("message", "\u200b\u2060\u3164", "Please write your message."),
        ("message", "x" * 20_001, "Your text has 20001 characters; we can take up to 20000."),
    ],
)
def test_a_faulty_field_is_named_and_nothing_is_lost(visitor, field, value, words):
    response = send(visitor, **{field: value})
    assert words in html.unescape(response.content.decode())
    assert_given_back(response, 400, **{field: value})


def test_a_nul_is_refused_and_shown_as_what_a_page_can_carry(visitor):
    response = send(visitor, message="be\0fore")
    assert "There is a broken character in here." in response.content.decode()
    assert_given_back(response, 400, message="be\ufffdfore")


def test_half_a_character_is_refused(visitor):
    form = InquiryForm(TYPED | {"message": "half \ud800"})
    assert form.errors == {"message": ["There is a broken character in here. Please remove it."]}
    assert "half ?" in str(form["message"])


def test_a_message_of_the_greatest_length_is_taken_whole(visitor):
    # A line end counts once, as it does everywhere else.
    assert send(visitor, message="x" * 19_999 + "\r\n").status_code == 302
    assert Message.objects.get().body == "x" * 19_999 + "\n"


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "{{7*7}} {% debug %} %(x)s {0.__class__}",
        '=HYPERLINK("http://evil.example")',
        "Z" + "\u0301" * 5000,
        "\u202eoverride \U0001f469\u200d\U0001f469\u200d\U0001f467",
    ],
)
def test_odd_words_are_taken_as_they_are(visitor, text):
    assert send(visitor, message=text, subject=text[:100], name=text[:100]).status_code == 302
    message = Message.objects.get()
    assert (message.body, message.subject) == (text, text[:100])


@given(st.text(st.characters(codec=None), max_size=60), st.sampled_from(sorted(TYPED)))
def test_whatever_is_typed_can_be_shown_again_and_is_kept_as_it_is(text, field):
    form = InquiryForm(TYPED | {field: text})
    str(form).encode()
    if form.is_valid() and field == "message":
        kept = text.replace("\r\n", "\n").replace("\r", "\n")
        assert form.inquiry().message == kept


# --- Robots ---------------------------------------------------------------------------------------


def test_a_filled_hidden_field_is_told_emptied_and_forgiven(visitor):
    response = send(visitor, homepage="http://spam.example", key=KEY)
    assert_given_back(response, 400)
    assert "http://spam.example" not in response.content.decode()
    assert send(visitor, key=KEY).status_code == 302


# --- Too often ------------------------------------------------------------------------------------


def test_the_twenty_first_inquiry_of_an_hour_has_to_wait(visitor, monkeypatch):
    monkeypatch.setattr(throttling.time, "time", lambda: 1_800_000_100.0)
    for number in range(20):
        assert send(visitor, message=f"Question {number}").status_code == 302
    response = send(visitor, message="One more")
    page = response.content.decode()
    assert response.status_code == 429
    assert response["Retry-After"] == "3500"
    assert ">\nOne more</textarea>" in page
    assert Ticket.objects.count() == 20
    assert visitor.post(FORM, TYPED, REMOTE_ADDR="203.0.113.9").status_code == 302


def test_who_sends_too_often_still_gets_what_was_taken(visitor, monkeypatch):
    first = send(visitor, key=KEY)
    monkeypatch.setattr(form_page, "form_must_wait", lambda request: 90)
    assert send(visitor, key=KEY)["Location"] == first["Location"]
    assert send(visitor, key="b2" * 20).status_code == 429
    assert Ticket.objects.count() == 1


def test_typing_errors_are_not_counted(visitor, monkeypatch):
    monkeypatch.setattr(form_page, "form_must_wait", lambda request: 90)
    assert send(visitor, email="nobody").status_code == 400


def test_a_cache_that_fails_costs_nobody_the_inquiry(visitor, monkeypatch):
    def fail(*args, **kwargs):
        raise DatabaseError("locked")

    monkeypatch.setattr(throttling.cache, "add", fail)
    assert send(visitor).status_code == 302
    clean_slate.forget_throttles()


# --- Tokens ---------------------------------------------------------------------------------------


def test_without_a_token_the_form_comes_back_with_a_fresh_one(starter, says):
    says("order_status")
    visitor = Client(enforce_csrf_checks=True)
    response = send(visitor, key=KEY)
    assert_given_back(response, 403)
    token = hidden(response, "csrfmiddlewaretoken")
    assert send(visitor, key=KEY, csrfmiddlewaretoken=token).status_code == 302
    assert Ticket.objects.count() == 1


# --- Too large ------------------------------------------------------------------------------------


def test_a_text_far_too_long_is_given_back(visitor):
    text = "x" * 600_000
    assert_given_back(send_urlencoded(visitor, message=text), 413, message=text)


def test_what_is_larger_still_stays_unread(visitor):
    response = send_urlencoded(visitor, message="x" * 2_200_000)
    page = response.content.decode()
    assert response.status_code == 413
    assert "Go back in your browser to find your text" in page
    assert len(page) < 10_000
    assert Ticket.objects.count() == 0


def test_a_large_body_of_another_kind_is_refused(visitor):
    response = visitor.post(FORM, TYPED | {"message": "x" * 600_000})
    assert response.status_code == 413
    assert Ticket.objects.count() == 0


def test_thousands_of_fields_are_refused(visitor):
    fields = urlencode([(f"f{number}", "x") for number in range(6000)])
    response = visitor.post(FORM, fields, content_type=URLENCODED)
    assert response.status_code == 413
    assert Ticket.objects.count() == 0


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "nonsense"])
def test_a_body_that_is_no_form_is_an_empty_form(visitor, content_type):
    response = visitor.post(FORM, '{"name": "Ada"}', content_type=content_type)
    assert response.status_code == 400
    assert "Please tell us your name." in response.content.decode()


def send_urlencoded(visitor, **changed):
    return visitor.post(FORM, urlencode(TYPED | changed), content_type=URLENCODED)


# --- The database is away -------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OperationalError, DatabaseError])
def test_a_database_that_fails_gives_the_text_back(visitor, monkeypatch, error):
    def fail(*args, **kwargs):
        raise error("database is locked")

    monkeypatch.setattr(receive, "receive", fail)
    response = send(visitor, key=KEY)
    assert_given_back(response, 503)
    assert response["Retry-After"] == "30"


@pytest.fixture
def pragma():
    """Sets something on the connection in use, of SQLite only."""
    if connection.vendor != "sqlite":
        pytest.skip("made by a setting of SQLite")

    def execute(statement):
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {statement}")

    yield execute
    execute("query_only=0")
    execute("max_page_count=1073741823")


def test_a_read_only_database_gives_the_text_back_until_it_works_again(visitor, pragma):
    pragma("query_only=1")
    response = send(visitor, key=KEY)
    pragma("query_only=0")
    assert_given_back(response, 503)
    assert send(visitor, key=KEY).status_code == 302
    assert Message.objects.get().body == TYPED["message"]


def test_a_full_database_gives_the_text_back_until_there_is_room(visitor, pragma, monkeypatch):
    monkeypatch.setattr(form_page, "form_must_wait", lambda request: None)
    pragma("max_page_count=1")  # no page more than it has
    texts = [f"{number} " + "word " * 3900 for number in range(300)]
    taken = []
    for text in texts:
        response = send(visitor, message=text)
        if response.status_code != 302:
            break
        taken.append(text)
    assert response.status_code == 503
    assert f">\n{text}</textarea>" in response.content.decode()
    assert list(Message.objects.order_by("pk").values_list("body", flat=True)) == taken
    pragma("max_page_count=1073741823")
    assert send(visitor, message=text).status_code == 302


def test_a_look_at_the_confirmation_changes_nothing(visitor):
    certify("order_status")
    confirmation = send(visitor)["Location"]
    before = everything_stored()
    assert visitor.get(confirmation).status_code == 200
    assert visitor.head(confirmation).status_code == 200
    assert visitor.post(confirmation).status_code == 405
    assert everything_stored() == before
