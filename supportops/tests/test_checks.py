import pytest
from django.core.management import CommandError, call_command

from supportops import checks
from supportops.tests.clean_slate import lift_triggers
from tickets.history.triggers import install_triggers


def ids(messages):
    return [message.id for message in messages]


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 44, 7), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
    ],
)
def test_which_versions_of_sqlite_have_the_race(version, affected):
    assert checks.has_wal_reset_race(version) is affected


def test_an_affected_sqlite_is_named_with_the_way_out(monkeypatch, settings):
    settings.IS_SQLITE = True
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", (3, 40, 1))
    (warning,) = checks.sqlite_is_sound()
    assert warning.id == "supportops.W001"
    assert "PostgreSQL" in warning.hint


def test_no_word_about_sqlite_on_postgresql(monkeypatch, settings):
    settings.IS_SQLITE = False
    monkeypatch.setattr(checks.sqlite3, "sqlite_version_info", (3, 40, 1))
    assert checks.sqlite_is_sound() == []


@pytest.mark.django_db
def test_missing_triggers_are_an_error_until_they_are_back():
    assert checks.triggers_are_there(databases=["default"]) == []
    lift_triggers()
    assert ids(checks.triggers_are_there(databases=["default"])) == ["supportops.E001"]
    assert checks.triggers_are_there() == []  # nobody asked for the database
    with pytest.raises(CommandError, match="triggers that keep history are missing"):
        call_command("check", databases=["default"])
    install_triggers()
    assert checks.triggers_are_there(databases=["default"]) == []


@pytest.mark.parametrize(("url", "found"), [("locmem", ["supportops.W002"]), ("database", [])])
def test_throttles_that_each_process_counts_for_itself(settings, url, found):
    settings.CACHE_URL = url
    assert ids(checks.throttles_are_shared()) == found


@pytest.mark.parametrize(("url", "found"), [("", ["supportops.W003"]), ("smtp://mail:25", [])])
def test_mail_that_reaches_nobody(settings, url, found):
    settings.EMAIL_URL = url
    assert ids(checks.mail_leaves_the_machine()) == found


@pytest.mark.parametrize(
    ("engine", "sqlite", "found"),
    [
        ("celery", True, ["supportops.W004"]),
        ("celery", False, []),
        ("embedded", True, []),
    ],
)
def test_celery_on_a_file_that_other_machines_cannot_reach(settings, engine, sqlite, found):
    settings.TASK_ENGINE, settings.IS_SQLITE = engine, sqlite
    assert ids(checks.engines_fit()) == found
