"""Service levels, calendars and clocks in the console."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from tickets.business_time import HoursInvalid
from tickets.codes import Priority, TargetKind
from tickets.desk import agent_actions
from tickets.models import Calendar, ServiceLevel, Target, Ticket
from tickets.promises import targets
from tickets.promises.hours_in_words import (
    read_closing_lines,
    read_day,
    read_minutes,
    spell_closing_days,
    spell_day,
    spell_minutes,
)
from tickets.templatetags.clocks import clock_of, time_words
from tickets.tests.arriving import DAY, HOUR, MINUTE, NOW, arrive
from tickets.tests.at_work import LIST, as_user, page_of, words_of

LEVELS = "/ops/tickets/servicelevel/"
CALENDARS = "/ops/tickets/calendar/"

# --- In words -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("30 min", 30),
        ("4h", 240),
        ("1 h 30 min", 90),
        ("1h30", 90),
        (" 90 ", 90),
        ("1 H 5 m", 65),
    ],
)
def test_a_time_is_written_in_hours_and_minutes(text, minutes):
    assert read_minutes(text) == minutes
    assert read_minutes(spell_minutes(minutes)) == minutes


@pytest.mark.parametrize("text", ["", "soon", "4 d", "h", "4 h later", "-4 h", "1.5 h", "123456"])
def test_a_time_that_says_nothing_is_refused(text):
    with pytest.raises(HoursInvalid):
        read_minutes(text)


def test_the_hours_of_a_day_are_written_as_spans():
    spans = [["09:00", "12:00"], ["13:00", "17:30"]]
    assert read_day("9:00-12:00, 13:00 – 17:30", 0) == spans
    assert read_day(spell_day(spans), 0) == spans
    assert read_day(" ", 0) == []


@pytest.mark.parametrize("text", ["nine to five", "09:00", "17:00-09:00", "9-17-18", "24:00-25:00"])
def test_hours_of_a_day_that_say_nothing_are_refused(text):
    with pytest.raises(HoursInvalid):
        read_day(text, 0)


def test_closing_days_are_written_a_line_each():
    days = read_closing_lines("2026-12-31\n\n 2026-12-24  Party for all \n2026-12-31 Stocktaking")
    assert days == [["2026-12-24", "Party for all"], ["2026-12-31", "Stocktaking"]]
    assert read_closing_lines(spell_closing_days(days)) == days
    with pytest.raises(HoursInvalid):
        read_closing_lines("24.12.2026 Party")


# --- Service levels -------------------------------------------------------------------------------


@pytest.fixture
def promised() -> dict:
    return {
        "name": "Billing",
        "queue": "",
        "priority": "normal",
        "first_response_minutes": "1 h 30 min",
        "resolution_minutes": "16 h",
        "calendar": "",
        "warn_percent": "75",
        "active": "on",
    }


def test_a_lead_gives_a_promise_in_hours_and_minutes(starter, lead, promised):
    response = as_user(lead).post(f"{LEVELS}add/", promised)
    assert response.status_code == 302
    level = ServiceLevel.objects.get(name="Billing")
    assert (level.first_response_minutes, level.resolution_minutes) == (90, 960)
    assert (level.priority, level.queue, level.warn_percent) == (Priority.NORMAL, None, 75)
    words = words_of(as_user(lead).get(LEVELS))
    assert "1 h 30 min" in words
    assert "All other tickets" in words
    assert 'value="1 h 30 min"' in words_of(as_user(lead).get(f"{LEVELS}{level.pk}/change/"))
    assert LogEntry.objects.get().user == lead


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"first_response_minutes": "soon"}, "Write a time such as 4 h"),
        ({"resolution_minutes": "721 h"}, "From 1 min to 720 h"),
        ({"resolution_minutes": "0 h"}, "From 1 min to 720 h"),
        ({"warn_percent": "100"}, "less than or equal to 99"),
        ({"priority": "high"}, "There is a service level for this queue and priority."),
        ({"priority": "soon"}, "not one of the available choices"),
    ],
)
def test_a_promise_that_makes_no_sense_is_refused_in_words(starter, lead, promised, changed, told):
    before = list(ServiceLevel.objects.values())
    response = as_user(lead).post(f"{LEVELS}add/", promised | changed)
    assert response.status_code == 200
    assert told in words_of(response)
    assert list(ServiceLevel.objects.values()) == before


def test_around_the_clock_needs_no_calendar(starter, lead, promised):
    calendar = Calendar.objects.get()
    asked = promised | {"around_the_clock": "on", "calendar": str(calendar.pk)}
    assert "Around the clock needs no calendar." in words_of(
        as_user(lead).post(f"{LEVELS}add/", asked)
    )


def test_an_agent_neither_reads_nor_gives_promises(starter, agent, promised):
    client = as_user(agent)
    assert client.get(LEVELS).status_code == 403
    assert client.post(f"{LEVELS}add/", promised).status_code == 403
    assert ServiceLevel.objects.count() == 4


# --- Calendars ------------------------------------------------------------------------------------


@pytest.fixture
def office() -> dict:
    return {
        "time_zone": "Europe/Berlin",
        "day_0": "9:00-12:00, 13:00-17:00",
        "day_4": "09:00–14:00",
        "holiday_country": "DE",
        "holiday_subdivision": "BY",
        "closing_days": "2026-12-24 Christmas party",
    }


def test_a_lead_says_when_the_business_works(starter, lead, office):
    calendar = Calendar.objects.get()
    address = f"{CALENDARS}{calendar.pk}/change/"
    assert as_user(lead).post(address, office).status_code == 302
    calendar.refresh_from_db()
    assert calendar.hours == {
        "0": [["09:00", "12:00"], ["13:00", "17:00"]],
        "4": [["09:00", "14:00"]],
    }
    assert calendar.closing_days == [["2026-12-24", "Christmas party"]]
    assert (calendar.slug, calendar.holiday_subdivision) == ("default", "BY")
    page = words_of(as_user(lead).get(address))
    assert 'value="09:00–12:00, 13:00–17:00"' in page
    assert "2026-12-24 Christmas party</textarea>" in page
    assert "Mon 09:00–12:00, 13:00–17:00; Fri 09:00–14:00" in words_of(as_user(lead).get(CALENDARS))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"day_2": "nine to five"}, "Wednesday: a span is two times"),
        ({"day_2": "17:00-09:00"}, "Wednesday: a span ends after it begins"),
        ({"closing_days": "Christmas"}, "A closing day is a date such as 2026-12-24"),
        ({"time_zone": "Mars/Base"}, "Use a name such as Europe/Berlin."),
        ({"holiday_subdivision": "XX"}, "regions are: BB, BE"),
        ({"holiday_country": "FR", "holiday_subdivision": "BY"}, "regions are:"),
        ({"holiday_country": ""}, "regions are: none"),
    ],
)
def test_hours_that_make_no_sense_are_refused_in_words(starter, lead, office, changed, told):
    calendar = Calendar.objects.get()
    before = list(Calendar.objects.values())
    response = as_user(lead).post(f"{CALENDARS}{calendar.pk}/change/", office | changed)
    assert response.status_code == 200
    assert told in words_of(response)
    assert list(Calendar.objects.values()) == before


def test_a_lead_adds_a_calendar_for_a_queue(starter, lead, office):
    response = as_user(lead).post(f"{CALENDARS}add/", office | {"slug": "nights"})
    assert response.status_code == 302
    assert Calendar.objects.get(slug="nights").time_zone == "Europe/Berlin"


# --- Clocks ---------------------------------------------------------------------------------------


@pytest.fixture
def ticket(automating) -> Ticket:
    automating("refund_request")
    return arrive()


def shown(ticket: Ticket, kind: TargetKind, now) -> tuple[str, str]:
    clock = clock_of(Target.objects.get(ticket=ticket, kind=kind), now)
    return clock.words, clock.tone


FIRST, END = TargetKind.FIRST_RESPONSE, TargetKind.RESOLUTION


def test_a_clock_tells_how_the_target_stands(ticket, by_agent):
    assert shown(ticket, FIRST, NOW) == ("due in 2 h", "plain")
    assert shown(ticket, FIRST, NOW + 100 * MINUTE) == ("due in 20 min", "warning")
    assert shown(ticket, FIRST, NOW + 150 * MINUTE) == ("overdue by 30 min", "danger")
    agent_actions.agent_reply(ticket.pk, "We look.", actor=by_agent, now=NOW + 130 * MINUTE)
    assert shown(ticket, FIRST, NOW + DAY) == ("10 min late", "danger")
    assert shown(ticket, END, NOW + DAY) == ("paused, 5 h 50 min left", "faint")
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + 3 * HOUR)
    assert shown(ticket, END, NOW + DAY) == ("in time", "plain")


def test_a_clock_of_what_is_not_owed_any_more_says_so(ticket, by_agent):
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + HOUR)
    assert shown(ticket, FIRST, NOW + DAY) == ("not owed any more", "faint")


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=59), "0 min"),
        (130 * MINUTE, "2 h 10 min"),
        (9 * HOUR + 59 * MINUTE, "9 h 59 min"),
        (10 * HOUR + 59 * MINUTE, "10 h"),
        (47 * HOUR, "47 h"),
        (2 * DAY, "2 d"),
        (2 * DAY + 5 * HOUR + MINUTE, "2 d 5 h"),
    ],
)
def test_spans_of_time_are_short(span, words):
    assert time_words(span) == words


def test_the_list_shows_the_clock_that_ends_first(ticket, agent, by_agent):
    words = words_of(as_user(agent).get(LIST))
    assert 'title="First answer due Mon 02 Mar 2026, 12:00:00 UTC"' in words
    assert "overdue by" in words
    agent_actions.agent_reply(ticket.pk, "We look.", actor=by_agent, now=NOW + HOUR)
    assert "paused, 7 h left" in words_of(as_user(agent).get(LIST))
    agent_actions.resolve(ticket.pk, actor=by_agent, now=NOW + HOUR)
    assert "so-clock" not in words_of(as_user(agent).get(LIST))


def test_the_page_shows_both_clocks(ticket, agent):
    words = words_of(as_user(agent).get(page_of(ticket)))
    assert "Service level" in words
    assert "First answer" in words
    assert words.count("so-clock") == 2


def test_the_page_of_an_automatic_answer_shows_no_clock(automating, agent):
    assert "so-clock" not in words_of(as_user(agent).get(page_of(arrive())))


# --- Finding tickets by their clocks --------------------------------------------------------------


def test_tickets_are_found_by_their_clocks(automating, by_agent):
    automating("refund_request")
    soon, later, answered, missed = (arrive(now=NOW + n * MINUTE) for n in range(4))
    agent_actions.set_priority(later.pk, Priority.LOW, actor=by_agent, now=NOW + 5 * MINUTE)
    for done in (answered, missed):
        at = NOW + (HOUR if done == answered else 3 * HOUR)
        agent_actions.agent_reply(done.pk, "We look.", actor=by_agent, now=at)
    now = NOW + 90 * MINUTE
    rows = Ticket.objects.order_by("id")
    assert list(rows.overdue(now + HOUR)) == [soon]
    assert list(rows.overdue(now)) == []
    assert list(rows.overdue(NOW + 3 * HOUR)) == [soon]
    targets.notice(now=NOW + 3 * HOUR)
    assert list(rows.breached()) == [soon, missed]
    agent_actions.mark_spam(missed.pk, actor=by_agent, now=NOW + 3 * HOUR)
    assert list(rows.breached()) == [soon]


def test_the_next_clock_costs_one_query_for_any_number(automating, django_assert_num_queries):
    automating("refund_request")
    for _ in range(5):
        arrive()
    with django_assert_num_queries(2):
        rows = list(Ticket.objects.with_next_target())
        assert {row.open_targets[0].kind for row in rows} == {FIRST}
