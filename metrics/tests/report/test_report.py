"""The report command."""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from html import escape
from html.parser import HTMLParser

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics.figures.definitions import LABELS
from metrics.figures.words import value_words
from metrics.report import text
from metrics.report.page import as_page
from metrics.report.report import report
from metrics.rollup import ask
from tickets.codes import Channel
from tickets.pipeline.inquiry import Inquiry
from tickets.pipeline.receive import receive


@pytest.fixture
def ticket(starter, says):
    says("refund_request")
    inquiry = Inquiry(name="Ann", email="a@example.com", message="Hi", channel=Channel.FORM)
    return receive(inquiry, now=timezone.now() - timedelta(hours=1)).ticket


def test_json_report_holds_what_the_services_say(ticket, capsys):
    call_command("report", "--format", "json")
    content = json.loads(capsys.readouterr().out)
    now = datetime.fromisoformat(content["made_at"])
    assert content["metrics"] == ask.figures(now - timedelta(days=30), now, now)
    assert content["escalation_reasons"] == [
        {
            "reason": "guard:risk_class",
            "words": "Inquiries of this kind are always answered by a person.",
            "tickets": 1,
        }
    ]


def test_text_report_names_every_number(ticket, capsys):
    call_command("report")
    lines = capsys.readouterr().out.splitlines()
    assert f"{'Tickets':<34} {1:>10}" in lines
    assert (
        f"{'Escalation rate':<34} {'100.0%':>10}   1 of 1   20.7% to 100.0%   not enough data"
        in lines
    )
    assert "        1  guard:risk_class" in lines
    assert all(any(line.startswith(label) for line in lines) for label in LABELS.values())


def test_csv_report_has_a_row_for_each_number(ticket, capsys):
    call_command("report", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    found = {(row["section"], row["name"], row["key"]): row for row in rows}
    assert found["metric", "escalation_rate", ""]["value"] == "1.0"
    assert found["metric", "escalation_rate", ""]["unit"] == "share"
    assert found["escalation_reasons", "tickets", "guard:risk_class"]["value"] == "1"
    assert {row["name"] for row in rows if row["section"] == "metric"} == set(LABELS)


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx"])
def test_nothing_in_the_csv_is_taken_for_a_formula(cell):
    assert text.neutral(cell) == f"'{cell}"
    assert text.neutral(f"a{cell}") == f"a{cell}"


def test_page_stands_alone_and_has_charts(ticket, tmp_path):
    path = tmp_path / "report.html"
    call_command("report", "--format", "html", "--output", str(path))
    page = path.read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert not re.findall(r"(?:src|href)=|url\(|@import|<script", page)
    assert page.count("<svg") == 1  # no review is settled, so there is no second one
    assert all(escape(label) in page for label in LABELS.values())
    assert "Inquiries of this kind are always answered by a person." in page
    HTMLParser().feed(page)


def test_words_of_rows_are_escaped_on_the_page(db):
    now = timezone.now()
    content = report(now - timedelta(days=1), now, now)
    content["escalation_reasons"] = [{"reason": "rule:x", "words": "<script>", "tickets": 1}]
    assert "<script" not in as_page(content)


@pytest.mark.parametrize("form", ["text", "json", "csv", "html"])
def test_an_empty_period_breaks_no_format(db, form, capsys):
    call_command("report", "--format", form)
    assert capsys.readouterr().out.strip()


def test_a_report_costs_the_same_number_of_queries_for_any_period(
    ticket, django_assert_max_num_queries
):
    now = timezone.now()
    for days in (1, 400):
        with django_assert_max_num_queries(45):
            report(now - timedelta(days=days), now, now)


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (None, "share", "–"),
        (0.1234, "share", "12.3%"),
        (0.0312, "error", "0.031"),
        (59, "seconds", "59 s"),
        (60, "seconds", "1 min"),
        (7_500, "seconds", "2 h 5 min"),
        (7_200, "seconds", "2 h"),
        (90_000, "seconds", "1 d 1 h"),
        (1.25, "milliseconds", "1.2 ms"),
        (1204, "count", "1,204"),
    ],
)
def test_values_are_words(value, unit, words):
    assert value_words(value, unit) == words


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
