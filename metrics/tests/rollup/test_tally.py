"""What a single ticket adds to which sum."""

from datetime import UTC, datetime, timedelta

import pytest

from metrics.rollup.tally import (
    Decided,
    Predicted,
    TicketFacts,
    additions,
    keys_of,
    stretches,
    tally,
)
from tickets.codes import Channel, Outcome, TicketStatus

CAME = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AUTOMATIC = Decided(outcome=Outcome.AUTO_RESOLVE, reason="permitted", at=CAME)


def by_person(reason="guard:risk_class"):
    return Decided(outcome=Outcome.ESCALATE, reason=reason, at=CAME)


def ticket(**more):
    said = {
        "ticket_id": 1,
        "requester_id": 5,
        "created_at": CAME,
        "channel": "form",
        "status": TicketStatus.ANSWERED,
        "round": 1,
        "intent": "order_status",
        "queue": "general",
        "calendar": None,
        "rating": None,
        "helped": None,
        "human_reply_at": None,
        "first_resolved_at": None,
        "resolved_at": None,
        "decided": AUTOMATIC,
    }
    return TicketFacts(**said | more)


def added(facts, days_later=30):
    return set(additions(facts, mature_at=CAME + days_later * DAY, days=7))


QUIET = {"received", "received_permitted", "tickets", "decided", "permitted"}


@pytest.mark.parametrize(
    ("case", "changed", "more"),
    [
        ("silence", {}, {"automated", "mature", "durable", "concluded_automated"}),
        (
            "the customer said yes",
            {"helped": True, "status": "resolved"},
            {"automated", "confirmed", "mature", "durable", "concluded_automated"},
        ),
        (
            "the customer said no, and nobody has it yet",
            {"helped": False},
            {"automated", "mature", "concluded_automated"},
        ),
        (
            "wrote again about the same",
            {"came_again": True},
            {"automated", "mature", "concluded_automated"},
        ),
        (
            "overruled",
            {"overridden_at": CAME + HOUR},
            {"automated", "mature", "concluded_automated"},
        ),
        (
            "overruled when it was mature",
            {"overridden_at": CAME + 60 * DAY},
            {"automated", "mature", "durable", "concluded_automated"},
        ),
        (
            "a person wrote too",
            {"human_reply_at": CAME + HOUR, "status": "waiting"},
            {"mature", "concluded_automated"},
        ),
        (
            "reopened within N days",
            {"round": 2, "status": "open", "reopened_at": CAME + 7 * DAY},
            {"mature", "concluded_automated", "reopened_automated"},
        ),
        (
            "reopened later",
            {"round": 2, "status": "open", "reopened_at": CAME + 7 * DAY + HOUR},
            {"mature", "durable", "concluded_automated"},
        ),
    ],
)
def test_an_automatic_answer(case, changed, more):
    assert added(ticket(**changed)) == QUIET | more


@pytest.mark.parametrize(("days", "name"), [(6.99, "maturing"), (7, "durable")])
def test_a_cohort_closes_n_days_after_the_automatic_reply(days, name):
    late = Decided(outcome=Outcome.AUTO_RESOLVE, reason="permitted", at=CAME + 5 * HOUR)
    found = set(additions(ticket(decided=late), mature_at=late.at + timedelta(days=days), days=7))
    assert found & {"maturing", "durable", "mature"} == (
        {"maturing"} if name == "maturing" else {"durable", "mature"}
    )


def test_what_a_person_gets_is_mature_n_days_after_it_came():
    handed = ticket(decided=by_person(), status="open")
    assert "mature" in added(handed, 7)
    assert "mature" not in added(handed, 6)


@pytest.mark.parametrize(
    ("reason", "group"),
    [
        ("guard:risk_class", "escalated_guard"),
        ("rule:vip", "escalated_guard"),
        ("no_intent:ambiguous", "escalated_abstention"),
        ("below_threshold", "escalated_threshold"),
        ("too_close", "escalated_threshold"),
        ("not_certified", "escalated_other"),
        ("processing_failed", "escalated_other"),
    ],
)
def test_a_reason_belongs_to_one_group(reason, group):
    found = added(ticket(decided=by_person(reason), status="open"))
    assert {name for name in found if name.startswith("escalated")} == {"escalated", group}


def test_groups_and_reasons_both_sum_to_the_total():
    reasons = ["guard:x", "rule:y", "no_intent:ambiguous", "too_close", "level_off", "too_close"]
    many = [ticket(decided=by_person(reason), status="open") for reason in reasons]
    sums = tally(many, mature_at=CAME, days=7)
    all_ = sums["all", ""]
    groups = [n for name, n in all_.items() if name.startswith("escalated_")]
    by_reason = [one["escalated"] for (name, _), one in sums.items() if name == "reason"]
    assert all_["escalated"] == sum(groups) == sum(by_reason) == 6


@pytest.mark.parametrize("status", ["spam", "merged"])
def test_spam_and_merged_duplicates_were_received_and_count_nowhere_else(status):
    assert added(ticket(status=status, rating=5)) == {"received", "received_permitted"}
    assert list(stretches(ticket(status=status))) == []


def test_an_undecided_ticket_is_a_ticket():
    assert added(ticket(decided=None, status="received")) == {"received", "tickets", "mature"}


@pytest.mark.parametrize(
    ("rating", "decided", "expected"),
    [
        (4, AUTOMATIC, {"rated_automated", "satisfied_automated"}),
        (3, AUTOMATIC, {"rated_automated"}),
        (5, by_person(), {"rated_human", "satisfied_human"}),
        (None, AUTOMATIC, set()),
    ],
)
def test_ratings_of_4_and_5_are_satisfied(rating, decided, expected):
    found = added(ticket(rating=rating, decided=decided))
    assert {name for name in found if name.startswith(("rated", "satisfied"))} == expected


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ({"intent": "a", "no_intent": None, "failure": ""}, {"predicted"}),
        ({"intent": None, "no_intent": "ambiguous", "failure": ""}, {"predicted", "abstained"}),
        (
            {"intent": None, "no_intent": None, "failure": "load"},
            {"predicted", "classifier_failed"},
        ),
    ],
)
def test_a_prediction_names_abstains_or_fails(said, names):
    found = added(ticket(predicted=Predicted(**said, milliseconds=1.0)))
    assert found & {"predicted", "abstained", "classifier_failed"} == names


@pytest.mark.parametrize(
    ("wrong", "names"), [(None, set()), (False, {"judged"}), (True, {"judged", "overridden"})]
)
def test_not_judged_means_unknown(wrong, names):
    found = added(ticket(judged=wrong is not None, judged_wrong=bool(wrong)))
    assert found & {"judged", "overridden"} == names


def test_a_ticket_counts_once_in_each_dimension():
    said = Predicted(intent="order_status", no_intent=None, failure="", milliseconds=1.0)
    facts = ticket(predicted=said)
    assert keys_of(facts) == [
        ("all", ""),
        ("channel", "form"),
        ("intent", "order_status"),
        ("queue", "general"),
        ("reason", "permitted"),
        ("predicted", "order_status"),
    ]
    assert tally([facts, facts], mature_at=CAME, days=7)["all", ""]["tickets"] == 2


def spent(facts):
    return {s.kind: s.end and (s.end - s.start) / HOUR for s in stretches(facts)}


def test_times_of_a_ticket_that_a_person_answered():
    facts = ticket(
        decided=by_person(),
        status="resolved",
        human_reply_at=CAME + 2 * HOUR,
        first_resolved_at=CAME + 3 * HOUR,
        resolved_at=CAME + 9 * HOUR,
    )
    assert spent(facts) == {
        "decision": 0,
        "first_response": 2,
        "first_resolution": 3,
        "last_resolution": 9,
    }


def test_times_of_a_ticket_that_waits_are_open():
    assert spent(ticket(decided=by_person(), status="open")) == {
        "decision": 0,
        "first_response": None,
        "first_resolution": None,
        "last_resolution": None,
    }


def test_a_ticket_resolved_without_a_word_was_never_answered():
    facts = ticket(
        decided=by_person(),
        status="closed",
        first_resolved_at=CAME + 4 * HOUR,
        resolved_at=CAME + 4 * HOUR,
    )
    assert spent(facts)["first_response_lost"] == 4
    assert "first_response" not in spent(facts)


def test_automatic_answers_are_timed_apart():
    assert spent(ticket()) == {"decision": 0, "automatic_response": 0}


def test_a_reopened_ticket_is_a_persons_and_open_again():
    facts = ticket(round=2, status="open", reopened_at=CAME + HOUR, first_resolved_at=CAME + HOUR)
    assert spent(facts)["first_response"] is None
    assert spent(facts)["first_resolution"] == 1
    assert spent(facts)["last_resolution"] is None


def test_an_import_says_nothing_of_how_fast_we_decide():
    assert spent(ticket(channel=Channel.IMPORT)) == {}


def test_what_ended_elsewhere_at_a_time_nobody_knows_is_not_timed():
    imported = {"channel": Channel.IMPORT, "decided": by_person("guard:imported")}
    assert not list(stretches(ticket(**imported, status=TicketStatus.CLOSED)))
    assert not list(stretches(ticket(**imported, status=TicketStatus.RESOLVED)))
    known = {"resolved_at": CAME + HOUR, "first_resolved_at": CAME + HOUR}
    assert list(stretches(ticket(**imported, **known, status=TicketStatus.RESOLVED)))
    assert list(stretches(ticket(**imported, status=TicketStatus.OPEN)))
