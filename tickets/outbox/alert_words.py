"""Alerts in words, for console, mail and webhooks. Pure: no Django."""

from collections.abc import Mapping
from typing import Any

from tickets.codes import AlertKind

TITLES: Mapping[str, str] = {
    AlertKind.SERVICE_LEVEL_WARNING: "A promise is about to be missed",
    AlertKind.SERVICE_LEVEL_BREACHED: "A promise was missed",
    AlertKind.VOLUME_SPIKE: "More tickets than usual",
    AlertKind.ESCALATION_SPIKE: "More escalations than usual",
    AlertKind.BREAKER_OPEN: "A breaker stopped automation",
    AlertKind.DRIFT: "Customers write about other things",
    AlertKind.CLASSIFIER_FAILING: "The classifier fails",
    AlertKind.CLASSIFIER_ABSENT: "The promoted model does not serve",
    AlertKind.TICKETS_UNDECIDED: "Tickets wait for their decision",
    AlertKind.OUTBOX_STUCK: "Mail or webhooks do not get out",
    AlertKind.AUDIT_FAILED: "The audit chain was changed",
    AlertKind.DISK_LOW: "The disk is nearly full",
    AlertKind.BACKUP_OLD: "There is no recent backup",
}
# Each with the facts that its rule gives.
SENTENCES: Mapping[str, str] = {
    AlertKind.SERVICE_LEVEL_WARNING: "{tickets} open; the next is due in {minutes}.",
    AlertKind.SERVICE_LEVEL_BREACHED: "{tickets} still open; the oldest is {minutes} late.",
    AlertKind.VOLUME_SPIKE: "{count} tickets in the hour from {hour}:00, where {usual} are usual"
    " (score {score} against {bar} in {days} days).",
    AlertKind.ESCALATION_SPIKE: "{count} of {of} tickets of the hour from {hour}:00 went to people,"
    " where {usual} are usual (score {score} against {bar} in {days} days).",
    AlertKind.BREAKER_OPEN: "Nothing of this is answered automatically until somebody arms it.",
    AlertKind.DRIFT: "The week differs from the sample of the certificate (p {p}, index {index});"
    " most in: {most}.",
    AlertKind.CLASSIFIER_FAILING: "{failed} of {asked} answers of the last hour failed; those"
    " tickets went to people.",
    AlertKind.CLASSIFIER_ABSENT: "Promoted: {promoted}. Serving: {serving}.",
    AlertKind.TICKETS_UNDECIDED: "{tickets} not decided; the oldest for {minutes}.",
    AlertKind.OUTBOX_STUCK: "{pending} wait, the oldest for {minutes}; {failed} were given"
    " up within a day.",
    AlertKind.AUDIT_FAILED: "Record {record}: {problem}.",
    AlertKind.DISK_LOW: "{megabytes} MB are free.",
    AlertKind.BACKUP_OLD: "The newest is {hours} old.",
}
WITHOUT: Mapping[str, tuple[str, str]] = {
    AlertKind.BACKUP_OLD: ("hours", "There is none at all."),
}
NOTHING = "–"
UNITS = {"minutes": 1, "hours": 60}  # facts that say how long, in minutes


def title(kind: str, subject: str = "") -> str:
    """What is the case, and with what: `A breaker stopped automation: order status`."""
    words = TITLES[kind]
    return f"{words}: {subject.replace('_', ' ')}" if subject else words


def sentence(kind: str, facts: Mapping[str, Any]) -> str:
    """The facts as one sentence. A fact that is not there is a dash."""
    fact, instead = WITHOUT.get(kind, ("", ""))
    if fact and facts.get(fact) is None:
        return instead
    return SENTENCES[kind].format_map(_Spoken(facts))


class _Spoken(dict[str, str]):
    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__(
            {
                name: _lasting(value * UNITS[name])
                if name in UNITS and isinstance(value, int | float)
                else _spoken(value)
                for name, value in facts.items()
            }
        )

    def __missing__(self, name: str) -> str:
        return NOTHING


def _lasting(minutes: float) -> str:
    """How long, in the two largest units: `12 min`, `3 h 5 min`, `11 d 1 h`."""
    whole = round(minutes)
    days, hours, rest = whole // 1440, whole % 1440 // 60, whole % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{rest} min"


def _spoken(value: Any) -> str:
    if value is None or value in ("", []):
        return NOTHING
    if isinstance(value, list):
        return ", ".join(str(part).replace("_", " ") for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
