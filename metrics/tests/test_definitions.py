"""Shares with their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.definitions import LABELS, Counts, figures, rate, wilson


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (score), to four places
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_is_that_of_the_literature(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_interval_holds_the_share_and_stays_between_0_and_1(successes, trials):
    successes = min(successes, trials)
    low, high = wilson(successes, trials)
    assert 0 <= low <= successes / trials <= high <= 1


def test_nothing_to_divide_by_gives_no_value():
    figure = rate(0, 0)
    assert (figure.value, figure.low, figure.high, figure.enough_data) == (None, None, None, False)


@pytest.mark.parametrize(
    ("trials", "enough"),
    [(88, False), (100, True)],  # half of 88: 20.5 points wide; half of 100: 19.2
)
def test_an_interval_wider_than_20_points_says_not_enough_data(trials, enough):
    assert rate(trials // 2, trials).enough_data is enough


def test_every_metric_has_its_numerator_and_denominator():
    counts = Counts(
        tickets=100,
        automated=30,
        confirmed=12,
        mature=60,
        durable=15,
        permitted=35,
        escalated=65,
        abstained=20,
        predicted=98,
        reviewed=40,
        overridden=4,
        resolved=50,
        reopened=5,
        rated=20,
        satisfied=16,
    )
    found = {name: (f.numerator, f.denominator) for name, f in figures(counts).items()}
    assert found == {
        "ticket_volume": (100, 1),
        "auto_resolution_durable": (15, 60),
        "auto_resolution_gross": (30, 100),
        "auto_resolution_confirmed": (12, 100),
        "automation_coverage": (35, 100),
        "escalation_rate": (65, 100),
        "abstention_rate": (20, 98),
        "override_rate": (4, 40),
        "reopen_rate": (5, 50),
        "satisfaction": (16, 20),
    }


def test_every_metric_has_words():
    assert figures(Counts()).keys() == LABELS.keys()
