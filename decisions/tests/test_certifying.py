"""Certificates from blind reviews of live tickets."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from decisions import certifying
from decisions.models import Certificate, Review
from tickets.codes import AuditKind, CertificateKind, Channel, ReviewVerdict
from tickets.intake import Inquiry, receive
from tickets.models import AuditRecord
from tickets.record import Actor

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
            inquiry = Inquiry(
                name="A", email=email.format(n), message="Where?", channel=Channel.FORM
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
    return certifying.judge("scripted-1", alpha=alpha, delta=0.05, now=NOW)


def test_enough_right_answers_earn_a_certificate(labelled):
    drawn = labelled(260)
    found, certificate = certifying.issue(
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
    late = certifying.judge("scripted-1", alpha=0.05, delta=0.05, now=NOW + timedelta(days=15))
    assert (late.errors, late.waiting) == (1, 0)


def test_one_person_counts_once(labelled):
    labelled(120, email="same@example.com")
    # most of these tickets are stopped by caps and rules too, but even one would count once
    assert judge().labelled == 1


def test_another_model_has_earned_nothing(labelled):
    labelled(260)
    other = certifying.judge("scripted-2", alpha=0.05, delta=0.05, now=NOW)
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


def test_a_bad_intent_is_quarantined(labelled):
    drawn = labelled(300, wrong=40)
    found = judge()
    assert found.quarantined == ("order_status",)
    assert drawn > 100


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
