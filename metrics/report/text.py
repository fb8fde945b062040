"""The report for a terminal or a mail, and as a table for spreadsheets."""

import csv
import io
from datetime import datetime
from typing import Any

from django.utils import timezone

from metrics.figures.words import doubt_words, interval_words, rows_words, value_words

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = ("section", "name", "key", "value", "unit", "numerator", "denominator", "low", "high")


def as_text(content: dict[str, Any]) -> str:
    """At most 100 columns."""
    since, until = (_local(content[name]) for name in ("since", "until"))
    lines = [f"Report {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}", ""]
    if content["hours_waiting_to_be_recounted"]:
        lines += [f"{content['hours_waiting_to_be_recounted']} hours wait to be recounted.", ""]
    lines += [
        _metric(content["meanings"][name], figure) for name, figure in content["metrics"].items()
    ]
    lines += ["", "Why tickets went to a person (first reason)"]
    lines += [f"  {row['tickets']:>7}  {row['reason']}" for row in content["escalation_reasons"]]
    for kind in ("intent", "channel", "queue"):
        lines += ["", f"{kind.capitalize():<32} tickets  automated"]
        lines += [
            f"  {row[kind] or '(none)':<30} {row['tickets']:>7}  {row['automated']:>9}"
            for row in content[f"{kind}s"]
        ]
    if content["calibration"]:
        lines += ["", "Stated confidence           rows  stated  right"]
        lines += [
            f"  {row['from']:.1f} to {row['to']:.1f}             {row['rows']:>7}"
            f"  {row['stated']:>6.1%}  {row['right'] / row['rows']:.1%}"
            for row in content["calibration"]
        ]
    for certificate in content["certificates"]:
        lines += ["", f"Certificate ({certificate['kind']}, {certificate['classifier']})"]
        lines += [f"  {certificate['statement']}"]
    return "\n".join(lines)


def _local(moment: str) -> datetime:
    return timezone.localtime(datetime.fromisoformat(moment))


def _metric(meaning: dict[str, str], figure: dict[str, Any]) -> str:
    unit = meaning["unit"]
    parts = [rows_words(figure, unit), interval_words(figure, unit), doubt_words(figure, unit)]
    said = "   ".join(part for part in parts if part)
    return f"{meaning['label']:<34} {value_words(figure['value'], unit):>10}   {said}".rstrip()


def as_csv(content: dict[str, Any]) -> str:
    """One row for each number. Nothing in it is taken for a formula."""
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow(COLUMNS)
    for row in _rows(content):
        table.writerow([neutral(cell) for cell in row])
    return written.getvalue()


def neutral(cell: Any) -> Any:
    """A cell that a spreadsheet shows as it stands, though it looks like a formula."""
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell


def _rows(content: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (
            "metric",
            name,
            "",
            figure["value"],
            content["meanings"][name]["unit"],
            figure["numerator"],
            figure["denominator"],
            figure["low"],
            figure["high"],
        )
        for name, figure in content["metrics"].items()
    ]
    rows += [
        ("escalation_reasons", "tickets", row["reason"], row["tickets"], "count", "", "", "", "")
        for row in content["escalation_reasons"]
    ]
    for kind in ("intent", "channel", "queue"):
        rows += [
            (f"{kind}s", name, row[kind] or "", row[name], "count", "", "", "", "")
            for row in content[f"{kind}s"]
            for name in ("tickets", "automated", "escalated")
        ]
    rows += [
        (
            f"course_by_{content['course']['step']}",
            name,
            row["start"],
            row[name],
            "count",
            *[""] * 4,
        )
        for row in content["course"]["rows"]
        for name in ("tickets", "automated", "escalated")
    ]
    return rows
