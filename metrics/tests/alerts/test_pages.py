"""Alerts in the console, on the home page, by API and for Prometheus."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from metrics.alerts import alerts
from metrics.models import Alert, AlertNotice, UnexplainedGroup
from metrics.tests.factories import NOON, AlertFactory, DriftLookFactory
from tickets.codes import AlertKind, AlertState, OutboxKind, Scope, Severity
from tickets.history.record import Actor
from tickets.models import JobLease, Message, Outbox, Queue
from tickets.tests.at_work import as_user, words_of
from tickets.tests.calling import client_with
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
LIST = "/ops/metrics/alert/"
API = "/api/v1/alerts/"


def page_of(alert: Alert) -> str:
    return reverse("admin:metrics_alert_change", args=[alert.pk])


def test_the_list_shows_what_is_gravest_first(lead, django_assert_num_queries):
    over = AlertFactory(state=AlertState.RESOLVED, resolved_at=NOON, kind=AlertKind.DRIFT)
    warning = AlertFactory()
    grave = AlertFactory(kind=AlertKind.BREAKER_OPEN, subject="praise", severity=Severity.CRITICAL)
    taken = AlertFactory(kind=AlertKind.DRIFT, state=AlertState.ACKNOWLEDGED, acknowledged_by=lead)
    client = as_user(lead)
    client.get(LIST)
    # session, user, rights (two), keys of the list, its rows, what waits for me
    with django_assert_num_queries(7):
        response = client.get(LIST)
    assert [a.pk for a in response.context["cl"].result_list] == [
        grave.pk,
        warning.pk,
        taken.pk,
        over.pk,
    ]
    assert "A breaker stopped automation: praise" in words_of(response)


def test_an_alerts_page_says_what_is_the_case_and_where_the_runbook_is(lead):
    alert = AlertFactory(facts={"megabytes": 153})
    outbox = Outbox.objects.create(
        kind=OutboxKind.WEBHOOK,
        dedupe="x",
        data={"state": "firing"},
        attempts=3,
        last_error="http_500",
        created_at=NOON,
        next_attempt_at=NOON,
    )
    AlertNotice.objects.create(alert=alert, outbox=outbox)
    words = words_of(as_user(lead).get(page_of(alert)))
    assert "153 MB are free." in words
    assert 'href="/ops/runbooks/disk_low/"' in words
    assert "http_500" in words
    assert "Nobody looks after it yet." in words


def test_a_lead_takes_an_alert_and_silences_it(lead):
    alert = AlertFactory()
    client = as_user(lead)
    client.post(reverse("admin:alert_take", args=[alert.pk]))
    client.post(reverse("admin:alert_silence", args=[alert.pk]), {"hours": "8"})
    alert.refresh_from_db()
    assert (alert.state, alert.acknowledged_by) == (AlertState.ACKNOWLEDGED, lead)
    assert timedelta(hours=7) < alert.silenced_until - timezone.now() <= timedelta(hours=8)
    words = words_of(client.get(page_of(alert)))
    assert "lead looks after it" in words
    assert "End the silence" in words
    client.post(reverse("admin:alert_silence", args=[alert.pk]), {"hours": ""})
    alert.refresh_from_db()
    assert alert.silenced_until is None


@pytest.mark.parametrize("name", ["alert_take", "alert_silence"])
def test_looking_takes_nothing(lead, name):
    alert = AlertFactory()
    assert as_user(lead).get(reverse(f"admin:{name}", args=[alert.pk])).status_code == 405
    alert.refresh_from_db()
    assert (alert.state, alert.silenced_until) == (AlertState.FIRING, None)


def test_a_silence_of_any_other_length_is_refused(lead):
    alert = AlertFactory()
    as_user(lead).post(reverse("admin:alert_silence", args=[alert.pk]), {"hours": "9999"})
    alert.refresh_from_db()
    assert alert.silenced_until is None


def test_an_auditor_reads_and_sees_no_buttons(auditor):
    words = words_of(as_user(auditor).get(page_of(AlertFactory())))
    assert "1500 MB are free." in words
    assert "I look after it" not in words
    assert "Silence" not in words


# --- Home -----------------------------------------------------------------------------------------


@pytest.fixture
def worker():
    now = timezone.now()
    return JobLease.objects.create(name="heartbeat", due_at=now, last_started_at=now)


def fires(user) -> list[tuple[str, bool, bool]]:
    found = as_user(user).get("/ops/").context["fires"]
    return [(fire.words, fire.grave, bool(fire.url)) for fire in found]


def test_everybody_sees_what_fires_and_leads_may_open_it(starter, worker, agent, lead):
    AlertFactory(severity=Severity.CRITICAL)
    AlertFactory(kind=AlertKind.DRIFT)
    assert fires(agent) == [
        ("The disk is nearly full.", True, False),
        ("Customers write about other things.", False, False),
    ]
    assert [url for *_, url in fires(lead)] == [True, True]


def test_what_somebody_took_and_what_burns_by_itself_is_not_shown_twice(
    starter, worker, agent, lead
):
    alert = AlertFactory()
    alerts.acknowledge(alert.pk, actor=Actor.person(lead), now=timezone.now())
    AlertFactory(kind=AlertKind.OUTBOX_STUCK)
    assert fires(agent) == []


# --- Drift ----------------------------------------------------------------------------------------


def test_the_page_of_drift_shows_looks_and_groups_with_live_words(lead, django_assert_num_queries):
    tickets = [TicketFactory(message=f"My gift card {n} is empty") for n in range(4)]
    DriftLookFactory(
        moved=[
            {
                "kind": "order_status",
                "before": 90,
                "now": 30,
                "share_before": 0.1,
                "share_now": 0.43,
                "stability": 0.2,
            }
        ]
    )
    UnexplainedGroup.objects.create(
        day=NOON.date(),
        position=1,
        size=4,
        closeness=0.9,
        tickets=[ticket.pk for ticket in tickets],
        at=NOON,
    )
    client = as_user(lead)
    client.get("/ops/metrics/driftlook/")
    # session, user, rights (two), mine; newest day, looks, groups, tickets of intents, openings
    with django_assert_num_queries(10):
        words = words_of(client.get("/ops/metrics/driftlook/"))
    assert "43.0%" in words
    assert "As in the sample" in words
    assert "My gift card 0 is empty" in words
    assert "My gift card 3" not in words  # three examples
    Message.objects.filter(ticket=tickets[0]).update(body="", erased_at=NOON)
    assert "gift card 0" not in words_of(client.get("/ops/metrics/driftlook/"))


def test_without_looks_the_page_says_what_it_takes(lead):
    assert "It takes a certificate" in words_of(as_user(lead).get("/ops/metrics/driftlook/"))
    assert as_user(lead).get("/ops/metrics/driftlook/earlier/").status_code == 200


def test_agents_do_not_open_it(agent):
    assert as_user(agent).get("/ops/metrics/driftlook/").status_code == 403


# --- API and Prometheus ---------------------------------------------------------------------------


def test_the_api_lists_alerts(issue_key, lead, settings, django_assert_num_queries):
    settings.PUBLIC_URL = "https://help.example.com"
    AlertFactory(state=AlertState.RESOLVED, resolved_at=NOON)
    for subject in ("a", "b", "c"):
        AlertFactory(subject=subject, acknowledged_by=lead)
    client = client_with(issue_key(Scope.METRICS_READ))
    client.get(API)
    with django_assert_num_queries(2):  # key, alerts with people
        content = client.get(API).json()
    assert [row["subject"] for row in content["results"]] == ["c", "b", "a", None]
    row = content["results"][0]
    assert (row["kind"], row["state"], row["acknowledged_by"]) == ("disk_low", "firing", "lead")
    assert row["runbook"] == "https://help.example.com/ops/runbooks/disk_low/"
    assert row["sentence"] == "1500 MB are free."
    firing = client.get(API, {"state": "firing", "kind": "disk_low"}).json()["results"]
    assert len(firing) == 3
    assert client.get(API, {"state": "burning"}).status_code == 400


def test_prometheus_counts_what_is_not_over(client):
    AlertFactory()
    AlertFactory(subject="x", state=AlertState.ACKNOWLEDGED)
    AlertFactory(subject="y", state=AlertState.RESOLVED, resolved_at=NOON)
    lines = client.get("/metrics").content.decode().splitlines()
    assert 'supportops_alerts_firing{kind="disk_low",severity="warning"} 2.0' in lines
    assert 'supportops_alerts_firing{kind="drift",severity="critical"} 0.0' in lines


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (AlertKind.SERVICE_LEVEL_WARNING, "view=breach"),
        (AlertKind.SERVICE_LEVEL_BREACHED, "promise=late"),
    ],
)
def test_an_alert_about_tickets_leads_to_them(starter, lead, agent, kind, asked):
    queue = Queue.objects.get(slug="billing")
    alert = AlertFactory(kind=kind, subject="billing", facts={"tickets": 1})
    link = f"/ops/tickets/ticket/?{asked}&amp;queue={queue.pk}"
    assert link in as_user(lead).get(page_of(alert)).content.decode()
    assert link in as_user(agent).get("/ops/").content.decode()
    other = AlertFactory(kind=AlertKind.DISK_LOW)
    assert "The tickets" not in words_of(as_user(lead).get(page_of(other)))
