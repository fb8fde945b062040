"""Alerts fire once, are taken by people, are over, and are told to whom they concern."""

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from metrics.alerts import alerts
from metrics.alerts.rules import Finding
from metrics.models import Alert, AlertEvent, AlertNotice
from metrics.tests.factories import NOON, AlertFactory
from tickets.codes import (
    ActorKind,
    AlertKind,
    AlertState,
    AlertStep,
    AuditKind,
    OutboxKind,
    Role,
    Severity,
)
from tickets.history.record import Actor
from tickets.models import AuditRecord, Calendar, HistoryIsReadOnly, Outbox

pytestmark = pytest.mark.django_db
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WARNING, CRITICAL = Severity
DISK = AlertKind.DISK_LOW


@pytest.fixture(autouse=True)
def told(settings):
    settings.ALERT_MAIL = ["ops@example.com"]
    settings.ALERT_MAIL_CRITICAL = ["night@example.com", "ops@example.com"]
    settings.ALERT_WEBHOOKS = ["https://hooks.example.com/a"]


@pytest.fixture
def by_lead(person):
    return Actor.person(person(Role.LEAD))


def check(now, *findings, kinds=(DISK,)):
    """A round in which looks of these kinds find just this."""
    watches = {
        kind: lambda now, kind=kind: [f for f in findings if f.kind == kind] for kind in kinds
    }
    return alerts.check(now, watches)


def low(severity=WARNING, megabytes=1_500, subject=""):
    return Finding(DISK, severity, subject, {"megabytes": megabytes})


def steps(alert: Alert) -> list[str]:
    return list(alert.events.values_list("step", flat=True))


def queued() -> list[tuple[str, str]]:
    rows = Outbox.objects.order_by("id")
    return [(row.kind, row.data["state"]) for row in rows]


# --- Firing and being over ------------------------------------------------------------------------


def test_an_alert_fires_once_and_does_not_repeat():
    assert check(NOON, low()).fired == 1
    assert check(NOON + MINUTE, low(megabytes=1_400)).fired == 0
    alert = Alert.objects.get()
    assert (alert.state, alert.first_seen_at, alert.last_seen_at) == (
        AlertState.FIRING,
        NOON,
        NOON + MINUTE,
    )
    assert alert.facts == {"megabytes": 1_400}
    assert steps(alert) == [AlertStep.FIRED]
    assert Outbox.objects.count() == 2


def test_the_database_refuses_a_second_one_while_it_fires():
    AlertFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        AlertFactory()
    Alert.objects.update(state=AlertState.RESOLVED, resolved_at=NOON)
    AlertFactory()


def test_subjects_are_alerts_of_their_own():
    check(NOON, low(subject="a"), low(subject="b"))
    check(NOON + MINUTE, low(subject="b"))
    states = dict(Alert.objects.values_list("subject", "state"))
    assert states == {"a": AlertState.RESOLVED, "b": AlertState.FIRING}


def test_what_is_not_found_any_more_is_over_and_comes_again_as_another():
    check(NOON, low())
    assert check(NOON + HOUR).resolved == 1
    assert check(NOON + HOUR + MINUTE).resolved == 0
    first = Alert.objects.get()
    assert (first.state, first.resolved_at) == (AlertState.RESOLVED, NOON + HOUR)
    assert steps(first) == [AlertStep.FIRED, AlertStep.RESOLVED]
    check(NOON + 2 * HOUR, low())
    assert Alert.objects.count() == 2


def test_kinds_that_nobody_looked_for_stay_as_they_are():
    check(NOON, low())
    assert check(NOON + MINUTE, kinds=[AlertKind.DRIFT]).resolved == 0
    assert Alert.objects.get().state == AlertState.FIRING


def test_a_look_that_fails_changes_nothing_of_its_kind_and_the_others_go_on():
    check(NOON, low())

    def fail(now):
        raise OSError("no such disk")

    watches = {DISK: fail, AlertKind.DRIFT: lambda now: [Finding(AlertKind.DRIFT, WARNING)]}
    checked = alerts.check(NOON + MINUTE, watches)
    assert (checked.failed, checked.fired, checked.resolved) == ((DISK,), 1, 0)
    assert Alert.objects.filter(state=AlertState.FIRING).count() == 2
    with pytest.raises(alerts.LooksFailed, match="disk_low"):
        alerts.run(NOON + 2 * MINUTE, watches)


def test_looking_alone_writes_nothing():
    found, failed = alerts.look(NOON, {DISK: lambda now: [low()]})
    assert (len(found), failed) == (1, ())
    assert not Alert.objects.exists()
    assert not Outbox.objects.exists()


def test_history_of_alerts_is_never_changed():
    check(NOON, low())
    with pytest.raises(HistoryIsReadOnly):
        AlertEvent.objects.update(step=AlertStep.RESOLVED)


def test_a_round_that_finds_nothing_new_costs_few_queries(django_assert_num_queries):
    check(NOON, low())
    # savepoint, alert, update, release; unresolved of the kinds; hours; alerts to tell: two
    with django_assert_num_queries(8):
        check(NOON + MINUTE, low())


# --- What people do -------------------------------------------------------------------------------


def test_somebody_takes_an_alert_and_nobody_else_can(by_lead, person):
    alert = AlertFactory()
    assert alerts.acknowledge(alert.pk, actor=by_lead, now=NOON)
    other = Actor.person(person(Role.LEAD, username="mia"))
    assert not alerts.acknowledge(alert.pk, actor=other, now=NOON + MINUTE)
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by_id) == (AlertState.ACKNOWLEDGED, by_lead.user_id)
    (event,) = alert.events.all()
    assert (event.step, event.actor_kind, event.user_id) == (
        AlertStep.ACKNOWLEDGED,
        ActorKind.PERSON,
        by_lead.user_id,
    )


def test_what_was_taken_stays_taken_while_it_lasts(by_lead):
    check(NOON, low())
    alerts.acknowledge(Alert.objects.get().pk, actor=by_lead, now=NOON)
    check(NOON + MINUTE, low())
    assert Alert.objects.get().state == AlertState.ACKNOWLEDGED


def test_what_gets_worse_fires_again(by_lead):
    check(NOON, low())
    alerts.acknowledge(Alert.objects.get().pk, actor=by_lead, now=NOON)
    check(NOON + MINUTE, low(CRITICAL, 100))
    alert = Alert.objects.get()
    assert (alert.state, alert.severity, alert.acknowledged_by) == (
        AlertState.FIRING,
        CRITICAL,
        None,
    )
    check(NOON + 2 * MINUTE, low())
    assert steps(alert) == [
        AlertStep.FIRED,
        AlertStep.ACKNOWLEDGED,
        AlertStep.WORSENED,
        AlertStep.EASED,
    ]


def test_nothing_is_done_to_what_is_over(by_lead):
    alert = AlertFactory(state=AlertState.RESOLVED, resolved_at=NOON)
    assert not alerts.acknowledge(alert.pk, actor=by_lead, now=NOON)
    assert not alerts.silence(alert.pk, NOON + HOUR, actor=by_lead, now=NOON)
    assert not alert.events.exists()


def test_silence_keeps_quiet_also_when_it_comes_again_and_then_ends(by_lead):
    alert = AlertFactory()
    alerts.silence(alert.pk, NOON + 2 * HOUR, actor=by_lead, now=NOON)
    check(NOON + MINUTE, low())
    check(NOON + 2 * MINUTE)
    check(NOON + 3 * MINUTE, low())
    assert Alert.objects.count() == 2
    assert not Outbox.objects.exists()
    check(NOON + 2 * HOUR, low())
    assert queued() == [(OutboxKind.WEBHOOK, "firing"), (OutboxKind.ALERT_MAIL, "firing")]


def test_silence_can_be_ended(by_lead):
    alert = AlertFactory()
    alerts.silence(alert.pk, NOON + HOUR, actor=by_lead, now=NOON)
    alerts.silence(alert.pk, None, actor=by_lead, now=NOON)
    check(NOON + MINUTE, low())
    assert len(queued()) == 2
    assert steps(alert) == [AlertStep.SILENCED, AlertStep.UNSILENCED]


def test_who_quiets_an_alert_stands_in_the_audit_chain(by_lead):
    alert = AlertFactory()
    alerts.acknowledge(alert.pk, actor=by_lead, now=NOON)
    alerts.silence(alert.pk, NOON + HOUR, actor=by_lead, now=NOON)
    alerts.silence(alert.pk, None, actor=by_lead, now=NOON)
    records = AuditRecord.objects.filter(kind=AuditKind.ALERT).order_by("number")
    assert [record.subject for record in records] == [f"alert:{alert.pk}"] * 3
    told = [json.loads(record.body) for record in records]
    assert [one["data"]["step"] for one in told] == ["acknowledged", "silenced", "unsilenced"]
    assert told[1]["data"]["until"] == (NOON + HOUR).isoformat(timespec="seconds")
    assert {one["data"]["kind"] for one in told} == {alert.kind}


def test_what_could_not_be_quieted_stands_nowhere(by_lead):
    alert = AlertFactory(state=AlertState.RESOLVED, resolved_at=NOON)
    alerts.acknowledge(alert.pk, actor=by_lead, now=NOON)
    assert not AuditRecord.objects.exists()


# --- Telling --------------------------------------------------------------------------------------


def test_mail_goes_to_those_whom_the_severity_concerns():
    check(NOON, low())
    assert queued() == [(OutboxKind.WEBHOOK, "firing"), (OutboxKind.ALERT_MAIL, "firing")]
    check(NOON + MINUTE, low(CRITICAL, 100))
    mails = Outbox.objects.filter(kind=OutboxKind.ALERT_MAIL, data__severity=CRITICAL)
    assert mails.count() == 2
    assert Outbox.objects.count() == 5
    assert AlertNotice.objects.count() == 5


def test_being_over_is_told_once_to_those_who_were_told():
    check(NOON, low())
    check(NOON + MINUTE)
    check(NOON + 2 * MINUTE)
    assert queued()[2:] == [(OutboxKind.WEBHOOK, "resolved"), (OutboxKind.ALERT_MAIL, "resolved")]


def test_addresses_stand_in_no_row():
    check(NOON, low())
    assert "example.com" not in str(list(Outbox.objects.values()))


def test_without_addresses_nothing_is_queued(settings):
    settings.ALERT_MAIL = settings.ALERT_MAIL_CRITICAL = settings.ALERT_WEBHOOKS = []
    check(NOON, low())
    check(NOON + MINUTE)
    assert not Outbox.objects.exists()


@pytest.fixture
def office():
    """Open from nine to five, on every day."""
    week = {str(day): [["09:00", "17:00"]] for day in range(7)}
    return Calendar.objects.create(slug="default", time_zone="UTC", hours=week)


NIGHT = NOON + 10 * HOUR
MORNING = NOON + 21 * HOUR


def test_nobody_is_mailed_at_night_unless_it_is_critical(office):
    check(NIGHT, low())
    assert queued() == [(OutboxKind.WEBHOOK, "firing")]
    check(MORNING - MINUTE, low())
    assert len(queued()) == 1
    check(MORNING, low())
    assert queued()[1:] == [(OutboxKind.ALERT_MAIL, "firing")]


def test_what_comes_and_goes_in_the_night_is_never_mailed(office):
    check(NIGHT, low())
    check(NIGHT + HOUR)
    check(MORNING)
    assert OutboxKind.ALERT_MAIL not in {kind for kind, _ in queued()}


def test_what_is_critical_wakes_people_and_its_end_lets_them_sleep(office):
    check(NIGHT, low(CRITICAL, 100))
    assert [kind for kind, _ in queued()].count(OutboxKind.ALERT_MAIL) == 2
    check(NIGHT + HOUR)
    assert (OutboxKind.ALERT_MAIL, "resolved") not in queued()
    check(MORNING)
    assert (OutboxKind.ALERT_MAIL, "resolved") in queued()


def test_who_looks_after_it_before_the_morning_is_not_mailed(office, by_lead):
    check(NIGHT, low())
    alerts.acknowledge(Alert.objects.get().pk, actor=by_lead, now=NIGHT)
    check(MORNING, low())
    assert OutboxKind.ALERT_MAIL not in {kind for kind, _ in queued()}
