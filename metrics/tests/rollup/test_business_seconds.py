"""Business time of many spans at once: against the exact arithmetic of single ones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.rollup.business_seconds import business_seconds
from tickets.business_time import OpeningHours, business_time_between, read_week

WEEK = read_week({str(day): [["09:00", "12:30"], ["13:15", "17:00"]] for day in range(5)})
BERLIN = OpeningHours(ZoneInfo("Europe/Berlin"), WEEK)
START = datetime(2026, 3, 20, tzinfo=UTC)  # nine days before clocks go forward


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


@given(st.lists(st.tuples(st.integers(0, 30 * 1440), st.integers(0, 20 * 1440)), min_size=1))
def test_it_is_what_the_exact_arithmetic_says(spans):
    starts = [START + timedelta(minutes=start) for start, _ in spans]
    ends = [
        start + timedelta(minutes=length) for start, (_, length) in zip(starts, spans, strict=True)
    ]
    found = business_seconds(
        BERLIN, np.array([seconds(s) for s in starts]), np.array([seconds(e) for e in ends])
    )
    exact = [
        business_time_between(BERLIN, start, end).total_seconds()
        for start, end in zip(starts, ends, strict=True)
    ]
    assert found.tolist() == exact


def test_without_hours_all_time_is_business_time():
    assert business_seconds(None, np.array([5, 10]), np.array([7, 110])).tolist() == [2, 100]


def test_a_business_that_never_opens_counts_nothing():
    closed = OpeningHours(ZoneInfo("UTC"), {})
    assert business_seconds(closed, np.array([0]), np.array([10**6])).tolist() == [0]


def test_years_of_waiting_count_to_their_end():
    hours = OpeningHours(
        ZoneInfo("UTC"), read_week({str(d): [["00:00", "12:00"]] for d in range(7)})
    )
    start = datetime(2020, 1, 1, tzinfo=UTC)
    days = 4 * 365
    found = business_seconds(
        hours, np.array([seconds(start)]), np.array([seconds(start + timedelta(days=days))])
    )
    assert found.tolist() == [pytest.approx(days * 12 * 3600)]
