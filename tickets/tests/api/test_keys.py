"""`manage.py create_api_key`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tickets.codes import Scope
from tickets.models import ApiKey
from tickets.tests.calling import client_with


def create(*arguments):
    out, err = StringIO(), StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_the_key_alone_goes_to_standard_output_and_opens_the_api(db):
    out, err = create("--name", "shop", "--scopes", "tickets:read, tickets:write")
    key = out.removesuffix("\n")
    row = ApiKey.objects.get()
    assert key.startswith("so_")
    assert key not in err
    assert (row.name, row.scopes, row.expires_at) == (
        "shop",
        ["tickets:read", "tickets:write"],
        None,
    )
    assert row.hint == key[-4:]
    assert client_with(key).get("/api/v1/tickets/").status_code == 200


def test_a_key_can_have_an_end(db):
    create("--name", "shop", "--scopes", "tickets:read", "--expires-days", "30")
    left = ApiKey.objects.get().expires_at - timezone.now()
    assert timedelta(days=29, hours=23) < left <= timedelta(days=30)


def test_a_key_can_belong_to_somebody(agent):
    create("--name", "reviews", "--scopes", "reviews:write", "--user", "agent")
    assert ApiKey.objects.get().created_by == agent


def test_a_dry_run_creates_nothing(db):
    out, err = create("--name", "shop", "--scopes", "tickets:read", "--dry-run")
    assert out == ""
    assert "Would create 'shop'" in err
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--name", "shop", "--scopes", "tickets:eat"], "There is no scope tickets:eat"),
        (["--name", "shop", "--scopes", " ,"], "Name at least one scope"),
        (["--name", " ", "--scopes", "tickets:read"], "A name has 1 to 100 characters"),
        (["--name", "x" * 101, "--scopes", "tickets:read"], "A name has 1 to 100 characters"),
        (
            ["--name", "shop", "--scopes", "tickets:read", "--expires-days", "0"],
            "--expires-days must be between 1 and",
        ),
        (
            ["--name", "shop", "--scopes", "tickets:read", "--expires-days", "99999999999"],
            "--expires-days must be between 1 and",
        ),
        (["--name", "shop"], "--scopes"),
        (
            ["--name", "shop", "--scopes", "reviews:write", "--user", "nobody", "--dry-run"],
            "Nobody of the staff is named 'nobody'",
        ),
    ],
)
def test_a_mistake_is_told_in_one_sentence_and_nothing_is_created(db, arguments, words):
    with pytest.raises(CommandError, match=words):
        create(*arguments)
    assert ApiKey.objects.count() == 0


def test_a_name_is_given_once(db):
    create("--name", "shop", "--scopes", "tickets:read")
    with pytest.raises(CommandError, match="a key named 'shop' already"):
        create("--name", "shop", "--scopes", "tickets:write")
    assert ApiKey.objects.get().scopes == [Scope.TICKETS_READ]
