"""Looking for what may be worth an alert: facts come from rows."""

import os
from collections import namedtuple
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.utils import timezone

from classification.models import Prediction, Promotion
from classification.tests.factories import ModelVersionFactory
from decisions.models import Breaker, Decision
from metrics.alerts import hours, watch
from metrics.alerts.watch import ALL_WATCHES
from metrics.models import DriftLook
from metrics.tests.factories import NOON, DriftLookFactory
from tickets.codes import AlertKind, OutboxState, Outcome, Severity, TargetKind
from tickets.models import Calendar, Outbox, Queue, ServiceLevel, Target, Ticket
from tickets.tests.factories import OutboxFactory, TicketFactory

pytestmark = pytest.mark.django_db
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def test_there_is_a_look_for_every_kind():
    assert set(ALL_WATCHES) == set(AlertKind)
    assert not watch.OFTEN.keys() & watch.SELDOM.keys()


def promise(due_in: timedelta, queue: Queue | None = None, **more) -> Target:
    level, _ = ServiceLevel.objects.get_or_create(name="all", first_response_minutes=60)
    ticket = TicketFactory(decided=True, queue=queue, created_at=NOON - HOUR)
    return Target.objects.create(
        ticket=ticket,
        kind=TargetKind.FIRST_RESPONSE,
        service_level=level,
        promised_minutes=60,
        started_at=NOON - HOUR,
        due_at=NOON + due_in,
        warn_at=NOON + due_in - 10 * MINUTE,
        **more,
    )


def test_promises_are_counted_by_queue(django_assert_num_queries):
    billing = Queue.objects.create(slug="billing", name="Billing")
    promise(5 * MINUTE, billing)
    promise(8 * MINUTE, billing)
    promise(30 * MINUTE)  # its warning is not due
    promise(5 * MINUTE, met_at=NOON)
    promise(-20 * MINUTE)
    promise(-30 * MINUTE, breached_at=NOON - 30 * MINUTE)
    promise(-30 * MINUTE, met_at=NOON, breached_at=NOON - 30 * MINUTE)
    with django_assert_num_queries(2):
        (near,) = watch.promises_at_risk(NOON)
        (missed,) = watch.promises_missed(NOON)
    assert (near.subject, near.facts) == ("billing", {"tickets": 2, "minutes": 5})
    assert (missed.subject, missed.facts) == ("", {"tickets": 2, "minutes": 30})


def test_undecided_tickets_are_counted_with_the_oldest():
    TicketFactory(created_at=NOON - 20 * MINUTE)
    TicketFactory(created_at=NOON)
    TicketFactory(decided=True, created_at=NOON - DAY)
    (found,) = watch.undecided(NOON)
    assert (found.severity, found.facts) == (Severity.CRITICAL, {"tickets": 2, "minutes": 20})


def test_the_outbox_is_stuck_by_what_waits_or_was_given_up_lately():
    OutboxFactory(created_at=NOON - HOUR, next_attempt_at=NOON + HOUR, attempts=3)
    OutboxFactory(created_at=NOON - DAY, state=OutboxState.SENT)
    OutboxFactory(state=OutboxState.FAILED, created_at=NOON - 2 * DAY)
    failed = OutboxFactory(state=OutboxState.FAILED, created_at=NOON - HOUR)
    (found,) = watch.outbox(NOON)
    assert found.facts == {"pending": 1, "failed": 1, "minutes": 60}
    Outbox.objects.exclude(pk=failed.pk).delete()
    assert watch.outbox(NOON + 2 * DAY) == []


def test_open_breakers_are_one_alert_each():
    for intent, open_ in (("praise", True), ("", True), ("complaint", False)):
        Breaker.objects.create(intent=intent, open=open_, changed_at=NOON)
    found = watch.breakers(NOON)
    assert {f.subject for f in found} == {"praise", "all"}


def predict(number, *, failure="", classifier="linear-1", at=NOON):
    ticket = TicketFactory(created_at=at)
    for _ in range(number):
        Prediction.objects.create(
            ticket=ticket, round=1, classifier=classifier, failure=failure, milliseconds=1, at=at
        )


def test_failures_of_the_last_hour_are_counted_apart_for_the_second_opinion():
    predict(6)
    predict(3, failure="classifier_raised")
    predict(50, failure="classifier_raised", at=NOON - 2 * HOUR)
    predict(4, failure="too_slow", classifier="llm-any")
    own, second = watch.classifier_failing(NOON)
    assert (own.subject, own.facts) == ("", {"failed": 3, "asked": 9})
    assert (second.subject, second.facts) == ("second", {"failed": 4, "asked": 4})


def test_the_model_that_serves_is_compared_with_the_promoted_one(says):
    says("order_status", version="keywords-0")
    assert watch.classifier_absent(NOON) == []
    Promotion.objects.create(model=ModelVersionFactory(), reason="Trained", at=NOON)
    (found,) = watch.classifier_absent(NOON)
    assert found.facts["serving"] == "keywords-0"


def test_only_the_newest_look_for_drift_counts_and_only_for_two_days():
    DriftLookFactory(fires=True, moved=[{"kind": "praise"}, {"kind": "complaint"}])
    (found,) = watch.drift(NOON + HOUR)
    assert (found.subject, found.facts["most"]) == ("intents", ["praise", "complaint"])
    assert watch.drift(NOON + 3 * DAY) == []
    DriftLookFactory(day=NOON.date() + DAY, at=NOON + DAY)
    assert DriftLook.objects.count() == 2
    assert watch.drift(NOON + DAY) == []


def test_room_on_the_disk_is_that_of_the_data(monkeypatch, settings):
    usage = namedtuple("usage", "total used free")
    asked = []
    monkeypatch.setattr(
        watch.shutil, "disk_usage", lambda path: asked.append(path) or usage(0, 0, 150_000_000)
    )
    (found,) = watch.disk(NOON)
    assert (found.severity, found.facts, asked) == (
        Severity.CRITICAL,
        {"megabytes": 150},
        [settings.DATA_DIR],
    )


def test_the_newest_backup_counts(settings, tmp_path):
    settings.BACKUP_DIR, settings.BACKUP_MAX_HOURS = tmp_path, 0
    assert watch.backup(NOON) == []
    settings.BACKUP_MAX_HOURS = 26
    (found,) = watch.backup(NOON)
    assert found.facts == {"hours": None}
    for name, age in (("old", 90), ("new", 30)):
        (tmp_path / name).write_text("x")
        then = (NOON - age * HOUR).timestamp()
        os.utime(tmp_path / name, (then, then))
    (found,) = watch.backup(NOON)
    assert (found.facts, found.severity) == ({"hours": 30}, Severity.WARNING)
    settings.BACKUP_DIR = tmp_path / "nowhere"
    assert len(watch.backup(NOON)) == 1


# --- Spikes ---------------------------------------------------------------------------------------


@pytest.fixture
def history():
    """A hundred quiet days with four tickets from nine to twelve, half of them for people."""
    requester = TicketFactory(created_at=NOON - 101 * DAY).requester
    moments = [
        NOON - day * DAY + hour * HOUR + n * MINUTE
        for day in range(1, 101)
        for hour in (-3, -2, -1)
        for n in range(4)
    ]
    write_in(moments, requester)
    return requester


def write_in(moments, requester, *, people=None):
    rows = Ticket.objects.bulk_create(
        [
            Ticket(
                requester=requester,
                channel="api",
                created_at=at,
                updated_at=at,
                tracking_expires_at=at,
            )
            for at in moments
        ]
    )
    Decision.objects.bulk_create(
        [
            Decision(
                ticket=ticket,
                round=1,
                outcome=Outcome.ESCALATE
                if (n % 2 if people is None else people)
                else Outcome.AUTO_RESOLVE,
                reasons=["permitted"],
                priority="normal",
                facts={},
                trace=[],
                engine_version=1,
                software_version="0",
                at=ticket.created_at,
            )
            for n, ticket in enumerate(rows)
        ]
    )


def test_a_quiet_morning_does_not_fire(history):
    assert watch.volume_spike(NOON) == []
    assert watch.escalation_spike(NOON) == []


def test_a_spike_fires_while_its_hour_still_runs_and_says_what_was_usual(history):
    write_in([NOON - HOUR + n * MINUTE for n in range(30)], history)
    now = NOON - 25 * MINUTE
    (found,) = watch.volume_spike(now)
    assert found.facts["hour"] == 11
    assert found.facts["count"] == 30
    assert found.facts["usual"] == 4.0
    assert found.facts["approximate"] is True  # a hundred days, of which 28 are only looked back at
    assert found.facts["day"] == "2026-03-02"
    # and it goes on firing until the day ends
    assert len(watch.volume_spike(NOON + 8 * HOUR)) == 1
    assert watch.volume_spike(NOON + DAY) == []


def test_escalations_are_judged_when_their_hour_is_over(history):
    write_in([NOON - HOUR + n * MINUTE for n in range(40)], history, people=True)
    assert watch.escalation_spike(NOON - MINUTE) == []
    (found,) = watch.escalation_spike(NOON + MINUTE)
    assert (found.facts["hour"], found.facts["count"], found.facts["of"]) == (11, 40, 40)
    assert found.facts["usual"] == 20.0


def test_without_tickets_there_is_no_spike():
    assert watch.volume_spike(NOON) == []
    assert watch.escalation_spike(NOON) == []


def test_hours_are_those_of_the_business_and_changes_of_the_clock_are_left_out():
    Calendar.objects.create(slug="default", time_zone="Europe/Berlin", holiday_country="DE")
    berlin = timezone.get_fixed_timezone(60)
    TicketFactory(created_at=datetime(2026, 3, 20, 9, tzinfo=UTC))
    TicketFactory(created_at=datetime(2026, 3, 24, 8, 30, tzinfo=berlin))
    now = datetime(2026, 4, 7, 12, tzinfo=UTC)
    found = hours.gather(now)
    first = datetime(2026, 3, 21, tzinfo=UTC).date()
    assert found.tickets.shape == ((found.today - first).days + 1, 24)
    assert found.tickets[3, 8] == 1
    assert np.nansum(found.tickets) == 1  # the first day is not whole
    forward = (datetime(2026, 3, 29, tzinfo=UTC).date() - first).days
    assert np.isnan(found.tickets[forward]).nonzero()[0].tolist() == [2]
    good_friday = (datetime(2026, 4, 3, tzinfo=UTC).date() - first).days
    assert np.isnan(found.tickets[good_friday]).all()
    assert found.hour == 14
    assert np.isnan(found.tickets[-1, 15:]).all()
