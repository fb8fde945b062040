"""From nothing to something that can serve, once or many times over."""

import signal
import socket
import sqlite3
import subprocess
from io import StringIO

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from classification.models import ModelVersion, Promotion
from decisions.models import Publication
from supportops.management.commands.prepare import Command as PrepareCommand
from supportops.operations import prepare as operations_prepare
from supportops.tests import processes
from supportops.tests.processes import MANAGE
from tickets.learning import train
from tickets.models import Queue, Ticket

PATHS = ["/ui/", "/ops/", "/docs/", "/metrics", "/health"]


@pytest.fixture
def trained(monkeypatch):
    """Training that takes no time; remembers how often it was asked for."""
    asked = []

    def train_starter(classifier, *, now, progress):
        asked.append(classifier)
        progress("Trained", 1.0)
        version = ModelVersion.objects.create(
            version="linear-1",
            classifier=classifier,
            manifest_sha256="0" * 64,
            training_rows=1,
            training_sha256="0" * 64,
            scores={"accuracy": 0.5},
            trained_at=now,
        )
        Promotion.objects.create(model=version, reason="test", at=now)
        return train.Learned(train.Trained(version, None, False), None, True)

    monkeypatch.setattr(train, "train_starter", train_starter)
    return asked


@pytest.fixture
def prepare(db, settings, tmp_path, trained):
    """The command; what it printed."""
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"

    def run(**options):
        out = StringIO()
        call_command("prepare", stdout=out, **options)
        return out.getvalue()

    return run


def password_of(name, printed):
    line = next(line for line in printed.splitlines() if line.startswith(f"│ {name} "))
    return line.split()[2]


def test_the_first_time_prints_addresses_and_working_passwords(prepare, settings):
    printed = prepare()
    for path in PATHS:
        assert f"{settings.PUBLIC_URL}{path} " in printed
    for name, role in operations_prepare.ACCOUNTS.items():
        user = User.objects.get(username=name)
        assert user.check_password(password_of(name, printed))
        assert user.is_staff
        assert [group.name for group in user.groups.all()] == [role.value]
    assert set(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == {
        "admin"
    }


def test_the_second_time_changes_nothing_and_prints_no_password(prepare, trained):
    prepare()
    before = rows()
    printed = prepare()
    assert [line.split(":")[0] for line in printed.splitlines()] == ["A new password", "Ready."]
    assert printed.splitlines()[0].endswith(" manage.py changepassword admin")
    assert rows() == before
    assert trained == ["linear"]


def test_passwords_are_shown_before_what_takes_long(prepare, monkeypatch):
    """Whoever stops the start while demo tickets are written has seen them."""
    accounts = []
    monkeypatch.setattr(
        operations_prepare, "call_command", lambda name, **_: accounts.append(User.objects.count())
    )
    printed = prepare(demo=True)
    assert accounts == [4]
    assert printed.index("Accounts, shown this once") < printed.index("Demo: writing tickets")


def test_accounts_that_could_not_be_shown_are_not_kept(prepare, monkeypatch):
    def broken(self, passwords, url):
        raise BrokenPipeError

    with monkeypatch.context() as patch:
        patch.setattr(PrepareCommand, "show_accounts", broken)
        with pytest.raises(BrokenPipeError):
            prepare()
    assert not User.objects.exists()
    assert "Accounts, shown this once" in prepare()


def test_without_an_administrator_the_start_says_how_to_get_one(prepare):
    prepare()
    User.objects.update(is_superuser=False)
    assert "manage.py createsuperuser" in prepare()


@pytest.mark.parametrize(
    ("public", "linked"),
    [
        ("http://localhost:8000", "http://localhost:{port}"),
        ("http://127.0.0.1", "http://127.0.0.1:{port}"),
        ("http://[::1]:8000", "http://[::1]:{port}"),
        ("https://help.example.com", "https://help.example.com"),
    ],
)
def test_the_addresses_shown_are_those_that_will_be_served(prepare, settings, public, linked):
    settings.PUBLIC_URL = public
    settings.IS_LOCAL = "example" not in public
    port = processes.free_port()
    assert f"Customers write at  {linked.format(port=port)}/ui/ " in prepare(port=port)


def test_a_taken_port_is_noticed_before_anything_is_prepared(prepare, trained):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Cannot listen on 127.0.0.1, port {port}"):
            prepare(port=port)
    assert (trained, User.objects.count()) == ([], 0)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80x", "", "٨٠"])
def test_what_is_no_port_is_refused(db, port):
    with pytest.raises(CommandError, match="a port is a whole number from 1 to 65535"):
        call_command("prepare", f"--port={port}")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_first_start_is_finished_by_the_next(tmp_path, number):
    around = processes.environment(tmp_path)
    log = tmp_path / "log"
    command = [*MANAGE, "prepare", "--demo"]
    with processes.running(around, *command, log=log) as process:
        processes.until(lambda: "40 of 160 demo tickets" in log.read_text(), "forty demo tickets")
        process.send_signal(number)
        process.wait(processes.PATIENCE)
    said = log.read_text()
    assert "Accounts, shown this once" in said
    assert ("Stopped. What is done stays" in said) == (number == signal.SIGINT)
    assert "Traceback" not in said
    assert 40 <= tickets_in(tmp_path) < 160
    again = processes.run(around, "prepare", "--demo").stdout
    assert "Demo: tickets are missing." in again
    assert "An earlier run was interrupted at " in again
    assert "160 of 160 demo tickets" in again
    assert "manage.py changepassword admin" in again
    assert "Accounts, shown this once" not in again
    assert tickets_in(tmp_path) == 160
    processes.run(around, "audit", "verify")
    assert "Demo" not in processes.run(around, "prepare", "--demo").stdout


def tickets_in(folder):
    with sqlite3.connect(folder / "db.sqlite3") as database:
        return database.execute("SELECT count(*) FROM tickets_ticket").fetchone()[0]


def rows():
    models = (User, Promotion, Publication, Queue, Ticket)
    return [list(model.objects.order_by("pk").values_list("pk", flat=True)) for model in models]


def test_an_account_that_exists_keeps_its_password(prepare):
    User.objects.create_user("somebody", password="something-else-7")
    prepare()
    assert list(User.objects.values_list("username", flat=True)) == ["somebody"]


def test_an_image_gets_no_accounts(prepare):
    assert "Accounts" not in prepare(no_accounts=True)
    assert not User.objects.exists()


def test_demo_tickets_come_only_where_there_are_none(prepare, monkeypatch):
    seeded = []
    monkeypatch.setattr(operations_prepare, "call_command", lambda name, **_: seeded.append(name))
    prepare(demo=True)
    assert seeded == ["seed_demo"]
    monkeypatch.setattr(operations_prepare.Ticket.objects, "exists", lambda: True, raising=False)
    prepare(demo=True)
    assert seeded == ["seed_demo"]


def test_passwords_are_random_and_easy_to_type():
    some = {operations_prepare.new_password() for _ in range(100)}
    assert len(some) == 100
    assert all(len(word) == 19 and not set(word) & set("0o1li") for word in some)


def test_an_empty_directory_starts_from_a_prepared_one(settings, monkeypatch, tmp_path):
    template, data = tmp_path / "template", tmp_path / "data"
    (template / "models" / "linear-1").mkdir(parents=True)
    (template / "models" / "linear-1" / "manifest.json").write_text("{}")
    data.mkdir()
    sqlite3.connect(template / "db.sqlite3").execute("CREATE TABLE seen (x)").connection.close()
    settings.IS_SQLITE, settings.MODEL_DIR = True, data / "models"
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(data / "db.sqlite3"))
    operations_prepare.start_from(template, lambda words: None)
    assert (data / "models" / "linear-1" / "manifest.json").read_text() == "{}"
    with sqlite3.connect(data / "db.sqlite3") as copied:
        assert copied.execute("SELECT name FROM sqlite_master").fetchall() == [("seen",)]


def test_a_database_that_is_there_is_never_replaced(settings, monkeypatch, tmp_path):
    (tmp_path / "template" / "models").mkdir(parents=True)
    (tmp_path / "template" / "db.sqlite3").write_text("new")
    (tmp_path / "db.sqlite3").write_text("old")
    settings.IS_SQLITE = True
    monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / "db.sqlite3"))
    operations_prepare.start_from(tmp_path / "template", lambda words: None)
    assert (tmp_path / "db.sqlite3").read_text() == "old"


@pytest.mark.slow
def test_two_at_the_same_time_on_sqlite_do_no_harm(tmp_path):
    around = processes.environment(tmp_path, CLASSIFIER="linear")
    prepare_twice(around)
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        assert counts(lambda query: database.execute(query).fetchone()[0]) == [4, 1, 1]


@pytest.mark.slow
@pytest.mark.postgres
def test_two_machines_at_the_same_time_on_postgresql_do_no_harm(tmp_path, postgres_url):
    around = [
        processes.environment(tmp_path / name, CLASSIFIER="linear", DATABASE_URL=postgres_url)
        for name in ("one", "other")
    ]
    prepare_twice(*around)
    with psycopg.connect(postgres_url) as database:
        assert counts(lambda query: database.execute(query).fetchone()[0]) == [4, 1, 1]


def prepare_twice(*around):
    pair = [
        subprocess.Popen([*MANAGE, "prepare"], env=one, stdout=subprocess.PIPE, text=True)
        for one in (around * 2)[:2]
    ]
    printed = [process.communicate(timeout=processes.PATIENCE * 2)[0] for process in pair]
    assert [process.returncode for process in pair] == [0, 0]
    assert sorted("Accounts" in text for text in printed) == [False, True]


def counts(ask):
    tables = ("auth_user", "decisions_publication", "classification_promotion")
    return [ask(f"SELECT count(*) FROM {table}") for table in tables]
