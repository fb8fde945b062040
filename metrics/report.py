"""The report as data and as text."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from decisions.models import Certificate
from metrics import services
from metrics.definitions import LABELS


def report(since: datetime, until: datetime, now: datetime) -> dict[str, Any]:
    """Every number of a period, JSON-ready."""
    return {
        "since": since.isoformat(),
        "until": until.isoformat(),
        "metrics": services.figures(since, until, now),
        "escalation_reasons": [
            {"reason": reason, "tickets": number}
            for reason, number in services.reasons(since, until)
        ],
        "intents": services.by_intent(since, until),
        "certificates": [
            {"kind": c.kind, "classifier": c.classifier_version, "statement": c.statement}
            for c in Certificate.objects.filter(expires_at__gt=now).order_by("-id")[:5]
        ],
    }


def as_text(content: dict[str, Any]) -> str:
    """The report for a terminal or a mail, at most 80 columns."""
    since = timezone.localtime(datetime.fromisoformat(content["since"]))
    until = timezone.localtime(datetime.fromisoformat(content["until"]))
    lines = [f"Report {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}", ""]
    lines += [_metric(LABELS[name], figure) for name, figure in content["metrics"].items()]
    lines += ["", "Why tickets went to a person (first reason)"]
    lines += [f"  {row['tickets']:>7}  {row['reason']}" for row in content["escalation_reasons"]]
    lines += ["", "Intents                          tickets  automated"]
    lines += [
        f"  {row['intent'] or '(no intent)':<30} {row['tickets']:>7}  {row['automated']:>9}"
        for row in content["intents"]
    ]
    for certificate in content["certificates"]:
        lines += ["", f"Certificate ({certificate['kind']}, {certificate['classifier']})"]
        lines += [f"  {certificate['statement']}"]
    return "\n".join(lines)


def _metric(label: str, figure: dict[str, Any]) -> str:
    if label == LABELS["ticket_volume"]:
        return f"{label:<30} {figure['numerator']:>8}"
    if figure["value"] is None:
        return f"{label:<30}        –   nothing to count yet"
    counts = f"{figure['numerator']} of {figure['denominator']}"
    interval = f"{figure['low']:.1%} to {figure['high']:.1%}"
    doubt = "" if figure["enough_data"] else "  not enough data"
    return f"{label:<30} {figure['value']:>8.1%}   {counts}, {interval}{doubt}"
