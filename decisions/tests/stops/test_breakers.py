"""Breakers as rows."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import transaction
from django.utils import timezone

from decisions import reasons
from decisions.bounds.cusum import chart_for
from decisions.certificates import draw, terms
from decisions.models import OVERALL, Breaker, Finding, Review
from decisions.stops import breakers, kill_switch
from decisions.tests.factories import CertificateFactory
from tickets.codes import AuditKind, Channel, FindingSource, Outcome
from tickets.desk import agent_actions
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive
from tickets.tests.arriving import in_threads

NOW = timezone.now()


@pytest.fixture
def permitted(starter, says):
    """One automatic intent; the breaker of all intents is set so high that it stays out of it."""
    says("order_status")
    Breaker.objects.create(intent=OVERALL, step=8, height=100_000, changed_at=NOW)
    return CertificateFactory(intents=["order_status", "return_exchange"])


def ask(number, *, now=NOW):
    inquiry = Inquiry(
        name="A", email=f"a{number}@example.com", message="Where is it?", channel=Channel.FORM
    )
    return receive(inquiry, now=now).decision


def book(decision, agent, *, wrong=True):
    return breakers.book(
        decision, wrong=wrong, source=FindingSource.REVIEW, user=agent, now=timezone.now()
    )


def wrong_until_trip(agent):
    """Wrong answers in a row until a breaker trips; how many."""
    for number in range(1, 60):
        decision = ask(f"w{number}")
        assert decision.outcome == Outcome.AUTO_RESOLVE
        if book(decision, agent):
            return number
    pytest.fail("no breaker tripped")


def test_breaker_trips_at_its_height_and_the_next_ticket_goes_to_a_person(permitted, agent):
    number = wrong_until_trip(agent)
    tripped = Breaker.objects.get(intent="order_status")
    assert tripped.open
    # each wrong answer adds step - 1; one fewer would not have reached the height
    assert (number - 1) * (tripped.step - 1) < tripped.height <= number * (tripped.step - 1)
    after = ask("after")
    assert after.outcome == Outcome.ESCALATE
    assert "guard:breaker_open" in after.reasons
    assert AuditRecord.objects.filter(kind=AuditKind.BREAKER).count() >= 1


def test_other_intents_go_on(permitted, agent, says):
    wrong_until_trip(agent)
    says("return_exchange")
    assert ask("other").outcome == Outcome.AUTO_RESOLVE


def test_the_breaker_of_all_intents_stops_all_of_them(permitted, agent, says):
    Breaker.objects.filter(intent=OVERALL).update(height=14)
    assert [b.intent for b in book(ask(1), agent)] == []  # 7 of 14
    assert [b.intent for b in book(ask(2), agent)] == [OVERALL]
    says("return_exchange")
    assert "guard:breaker_open" in ask("other").reasons


def test_right_answers_and_unknown_ones_lower_the_path(permitted, agent):
    book(ask(1), agent)
    top = Breaker.objects.get(intent="order_status").level
    for number in range(2, 6):
        ask(number)
    book(ask(6), agent)
    again = Breaker.objects.get(intent="order_status")
    # four unknown ones count as right, then another wrong one
    assert again.level == max(0, top - 4) + again.step - 1


def test_a_finding_about_no_automatic_answer_is_no_evidence(starter, says, agent):
    says("refund_request")
    assert book(ask(1), agent) == []
    assert not Finding.objects.exists()


def test_two_findings_about_one_answer_count_once(permitted, agent):
    decision = ask(1)
    book(decision, agent)
    once = Breaker.objects.get(intent="order_status").level
    book(decision, agent)
    assert Breaker.objects.get(intent="order_status").level == once


def test_only_a_person_arms_it_again_and_it_starts_half_way_up(permitted, agent, lead):
    wrong_until_trip(agent)
    actor = Actor.person(lead)
    kill_switch.arm_breaker(
        "order_status", "The reply was mended.", actor=actor, now=timezone.now()
    )
    armed = Breaker.objects.get(intent="order_status")
    assert not armed.open
    assert armed.start == armed.level == armed.height // 2
    assert ask("after").outcome == Outcome.AUTO_RESOLVE
    # what tripped it before does not count again
    assert breakers.path_of(armed).wrong == 0
    with pytest.raises(reasons.ReasonMissing):
        kill_switch.arm_breaker("order_status", " ", actor=actor, now=timezone.now())


def test_an_explicit_correction_by_an_agent_is_evidence_and_silence_is_none(permitted, agent):
    decision = ask(1)
    actor = Actor.person(agent)
    agent_actions.correct_intent(decision.ticket_id, "how_to", actor=actor, now=timezone.now())
    assert not Finding.objects.exists()
    agent_actions.correct_intent(
        decision.ticket_id, "complaint", actor=actor, now=timezone.now(), machine_was_wrong=True
    )
    finding = Finding.objects.get()
    assert (finding.source, finding.wrong) == (FindingSource.OVERRIDE, True)


def test_budget_is_halved_between_all_and_the_automatic_intents(permitted):
    assert breakers.budget_of(OVERALL) == 0.5
    # the starter policy automates eight intents
    assert breakers.budget_of("order_status") == pytest.approx(0.5 / 8)


def test_a_larger_budget_trips_sooner(permitted, settings):
    before = breakers.held("order_status", NOW).height
    Breaker.objects.filter(intent="order_status").delete()
    settings.FALSE_TRIPS_A_YEAR = 20.0
    assert breakers.held("order_status", NOW).height < before


def test_the_first_answers_of_an_intent_are_all_reviewed_and_no_more(
    permitted, monkeypatch, settings
):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.0
    monkeypatch.setattr(terms, "REVIEWED_FIRST", 2)
    asked = [ask(number) for number in range(4)]
    drawn = set(Review.objects.values_list("decision_id", flat=True))
    assert drawn == {decision.pk for decision in asked[:2]}


# --- What was drawn for review --------------------------------------------------------------------


@pytest.fixture
def few_drawn(permitted, settings, monkeypatch):
    """A breaker for one intent, of whose answers about a quarter are drawn."""
    monkeypatch.setattr(draw, "is_new", lambda intent: False)
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.25
    return Breaker.objects.create(
        intent="order_status", step=8, height=1_000, drawn_height=28, changed_at=NOW
    )


def test_reviews_trip_it_though_most_answers_are_never_judged(few_drawn, agent):
    drawn, tripped = 0, []
    for number in range(200):
        decision = ask(number)
        if decision.reviews.exists():
            drawn += 1
            tripped = book(decision, agent)
        if tripped:
            break
    assert drawn == 4  # 4 steps of 7 reach 28
    assert [one.intent for one in tripped] == ["order_status"]
    row = Breaker.objects.get(intent="order_status")
    assert row.open
    assert row.reason == "4 of 4 reviewed answers were confirmed wrong."
    assert row.level < 28  # in the chart of all answers the unjudged ones count as right


def test_what_agents_report_does_not_count_among_the_reviewed(few_drawn, agent):
    """Whoever reports an error did not pick it by chance."""
    for number in range(40):
        breakers.book(ask(number), wrong=True, source=FindingSource.OVERRIDE, user=agent, now=NOW)
    row = Breaker.objects.get(intent="order_status")
    assert (row.open, row.drawn_level) == (False, 0)
    assert row.level == 40 * 7


def test_both_charts_share_the_budget(permitted):
    row = breakers.held("order_status", NOW)
    whole = chart_for(alpha=0.05, scored_a_day=1.0, false_trips_a_year=0.5 / 8)
    half = chart_for(alpha=0.05, scored_a_day=1.0, false_trips_a_year=0.25 / 8)
    assert row.height == row.drawn_height == half.height >= whole.height


def test_another_word_on_the_same_intent_is_evidence_too(permitted, agent):
    decision = ask(1)
    actor, now = Actor.person(agent), timezone.now()
    agent_actions.correct_intent(decision.ticket_id, "how_to", actor=actor, now=now)
    agent_actions.correct_intent(decision.ticket_id, "how_to", actor=actor, now=now)
    assert not Finding.objects.exists()
    agent_actions.correct_intent(
        decision.ticket_id, "how_to", actor=actor, now=now, machine_was_wrong=True
    )
    assert Finding.objects.get().wrong


@pytest.mark.parametrize("alpha", [0.1, 0.2])
def test_a_demo_certificate_of_any_strictness_has_its_breakers(starter, says, agent, alpha):
    says("order_status")
    CertificateFactory(intents=["order_status"], alpha=alpha)
    assert breakers.keep_up(now=NOW) >= 2
    assert {row.alpha for row in Breaker.objects.all()} == {alpha}
    Breaker.objects.filter(intent=OVERALL).update(height=100_000, drawn_height=100_000)
    assert wrong_until_trip(agent) > 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_trips_and_who_arms_do_not_wait_for_each_other(starter, says, agent, lead, monkeypatch):
    """One trips the breaker of all and then looks at the intent's, the other has that one and waits
    for the stops that the first one holds: unless the first took both rows before."""
    says("order_status")
    CertificateFactory(intents=["order_status"])
    decision, actor = ask(1), Actor.person(lead)
    Breaker.objects.create(intent=OVERALL, step=8, height=1, changed_at=NOW)
    Breaker.objects.create(intent="order_status", step=8, height=1, open=True, changed_at=NOW)
    tripped, has_the_row = Event(), Event()
    put_on_record, set_chart = breakers._put_on_record, breakers.set_chart

    def then_wait(breaker, *args):
        put_on_record(breaker, *args)
        if breaker.intent == OVERALL:
            tripped.set()
            has_the_row.wait(0.5)

    def once_it_is_held(*args, **kwargs):
        has_the_row.set()
        set_chart(*args, **kwargs)

    monkeypatch.setattr(breakers, "_put_on_record", then_wait)
    monkeypatch.setattr(breakers, "set_chart", once_it_is_held)

    def trip():
        with transaction.atomic():
            source = FindingSource.OVERRIDE
            breakers.book(decision, wrong=True, source=source, user=agent, now=timezone.now())

    def arm():
        tripped.wait(5)
        breakers.rearm("order_status", "mended", actor=actor, now=timezone.now())

    in_threads([trip, arm])
    assert Breaker.objects.get(intent=OVERALL).open
    assert not Breaker.objects.get(intent="order_status").open


def test_another_certificate_charts_breakers_again_and_evidence_counts_by_it(permitted, agent):
    Breaker.objects.all().delete()
    breakers.keep_up(now=NOW)
    before = Breaker.objects.get(intent="order_status")
    for number in range(3):
        book(ask(f"w{number}"), agent)
    assert not Breaker.objects.get(intent="order_status").open
    CertificateFactory(intents=["order_status"], alpha=0.01, bound=0.009, issued_at=NOW)
    assert breakers.keep_up(now=NOW) >= 2
    after = Breaker.objects.get(intent="order_status")
    assert (before.step, after.step, after.alpha) == (8, 40, 0.01)
    assert after.level == 3 * 39
    changes = AuditRecord.objects.filter(kind=AuditKind.BREAKER, subject="breaker:order_status")
    assert changes.exists()
    assert breakers.keep_up(now=NOW) == 0


def test_what_another_version_earned_allows_nothing(permitted, agent):
    ask(1)
    CertificateFactory(classifier_version="candidate-2", alpha=0.01, bound=0.009, issued_at=NOW)
    CertificateFactory(classifier_version="candidate-3", alpha=0.2, issued_at=NOW)
    assert breakers.alpha_now(NOW) == 0.05
    CertificateFactory(kind="live", alpha=0.02, bound=0.019, issued_at=NOW)
    assert breakers.alpha_now(NOW) == 0.02


def test_volume_is_that_of_the_days_there_are(permitted):
    now = timezone.now()
    for number in range(6):
        ask(number, now=now - timedelta(hours=8 * number))
    assert breakers.volume_of("order_status", now).answers == pytest.approx(6 / (40 / 24))
