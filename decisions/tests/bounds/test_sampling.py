"""Drawing tickets for blind review."""

from hypothesis import given
from hypothesis import strategies as st

from decisions.bounds.sampling import (
    BASE,
    LIKELY,
    Rates,
    Row,
    equal_probability,
    in_reserve,
    number_of,
    one_for_each_group,
    settled_prefix,
    stratum_of,
)

SECRET = b"only for this test"


def row(u=0.0, *, rate=0.05, wrong=False, group="a", overdue=False):
    return Row(u, rate, 0.9, group, wrong, overdue)


@given(st.integers(1, 10**12))
def test_number_lies_in_the_unit_interval_and_stays(ticket_id):
    assert 0 <= number_of(SECRET, ticket_id) < 1
    assert number_of(SECRET, ticket_id) == number_of(SECRET, ticket_id)


def test_numbers_are_spread_evenly_and_depend_on_the_secret():
    numbers = [number_of(SECRET, n) for n in range(10_000)]
    # 1,000 expected in each tenth; 5 standard deviations are 150
    assert all(abs(sum(k <= 10 * u < k + 1 for u in numbers) - 1_000) < 150 for k in range(10))
    assert numbers[0] != number_of(b"another", 0)


def test_about_half_of_the_people_are_kept_in_reserve():
    kept = sum(in_reserve(SECRET, f"person {n}") for n in range(2_000))
    assert 880 < kept < 1_120  # 5 standard deviations


def test_stratum_follows_permission_and_confidence():
    assert stratum_of(could_automate=True, confidence=0.5, lowest=0.5) == LIKELY
    assert stratum_of(could_automate=True, confidence=0.49, lowest=0.5) == BASE
    assert stratum_of(could_automate=False, confidence=0.99, lowest=0.5) == BASE
    assert stratum_of(could_automate=True, confidence=None, lowest=0.5) == BASE
    assert Rates(0.05, 0.2).of(LIKELY) == 0.2
    assert Rates(0.3, 0.2).of(LIKELY) == 0.3


def test_equal_probability_rows_lie_below_the_lowest_rate():
    rows = [row(0.01, rate=0.05), row(0.04, rate=0.2), row(0.06, rate=0.2)]
    assert equal_probability(rows) == rows[:2]


def test_prefix_ends_at_the_first_open_row_unless_it_is_overdue():
    rows = [row(), row(wrong=None, overdue=True), row(wrong=True), row(wrong=None), row()]
    assert settled_prefix(rows) == rows[:3]


def test_each_group_counts_once():
    rows = [row(group="a"), row(group="b"), row(group="a", wrong=True)]
    assert one_for_each_group(rows) == rows[:2]
