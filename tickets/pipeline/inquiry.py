"""What came in, and the receipt for it."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from decisions.models import Decision
from tickets.codes import Channel
from tickets.history import record
from tickets.history.record import Actor
from tickets.models import ApiKey, Ticket


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """What came in, checked by whoever took it."""

    name: str
    email: str
    message: str
    channel: Channel
    subject: str = ""
    external_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    automatic_mail: bool = False
    api_key: ApiKey | None = None
    idempotency_key: str | None = None
    sent_at: datetime | None = None  # for imports: when the customer wrote it

    def body_hash(self) -> str:
        """SHA-256 of what was said: the same body, the same hash."""
        content = [self.name, self.email, self.subject, self.message, self.metadata]
        return hashlib.sha256(record.canonical([*content, self.external_id]).encode()).hexdigest()

    @property
    def owner(self) -> int:
        return self.api_key.pk if self.api_key else 0

    @property
    def actor(self) -> Actor:
        return Actor.integration(self.api_key) if self.api_key else Actor.customer()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The ticket that an inquiry made, now or at an earlier time."""

    ticket: Ticket
    decision: Decision | None
    repeated: bool = False
