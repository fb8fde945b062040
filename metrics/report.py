"""The report as data: one content, written as text, JSON, CSV or a page."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from decisions.models import Certificate
from metrics import services
from metrics.definitions import METRICS

Progress = Callable[[str], None]


def report(
    since: datetime, until: datetime, now: datetime, *, progress: Progress = lambda words: None
) -> dict[str, Any]:
    """Every number of a period, JSON-ready."""
    progress("reading what was counted")
    asked = services.period(since, until, now)
    history = asked.history
    progress("working out figures")
    figures = services.figures_of(history)
    progress("reading the course of the period")
    step, course = services.course(since, until, now)
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "made_at": now.isoformat(),
        "hours_waiting_to_be_recounted": asked.plan.waiting,
        "metrics": figures,
        "meanings": {
            metric.name: {
                "label": metric.label,
                "unit": metric.unit.value,
                "words": metric.words,
            }
            for metric in METRICS
        },
        "escalation_reasons": [
            {"reason": reason, "tickets": number} for reason, number in services.reasons_of(asked)
        ],
        "intents": services.split(asked, "intent"),
        "channels": services.split(asked, "channel"),
        "queues": services.split(asked, "queue"),
        "calibration": [
            {
                "from": one.low,
                "to": one.high,
                "rows": one.rows,
                "stated": one.stated,
                "right": one.right,
            }
            for one in services.reliability(history)
        ],
        "course": {
            "step": step,
            "rows": [
                {
                    "start": one.start.isoformat(),
                    "tickets": one.tickets,
                    "automated": one.automated,
                    "escalated": one.escalated,
                }
                for one in course
            ],
        },
        "certificates": [
            {"kind": c.kind, "classifier": c.classifier_version, "statement": c.statement}
            for c in Certificate.objects.filter(expires_at__gt=now).order_by("-id")[:5]
        ],
    }
