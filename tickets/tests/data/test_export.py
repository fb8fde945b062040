"""What is stored about a person can be handed to that person."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tickets.data import erase
from tickets.data import export as data_export
from tickets.history.record import Actor
from tickets.tests.arriving import NOW, arrive, stored


@pytest.fixture
def written(automating):
    arrive(subject="Parcel", metadata={"order": "A-1"})
    arrive(message="Where is my other order?", now=NOW)
    return arrive(email="ben@example.com", message="Ben's own words")


def export(*arguments):
    out = StringIO()
    call_command("export_person", *arguments, stdout=out)
    return out.getvalue()


def test_everything_about_one_person_and_nothing_about_others(written):
    before = stored()
    found = json.loads(export("--email", "ADA@example.com"))
    first, second = found["tickets"]
    assert (first["messages"][0]["text"], first["metadata"]) == (
        "Where is my order?",
        {"order": "A-1"},
    )
    assert first["messages"][1]["author"] == "machine"
    assert first["decisions"][0]["outcome"] == "auto_resolve"
    assert first["predictions"][0]["intent"] == "order_status"
    assert second["messages"][0]["text"] == "Where is my other order?"
    assert len(found["mail"]) == 2
    assert "Ben" not in json.dumps(found)
    assert stored() == before


def test_a_file_is_new_and_its_owners_alone(written, tmp_path):
    path = tmp_path / "ada.json"
    assert "2 tickets written" in export("--email", "ada@example.com", "--output", str(path))
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(CommandError, match="cannot be written"):
        export("--email", "ada@example.com", "--output", str(path))


def test_nobody_is_nobody(written):
    with pytest.raises(CommandError, match="Nobody"):
        export("--email", "nobody@example.com")


def test_who_was_erased_is_nobody_any_more(written):
    erase.erase("ada@example.com", actor=Actor.machine(), now=NOW)
    assert data_export.person("ada@example.com") is None
