"""When facts are worth an alert."""

from datetime import UTC, datetime, timedelta

import pytest

from metrics.alerts import rules
from metrics.alerts.rules import Promises, Waiting
from tickets.codes import AlertKind, Severity
from tickets.outbox import alert_words

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
WARNING, CRITICAL = Severity


def said(findings) -> str | None:
    """The severity of the only finding, or nothing."""
    assert len(findings) <= 1
    return findings[0].severity if findings else None


@pytest.mark.parametrize(
    ("age", "severity"),
    [
        (2 * MINUTE, None),
        (2 * MINUTE + SECOND, WARNING),
        (15 * MINUTE, WARNING),
        (15 * MINUTE + SECOND, CRITICAL),
    ],
)
def test_a_ticket_may_wait_two_minutes_and_fifteen_are_grave(age, severity):
    found = rules.undecided(NOW - age, 3, NOW)
    assert said(found) == severity
    if found:
        assert found[0].facts == {"tickets": 3, "minutes": int(age / MINUTE)}


def test_without_undecided_tickets_there_is_nothing_to_say():
    assert rules.undecided(None, 0, NOW) == []


@pytest.mark.parametrize(
    ("untried", "retried", "failed", "severity"),
    [
        (None, None, 0, None),
        (15 * MINUTE, None, 0, None),
        (15 * MINUTE + SECOND, None, 0, WARNING),
        (None, 30 * MINUTE, 0, None),
        (None, 30 * MINUTE + SECOND, 0, WARNING),
        (None, None, 1, WARNING),
        (121 * MINUTE, None, 0, CRITICAL),
        (None, 121 * MINUTE, 0, CRITICAL),
        (-10 * HOUR, None, 0, None),  # due later
    ],
)
def test_what_is_not_tried_or_tried_in_vain_is_stuck(untried, retried, failed, severity):
    def since(age):
        return None if age is None else NOW - age

    assert said(rules.outbox(Waiting(since(untried), since(retried), 4, failed), NOW)) == severity


@pytest.mark.parametrize(
    ("failed", "asked", "severity"),
    [(2, 2, None), (3, 16, None), (3, 15, WARNING), (4, 9, WARNING), (5, 10, CRITICAL)],
)
def test_a_fifth_of_failures_is_an_alert_and_half_is_grave(failed, asked, severity):
    assert said(rules.classifier_failing("", failed, asked)) == severity


def test_the_second_opinion_never_wakes_anybody():
    (found,) = rules.classifier_failing("second", 10, 10)
    assert (found.severity, found.subject) == (WARNING, "second")


@pytest.mark.parametrize(
    ("serving", "promoted", "severity"),
    [
        ("linear-1", "linear-1", None),
        ("keywords-1", None, None),
        ("keywords-1", "linear-1", WARNING),
        (None, "linear-1", CRITICAL),
        (None, None, CRITICAL),
    ],
)
def test_the_promoted_model_has_to_serve(serving, promoted, severity):
    assert said(rules.classifier_absent(serving, promoted)) == severity


@pytest.mark.parametrize(
    ("megabytes", "severity"), [(2_000, None), (1_999, WARNING), (200, WARNING), (199, CRITICAL)]
)
def test_room_on_the_disk(megabytes, severity):
    assert said(rules.disk(megabytes)) == severity


@pytest.mark.parametrize(
    ("age", "most", "severity"),
    [
        (None, 0, None),
        (None, 26, WARNING),
        (26 * HOUR, 26, None),
        (26 * HOUR + SECOND, 26, WARNING),
        (78 * HOUR, 26, WARNING),
        (78 * HOUR + SECOND, 26, CRITICAL),
    ],
)
def test_age_of_backups(age, most, severity):
    newest = None if age is None else NOW - age
    assert said(rules.backup(newest, most, NOW)) == severity


def test_each_queue_has_its_own_promises():
    queues = [Promises("billing", 2, NOW + 7 * MINUTE), Promises("", 1, NOW + MINUTE)]
    found = rules.promises_at_risk(queues, NOW)
    assert [(f.subject, f.facts) for f in found] == [
        ("billing", {"tickets": 2, "minutes": 7}),
        ("", {"tickets": 1, "minutes": 1}),
    ]
    missed = rules.promises_missed([Promises("billing", 2, NOW - 90 * MINUTE)], NOW)
    assert missed[0].facts == {"tickets": 2, "minutes": 90}


def test_a_broken_chain_is_always_grave():
    assert rules.audit(None, "") == []
    (found,) = rules.audit(17, "its body does not have its digest")
    assert (found.severity, found.facts["record"]) == (CRITICAL, 17)


# --- Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", AlertKind)
def test_every_kind_has_words_also_without_facts(kind):
    assert alert_words.title(kind)
    assert alert_words.sentence(kind, {})
    assert "{" not in alert_words.sentence(kind, {})


def test_words_hold_the_facts():
    assert alert_words.title(AlertKind.BREAKER_OPEN, "order_status") == (
        "A breaker stopped automation: order status"
    )
    assert alert_words.sentence(AlertKind.DISK_LOW, {"megabytes": 153}) == "153 MB are free."
    facts = {"p": 0.0001, "index": 0.25, "most": ["order_status", "praise"]}
    assert "(p 0.0001, index 0.25); most in: order status, praise." in alert_words.sentence(
        AlertKind.DRIFT, facts
    )
    assert alert_words.sentence(AlertKind.BACKUP_OLD, {"hours": None}) == "There is none at all."
    assert alert_words.sentence(AlertKind.BACKUP_OLD, {"hours": 30}) == (
        "The newest is 1 d 6 h old."
    )


def test_words_are_about_exactly_the_kinds_there_are():
    assert set(alert_words.TITLES) == set(alert_words.SENTENCES) == set(AlertKind)


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (59, "59 min"),
        (60, "1 h"),
        (125, "2 h 5 min"),
        (1440, "1 d"),
        (17508, "12 d 3 h"),
    ],
)
def test_a_sentence_says_how_long_in_units_that_people_use(minutes, words):
    said = alert_words.sentence(
        AlertKind.SERVICE_LEVEL_BREACHED, {"tickets": 2, "minutes": minutes}
    )
    assert said == f"2 still open; the oldest is {words} late."
