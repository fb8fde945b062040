"""What leaves the house about an alert: a mail, or a signed request to another machine.

Both are composed of the outbox row's data alone. Addresses and the secret stand in the settings,
never in a row: a row names its target by a digest.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from tickets import http_client
from tickets.codes import AlertState, OutboxKind
from tickets.models import Outbox
from tickets.outbox import alert_words

DEADLINE_SECONDS = 10.0
MOST_BYTES = 64 * 1024  # of an answer that nobody reads
FORMAT = 1

ALERT_KINDS = frozenset({OutboxKind.ALERT_MAIL, OutboxKind.WEBHOOK})


class CannotBeComposed(ValueError):
    """The row will never make a notice: its target or secret is not in the settings any more."""


class NotTaken(RuntimeError):
    """The other side answered, but not with 2xx. Its status is all that is kept of the answer."""


def target_of(address: str) -> str:
    """Names an address or URL without telling it."""
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def send(row: Outbox, now: datetime) -> None:
    """Deliver a notice.

    Raises:
        CannotBeComposed: it never will be.
        NotTaken, OutgoingFailed: not this time.
    """
    if row.kind == OutboxKind.WEBHOOK:
        _post(row, now)
    else:
        compose(row).send(fail_silently=False)


def why_never(row: Outbox) -> str:
    """Why a notice cannot be delivered, ever; empty when it can."""
    try:
        _address(row)
        if row.kind == OutboxKind.WEBHOOK:
            _secret()
    except CannotBeComposed as error:
        return str(error)
    return ""


def _address(row: Outbox) -> str:
    known: Sequence[str] = (
        settings.ALERT_WEBHOOKS
        if row.kind == OutboxKind.WEBHOOK
        else [*settings.ALERT_MAIL, *settings.ALERT_MAIL_CRITICAL]
    )
    for address in known:
        if target_of(address) == row.data.get("target"):
            return address
    raise CannotBeComposed("unknown_target")


def _secret() -> bytes:
    if not settings.ALERT_WEBHOOK_SECRET:
        raise CannotBeComposed("no_secret")
    return bytes(settings.ALERT_WEBHOOK_SECRET.encode())


# --- Mail -----------------------------------------------------------------------------------------


def compose(row: Outbox) -> EmailMessage:
    """The mail of an alert."""
    said = content(row)
    words = {AlertState.FIRING: said["severity"].upper(), AlertState.RESOLVED: "OVER"}
    body = render_to_string(
        "mail/alert.txt",
        {"alert": said, "over": said["state"] == AlertState.RESOLVED, "settings": settings},
    )
    return EmailMessage(
        subject=f"[{settings.BUSINESS_NAME}] {words[said['state']]}: {said['title']}",
        body=body,
        to=[_address(row)],
        headers={
            "Message-ID": f"<outbox-{row.pk}@{settings.MAIL_DOMAIN}>",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
        },
    )


def content(row: Outbox) -> dict[str, Any]:
    """What a notice says, the same for people and machines."""
    data = row.data
    console = f"{settings.PUBLIC_URL}/ops"
    return {
        "format": FORMAT,
        "id": data["alert"],
        "kind": data["kind"],
        "subject": data["subject"],
        "severity": data["severity"],
        "state": data["state"],
        "title": alert_words.title(data["kind"], data["subject"]),
        "sentence": alert_words.sentence(data["kind"], data["facts"]),
        "facts": data["facts"],
        "first_seen_at": data["first_seen_at"],
        "resolved_at": data["resolved_at"],
        "at": data["at"],
        "url": f"{console}/metrics/alert/{data['alert']}/change/",
        "runbook": f"{console}/runbooks/{data['kind']}/",
        "business": settings.BUSINESS_NAME,
    }


# --- Webhook --------------------------------------------------------------------------------------


def _post(row: Outbox, now: datetime) -> None:
    url, secret = _address(row), _secret()
    body = json.dumps(content(row), separators=(",", ":"), sort_keys=True).encode()
    timestamp = str(int(now.timestamp()))
    answer = fetch(
        "POST",
        url,
        headers={
            "Content-Type": "application/json",
            "X-SupportOps-Event": f"alert.{row.data['state']}",
            "X-SupportOps-Delivery": str(row.pk),
            "X-SupportOps-Timestamp": timestamp,
            "X-SupportOps-Signature": f"sha256={signature(secret, timestamp, body)}",
        },
        body=body,
        deadline_seconds=DEADLINE_SECONDS,
        most_bytes=MOST_BYTES,
        allow_private=settings.ALERT_WEBHOOK_ALLOWED_HOSTS,
    )
    if not 200 <= answer.status < 300:
        raise NotTaken(f"http_{answer.status}")


fetch: Callable[..., http_client.Response] = http_client.fetch


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA-256 of `timestamp.body`: proves who sent it, and when, to whoever has the secret."""
    return hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
