"""The user's mistakes, and what the commands say."""

import json
from io import StringIO

import pytest
from django.conf import settings as live
from django.core.management import CommandError, call_command, load_command_class
from django.db.models import F

from tickets.codes import Role
from tickets.data import demo, reclassify
from tickets.models import DemoRun, Ticket
from tickets.tests.arriving import NOW, arrive, stored
from tickets.tests.factories import TicketFactory


@pytest.fixture(autouse=True)
def data_dir(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path


def run(name: str, *args, **options) -> str:
    out = StringIO()
    call_command(name, *args, stdout=out, **options)
    return out.getvalue()


def place() -> dict:
    return json.loads((live.DATA_DIR / "reclassify.json").read_text())


@pytest.mark.parametrize("name", ["reclassify", "seed_demo"])
def test_help_has_examples(name):
    command = load_command_class("tickets", name)
    words = command.create_parser("manage.py", name).format_help()
    assert f"manage.py {name} --dry-run" in words
    assert "Examples:" in words


# --- reclassify -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch", "0"], "--batch must be at least 1."),
        (["--batch", "-5"], "--batch must be at least 1."),
        (["--since", "yesterday"], "'yesterday' is not a day such as 2026-10-01."),
        (["--since", "2026-02-30"], "'2026-02-30' is not a day such as 2026-10-01."),
        (["--since", ""], "'' is not a day such as 2026-10-01."),
        (["--resume"], "There is no stopped run to resume."),
    ],
)
def test_mistakes_with_reclassify_are_one_sentence_and_change_nothing(automating, arguments, words):
    TicketFactory(created_at=NOW)
    before = stored()
    with pytest.raises(CommandError) as refused:
        run("reclassify", *arguments)
    assert (str(refused.value), stored()) == (words, before)


def test_reclassify_shows_what_flips(automating, monkeypatch):
    automating("refund_request")
    arrive(), arrive(email="bob@example.com")
    automating("order_status")
    arrive(email="cy@example.com")
    automating("praise")
    monkeypatch.setattr("classification.services.serving_version", lambda: "scripted-1")
    told = [" ".join(line.split()) for line in run("reclassify").splitlines()]
    assert "3 tickets, model scripted-1." in told
    assert "3 tickets predicted, 0 decided, 0 failed." in told
    assert "2 refund_request praise" in told
    assert "1 order_status praise (ticket keeps its intent)" in told


def test_a_dry_run_of_reclassify_writes_nothing_and_says_so(automating, data_dir):
    automating("refund_request")
    arrive()
    automating("praise")
    before = stored()
    told = run("reclassify", "--dry-run")
    assert told.endswith("Dry run: nothing was written.\n")
    assert (stored(), list(data_dir.iterdir())) == (before, [])
    assert Ticket.objects.get().intent == "refund_request"


@pytest.fixture
def stopped(automating, monkeypatch):
    """A run that was stopped after the second of four tickets."""
    monkeypatch.setattr("classification.services.serving_version", lambda: "scripted-1")
    tickets = [TicketFactory(decided=True, created_at=NOW) for _ in range(4)]
    store, stored_ids = reclassify._store, []

    def interrupted(pairs, now):
        if len(stored_ids) == 2:
            raise KeyboardInterrupt
        store(pairs, now)
        stored_ids.append(pairs[0][0].ticket_id)

    with monkeypatch.context() as patch:
        patch.setattr(reclassify, "_store", interrupted)
        with pytest.raises(CommandError, match="--resume goes on from here"):
            run("reclassify", "--batch", "1")
    return tickets


def counts(tickets: list[Ticket]) -> list[int]:
    return [ticket.predictions.count() for ticket in tickets]


def test_a_stopped_run_goes_on_where_it_stopped(stopped, data_dir):
    assert counts(stopped) == [1, 1, 0, 0]
    assert place()["last_id"] == stopped[1].pk
    assert "2 tickets, model scripted-1." in run("reclassify", "--resume")
    assert counts(stopped) == [1, 1, 1, 1]
    assert list(data_dir.iterdir()) == []


def test_a_dry_run_keeps_the_place_of_a_stopped_run(stopped):
    before = place()
    run("reclassify", "--dry-run", "--resume")
    assert (place(), counts(stopped)) == (before, [1, 1, 0, 0])


def test_a_run_is_not_resumed_with_another_model_or_another_since(stopped, monkeypatch):
    for arguments in (["--since", "2026-01-01"], []):
        if not arguments:
            monkeypatch.setattr("classification.services.serving_version", lambda: "other-2")
        with pytest.raises(CommandError, match="another model or --since"):
            run("reclassify", "--resume", *arguments)
    assert counts(stopped) == [1, 1, 0, 0]


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"version": 1}', "\xff"])
def test_a_place_that_cannot_be_read_is_no_place(automating, data_dir, text):
    (data_dir / "reclassify.json").write_text(text)
    with pytest.raises(CommandError, match="There is no stopped run to resume"):
        run("reclassify", "--resume")


def test_a_place_of_another_database_is_refused(automating, data_dir, monkeypatch):
    monkeypatch.setattr("classification.services.serving_version", lambda: "scripted-1")
    elsewhere = {"version": "scripted-1", "since": None, "last_id": 4711}
    (data_dir / "reclassify.json").write_text(json.dumps(elsewhere))
    with pytest.raises(CommandError, match="belongs to another database"):
        run("reclassify", "--resume")


# --- seed_demo ------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--tickets", "0"], ["--days", "0"], ["--tickets", "-1"]])
def test_numbers_below_one_are_refused(db, arguments):
    with pytest.raises(CommandError, match="must be at least 1"):
        run("seed_demo", *arguments)
    assert not Ticket.objects.exists()


def test_more_than_can_be_played_are_refused(db):
    with pytest.raises(CommandError, match="must be at most 5000"):
        run("seed_demo", "--tickets", "5001")
    assert not Ticket.objects.exists()


def test_demo_tickets_come_beside_real_ones_only_by_force(automating):
    arrive()
    before = stored()
    with pytest.raises(CommandError, match="--force adds demo tickets"):
        run("seed_demo")
    assert stored() == before
    run("seed_demo", "--tickets", "2", "--force")
    assert Ticket.objects.count() == 3


def test_a_dry_run_of_seed_demo_writes_nothing(starter):
    before = stored()
    told = run("seed_demo", "--tickets", "5", "--dry-run")
    assert told.startswith("5 tickets, ")
    assert (stored(), told.endswith("Dry run: nothing was written.\n")) == (before, True)


def test_what_was_interrupted_is_finished_first_with_its_own_numbers(automating, monkeypatch):
    begun = DemoRun.objects.create(tickets=5, days=3, seed=2, started_at=NOW, played=2)
    planned = demo.plan(tickets=5, days=3, seed=2, now=NOW)
    played = []
    monkeypatch.setattr(demo, "play", lambda visit: played.append((visit.at, visit.email)))
    told = run("seed_demo", "--tickets", "90")
    assert told.splitlines()[0].startswith("An earlier run was interrupted at 2 of 5 demo tickets")
    assert played == [(visit.at, visit.email) for visit in planned[2:]]
    begun.refresh_from_db()
    assert (begun.played, begun.finished_at is None) == (5, False)
    assert demo.unfinished() is None


def test_a_dry_run_leaves_what_was_interrupted_as_it_is(automating):
    DemoRun.objects.create(tickets=5, days=3, seed=2, started_at=NOW, played=2)
    before = stored()
    told = run("seed_demo", "--dry-run")
    assert told.endswith("Dry run: nothing was written.\n")
    assert (stored(), demo.unfinished().played) == (before, 2)


def test_two_that_play_the_same_demo_write_no_ticket_twice(automating, monkeypatch):
    begun = DemoRun.objects.create(tickets=5, days=3, seed=2, started_at=NOW)

    def other_was_first(visit):
        arrive()
        DemoRun.objects.filter(pk=begun.pk).update(played=F("played") + 1)

    monkeypatch.setattr(demo, "play", other_was_first)
    with pytest.raises(CommandError, match="Demo ticket 2 was written by another process"):
        run("seed_demo")
    assert Ticket.objects.count() == 1


def test_seed_demo_says_how_far_it_is(automating, person, monkeypatch):
    person(Role.AGENT)
    played = []
    monkeypatch.setattr(demo, "play", lambda visit: played.append(visit))
    told = run("seed_demo", "--tickets", "90")
    lines = [line.strip() for line in told.splitlines()]
    assert lines == [f"{n} of 90 demo tickets" for n in (40, 80, 90)]
    assert len(played) == 90
