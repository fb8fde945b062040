"""Each row of the table of metrics, on a history made by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.conf import settings

from metrics.figures import definitions
from metrics.figures.definitions import METRICS, figures
from metrics.figures.figure import rate
from metrics.figures.history import Counts, History, Judgement, Times
from metrics.figures.intervals import clopper_pearson, wilson

NOW = datetime(2026, 3, 20, tzinfo=UTC)
COUNTS = Counts(
    tickets=100,
    permitted=35,
    escalated=60,  # five more are not decided yet
    escalated_guard=20,
    escalated_abstention=18,
    escalated_threshold=15,
    escalated_other=7,
    predicted=98,
    abstained=20,
    classifier_failed=2,
    automated=30,
    confirmed=12,
    maturing=9,
    judged=40,
    overridden=4,
    concluded_automated=35,
    reopened_automated=4,
    concluded_human=45,
    reopened_human=1,
    rated_automated=8,
    satisfied_automated=6,
    rated_human=12,
    satisfied_human=10,
)


def judgement(number, **more):
    said = {
        "ticket_id": number,
        "requester_id": number,
        "u": 0.01,
        "rate": 0.2,
        "due_at": NOW + timedelta(days=1),
        "automated": True,
        "confidence": 0.9,
        "wrong": False,
        "right": True,
    }
    return Judgement(**said | more)


@pytest.mark.parametrize(
    ("name", "numerator", "denominator"),
    [
        ("ticket_volume", 100, 1),
        ("auto_resolution_gross", 30, 100),
        ("auto_resolution_confirmed", 12, 100),
        ("auto_resolution_maturing", 9, 1),
        ("automation_coverage", 35, 100),
        ("escalation_rate", 60, 100),
        ("escalation_by_guard", 20, 100),
        ("escalation_by_abstention", 18, 100),
        ("escalation_by_threshold", 15, 100),
        ("escalation_otherwise", 7, 100),  # 20 + 18 + 15 + 7 = 60
        ("abstention_rate", 20, 98),
        ("classifier_failure_rate", 2, 98),
        ("override_rate", 4, 40),
        ("reopen_rate", 5, 80),  # 4 + 1 of 35 + 45
        ("reopen_rate_automated", 4, 35),
        ("reopen_rate_human", 1, 45),
        ("satisfaction", 16, 20),  # 6 + 10 of 8 + 12
        ("satisfaction_automated", 6, 8),
        ("satisfaction_human", 10, 12),
        ("satisfaction_answer_rate", 20, 80),
    ],
)
def test_each_share_is_its_numerator_by_its_denominator(name, numerator, denominator):
    found = figures(History(now=NOW, counts=COUNTS))[name]
    assert (found.numerator, found.denominator) == (numerator, denominator)
    assert found.value == numerator / denominator
    if denominator > 1:
        assert (found.low, found.high) == wilson(numerator, denominator)


@pytest.mark.parametrize(
    ("trials", "enough"),
    [(88, False), (100, True)],  # half of 88: 20.5 points wide; half of 100: 19.2
)
def test_an_interval_wider_than_20_points_says_not_enough_data(trials, enough):
    assert rate(trials // 2, trials).enough_data is enough


def test_an_empty_history_has_no_value_anywhere_and_breaks_nothing():
    for name, found in figures(History(now=NOW)).items():
        if name in {"ticket_volume", "auto_resolution_maturing"}:
            assert found.value == 0
        else:
            assert (found.value, found.enough_data) == (None, False), name


# --- Durable --------------------------------------------------------------------------------------


def test_durable_counts_mature_tickets_and_resamples_people():
    # Ann wrote four tickets of which none held; 46 others one each, of which 30 held.
    owners = np.array([1] * 4 + list(range(2, 48)))
    held = np.array([0] * 4 + [1] * 30 + [0] * 16)
    found = definitions.auto_resolution_durable(History(now=NOW, owners=owners, held=held))
    assert (found.numerator, found.denominator, found.value) == (30, 50, 0.6)
    plain = wilson(30, 50)
    assert found.low < plain[0]
    assert found.high >= plain[1]
    assert not found.enough_data  # about 28 points wide


# --- Wrong automation -----------------------------------------------------------------------------


def test_wrong_automation_takes_rows_of_equal_probability_only():
    rows = [
        judgement(1, u=0.01, rate=0.05),  # the lowest rate is 0.05
        judgement(2, u=0.04, wrong=True),
        judgement(3, u=0.06, wrong=True),  # drawn at 0.2 only: not in the bound
        judgement(4, u=0.02, automated=False, wrong=True),  # a person got it
    ]
    found = definitions.wrong_automation_rate(History(now=NOW, judgements=rows))
    assert (found.numerator, found.denominator, found.value) == (1, 2, 0.5)
    assert (found.low, found.high) == clopper_pearson(1, 2)
    assert not found.enough_data


def test_wrong_automation_stops_at_the_first_row_that_is_not_settled():
    rows = [judgement(1), judgement(2, wrong=None), judgement(3, wrong=True)]
    found = definitions.wrong_automation_rate(History(now=NOW, judgements=rows[::-1]))
    assert (found.numerator, found.denominator) == (0, 1)


def test_a_review_that_is_overdue_counts_as_wrong():
    rows = [judgement(1), judgement(2, wrong=None, due_at=NOW), judgement(3)]
    found = definitions.wrong_automation_rate(History(now=NOW, judgements=rows))
    assert (found.numerator, found.denominator) == (1, 3)


def test_a_person_counts_once():
    rows = [judgement(n, requester_id=7, wrong=n > 1) for n in (1, 2, 3)]
    found = definitions.wrong_automation_rate(History(now=NOW, judgements=rows))
    assert (found.numerator, found.denominator) == (0, 1)


@pytest.mark.parametrize(("rows", "enough"), [(71, False), (72, True)])
def test_a_bound_needs_as_many_rows_as_its_table_says(rows, enough):
    many = [judgement(n) for n in range(rows)]
    found = definitions.wrong_automation_rate(History(now=NOW, judgements=many))
    assert found.enough_data is enough
    assert (found.high <= 0.05) is enough


def test_the_weighted_figure_is_an_estimate_without_interval():
    # One wrong row drawn at 5 % stands for 20, two right ones at 20 % for 5 each: 20 of 30.
    rows = [judgement(1, rate=0.05, wrong=True), judgement(2), judgement(3)]
    found = definitions.wrong_automation_estimate(History(now=NOW, judgements=rows))
    assert found.value == pytest.approx(20 / 30)
    assert (found.low, found.high) == (None, None)


# --- Times ----------------------------------------------------------------------------------------


def times(ended, open_=()):
    return Times(np.array(ended, np.int64), np.array(open_, np.int64))


def test_unanswered_tickets_are_not_dropped():
    # 60 were answered within 1..60 minutes; 40 wait for a day. Median: the 50th of 100.
    found = History(
        now=NOW,
        times={
            "first_response": times([60 * n for n in range(1, 61)], [86_400] * 40),
            "first_response_waiting": times([], [86_400] * 39 + [90_000]),
        },
    )
    median = definitions.first_response_median(found)
    assert (median.value, median.numerator, median.denominator) == (3000.0, 60, 100)
    assert median.low < 3000 < median.high
    assert median.enough_data
    late = definitions.first_response_p90(found)
    assert (late.value, late.enough_data) == (None, False)  # 40 of 100 have no answer
    oldest = definitions.first_response_oldest(found)
    assert (oldest.value, oldest.numerator) == (90_000.0, 40)


@pytest.mark.parametrize(
    ("metric", "name", "value"),
    [
        ("first_response_business_median", "first_response_business", 20.0),
        ("first_response_business_p90", "first_response_business", 30.0),
        ("automatic_response_median", "automatic_response", 20.0),
        ("resolution_first_median", "first_resolution", 20.0),
        ("resolution_first_p90", "first_resolution", 30.0),
        ("resolution_first_business_median", "first_resolution_business", 20.0),
        ("resolution_last_median", "last_resolution", 20.0),
        ("resolution_last_p90", "last_resolution", 30.0),
        ("decision_time_median", "decision", 20.0),
        ("decision_time_p99", "decision", 30.0),
        ("classifier_time_median", "classifier", 0.02),  # microseconds, shown in milliseconds
    ],
)
def test_each_time_reads_its_own_durations(metric, name, value):
    found = figures(History(now=NOW, times={name: times([10, 20, 30])}))[metric]
    assert (found.value, found.numerator, found.enough_data) == (value, 3, False)


# --- Service levels -------------------------------------------------------------------------------


def test_breaches_are_counted_for_each_kind():
    found = figures(
        History(now=NOW, targets={"first_response": (200, 10), "resolution": (100, 30)})
    )
    first, resolution = found["breach_rate_first_response"], found["breach_rate_resolution"]
    assert (first.value, first.denominator) == (0.05, 200)
    assert (resolution.value, resolution.denominator) == (0.3, 100)


# --- Calibration ----------------------------------------------------------------------------------


def test_calibration_is_that_of_hand_made_bins():
    # Ten rows at 0.95, 8 of them right: |0.95 − 0.8| · 10/20; ten at 0.65, 6 right: 0.05 · 10/20.
    rows = [judgement(n, confidence=0.95, right=n < 8) for n in range(10)]
    rows += [judgement(20 + n, confidence=0.65, right=n < 6) for n in range(10)]
    rows += [judgement(50, confidence=None), judgement(51, right=None), judgement(52, u=0.5)]
    found = History(now=NOW, judgements=rows)
    error = definitions.calibration_error(found)
    assert error.value == pytest.approx(0.10)
    assert (error.numerator, error.denominator) == (14, 20)
    assert 0 <= error.low < error.high
    bins = definitions.calibration_bins(found)
    assert [(b.low, b.high, b.rows, b.right) for b in bins] == [
        (0.6, 0.7, 10, 6),
        (0.9, 1.0, 10, 8),
    ]
    assert [b.stated for b in bins] == pytest.approx([0.65, 0.95])


def test_the_range_beside_it_is_that_of_a_perfect_model():
    chance = np.random.default_rng(3)
    stated = chance.uniform(0.5, 1, 400)
    perfect = [
        judgement(n, confidence=float(c), right=bool(chance.random() < c))
        for n, c in enumerate(stated)
    ]
    found = definitions.calibration_error(History(now=NOW, judgements=perfect))
    assert found.low <= found.value <= found.high
    boastful = [judgement(n, confidence=float(c), right=n % 2 == 0) for n, c in enumerate(stated)]
    found = definitions.calibration_error(History(now=NOW, judgements=boastful))
    assert found.value > found.high


# --- The table ------------------------------------------------------------------------------------


def test_every_metric_has_a_name_of_its_own_and_words():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.words.endswith(".") for metric in METRICS)
    assert len({metric.label for metric in METRICS}) == len(METRICS)


def test_the_documentation_says_what_the_code_says():
    text = (settings.BASE_DIR / "docs" / "metrics.md").read_text()
    for metric in METRICS:
        assert (
            f"| `{metric.name}` | {metric.label} | {metric.unit.value} | {metric.words} |" in text
        )
