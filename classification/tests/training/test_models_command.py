"""Which models there are, and which one serves."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from classification.models import Promotion
from classification.services import predict
from classification.tests.factories import ModelVersionFactory
from tickets.history import verify
from tickets.models import AuditRecord


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, starter):
    settings.MODEL_DIR = tmp_path / "models"
    return settings.MODEL_DIR


@pytest.fixture
def first(starter):
    return ModelVersionFactory()


@pytest.fixture
def second(starter):
    return ModelVersionFactory(keywords={"order_status": ["van"], "praise": ["great"]})


def models(*arguments):
    out = StringIO()
    call_command("models", *arguments, stdout=out)
    return out.getvalue()


def promote(model, *more):
    return models("promote", model.version, "--reason", "Better", *more)


def in_force():
    latest = Promotion.objects.order_by("-id").first()
    return latest.model if latest else None


def test_a_promotion_is_on_record_and_serves_at_once(first, second):
    User.objects.create_user("mia")
    promote(first)
    said = promote(second, "--user", "mia")
    assert f"{second.version} is in force in place of {first.version}." in said
    assert predict("a van").classifier == second.version
    newest = AuditRecord.objects.order_by("-number").first()
    assert (newest.kind, newest.actor.partition(":")[0]) == ("promotion", "person")
    assert verify.verify().is_sound


def test_a_rollback_goes_to_the_one_before_and_back_again(first, second):
    promote(first)
    promote(second)
    models("rollback", "--reason", "Worse")
    assert in_force() == first
    models("rollback", "--reason", "Not worse")
    assert in_force() == second
    assert Promotion.objects.count() == 4


def test_without_an_other_model_there_is_nothing_to_go_back_to(first):
    for _ in range(2):
        with pytest.raises(CommandError, match="no other model"):
            models("rollback", "--reason", "Worse")
        if in_force() is None:
            promote(first)
    assert Promotion.objects.count() == 1


def test_the_list_marks_the_one_in_force(first, second):
    assert "* is in force" not in models()
    promote(second)
    lines = models("list").splitlines()
    assert [line[0] for line in lines] == [" ", "*", "*"]
    assert second.version in lines[1]


def test_a_model_is_shown_with_its_time_in_force(first):
    promote(first)
    said = models("show", first.version)
    assert "whole, as they were pinned" in said
    assert "by the machine: Better" in said


def test_a_damaged_model_is_refused_and_changes_nothing(first, second, folder):
    promote(first)
    for path in (folder / second.version).iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CommandError, match="cannot serve"):
        promote(second)
    assert in_force() == first


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["promote"], "Name a version"),
        (["promote", "nothing-1", "--reason", "x"], "There is no model nothing-1"),
        (["promote", "{first}"], "--reason says why"),
        (["promote", "{first}", "--reason", "x" * 301], "--reason says why"),
        (["promote", "{first}", "--reason", "x", "--user", "nobody"], "no user 'nobody'"),
    ],
)
def test_mistakes_are_named_and_change_nothing(first, arguments, problem):
    with pytest.raises(CommandError, match=problem):
        models(*(argument.format(first=first.version) for argument in arguments))
    assert in_force() is None


def test_the_one_in_force_is_not_promoted_again(first):
    promote(first)
    with pytest.raises(CommandError, match="in force already"):
        promote(first)


def test_a_dry_run_changes_nothing(first):
    assert "Nothing was written" in promote(first, "--dry-run")
    assert not Promotion.objects.exists()
