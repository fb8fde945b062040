"""The report as one page that needs nothing else: styles and charts stand in it."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone

from metrics.figures.words import doubt_words, interval_words, rows_words, value_words
from supportops.ui import charts

HEADLINES = (
    "auto_resolution_durable",
    "wrong_automation_rate",
    "escalation_rate",
    "first_response_median",
)
SECTIONS = {
    "Automation": ("ticket_volume", "auto_", "wrong_", "automation_", "override_"),
    "Hand-over to people": ("escalation_", "abstention_"),
    "Service": ("first_response", "automatic_response", "resolution_", "breach_", "reopen_"),
    "Satisfaction": ("satisfaction",),
    "Model and machine": ("calibration", "decision_", "classifier_"),
}


def as_page(content: dict[str, Any]) -> str:
    """A whole HTML document."""
    lines = {name: _line(content, name) for name in content["metrics"]}
    course = content["course"]
    return render_to_string(
        "report/report.html",
        {
            "business": settings.BUSINESS_NAME,
            "since": _local(content["since"]),
            "until": _local(content["until"]),
            "made_at": _local(content["made_at"]),
            "waiting": content["hours_waiting_to_be_recounted"],
            "headlines": [lines[name] for name in HEADLINES],
            "maturing": content["metrics"]["auto_resolution_maturing"]["numerator"],
            "sections": {
                title: [line for name, line in lines.items() if name.startswith(begins)]
                for title, begins in SECTIONS.items()
            },
            "course": course,
            "columns": charts.columns(
                [(_day(row["start"]), row["automated"], row["tickets"]) for row in course["rows"]]
            ),
            "reasons": _bars(content["escalation_reasons"], "words"),
            "splits": {
                kind.capitalize(): _bars(content[f"{kind}s"], kind)
                for kind in ("intent", "channel", "queue")
            },
            "reliability": charts.square(
                [(row["stated"], row["right"], row["rows"]) for row in content["calibration"]]
            ),
            "calibration": content["calibration"],
            "certificates": content["certificates"],
        },
    )


def _local(moment: str) -> datetime:
    return timezone.localtime(datetime.fromisoformat(moment))


def _day(start: str) -> str:
    return f"{date.fromisoformat(start):%d %b}"


def _line(content: dict[str, Any], name: str) -> dict[str, Any]:
    figure, meaning = content["metrics"][name], content["meanings"][name]
    unit = meaning["unit"]
    return {
        "label": meaning["label"],
        "words": meaning["words"],
        "value": value_words(figure["value"], unit),
        "rows": rows_words(figure, unit),
        "interval": interval_words(figure, unit),
        "doubt": doubt_words(figure, unit),
    }


def _bars(rows: list[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    most = max((row["tickets"] for row in rows), default=1)
    return [
        row | {"key": _spoken(row[key]), "width": round(100 * row["tickets"] / most, 1)}
        for row in rows
    ]


def _spoken(code: str | None) -> str:
    return code.replace("_", " ") if code else "(none)"
