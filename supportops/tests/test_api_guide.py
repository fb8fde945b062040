"""The examples of the API guide work when they are pasted."""

import os
import re
import shutil
import subprocess

import pytest
from django.conf import settings
from django.urls import get_resolver

from tickets.models import Ticket

GUIDE = (settings.BASE_DIR / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
FIRST = "create_api_key"  # makes the key; here it is made already
STRICT = 'set -eo pipefail\ncurl() { command curl --fail-with-body "$@"; echo; }\n'


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_the_examples_work_one_after_the_other(live_server, starter, says, api_key):
    says("order_status")
    script = STRICT + "".join(block for block in BLOCKS if FIRST not in block)
    done = subprocess.run(
        ["bash", "-c", script],
        env={"PATH": os.environ["PATH"], "URL": live_server.url, "KEY": api_key},
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


def test_the_command_of_the_guide_is_the_one_there_is():
    (block,) = [block for block in BLOCKS if FIRST in block]
    for option in re.findall(r"--[a-z-]+", block):
        assert option in {"--name", "--scopes", "--expires-days"}


def test_every_endpoint_has_an_example():
    (api,) = [p for p in get_resolver().url_patterns if str(p.pattern) == "api/v1/"]
    examples = " ".join(BLOCKS)
    for pattern in api.url_patterns:
        address = re.sub(r"<str:\w+>", "$REFERENCE", str(pattern.pattern))
        assert f"/api/v1/{re.sub(r'<int:.+?>', '$DECISION', address)}" in examples
