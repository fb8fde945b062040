"""Mail and webhooks about alerts: composed of the row alone, signed, retried or given up."""

import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from tickets.codes import AlertKind, OutboxKind, OutboxState
from tickets.http_client import AddressRefused, Response, TooSlow
from tickets.models import Outbox
from tickets.outbox import alert_notices, deliver
from tickets.outbox.deliver import deliver_due
from tickets.tests.arriving import NOW

pytestmark = pytest.mark.django_db
HOOK = "https://hooks.example.com/secret-path"
SECRET = "0123456789abcdefghij"


@pytest.fixture(autouse=True)
def configured(settings, monkeypatch):
    settings.ALERT_MAIL = ["ops@example.com"]
    settings.ALERT_WEBHOOKS = [HOOK]
    settings.ALERT_WEBHOOK_SECRET = SECRET
    settings.ALERT_WEBHOOK_ALLOWED_HOSTS = []
    settings.PUBLIC_URL = "https://help.example.com"
    settings.BUSINESS_NAME = "Example Store"
    monkeypatch.setattr(deliver, "_running_from", lambda now: lambda: now)


@pytest.fixture
def answers(monkeypatch):
    """Another machine that answers with a status or fails; what it was sent."""

    def make(*said):
        sent, left = [], list(said)

        def fetch(method, url, **request):
            sent.append((method, url, request))
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return Response(answer, {}, b"")

        monkeypatch.setattr(alert_notices, "fetch", fetch)
        return sent

    return make


def notice(kind=OutboxKind.WEBHOOK, target=HOOK, **data) -> Outbox:
    said = {
        "target": alert_notices.target_of(target),
        "alert": 17,
        "kind": AlertKind.DISK_LOW,
        "subject": "",
        "severity": "critical",
        "state": "firing",
        "first_seen_at": "2026-03-02T10:00:00+00:00",
        "resolved_at": None,
        "at": "2026-03-02T10:00:00+00:00",
        "facts": {"megabytes": 153},
    }
    return Outbox.objects.create(
        kind=kind,
        dedupe=f"alert:17:{kind}:{target}",
        data=said | data,
        automatic=True,
        created_at=NOW,
        next_attempt_at=NOW,
    )


def test_a_mail_says_what_is_the_case_and_where_to_look(mailoutbox):
    notice(OutboxKind.ALERT_MAIL, "ops@example.com")
    assert deliver_due(now=NOW) == 1
    (mail,) = mailoutbox
    assert mail.to == ["ops@example.com"]
    assert mail.subject == "[Example Store] CRITICAL: The disk is nearly full"
    assert "153 MB are free." in mail.body
    assert "https://help.example.com/ops/metrics/alert/17/change/" in mail.body
    assert "https://help.example.com/ops/runbooks/disk_low/" in mail.body
    assert mail.extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_mail_that_it_is_over_says_so(mailoutbox):
    notice(
        OutboxKind.ALERT_MAIL,
        "ops@example.com",
        state="resolved",
        resolved_at="2026-03-02T11:00:00+00:00",
    )
    deliver_due(now=NOW)
    assert mailoutbox[0].subject.startswith("[Example Store] OVER: ")
    assert "This is over: The disk is nearly full" in mailoutbox[0].body


def test_a_webhook_is_signed_over_time_and_body(answers):
    sent = answers(204)
    row = notice()
    assert deliver_due(now=NOW) == 1
    ((method, url, request),) = sent
    assert (method, url) == ("POST", HOOK)
    headers, body = request["headers"], request["body"]
    timestamp = headers["X-SupportOps-Timestamp"]
    wanted = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-SupportOps-Signature"] == f"sha256={wanted}"
    assert headers["X-SupportOps-Event"] == "alert.firing"
    assert headers["X-SupportOps-Delivery"] == str(row.pk)
    assert request["deadline_seconds"] <= 10
    assert request["most_bytes"] <= 64 * 1024
    content = json.loads(body)
    assert content["facts"] == {"megabytes": 153}
    assert content["sentence"] == "153 MB are free."
    assert content["runbook"] == "https://help.example.com/ops/runbooks/disk_low/"
    row.refresh_from_db()
    assert (row.state, row.attempts) == (OutboxState.SENT, 1)


def test_the_signature_is_fixed_for_ever():
    # So that receivers in other languages can check theirs against it.
    assert alert_notices.signature(b"secret", "1700000000", b'{"a":1}') == (
        hmac.new(b"secret", b'1700000000.{"a":1}', "sha256").hexdigest()
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (500, "http_500"),
        (302, "http_302"),
        (404, "http_404"),
        (TooSlow("x"), "TooSlow"),
        (AddressRefused("x"), "AddressRefused"),
    ],
)
def test_what_is_not_taken_is_tried_again_and_the_log_says_why(answers, said, why):
    sent = answers(said, 200)
    row = notice()
    deliver_due(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (OutboxState.PENDING, 1, why)
    assert row.next_attempt_at == NOW + timedelta(seconds=30)
    deliver_due(now=NOW + timedelta(seconds=30))
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_error) == (OutboxState.SENT, 2, "")
    assert len(sent) == 2


def test_after_twelve_attempts_it_is_given_up(answers):
    answers(*[500] * 12)
    row = notice()
    now = NOW
    for _ in range(12):
        deliver_due(now=now)
        row.refresh_from_db()
        now = row.next_attempt_at
    assert (row.state, row.attempts, row.last_error) == (OutboxState.FAILED, 12, "http_500")


@pytest.mark.parametrize(
    ("setting", "value", "why"),
    [("ALERT_WEBHOOKS", [], "unknown_target"), ("ALERT_WEBHOOK_SECRET", "", "no_secret")],
)
def test_what_can_never_be_composed_is_given_up_at_once(answers, settings, setting, value, why):
    sent = answers(200)
    setattr(settings, setting, value)
    row = notice()
    assert deliver_due(now=NOW) == 0
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.FAILED, why)
    assert sent == []


def test_an_address_that_was_taken_out_gets_no_mail(settings, mailoutbox):
    row = notice(OutboxKind.ALERT_MAIL, "former@example.com")
    deliver_due(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.FAILED, "unknown_target")
    assert mailoutbox == []


def test_private_addresses_are_refused_unless_the_host_is_named(settings):
    settings.ALERT_WEBHOOKS = ["https://127.0.0.1/hook"]
    row = notice(target="https://127.0.0.1/hook")
    deliver_due(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.last_error) == (OutboxState.PENDING, "AddressRefused")


def test_notices_take_no_place_under_the_cap_of_customers(mailoutbox):
    for number in range(8):
        row = notice(OutboxKind.ALERT_MAIL, "ops@example.com")
        Outbox.objects.filter(pk=row.pk).update(dedupe=f"n{number}")
    assert deliver_due(now=NOW) == 8
    assert len(mailoutbox) == 8
