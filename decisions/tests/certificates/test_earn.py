"""Certificates from blind reviews of live tickets."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from decisions.certificates import earn, quarantine, statement
from decisions.certificates import sample as labels
from decisions.models import Certificate, Policy, Quarantine, Review, ThresholdGrid
from decisions.stops import kill_switch
from decisions.tests.factories import CertificateFactory
from tickets.codes import AuditKind, CertificateKind, Channel, ReviewVerdict
from tickets.history.record import Actor
from tickets.learning import certify
from tickets.models import AuditRecord
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive

NOW = timezone.now()


@pytest.fixture(autouse=True)
def half_are_drawn(settings):
    """Undrawn tickets give the grid of thresholds, drawn ones the labels."""
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.5


@pytest.fixture
def labelled(starter, says, agent):
    """`labelled(300, wrong=2)`: so many tickets, the drawn ones answered."""

    def make(number, *, wrong=0, unanswered=0, confidence=0.97, email="p{}@example.com"):
        says("order_status", confidence=confidence)
        for n in range(number):
            words = "".join("abcdefghij"[int(digit)] for digit in str(n))
            inquiry = Inquiry(
                name="A", email=email.format(n), message=f"Where is z{words}?", channel=Channel.FORM
            )
            receive(inquiry, now=NOW - timedelta(days=1))
        reviews = list(Review.objects.filter(answered_at=None).order_by("ticket_id"))
        for index, review in enumerate(reviews[: len(reviews) - unanswered]):
            review.verdict = ReviewVerdict.INTENT
            review.intent = "complaint" if index < wrong else "order_status"
            review.machine_could = True
            review.reviewer, review.answered_at = agent, NOW
            review.save()
        return len(reviews)

    return make


def judge(alpha=0.05):
    return earn.judge("scripted-1", alpha=alpha, delta=0.05, now=NOW)


def test_enough_right_answers_earn_a_certificate(labelled):
    drawn = labelled(260)
    found, certificate = earn.issue(
        "scripted-1", alpha=0.05, delta=0.05, actor=Actor.machine(), now=NOW
    )
    assert drawn >= 105  # needed at 5 % without an error
    assert (found.labelled, found.accepted, found.errors) == (drawn, drawn, 0)
    assert certificate is not None
    assert (certificate.kind, certificate.rows, certificate.errors) == (
        CertificateKind.LIVE,
        drawn,
        0,
    )
    assert certificate.threshold == 0.97
    assert "at most 5% are answered wrongly, with 95% confidence" in certificate.statement
    assert "at most 50% are wrong" in certificate.statement
    assert AuditRecord.objects.filter(kind=AuditKind.CERTIFICATE).count() == 1


def test_too_few_give_none_and_say_how_many_are_missing(labelled):
    drawn = labelled(60)
    found = judge()
    assert found.permit is None
    assert found.missing == 105 - drawn


def test_errors_cost_further_rows(labelled):
    drawn = labelled(260, wrong=2)
    found = judge()
    assert found.errors == 2
    assert found.missing == max(0, 194 - drawn)
    assert (found.permit is None) == (drawn < 194)


def test_an_open_row_ends_the_rows_that_count(labelled):
    drawn = labelled(260, unanswered=drawn_after(200))
    found = judge()
    assert found.labelled == drawn - found.waiting
    assert found.waiting == drawn_after(200)


def drawn_after(number):
    """So many of the newest drawn tickets stay unanswered."""
    return number // 10


def test_an_overdue_row_counts_as_wrong(labelled):
    labelled(260, unanswered=1)
    late = earn.judge("scripted-1", alpha=0.05, delta=0.05, now=NOW + timedelta(days=15))
    assert (late.errors, late.waiting) == (1, 0)


def test_one_person_counts_once(labelled):
    labelled(120, email="same@example.com")
    # most of these tickets are stopped by caps and rules too, but even one would count once
    assert judge().labelled == 1


def test_another_model_has_earned_nothing(labelled):
    labelled(260)
    other = earn.judge("scripted-2", alpha=0.05, delta=0.05, now=NOW)
    assert (other.labelled, other.permit) == (0, None)


def test_what_guards_stop_is_not_tested(starter, says, agent, labelled):
    labelled(260, confidence=0.97)
    before = judge().accepted
    says("refund_request")  # restricted: no threshold lets it through
    for n in range(40):
        inquiry = Inquiry(name="A", email=f"r{n}@example.com", message="?", channel=Channel.FORM)
        receive(inquiry, now=NOW)
    Review.objects.filter(answered_at=None).update(
        verdict=ReviewVerdict.NONE, reviewer=agent, answered_at=NOW
    )
    found = judge()
    assert found.accepted == before
    assert found.errors == 0


def test_a_bad_intent_is_quarantined(labelled, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    CertificateFactory(intents=["order_status"])
    drawn = labelled(300, wrong=40)
    found = judge()
    assert found.quarantined == ("order_status",)
    assert drawn > 100
    assert [row.intent for row in quarantine.watch("scripted-1", now=NOW)] == ["order_status"]


def test_what_is_never_automated_puts_nothing_into_quarantine(labelled, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    CertificateFactory(intents=["order_status"], threshold=0.98, thresholds=[0.98])
    labelled(300, wrong=40)  # at a confidence of 0.97
    assert judge().quarantined == ()
    assert quarantine.watch("scripted-1", now=NOW) == []


def test_the_hourly_look_counts_a_group_of_the_same_words_once(labelled, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    CertificateFactory(intents=["order_status"])
    labelled(300, wrong=40)
    assert quarantine.watch("scripted-1", now=NOW, twins=lambda texts: [0] * len(texts)) == []


def test_evidence_has_a_start_that_stays(labelled):
    start = labels.start_of("scripted-1", NOW)
    earn.fix_grid("scripted-1", "a" * 64, [0.9, 0.8], NOW)
    earn.fix_grid("scripted-1", "b" * 64, [0.9, 0.8], NOW + timedelta(days=40))
    assert labels.start_of("scripted-1", NOW + timedelta(days=300)) == start


def test_the_command_says_what_came_out(labelled, monkeypatch, capsys):
    labelled(60)
    from classification import services

    monkeypatch.setattr(services, "serving_version", lambda: "scripted-1")
    call_command("certify", "--alpha", "0.05")
    out = capsys.readouterr().out
    assert "No certificate" in out
    assert "further reviewed tickets" in out
    assert not Certificate.objects.exists()


def test_a_dry_run_writes_nothing(labelled, monkeypatch, capsys):
    labelled(260)
    from classification import services

    monkeypatch.setattr(services, "serving_version", lambda: "scripted-1")
    call_command("certify", "--alpha", "0.05", "--dry-run")
    assert "Nothing was written" in capsys.readouterr().out
    assert not Certificate.objects.exists()
    call_command("certify", "--alpha", "0.05")
    assert Certificate.objects.count() == 1


# --- Which rows count -----------------------------------------------------------------------------


def test_what_is_never_automated_does_not_thin_out_the_rows(labelled, says, agent, settings):
    settings.REVIEW_RATE, settings.REVIEW_RATE_LIKELY = 0.1, 0.5
    drawn = labelled(200)
    says("refund_request")  # restricted: drawn at the base rate
    for n in range(60):
        inquiry = Inquiry(name="A", email=f"r{n}@example.com", message="?", channel=Channel.FORM)
        receive(inquiry, now=NOW)
    Review.objects.filter(answered_at=None).update(
        verdict=ReviewVerdict.NONE, reviewer=agent, answered_at=NOW
    )
    assert Review.objects.filter(stratum="base").exists()
    assert judge().accepted == drawn


def test_a_stop_for_a_time_does_not_thin_out_the_rows(labelled, settings, lead):
    settings.REVIEW_RATE, settings.REVIEW_RATE_LIKELY = 0.1, 0.5
    kill_switch.set_switch(True, "For a while.", actor=Actor.person(lead), now=NOW)
    drawn = labelled(120)
    assert drawn > 30
    assert judge().accepted == drawn


def test_a_lower_rate_later_on_holds_for_all_rows(labelled, settings):
    labelled(120)
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.25
    found = judge()
    assert found.accepted == Review.objects.filter(u__lt=0.25).count()


def test_near_duplicates_count_once(labelled):
    drawn = labelled(60)
    alike = earn.judge(
        "scripted-1", alpha=0.05, delta=0.05, now=NOW, twins=lambda texts: [0] * len(texts)
    )
    assert drawn > 1
    assert alike.accepted == 1


def test_the_thresholds_are_fixed_at_the_first_look_that_counts(labelled):
    labelled(100)
    judge()
    assert not ThresholdGrid.objects.exists()
    issue()
    fixed = ThresholdGrid.objects.get()
    assert (fixed.classifier_version, fixed.policy_digest) == (
        "scripted-1",
        Policy.objects.get().digest,
    )
    labelled(100, confidence=0.6, email="q{}@example.com")
    issue()
    assert ThresholdGrid.objects.get().thresholds == fixed.thresholds


def issue(alpha=0.05):
    return earn.issue("scripted-1", alpha=alpha, delta=0.05, actor=Actor.machine(), now=NOW)


def test_below_the_lowest_confidence_nothing_is_tested(labelled):
    labelled(60, confidence=0.49)
    assert judge().accepted == 0


def test_a_certificate_says_what_it_knows_of_each_intent(labelled):
    labelled(260)
    _, certificate = issue()
    assert certificate.shares == {"order_status": 1.0}
    assert "of the smallest here, order status with 100.0%, at most 5%" in certificate.statement
    assert "No row was looked at twice yet" in certificate.statement


def test_the_parts_of_a_promise_are_known_less_well():
    assert statement.known(0.02, 0.1) == "20%"
    assert statement.known(0.02, 0.01) == "100%"
    assert statement.known(0.02, 0.0) == "100%"
    assert "praise with 8.0%, at most 25%" in statement.of_parts(
        0.02, {"order_status": 0.92, "praise": 0.08}
    )


# --- Quarantine -----------------------------------------------------------------------------------


def test_what_is_shown_to_be_bad_goes_into_quarantine_once(labelled, says):
    CertificateFactory(alpha=0.02, bound=0.02, issued_at=NOW - timedelta(days=2))
    labelled(200, wrong=30)
    assert [row.intent for row in certify.watch(now=NOW)] == ["order_status"]
    assert certify.watch(now=NOW) == []
    row = Quarantine.objects.get()
    # the first hundred answers are all reviewed; those count that every ticket could have given
    wrong = Review.objects.filter(intent="complaint", u__lt=0.5).count()
    assert (row.errors, row.alpha, row.lifted_at) == (wrong, 0.02, None)
    assert AuditRecord.objects.filter(subject=f"quarantine:{row.pk}").count() == 1
    says("order_status", confidence=0.97)
    inquiry = Inquiry(name="A", email="z@example.com", message="Where?", channel=Channel.FORM)
    assert receive(inquiry, now=NOW).decision.reasons == ["not_certified"]


def test_after_it_was_lifted_the_evidence_starts_again(labelled, lead):
    CertificateFactory(alpha=0.02, bound=0.02, issued_at=NOW - timedelta(days=2))
    labelled(200, wrong=30)
    (row,) = certify.watch(now=NOW)
    quarantine.lift(row.pk, "Mended.", actor=Actor.person(lead), now=NOW)
    assert certify.watch(now=NOW) == []


def test_without_a_certificate_there_is_nothing_to_quarantine(labelled):
    labelled(200, wrong=30)
    assert certify.watch(now=NOW) == []


def test_a_good_intent_is_left_alone(labelled):
    CertificateFactory(alpha=0.05, issued_at=NOW - timedelta(days=2))
    labelled(200, wrong=2)
    assert certify.watch(now=NOW) == []
