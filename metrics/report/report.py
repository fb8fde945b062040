"""The report as data: one content, written as text, JSON, CSV or a page."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from decisions.models import Certificate
from decisions.why.explain import rules_in_force
from decisions.why.words import reason_words
from metrics.figures.definitions import METRICS
from metrics.figures.history import History
from metrics.rollup import ask

Progress = Callable[[str], None]


def report(
    since: datetime, until: datetime, now: datetime, *, progress: Progress = lambda words: None
) -> dict[str, Any]:
    """Every number of a period, JSON-ready."""
    progress("reading what was counted")
    asked = ask.period(since, until, now)
    history = asked.history
    progress("working out figures")
    figures = ask.figures_of(history)
    progress("reading the course of the period")
    rules = rules_in_force()
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "made_at": now.isoformat(),
        "hours_waiting_to_be_recounted": asked.plan.waiting,
        "metrics": figures,
        "meanings": _meanings(),
        "escalation_reasons": [
            {"reason": code, "words": reason_words(code, rules), "tickets": number}
            for code, number in ask.reasons_of(asked)
        ],
        "intents": ask.split(asked, "intent"),
        "channels": ask.split(asked, "channel"),
        "queues": ask.split(asked, "queue"),
        "calibration": _calibration(history),
        "course": _course(since, until, now),
        "certificates": [
            {"kind": c.kind, "classifier": c.classifier_version, "statement": c.statement}
            for c in Certificate.objects.filter(expires_at__gt=now).order_by("-id")[:5]
        ],
    }


def _meanings() -> dict[str, dict[str, str]]:
    return {
        metric.name: {"label": metric.label, "unit": metric.unit.value, "words": metric.words}
        for metric in METRICS
    }


def _calibration(history: History) -> list[dict[str, Any]]:
    return [
        {
            "from": one.low,
            "to": one.high,
            "rows": one.rows,
            "stated": one.stated,
            "right": one.right,
        }
        for one in ask.reliability(history)
    ]


def _course(since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    step, course = ask.course(since, until, now)
    rows = [{**asdict(one), "start": one.start.isoformat()} for one in course]
    return {"step": step, "rows": rows}
