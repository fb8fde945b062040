from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from classification import services as classification
from classification.models import ModelVersion, Promotion
from supportops import health
from supportops.background.jobs import HEARTBEAT
from tickets.models import JobLease
from tickets.tests.factories import OutboxFactory, TicketFactory

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def promoted(db, now, monkeypatch):
    """A model is promoted and serves."""
    model = ModelVersion.objects.create(
        version="linear-1",
        classifier="linear",
        manifest_sha256="0" * 64,
        training_rows=1,
        training_sha256="0" * 64,
        trained_at=now,
    )
    Promotion.objects.create(model=model, reason="test", at=now)
    monkeypatch.setattr(classification, "serving_version", lambda: "linear-1")


@pytest.fixture
def at_work(db, now):
    """A worker did its round just now."""
    return JobLease.objects.create(name=HEARTBEAT, due_at=now, last_finished_at=now)


def states(answer):
    return {name: part["status"] for name, part in answer.json()["parts"].items()}


def test_alive_asks_no_database():
    # Without the mark `django_db` any query would fail the test.
    answer = Client().get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_when_all_is_well(client, promoted, at_work):
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert set(states(answer)) == {"database", "classifier", "worker", "undecided", "outbox"}
    assert set(states(answer).values()) == {"ok"}


@pytest.mark.parametrize("path", ["/health", "/health/ready"])
def test_answers_are_never_kept_and_nothing_can_be_sent(client, db, path):
    assert "no-store" in client.get(path)["Cache-Control"]
    assert client.post(path).status_code == 405


def test_without_a_database_not_ready_and_no_word_of_why(client, promoted, monkeypatch):
    def refused(now):
        raise OperationalError('password authentication failed for user "supportops"')

    monkeypatch.setitem(health.PARTS, "database", refused)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "fail", "parts": {"database": {"status": "fail"}}}


def test_without_any_classifier_not_ready(client, promoted, at_work, monkeypatch):
    monkeypatch.setattr(classification, "serving_version", lambda: None)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert states(answer)["classifier"] == "fail"


def test_a_classifier_other_than_the_promoted_one_is_late_but_ready(
    client, promoted, at_work, monkeypatch
):
    monkeypatch.setattr(classification, "serving_version", lambda: "keywords-1")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "late")
    assert answer.json()["parts"]["classifier"] == {"status": "late", "version": "keywords-1"}


def test_a_worker_that_was_never_seen_is_late(client, promoted):
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["parts"]["worker"] == {"status": "late", "seconds_since_heartbeat": None}


@pytest.mark.django_db
@pytest.mark.parametrize(("seconds", "state"), [(0, "ok"), (120, "ok"), (121, "late")])
def test_a_worker_is_late_after_two_minutes(at_work, now, seconds, state):
    part = health.look(now + timedelta(seconds=seconds))["worker"]
    assert (part.state, part.facts) == (state, {"seconds_since_heartbeat": seconds})


@pytest.mark.django_db
def test_the_oldest_undecided_ticket_counts(now):
    for age in (1, 5, 3):
        TicketFactory(created_at=now - age * MINUTE)
    TicketFactory(created_at=now - 60 * MINUTE, decided=True)
    part = health.look(now)["undecided"]
    assert (part.state, part.facts) == ("late", {"oldest_seconds": 300})


@pytest.mark.django_db
def test_the_oldest_undelivered_mail_counts(now):
    OutboxFactory(created_at=now - 16 * MINUTE)
    OutboxFactory(created_at=now - 99 * MINUTE, state="sent")
    part = health.look(now)["outbox"]
    assert (part.state, part.facts) == ("late", {"oldest_seconds": 960})


def test_looking_costs_few_queries(client, promoted, at_work, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        client.get("/health/ready")
