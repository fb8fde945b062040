"""`manage.py check_alerts`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics.alerts import alerts
from metrics.alerts.rules import Finding
from metrics.models import Alert
from tickets.codes import AlertKind, Severity
from tickets.models import Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def finds(monkeypatch, settings):
    """Makes looks find just this."""
    settings.ALERT_MAIL = ["ops@example.com"]

    def make(watch):
        look = alerts.look
        monkeypatch.setattr(
            alerts, "look", lambda now, watches=None: look(now, {AlertKind.DISK_LOW: watch})
        )
        monkeypatch.setattr(alerts.check, "__defaults__", ({AlertKind.DISK_LOW: watch},))

    return make


def full(now):
    return [Finding(AlertKind.DISK_LOW, Severity.CRITICAL, "", {"megabytes": 153})]


def run(*arguments) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("check_alerts", *arguments, stdout=out)
    except SystemExit as error:
        return out.getvalue(), int(error.code)
    return out.getvalue(), 0


def test_it_says_what_fires_and_ends_with_one(finds):
    finds(full)
    words, code = run()
    assert (code, words) == (1, "CRITICAL  The disk is nearly full. 153 MB are free.\n")
    assert Alert.objects.count() == 1
    assert Outbox.objects.count() == 1


def test_a_dry_run_says_the_same_and_writes_nothing(finds):
    finds(full)
    assert run("--dry-run") == (
        "CRITICAL  The disk is nearly full. 153 MB are free.\n",
        1,
    )
    assert not Alert.objects.exists()
    assert not Outbox.objects.exists()


def test_nothing_to_say_ends_with_zero(finds):
    finds(lambda now: [])
    assert run() == ("Nothing fires.\n", 0)


def test_what_cannot_be_looked_at_ends_with_two(finds):
    def fail(now):
        raise OSError

    finds(fail)
    with pytest.raises(CommandError, match="disk_low") as raised:
        run()
    assert raised.value.returncode == 2


def test_every_look_works_on_an_empty_database():
    _, failed = alerts.look(timezone.now())
    assert failed == ()
