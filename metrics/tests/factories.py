"""Rows of the watchers for tests."""

from datetime import UTC, date, datetime

import factory

from metrics.models import Alert, DriftLook
from tickets.codes import AlertKind, Severity

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday


class AlertFactory(factory.django.DjangoModelFactory):
    """The disk is short of room, and nobody looks after it yet."""

    class Meta:
        model = Alert

    kind = AlertKind.DISK_LOW
    severity = Severity.WARNING
    facts = {"megabytes": 1500}
    first_seen_at = NOON
    last_seen_at = factory.SelfAttribute("first_seen_at")


class DriftLookFactory(factory.django.DjangoModelFactory):
    """A look that found nothing."""

    class Meta:
        model = DriftLook

    day = date(2026, 3, 2)
    series = "intents"
    classifier = "scripted-1"
    reference = "sample"
    rows_before = 900
    rows_now = 70
    weeks = 12
    stability = 0.2
    expected = 0.18
    p = 0.4
    allowed_p = 0.0009
    fires = False
    at = NOON
