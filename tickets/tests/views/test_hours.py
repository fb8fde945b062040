"""When a person can answer, in the words of a clock."""

from datetime import UTC, datetime

import pytest
from django.template.loader import render_to_string

from tickets.models import Calendar
from tickets.views.hours import answering

pytestmark = pytest.mark.django_db


@pytest.fixture
def office():
    """Nine to five on weekdays, with a break at noon on Friday, in Berlin."""
    hours = {str(day): [["09:00", "17:00"]] for day in range(4)}
    hours["4"] = [["09:00", "12:00"], ["13:00", "17:00"]]
    return Calendar.objects.create(slug="default", time_zone="Europe/Berlin", hours=hours)


def words(now: datetime) -> str:
    text = render_to_string("customer/hours.html", {"hours": answering(now)})
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("case", "now", "told"),
    [
        ("open", datetime(2026, 1, 7, 10, 0), "We are at work today until 17:00 (CET)."),
        ("opening", datetime(2026, 1, 7, 8, 0), "We are at work today until 17:00 (CET)."),
        ("before", datetime(2026, 1, 7, 7, 59), "We are at work again today from 09:00 (CET)."),
        ("break", datetime(2026, 1, 9, 11, 30), "We are at work again today from 13:00 (CET)."),
        (
            "closing",
            datetime(2026, 1, 7, 16, 0),
            "We are at work again on Thursday, 8 January, from 09:00 (CET).",
        ),
        (
            "weekend in summer",
            datetime(2026, 7, 4, 12, 0),
            "We are at work again on Monday, 6 July, from 09:00 (CEST).",
        ),
    ],
)
def test_the_clock_is_that_of_the_business(office, case, now, told):
    assert words(now.replace(tzinfo=UTC)) == told


def test_on_an_own_closing_day_the_next_working_day_is_named(office):
    Calendar.objects.update(closing_days=[["2026-01-07", "Stocktaking"]])
    told = words(datetime(2026, 1, 7, 10, 0, tzinfo=UTC))
    assert told == "We are at work again on Thursday, 8 January, from 09:00 (CET)."


def test_nothing_is_said_without_hours():
    assert words(datetime(2026, 1, 7, tzinfo=UTC)) == ""


def test_nothing_is_said_when_nothing_opens(office):
    Calendar.objects.update(hours={})
    assert words(datetime(2026, 1, 7, tzinfo=UTC)) == ""
