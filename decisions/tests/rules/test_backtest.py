"""The tally of a replay, and the interval for what nobody looked at."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import hypergeom

from decisions.rules.backtest import DOWN, UP, Backtest, Case, hypergeometric
from decisions.rules.engine import decide
from decisions.tests.samples import make_facts, make_policy

AUTO = decide(make_facts(), make_policy())
PERSON = decide(make_facts(confidence=0.5), make_policy())


def case(number=1, **changes):
    said = {
        "decision": number,
        "ticket": f"T-{number}",
        "at": "2026-03-02T10:00:00+00:00",
        "intent": "order_status",
        "confidence": 0.9,
        "outcome": "escalate",
        "queue": "orders",
        "settled": True,
    }
    return Case(**{**said, **changes})


def tally(*cases):
    run = Backtest(policy=2, digest="d", since="a", until="b", days=30)
    for one, verdict in cases:
        run.add(one, verdict)
    return run


def test_none_of_ten_in_two_hundred_leaves_up_to_sixty():
    assert hypergeometric(200, 10, 0) == (0, 60)


@pytest.mark.parametrize(
    ("population", "sample", "hits", "interval"),
    [(10, 10, 3, (3, 3)), (10, 10, 0, (0, 0)), (1, 1, 1, (1, 1)), (50, 0, 0, (0, 50))],
)
def test_whoever_looked_at_all_knows_and_whoever_looked_at_none_does_not(
    population, sample, hits, interval
):
    assert hypergeometric(population, sample, hits) == interval


@settings(max_examples=40)
@given(st.integers(1, 40), st.data())
def test_the_interval_is_what_trying_every_total_gives(population, data):
    sample = data.draw(st.integers(1, population))
    hits = data.draw(st.integers(0, sample))
    kept = [
        total
        for total in range(hits, population - (sample - hits) + 1)
        if hypergeom.sf(hits - 1, population, total, sample) > (1 - 0.95) / 2
        and hypergeom.cdf(hits, population, total, sample) > (1 - 0.95) / 2
    ]
    assert hypergeometric(population, sample, hits) == (min(kept), max(kept))


@pytest.mark.parametrize("total", [0, 1, 7, 30, 60, 119, 120])
def test_the_interval_holds_in_at_least_95_of_a_hundred_samples(total):
    population, sample = 120, 15
    covered = sum(
        float(hypergeom.pmf(hits, population, total, sample))
        for hits in range(max(0, sample - population + total), min(sample, total) + 1)
        if hypergeometric(population, sample, hits)[0]
        <= total
        <= hypergeometric(population, sample, hits)[1]
    )
    assert covered >= 0.95


def test_flips_are_counted_in_both_directions_with_their_reasons():
    run = tally(
        (case(1), AUTO),
        (case(2), AUTO),
        (case(3, outcome="auto_resolve"), PERSON),
        (case(4), PERSON),
        (case(5, outcome="auto_resolve"), AUTO),
    )
    assert (run.flips(UP), run.flips(DOWN), run.replayed) == (2, 1, 5)
    assert [(key, group.tickets) for key, group in run.table()] == [
        ((UP, "order_status", ""), 2),
        ((DOWN, "order_status", "below_threshold"), 1),
    ]
    assert (run.share(after=False), run.share(after=True)) == (0.4, 0.6)
    assert run.queues() == [("orders", 3, 2)]


def test_without_labels_the_wrongs_are_unknown():
    run = tally(*[(case(n), AUTO) for n in range(7)])
    assert run.wrongs().words == "unknown, 0 to 7"
    assert run.as_record()["wrong_among_new_automatic"] == {
        "flips": 7,
        "labelled": 0,
        "wrong": None,
        "low": 0,
        "high": 7,
        "known": False,
        "words": "unknown, 0 to 7",
    }


def test_labels_bound_the_wrongs_among_the_new_automatic_answers():
    cases = [(case(n, wrong=False if n < 10 else None), AUTO) for n in range(200)]
    wrongs = tally(*cases).wrongs()
    assert (wrongs.low, wrongs.high, wrongs.labelled) == (0, 60, 10)
    assert wrongs.words == "0 to 60 of 200 (0 of the 10 that were reviewed blind)"


def test_what_came_after_the_last_settled_draw_may_all_be_wrong():
    cases = [(case(n, wrong=False if n < 10 else None), AUTO) for n in range(200)]
    cases += [(case(n, settled=False, wrong=True), AUTO) for n in range(200, 220)]
    wrongs = tally(*cases).wrongs()
    assert (wrongs.flips, wrongs.labelled, wrongs.wrong) == (220, 10, 0)
    assert (wrongs.low, wrongs.high) == (0, 80)


def test_the_models_own_guess_is_the_doubt_summed_up():
    run = tally((case(1, confidence=0.9), AUTO), (case(2, confidence=0.75), AUTO))
    assert run.up_guess == pytest.approx(0.35)


def test_observed_wrongs_that_would_be_avoided():
    sent = {"outcome": "auto_resolve"}
    run = tally(
        (case(1, judged_wrong=True, **sent), PERSON),
        (case(2, judged_wrong=False, **sent), PERSON),
        (case(3, **sent), PERSON),
        (case(4, judged_wrong=True, **sent), AUTO),
    )
    assert (run.down_wrong, run.down_judged) == (1, 2)


def test_what_waits_for_nothing_but_a_certificate_is_counted():
    uncertified = decide(make_facts(certified_threshold=None), make_policy())
    assert tally((case(), uncertified), (case(2), PERSON)).only_certificate == 1


def test_only_few_examples_are_kept_however_many_flip():
    run = tally(*[(case(n), AUTO) for n in range(1_000)])
    ((_, group),) = run.table()
    assert (group.tickets, len(group.examples)) == (1_000, 5)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.sampled_from("abc")), max_size=12))
def test_the_record_does_not_depend_on_the_order_of_the_kinds(rows):
    cases = [
        (
            replace(case(n), intent=intent, outcome="auto_resolve" if sent else "escalate"),
            AUTO if automates else PERSON,
        )
        for n, (sent, automates, intent) in enumerate(rows)
    ]
    record, again = tally(*cases).as_record(), tally(*cases).as_record()
    assert record == again
    assert sum(kind["tickets"] for kind in record["kinds"]) == sum(record["flips"].values())
