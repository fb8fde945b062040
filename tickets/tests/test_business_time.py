"""Business time against a slow, obvious reference: look at the clock on the wall every minute."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tickets.business_time import (
    HoursInvalid,
    OpeningHours,
    add_business_time,
    business_time_between,
    is_overdue,
    may_disturb,
    read_closing_days,
    read_week,
    warn_moment,
)

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OFFICE = read_week({str(day): [["09:00", "12:00"], ["13:00", "17:00"]] for day in range(5)})
ALL_NIGHT = read_week({str(day): [["00:00", "04:00"], ["22:30", "23:59"]] for day in range(7)})
# Two shifts of an hour, one of half an hour, a place without any, and one that skipped a whole day.
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin, forward
    datetime(2026, 10, 25, 1, tzinfo=UTC),  # Berlin, back
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, back
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, back by half an hour
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Samoa leaves out Friday
    datetime(2026, 7, 1, 12, tzinfo=UTC),
]


def is_open_by_the_wall(hours: OpeningHours, moment: datetime) -> bool:
    wall = moment.astimezone(hours.time_zone)
    if wall.date() in hours.holidays:
        return False
    spans = hours.week.get(wall.weekday(), ())
    return any(opens <= wall.time() < closes for opens, closes in spans)


def slowly_added(hours: OpeningHours, start: datetime, minutes: int) -> datetime:
    """Go on minute by minute; an open one counts."""
    now = start
    while minutes:
        minutes -= is_open_by_the_wall(hours, now)
        now += MINUTE
    return now


def slowly_between(hours: OpeningHours, start: datetime, end: datetime) -> int:
    minutes = 0
    while start < end:
        minutes += is_open_by_the_wall(hours, start)
        start += MINUTE
    return minutes


def spans_of_a_day() -> st.SearchStrategy[list[tuple[time, time]]]:
    """Up to three spans that do not touch, to the minute."""
    ticks = st.lists(st.integers(0, 1439), min_size=0, max_size=6, unique=True)
    return ticks.map(lambda found: _paired(sorted(found)))


def _paired(minutes: list[int]) -> list[tuple[time, time]]:
    clock = [time(*divmod(minute, 60)) for minute in minutes]
    return list(zip(clock[::2], clock[1::2], strict=False))


@st.composite
def businesses(draw) -> tuple[OpeningHours, datetime]:
    """Opening hours, and a moment around which something happens to the clocks there."""
    week = {day: draw(spans_of_a_day()) for day in range(7)}
    week[draw(st.integers(0, 6))] = [(time(1), time(3, 30)), (time(9), time(17))]
    around = draw(st.sampled_from(CHANGES))
    start = around + draw(st.integers(-2 * 1440, 1440)) * MINUTE
    free = draw(st.sets(st.integers(-3, 6), max_size=3))
    holidays = frozenset((around + day * DAY).date() for day in free)
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    return OpeningHours(zone, week, holidays), start


@settings(max_examples=60, deadline=None)
@given(businesses(), st.integers(1, 700))
@example((OpeningHours(ZoneInfo("Europe/Berlin"), ALL_NIGHT), CHANGES[1] - 4 * HOUR), 500)
@example((OpeningHours(ZoneInfo("Europe/Berlin"), ALL_NIGHT), CHANGES[0] - 4 * HOUR), 500)
@example((OpeningHours(ZoneInfo("Australia/Lord_Howe"), ALL_NIGHT), CHANGES[3] - HOUR), 300)
@example((OpeningHours(ZoneInfo("Pacific/Apia"), OFFICE), CHANGES[4] - 9 * HOUR), 600)
def test_a_deadline_is_the_one_that_counting_minutes_finds(business, minutes):
    hours, start = business
    assert add_business_time(hours, start, minutes * MINUTE) == slowly_added(hours, start, minutes)


@settings(max_examples=60, deadline=None)
@given(businesses(), st.integers(0, 5000))
@example((OpeningHours(ZoneInfo("Pacific/Apia"), OFFICE), CHANGES[4] - 40 * HOUR), 5000)
def test_the_time_between_is_the_one_that_counting_minutes_finds(business, minutes):
    hours, start = business
    end = start + minutes * MINUTE
    assert business_time_between(hours, start, end) == slowly_between(hours, start, end) * MINUTE


@settings(max_examples=60, deadline=None)
@given(businesses(), st.integers(1, 10**10), st.integers(1, 10**10))
def test_adding_and_measuring_undo_each_other_to_the_microsecond(business, first, second):
    hours, start = business
    start += timedelta(microseconds=first % 977)
    one, other = timedelta(microseconds=first), timedelta(microseconds=second)
    due = add_business_time(hours, start, one + other)
    assert business_time_between(hours, start, due) == one + other
    # Stopping in between and going on from there ends at the same moment.
    assert add_business_time(hours, add_business_time(hours, start, one), other) == due


@settings(max_examples=60, deadline=None)
@given(businesses(), st.integers(0, 2000), st.integers(0, 1999))
def test_what_is_open_by_the_week_is_open_by_the_stretches(business, minutes, into):
    hours, start = business
    now = start + minutes * MINUTE + into * timedelta(milliseconds=30)
    opens, _ = next(hours.stretches(now))
    assert (opens == now) is hours.is_open(now) is is_open_by_the_wall(hours, now)


def at(text: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("case", "start", "minutes", "due"),
    [
        ("within a span", "2026-03-02 09:30", 60, "2026-03-02 10:30"),
        ("over the break", "2026-03-02 11:30", 60, "2026-03-02 13:30"),
        ("to the end of a span", "2026-03-02 16:00", 60, "2026-03-02 17:00"),
        ("over the night", "2026-03-02 16:30", 60, "2026-03-03 09:30"),
        ("before opening", "2026-03-02 07:00", 60, "2026-03-02 10:00"),
        ("over a weekend", "2026-03-06 16:00", 120, "2026-03-09 10:00"),
        ("over a weekend with a clock change", "2026-03-27 16:00", 120, "2026-03-30 10:00"),
        ("over a holiday", "2026-04-02 16:00", 120, "2026-04-07 10:00"),
        ("seconds stay", "2026-03-02 09:30:15", 60, "2026-03-02 10:30:15"),
    ],
)
def test_deadlines_in_an_office(case, start, minutes, due):
    easter = frozenset([date(2026, 4, 3), date(2026, 4, 6)])
    hours = OpeningHours(ZoneInfo("Europe/Berlin"), OFFICE, easter)
    assert add_business_time(hours, at(start), minutes * MINUTE) == at(due)


def test_a_night_shift_loses_an_hour_in_spring_and_gains_one_in_autumn():
    hours = OpeningHours(ZoneInfo("Europe/Berlin"), ALL_NIGHT)
    spring = business_time_between(hours, at("2026-03-29 00:00"), at("2026-03-29 05:00"))
    autumn = business_time_between(hours, at("2026-10-25 00:00"), at("2026-10-25 05:00"))
    assert (spring, autumn) == (3 * HOUR, 5 * HOUR)


def test_around_the_clock_every_minute_counts():
    start = at("2026-03-28 12:00")
    assert add_business_time(None, start, 24 * HOUR) == at("2026-03-29 13:00")  # an hour shorter
    assert business_time_between(None, start, start + 90 * MINUTE) == 90 * MINUTE


def test_a_business_that_hardly_ever_opens_has_no_deadlines():
    assert (
        add_business_time(OpeningHours(ZoneInfo("UTC"), {}), at("2026-03-02 09:00"), HOUR) is None
    )
    rarely = OpeningHours(ZoneInfo("UTC"), read_week({"0": [["09:00", "09:01"]]}))
    assert add_business_time(rarely, at("2026-03-02 07:00", "UTC"), HOUR) is None


def test_nothing_is_between_a_moment_and_an_earlier_one():
    hours = OpeningHours(ZoneInfo("UTC"), OFFICE)
    later, earlier = at("2026-03-03 10:00"), at("2026-03-02 10:00")
    assert business_time_between(hours, later, earlier) == timedelta()
    assert business_time_between(None, later, earlier) == timedelta()
    assert add_business_time(hours, earlier, -HOUR) == earlier


def test_a_warning_comes_when_four_fifths_are_used():
    hours = OpeningHours(ZoneInfo("Europe/Berlin"), OFFICE)
    start = at("2026-03-02 16:00")
    told = {"promised": 5 * HOUR, "percent": 80}
    assert warn_moment(hours, start, left=5 * HOUR, **told) == at("2026-03-03 12:00")
    assert warn_moment(hours, start, left=2 * HOUR, **told) == at("2026-03-02 17:00")
    assert warn_moment(hours, start, left=HOUR / 2, **told) == start


@pytest.mark.parametrize(
    ("case", "due", "overdue"),
    [("before", 1, False), ("exactly then", 0, False), ("after", -1, True)],
)
def test_at_the_deadline_itself_an_answer_is_in_time(case, due, overdue):
    now = at("2026-03-02 12:00")
    assert is_overdue(now + due * timedelta(microseconds=1), now) is overdue
    assert not is_overdue(None, now)


@pytest.mark.parametrize(
    ("moment", "critical", "allowed"),
    [
        ("2026-03-02 10:00", False, True),
        ("2026-03-02 03:00", False, False),
        ("2026-03-02 03:00", True, True),
        ("2026-03-02 12:30", False, False),
        ("2026-03-07 10:00", False, False),
        ("2026-03-07 10:00", True, True),
    ],
)
def test_at_night_only_what_is_critical_disturbs(moment, critical, allowed):
    hours = OpeningHours(ZoneInfo("Europe/Berlin"), OFFICE)
    assert may_disturb(at(moment), hours, critical=critical) is allowed
    assert may_disturb(at(moment), None, critical=critical)


def test_closing_days_are_read_with_their_names():
    assert read_closing_days([["2026-12-24", "Party"]]) == {date(2026, 12, 24): "Party"}
    assert read_closing_days([]) == {}


@pytest.mark.parametrize("days", [None, 1, ["2026-12-24"], [["24.12.2026", "x"]], [["2026-12-24"]]])
def test_closing_days_that_say_nothing_are_refused(days):
    with pytest.raises(HoursInvalid):
        read_closing_days(days)
