"""The outbox: delivered at least once, with retries, or it says why not; never a loop."""

from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes, policy
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core.mail import EmailMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from decisions.models import ReplyTemplate
from tickets import tracking
from tickets.codes import Channel, OutboxKind, OutboxState
from tickets.desk import agent_actions, customer_actions
from tickets.models import Outbox, Requester, Ticket
from tickets.outbox import deliver
from tickets.outbox.deliver import DAY, LEASE, MOST_ATTEMPTS, compose, deliver_due
from tickets.tests.arriving import HOUR, MINUTE, NOW, arrive, in_threads
from tickets.tests.factories import OutboxFactory, RequesterFactory, TicketFactory

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    """The deliverer's clock stands still during a test, so that times are exact."""
    monkeypatch.setattr(deliver, "_running_from", lambda now: lambda: now)


@pytest.fixture
def fails(monkeypatch):
    """Makes sending raise; the answer is the list of rows that were tried."""

    def make(error: Exception) -> list[int]:
        tried = []

        def fail(row):
            tried.append(row.pk)
            raise error

        monkeypatch.setattr(deliver, "_send", fail)
        return tried

    return make


class Killed(BaseException):
    """The worker was killed: nothing of ours gets to catch that."""


def sent_to(person: Requester) -> Outbox:
    """An automatic mail to this person that waits."""
    ticket = TicketFactory(requester=person, decided=True, created_at=NOW)
    return OutboxFactory(ticket=ticket, created_at=NOW)


def parsed(mail: EmailMessage):
    return message_from_bytes(mail.message().as_bytes(), policy=policy.default)


# --- The mails ------------------------------------------------------------------------------------


def test_a_confirmation_says_what_comes_next_and_where(starter, says, mailoutbox, settings):
    settings.BUSINESS_NAME = "Example Store"
    says("refund_request")
    ticket = arrive(subject="Refund please")
    assert deliver_due(now=NOW) == 1
    (mail,) = mailoutbox
    assert mail.subject == f"We have received your message [{ticket.reference}]"
    assert mail.to == ["ada@example.com"]
    assert tracking.link(ticket) in mail.body
    assert "a person from our team will answer it" in mail.body
    assert "sent automatically" in mail.body
    # Whoever types somebody else's address gets none of their words there.
    assert "Refund please" not in mail.body
    assert "Ada" not in mail.body


def test_an_automatic_answer_says_that_it_is_one_and_offers_a_person(automating, mailoutbox):
    ticket = arrive()
    deliver_due(now=NOW)
    (mail,) = mailoutbox
    answer = ticket.messages.get(number=2)
    assert mail.subject == f"{answer.subject} [{ticket.reference}]"
    assert answer.body in mail.body
    assert "This is an automatic answer" in mail.body
    assert "talk to a person" in mail.body
    assert tracking.link(ticket) in mail.body


def test_an_agents_answer_carries_their_words_and_does_not_call_itself_automatic(
    starter, says, by_agent, mailoutbox
):
    says("refund_request")
    ticket = arrive()
    agent_actions.agent_reply(ticket.pk, "Your refund is on its way.", actor=by_agent, now=NOW)
    deliver_due(now=NOW)
    mail = mailoutbox[1]
    assert mail.subject == f"Your inquiry [{ticket.reference}]"
    assert "Your refund is on its way." in mail.body
    assert "automatic" not in mail.body
    assert "Auto-Submitted" not in mail.extra_headers


def test_notes_and_internal_words_are_never_mailed(starter, says, by_agent, mailoutbox):
    says("refund_request")
    ticket = arrive()
    agent_actions.add_note(ticket.pk, "Smells of fraud", actor=by_agent, now=NOW)
    deliver_due(now=NOW)
    assert [mail.subject for mail in mailoutbox] == [
        f"We have received your message [{ticket.reference}]"
    ]
    assert "fraud" not in mailoutbox[0].body


def test_automatic_mail_tells_other_machines_not_to_answer(db, settings):
    settings.MAIL_DOMAIN = "help.example.com"
    row = sent_to(RequesterFactory())
    headers = parsed(compose(row))
    assert headers["Auto-Submitted"] == "auto-replied"
    assert headers["X-Auto-Response-Suppress"] == "All"
    assert headers["Message-ID"] == f"<outbox-{row.pk}@help.example.com>"


@pytest.mark.parametrize(
    "nasty",
    [
        "Ada\r\nBcc: everyone@example.com",
        "Ada\nBcc: everyone@example.com\n\nBuy now",
        "Ada\r\n\r\n<html>",
        "Ada\u2028Bcc: everyone@example.com",
        "Ada\x0b\x0cBcc: everyone@example.com",
        "=?utf-8?q?Ada=0D=0ABcc=3A_everyone=40example=2Ecom?=",
    ],
)
def test_line_breaks_in_names_and_subjects_inject_no_header(automating, mailoutbox, nasty):
    ticket = Ticket.objects.get(pk=arrive(name=nasty, subject=nasty).pk)
    ticket.messages.filter(number=2).update(subject=f"Re: {nasty}")
    assert deliver_due(now=NOW) == 1
    mail = parsed(mailoutbox[0])
    assert (mail["Bcc"], mail["To"]) == (None, "ada@example.com")
    assert len(mail.get_all("Subject")) == 1
    assert set(mail.keys()) == {
        "Content-Type",
        "MIME-Version",
        "Content-Transfer-Encoding",
        "Subject",
        "From",
        "To",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "X-Auto-Response-Suppress",
    }
    assert Outbox.objects.get().state == OutboxState.SENT


def test_an_address_with_a_line_break_is_refused_and_says_so(db, mailoutbox):
    row = sent_to(RequesterFactory(email="ada@example.com\nBcc: everyone@example.com"))
    deliver_due(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error, mailoutbox) == (OutboxState.PENDING, "BadHeaderError", [])


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Ada Example", "Ada"),
        ("  Jean-Luc  Picard", "Jean-Luc"),
        ("O’Neill", "O’Neill"),
        ("J. Doe", "J."),
        ("Zoe\u0301", "Zoé"),
        ("李 小龙", "李"),
        ("", "there"),
        ("http://evil.example/win now", "there"),
        ("evil.example", "there"),
        ("ada@example.com", "there"),
        ("<b>Ada</b>", "there"),
        ("{{reference}}", "there"),
        ("4711", "there"),
        ("A" * 41, "there"),
    ],
)
def test_an_answer_greets_by_name_only_what_can_be_one(automating, name, greeted):
    ticket = arrive(name=name)
    assert ticket.messages.get(number=2).body.startswith(f"Hello {greeted},")


def test_a_subject_longer_than_its_column_is_cut_and_the_ticket_still_answered(automating):
    subject = "x" * 180 + " {{ first_name }}"
    ReplyTemplate.objects.create(
        slug="order_status", version=2, subject=subject, body="Hello", created_at=NOW
    )
    ticket = arrive(name="A" * 40)
    assert ticket.status == "answered"
    assert len(ticket.messages.get(number=2).subject) == 200


# --- Trying again ---------------------------------------------------------------------------------


def test_what_is_not_due_or_over_waits(db, mailoutbox):
    OutboxFactory(created_at=NOW, next_attempt_at=NOW + SECOND)
    for state in (OutboxState.SENT, OutboxState.FAILED, OutboxState.SUPPRESSED):
        OutboxFactory(created_at=NOW, state=state)
    assert (deliver_due(now=NOW), mailoutbox) == (0, [])
    assert deliver_due(now=NOW + SECOND) == 1


def test_the_limit_takes_the_oldest_rows(db, mailoutbox):
    rows = [OutboxFactory(created_at=NOW) for _ in range(3)]
    assert deliver_due(now=NOW, limit=2) == 2
    states = [Outbox.objects.get(pk=row.pk).state for row in rows]
    assert states == ["sent", "sent", "pending"]


def test_a_mail_that_failed_is_tried_again_after_growing_pauses_and_then_given_up(db, fails):
    row = OutboxFactory(created_at=NOW)
    tried = fails(SMTPServerDisconnected("gone"))
    pauses, now = [], NOW
    while (row := Outbox.objects.get()).state == OutboxState.PENDING:
        pauses.append(row.next_attempt_at - now)
        now = row.next_attempt_at
        assert deliver_due(now=now - timedelta(microseconds=1)) == 0
        assert deliver_due(now=now) == 1
    minutes = [pause.total_seconds() / 60 for pause in pauses]
    assert minutes == [0, 0.5, 1, 2, 4, 8, 16, 32, 64, 120, 120, 120]
    assert len(tried) == row.attempts == MOST_ATTEMPTS == 12
    assert (row.state, row.last_error) == (OutboxState.FAILED, "SMTPServerDisconnected")
    assert deliver_due(now=now + 100 * DAY) == 0


@pytest.mark.parametrize(
    "error",
    [
        SMTPRecipientsRefused({"ada@example.com": (550, b"no such user")}),
        ConnectionRefusedError(),
        TimeoutError(),
        UnicodeEncodeError("ascii", "ü", 0, 1, "no"),
        KeyError("a library of its own kind"),
    ],
)
def test_whatever_a_mail_server_does_the_row_says_so_and_the_others_go_out(
    db, monkeypatch, mailoutbox, caplog, error
):
    bad, good = OutboxFactory(created_at=NOW), OutboxFactory(created_at=NOW)
    send = deliver._send

    def fail_once(row):
        if row.pk == bad.pk:
            raise error
        send(row)

    monkeypatch.setattr(deliver, "_send", fail_once)
    assert deliver_due(now=NOW) == 2
    bad.refresh_from_db(), good.refresh_from_db()
    assert (bad.state, bad.last_error) == ("pending", type(error).__name__)
    assert (good.state, good.sent_at, len(mailoutbox)) == ("sent", NOW, 1)
    assert "ada@example.com" not in caplog.text


def test_after_failures_a_mail_that_goes_out_is_sent_and_clean(db, fails, monkeypatch, mailoutbox):
    row = OutboxFactory(created_at=NOW)
    send = deliver._send
    fails(TimeoutError())
    deliver_due(now=NOW)
    monkeypatch.setattr(deliver, "_send", send)
    deliver_due(now=NOW + MINUTE)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == ("sent", 2, "")
    assert (row.leased_until, len(mailoutbox)) == (None, 1)


def test_an_automatic_answer_that_is_given_up_goes_to_a_person(automating, fails):
    ticket = arrive()
    fails(TimeoutError())
    now = NOW
    for _ in range(MOST_ATTEMPTS):
        deliver_due(now=now)
        now = Outbox.objects.get().next_attempt_at
    ticket.refresh_from_db()
    assert (ticket.status, ticket.round) == ("open", 2)
    assert ticket.events.get(kind="ticket.reopened").data["undelivered"] is True


def test_a_confirmed_answer_whose_mail_is_given_up_stays_resolved(automating, fails):
    ticket = arrive()
    customer_actions.helped(ticket.pk, now=NOW)  # read on the page
    fails(TimeoutError())
    Outbox.objects.update(attempts=MOST_ATTEMPTS - 1)
    deliver_due(now=NOW)
    ticket.refresh_from_db()
    assert (ticket.status, Outbox.objects.get().state) == ("resolved", "failed")


# --- Leases ---------------------------------------------------------------------------------------


def test_a_row_that_another_worker_holds_is_passed_over(db, mailoutbox):
    OutboxFactory(created_at=NOW, leased_until=NOW + SECOND)
    assert (deliver_due(now=NOW), mailoutbox) == (0, [])


@pytest.mark.parametrize("sent_before_the_crash", [False, True])
def test_after_a_crash_the_lease_ends_and_the_mail_is_sent_once_more(
    db, monkeypatch, mailoutbox, sent_before_the_crash
):
    row = OutboxFactory(created_at=NOW)
    send = deliver._send

    def die(row):
        if sent_before_the_crash:
            send(row)
        raise Killed

    monkeypatch.setattr(deliver, "_send", die)
    with pytest.raises(Killed):
        deliver_due(now=NOW)
    monkeypatch.setattr(deliver, "_send", send)
    assert deliver_due(now=NOW + LEASE - SECOND) == 0
    assert deliver_due(now=NOW + LEASE) == 1
    row.refresh_from_db()
    assert (row.state, row.attempts, row.data) == ("sent", 2, {"unclear": 1})
    assert len(mailoutbox) == 1 + sent_before_the_crash


def test_a_mail_that_kills_every_worker_is_given_up(db, monkeypatch):
    row = OutboxFactory(created_at=NOW)

    def die(row):
        raise Killed

    monkeypatch.setattr(deliver, "_send", die)
    now = NOW
    for _ in range(3):  # the cap: each of them may have gone out
        with pytest.raises(Killed):
            deliver_due(now=now)
        now += LEASE
    deliver_due(now=now)
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("suppressed", "above_cap")
    agents = OutboxFactory(created_at=NOW, automatic=False)
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Killed):
            deliver_due(now=now)
        now += LEASE
    deliver_due(now=now)
    agents.refresh_from_db()
    assert (agents.state, agents.last_error) == ("failed", "worker_died")


def test_who_comes_back_after_losing_the_lease_changes_nothing(db, monkeypatch, mailoutbox):
    """It failed at last, and meanwhile another worker has sent the mail."""
    row = OutboxFactory(created_at=NOW)
    send = deliver._send

    def slow(leased):
        monkeypatch.setattr(deliver, "_send", send)
        deliver_due(now=NOW + LEASE)
        raise TimeoutError

    monkeypatch.setattr(deliver, "_send", slow)
    deliver_due(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error, len(mailoutbox)) == ("sent", "", 1)


def test_slow_mails_eat_into_no_later_rows_lease(db, monkeypatch):
    """Each lease runs from when it is taken, not from when the batch began."""
    monkeypatch.undo()
    seconds = iter(range(0, 10_000, 50))
    monkeypatch.setattr(deliver.time, "monotonic", lambda: next(seconds))
    leases = []
    monkeypatch.setattr(deliver, "_send", lambda row: leases.append(row.leased_until))
    for _ in range(3):
        OutboxFactory(created_at=NOW)
    deliver_due(now=NOW)
    starts = [lease - LEASE - NOW for lease in leases]
    assert starts == sorted(set(starts))
    assert starts[0] >= timedelta(seconds=50)


@pytest.mark.django_db(transaction=True)
def test_two_deliverers_at_once_send_each_mail_once(mailoutbox):
    rows = [OutboxFactory(created_at=NOW) for _ in range(10)]
    tried = in_threads([lambda: deliver_due(now=NOW)] * 4)
    assert sum(tried) == len(mailoutbox) == len(rows)
    assert set(Outbox.objects.values_list("state", "attempts")) == {("sent", 1)}
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == len(rows)


# --- No more than three automatic mails -----------------------------------------------------------


def test_the_fourth_automatic_mail_within_24_hours_is_suppressed(db, mailoutbox):
    person = RequesterFactory()
    rows = [sent_to(person) for _ in range(5)]
    sent_to(RequesterFactory())  # somebody else
    assert deliver_due(now=NOW) == 4
    states = [(row.state, row.last_error) for row in Outbox.objects.order_by("id")]
    assert states[:5] == [("sent", "")] * 3 + [("suppressed", "above_cap")] * 2
    assert states[5] == ("sent", "")
    late = sent_to(person)
    deliver_due(now=NOW + DAY - timedelta(microseconds=1))
    assert Outbox.objects.get(pk=late.pk).state == "suppressed"
    later = sent_to(person)
    deliver_due(now=NOW + DAY)
    assert Outbox.objects.get(pk=later.pk).state == "sent"
    assert len(mailoutbox) == 5
    assert len(rows) == 5


def test_agents_may_write_as_often_as_they_like(db, mailoutbox):
    person = RequesterFactory()
    for _ in range(6):
        sent_to(person)
    Outbox.objects.update(automatic=False)
    assert deliver_due(now=NOW) == len(mailoutbox) == 6


def test_an_automatic_answer_above_the_cap_goes_to_a_person(automating, mailoutbox):
    """Nobody reads an answer that was not sent. Confirmations count towards the cap."""
    automating("refund_request")
    for _ in range(3):
        arrive()
    automating("order_status")
    ticket = arrive()
    deliver_due(now=NOW)
    ticket.refresh_from_db()
    assert len(mailoutbox) == 3
    assert ticket.status == "open"


@pytest.mark.parametrize("person", [{"email": None}, {"email": ""}])
def test_a_person_without_an_address_gets_nothing(db, mailoutbox, person):
    row = sent_to(RequesterFactory(name="Gone", **person))
    assert deliver_due(now=NOW) == 0
    row.refresh_from_db()
    assert (row.state, row.last_error, mailoutbox) == ("suppressed", "no_address", [])


def test_who_was_erased_after_the_mail_was_queued_gets_nothing(automating, mailoutbox):
    ticket = arrive()
    Requester.objects.update(email=None, name="", erased_at=NOW)
    deliver_due(now=NOW)
    assert mailoutbox == []
    assert Outbox.objects.get(ticket=ticket, kind="mail.reply").state == "suppressed"


STEPS = st.lists(
    st.one_of(
        st.just(("queue", None)),
        st.tuples(st.just("deliver"), st.sampled_from(["ok", "fails", "dies", "sends and dies"])),
        st.tuples(st.just("wait"), st.sampled_from([1, 3, 40, 600, 1439, 1440])),
    ),
    min_size=8,
    max_size=30,
)


@pytest.mark.slow
@given(steps=STEPS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_order_of_events_sends_more_than_three_automatic_mails_in_24_hours(
    db, monkeypatch, steps
):
    """Queued, delivered, failed, killed before or after sending: counted is what went out."""
    person, now, sent = RequesterFactory(), NOW, []
    Outbox.objects.all().delete()
    for step, detail in steps:
        if step == "queue":
            row = sent_to(person)
            Outbox.objects.filter(pk=row.pk).update(next_attempt_at=now)
        elif step == "wait":
            now += timedelta(minutes=detail)
        else:

            def send(row, detail=detail, now=now):
                if detail in {"ok", "sends and dies"}:
                    sent.append(now)
                if detail == "fails":
                    raise TimeoutError
                if "dies" in detail:
                    raise Killed

            monkeypatch.setattr(deliver, "_send", send)
            with suppress(Killed):
                deliver_due(now=now)
    for moment in sent:
        assert len([other for other in sent if moment <= other < moment + DAY]) <= 3


# --- Two machines that answer each other ----------------------------------------------------------


@pytest.mark.parametrize("header_survives", [True, False])
def test_two_instances_that_answer_each_other_fall_silent(automating, mailoutbox, header_survives):
    """Each mail to one address comes back as an inquiry from the other, for three days. A mail
    gateway may drop the header that says what it is."""
    other = {"one@example.com": "two@example.com", "two@example.com": "one@example.com"}
    answered = 0

    def come_back(now) -> int:
        new = mailoutbox[answered:]
        for mail in new:
            arrive(
                email=other[mail.to[0]],
                name="Support",
                message=f"{mail.subject}\n\n{mail.body}",
                channel=Channel.MAIL,
                automatic_mail=header_survives and "Auto-Submitted" in mail.extra_headers,
                now=now,
            )
        return len(new)

    arrive(email="one@example.com")
    for hour in range(72):
        now = NOW + hour * HOUR
        for _ in range(20):
            deliver_due(now=now)
            came = come_back(now)
            answered += came
            if not came:
                break
        else:
            pytest.fail("the loop does not end")
    automatic = Outbox.objects.filter(automatic=True, state=OutboxState.SENT)
    days = 1 if header_survives else 3
    for address in other:
        assert automatic.filter(requester__email=address).count() <= 3 * days
    if header_survives:
        assert len(mailoutbox) == 1


def test_a_notice_for_nobody_is_given_up_and_stops_no_other(db, mailoutbox):
    row = OutboxFactory(kind=OutboxKind.WEBHOOK, created_at=NOW)
    Outbox.objects.filter(pk=row.pk).update(ticket=None)
    other = sent_to(RequesterFactory())
    assert deliver_due(now=NOW) == 1
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, row.last_error) == ("failed", "unknown_target")
    assert (other.state, len(mailoutbox)) == ("sent", 1)
