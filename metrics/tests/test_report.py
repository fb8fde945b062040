"""The report command."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics import services
from tickets.codes import Channel
from tickets.intake import Inquiry, receive


@pytest.fixture
def ticket(starter, says):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    return receive(inquiry, now=timezone.now() - timedelta(hours=1)).ticket


def test_json_report_holds_what_the_services_say(ticket, capsys):
    call_command("report", "--format", "json")
    content = json.loads(capsys.readouterr().out)
    now = timezone.now()
    assert content["metrics"] == services.figures(now - timedelta(days=30), now, now)
    assert content["escalation_reasons"] == [{"reason": "guard:risk_class", "tickets": 1}]


def test_text_report_names_every_number(ticket, capsys):
    call_command("report")
    out = capsys.readouterr().out
    assert "Tickets                               1" in out
    assert (
        "Escalation rate                  100.0%   1 of 1, 20.7% to 100.0%  not enough data" in out
    )
    assert "      1  guard:risk_class" in out


def test_report_goes_to_a_file(ticket, tmp_path, capsys):
    path = tmp_path / "report.json"
    call_command("report", "--format", "json", "--output", str(path))
    assert json.loads(path.read_text())["metrics"]["ticket_volume"]["numerator"] == 1
    assert capsys.readouterr().out == f"Written to {path}.\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "is not a date such as"),
        (["--since", "2026-02-30"], "is not a date such as"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "must be before"),
    ],
)
def test_mistakes_get_one_clear_sentence(db, arguments, words):
    with pytest.raises(CommandError, match=words):
        call_command("report", *arguments)
