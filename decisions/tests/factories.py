"""Rows of decisions for tests."""

from datetime import UTC, datetime

import factory

from decisions.models import Certificate
from decisions.starter import automated_intents
from tickets.codes import CertificateKind


class CertificateFactory(factory.django.DjangoModelFactory):
    """A permit, for any time, of everything that the starter policy would automate."""

    class Meta:
        model = Certificate

    kind = CertificateKind.DEMO
    classifier_version = "scripted-1"
    intents = factory.LazyFunction(automated_intents)
    alpha = 0.05
    delta = 0.05
    method = "test"
    rows = 100
    errors = 0
    bound = 0.036
    coverage = 0.5
    threshold = 0.8
    thresholds = [0.8]
    sample_digest = "0" * 64
    statement = "For a test."
    issued_at = datetime(2020, 1, 1, tzinfo=UTC)
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)
