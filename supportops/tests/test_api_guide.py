"""The examples of the API guide work when they are pasted."""

import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings
from django.urls import get_resolver

from decisions.models import Review
from tickets.codes import Scope
from tickets.management.commands.create_api_key import Command
from tickets.models import ApiKey, Ticket

GUIDE = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
FIRST = "create_api_key"  # makes a key; here they are made already
STRICT = 'set -eo pipefail\ncurl() { command curl --fail-with-body "$@"; echo; }\n'


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_examples_work_one_after_the_other(live_server, starter, says, api_key, lead, settings):
    says("order_status")
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0  # each inquiry is drawn for review
    _, reviewer = ApiKey.issue(name="mia", scopes=[Scope.REVIEWS_WRITE], created_by=lead)
    script = STRICT + "".join(block for block in BLOCKS if FIRST not in block)
    done = subprocess.run(
        ["bash", "-c", script],
        env={
            "PATH": os.environ["PATH"],
            "URL": live_server.url,
            "KEY": api_key,
            "REVIEWER": reviewer,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr[-500:]
    ticket = Ticket.objects.get()
    assert [(m.author, m.internal) for m in ticket.messages.all()] == [
        ("customer", False),
        ("customer", False),
        ("agent", False),
        ("agent", True),
    ]
    assert ticket.status == "open"
    assert ticket.round == 2
    assert Review.objects.get(part="first").reviewer == lead


def test_the_options_of_the_guide_are_those_of_the_command():
    known = {
        option
        for action in Command().create_parser("manage.py", FIRST)._actions
        for option in action.option_strings
    }
    used = {
        option for block in BLOCKS if FIRST in block for option in re.findall(r"--[a-z-]+", block)
    }
    assert used == {"--name", "--scopes", "--expires-days", "--user"}
    assert used <= known


def test_every_endpoint_has_an_example():
    (api,) = [p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/"]
    examples = " ".join(BLOCKS)
    for pattern in api.url_patterns:
        # `tickets/<str:reference>/` stands in the guide as `tickets/$REFERENCE/`.
        address = re.escape(f"/api/v1/{pattern.pattern}")
        assert re.search(re.sub(r"<.+?>", r"\\$[A-Z]+", address), examples), address
