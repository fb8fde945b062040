"""The certificate that a fresh install starts with, from out-of-fold answers."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from decisions.certificates import demo
from decisions.models import Certificate
from decisions.tests.factories import CertificateFactory
from tickets.codes import AuditKind, CertificateKind
from tickets.history.record import Actor
from tickets.models import AuditRecord, HistoryIsReadOnly

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)


def issue(*rows, intents=("order_status", "praise")):
    """`issue((100, "order_status", 0.9, True), ...)`: so many rows answered so."""
    answers = [row[1:] for row in rows for _ in range(row[0])]
    return demo.issue_demo(
        classifier_version="linear-1",
        intents=intents,
        answered=[intent for intent, _, _ in answers],
        confidence=[confidence for _, confidence, _ in answers],
        right=[right for _, _, right in answers],
        sample_sha256="a" * 64,
        actor=Actor.machine(),
        now=NOW,
    )


def test_enough_right_answers_earn_the_strictest_permit():
    certificate = issue((72, "order_status", 0.9, True))
    assert certificate == Certificate.objects.get()
    assert certificate.kind == CertificateKind.DEMO
    assert (certificate.classifier_version, certificate.intents) == (
        "linear-1",
        ["order_status", "praise"],
    )
    assert (certificate.alpha, certificate.delta) == (0.05, 0.05)
    assert (certificate.rows, certificate.errors, certificate.threshold) == (72, 0, 0.9)
    assert (certificate.thresholds, certificate.coverage) == ([0.9], 1.0)
    assert 0 < certificate.bound <= 0.05
    assert certificate.sample_digest == "a" * 64
    assert (certificate.issued_at, certificate.expires_at) == (NOW, NOW + timedelta(days=90))


@pytest.mark.parametrize(("rows", "alpha"), [(72, 0.05), (71, 0.1), (36, 0.1), (35, 0.2)])
def test_the_first_error_rate_that_passes_is_certified(rows, alpha):
    assert issue((rows, "order_status", 0.9, True)).alpha == alpha


def test_too_few_rows_earn_none_and_write_nothing():
    assert issue((16, "order_status", 0.9, True)) is None
    assert not Certificate.objects.exists()
    assert not AuditRecord.objects.exists()


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [(500, "complaint", 0.9, True)],
        [(500, None, 0.9, True)],
        [(500, "order_status", 0.9, False)],
    ],
)
def test_nothing_of_these_intents_or_nothing_right_earns_none(rows):
    assert issue(*rows) is None
    assert not Certificate.objects.exists()


def test_rows_of_other_intents_count_for_the_coverage_alone():
    certificate = issue((80, "order_status", 0.9, True), (120, "complaint", 0.99, False))
    assert (certificate.rows, certificate.errors, certificate.coverage) == (80, 0, 0.4)


def test_a_permit_that_lets_hardly_anything_through_gives_way_to_a_more_lenient_one():
    # At 5 % only the first seventy-two pass: less than a tenth of what these intents hold.
    rows = [(80, "order_status", 0.99, True), (720, "order_status", 0.5, True)]
    wrong = (90, "order_status", 0.5, False)
    certificate = issue(*rows, wrong)
    assert certificate.alpha == 0.2
    assert (certificate.rows, certificate.errors) == (890, 90)


def test_a_certificate_is_on_record_in_the_audit_chain():
    certificate = issue((72, "order_status", 0.9, True))
    record = AuditRecord.objects.get()
    assert (record.kind, record.subject) == (AuditKind.CERTIFICATE, f"certificate:{certificate.pk}")
    assert json.loads(record.body)["data"] == {
        "certificate": certificate.pk,
        "kind": "demo",
        "classifier": "linear-1",
        "alpha": 0.05,
        "delta": 0.05,
        "threshold": 0.9,
        "rows": 72,
        "errors": 0,
        "policy": "",
        "sample": certificate.sample_digest,
    }


def test_the_statement_says_what_is_promised_and_what_not():
    certificate = issue((99, "order_status", 0.9, True), (1, "order_status", 0.9, False))
    assert "1 of 100 answers at confidence 0.900 or more were wrong" in certificate.statement
    assert "with 95% confidence" in certificate.statement
    assert "says little about your traffic" in certificate.statement


# --- The rows -------------------------------------------------------------------------------------


def test_a_certificate_never_changes():
    certificate = CertificateFactory()
    certificate.threshold = 0.1
    with pytest.raises(HistoryIsReadOnly):
        certificate.save()
    with pytest.raises(HistoryIsReadOnly):
        Certificate.objects.update(threshold=0.1)
    with pytest.raises(HistoryIsReadOnly):
        certificate.delete()
    assert Certificate.objects.get().threshold == 0.8


@pytest.mark.parametrize(
    ("constraint", "changes"),
    [
        ("certificate_bound_holds", {"alpha": 0.05, "bound": 0.051}),
        ("certificate_threshold_range", {"threshold": 0}),
        ("certificate_threshold_range", {"threshold": 1.1}),
        ("certificate_kind_known", {"kind": "forever"}),
    ],
)
def test_the_database_refuses_a_certificate_that_promises_more_than_it_holds(constraint, changes):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CertificateFactory(**changes)
    assert not Certificate.objects.exists()


def test_the_newest_certificate_in_force_comes_first():
    first, second = CertificateFactory(), CertificateFactory()
    CertificateFactory(classifier_version="linear-2")
    CertificateFactory(expires_at=NOW)
    CertificateFactory(issued_at=NOW + timedelta(seconds=1))
    assert list(Certificate.objects.in_force("scripted-1", NOW)) == [second, first]
