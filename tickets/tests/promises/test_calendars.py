"""When the business works."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from tickets.business_time import HoursInvalid, OpeningHours, read_week
from tickets.models import Calendar
from tickets.promises import calendars
from tickets.tests.arriving import NOW, arrive

WEEK = {str(day): [["09:00", "12:00"], ["13:00", "17:00"]] for day in range(5)}
BERLIN = ZoneInfo("Europe/Berlin")


def hours(week=WEEK, zone=UTC, holidays=()) -> OpeningHours:
    return OpeningHours(zone, read_week(week), frozenset(holidays))


def at(text: str, zone=UTC) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-03-02 08:59:59", False),
        ("2026-03-02 09:00:00", True),
        ("2026-03-02 11:59:59", True),
        ("2026-03-02 12:00:00", False),
        ("2026-03-02 13:00:00", True),
        ("2026-03-02 17:00:00", False),
        ("2026-03-07 10:00:00", False),  # a Saturday
    ],
)
def test_spans_hold_their_start_and_not_their_end(moment, is_open):
    assert hours().is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-02 10:00:00", "2026-03-02 10:00:00"),
        ("2026-03-02 07:00:00", "2026-03-02 09:00:00"),
        ("2026-03-02 12:30:00", "2026-03-02 13:00:00"),
        ("2026-03-06 17:00:00", "2026-03-09 09:00:00"),
    ],
)
def test_the_next_opening(moment, opens):
    assert hours().next_opening(at(moment)) == at(opens)


def test_hours_are_those_of_the_place_on_both_sides_of_a_clock_change():
    local = hours(zone=BERLIN)
    assert local.is_open(at("2026-03-27 08:30:00"))  # 09:30 in winter time
    assert not local.is_open(at("2026-03-27 07:30:00"))
    assert local.is_open(at("2026-03-30 07:30:00"))  # 09:30 in summer time
    assert local.next_opening(at("2026-03-27 20:00:00")) == at("2026-03-30 07:00:00")


def test_a_business_that_never_opens_has_no_next_opening():
    assert hours({}).next_opening(NOW) is None
    month = {at("2026-03-02").date() + timedelta(days=n) for n in range(40)}
    assert hours(holidays=month).next_opening(NOW) is None


def test_public_holidays_are_free_also_around_new_year(db):
    calendar = Calendar(slug="x", time_zone="America/New_York", hours=WEEK, holiday_country="US")
    eve = datetime(2026, 1, 1, 23, tzinfo=UTC)  # still New Year's Day in New York
    assert not calendars.opening_hours(calendar, eve).is_open(at("2026-01-01 15:00:00"))
    assert calendars.opening_hours(calendar, eve).is_open(at("2026-01-02 15:00:00"))
    calendar.time_zone = "Pacific/Kiritimati"
    calendar.holiday_country = "DE"
    ahead = datetime(2026, 12, 31, 20, tzinfo=UTC)
    assert not calendars.opening_hours(calendar, ahead).is_open(ahead)


def test_a_region_has_holidays_of_its_own_and_a_business_closing_days_of_its_own(starter):
    epiphany, eve = at("2026-01-06 10:00:00"), at("2026-12-24 10:00:00")
    calendar = Calendar.objects.get()
    Calendar.objects.update(holiday_country="DE")
    assert calendars.default_hours(epiphany).is_open(epiphany)
    assert calendars.default_hours(eve).is_open(eve)
    Calendar.objects.update(holiday_subdivision="BY", closing_days=[["2026-12-24", "Party"]])
    calendar.refresh_from_db()
    for hours in (calendars.default_hours(eve), calendars.opening_hours(calendar, eve)):
        assert not hours.is_open(epiphany)
        assert not hours.is_open(eve)
        assert hours.is_open(at("2026-12-23 10:00:00"))


def test_without_a_calendar_nothing_is_known_and_decisions_take_it_as_open(automating):
    Calendar.objects.all().delete()
    assert calendars.default_hours(NOW) is None
    assert arrive().decisions.get().facts["business_hours"] is True


@pytest.mark.parametrize(
    "week",
    [
        None,
        [],
        "9-5",
        {"7": []},
        {"Monday": []},
        {"0": {}},
        {"0": "09:00"},
        {"0": ["09:00", "17:00"]},
        {"0": [["09:00"]]},
        {"0": [["09:00", "12:00", "13:00"]]},
        {"0": [["9", "17"]]},
        {"0": [["17:00", "09:00"]]},
        {"0": [["09:00", "09:00"]]},
        {"0": [["22:00", "24:00"]]},
        {"0": [["09:00Z", "17:00Z"]]},
        {"0": [[9, 17]]},
        {"0": [None]},
    ],
)
def test_hours_that_say_nothing_are_refused(db, week):
    with pytest.raises(HoursInvalid):
        read_week(week)
    with pytest.raises(ValidationError) as refused:
        Calendar(slug="x", hours=week).full_clean()
    assert "hours" in refused.value.message_dict


def test_a_zone_and_a_country_that_do_not_exist_are_refused(db):
    with pytest.raises(ValidationError) as refused:
        Calendar(slug="x", hours=WEEK, time_zone="Mars/Base", holiday_country="XX").full_clean()
    assert set(refused.value.message_dict) == {"time_zone", "holiday_country"}
    Calendar(slug="x", hours=WEEK, time_zone="Europe/Berlin", holiday_country="DE").full_clean()


def test_a_calendar_broken_behind_everybodys_back_stops_automation_and_loses_nothing(automating):
    Calendar.objects.update(hours={"0": "nonsense"})
    ticket = arrive()
    assert (ticket.status, ticket.reasons) == ("open", ["processing_failed"])
