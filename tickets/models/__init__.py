"""The ground tables: people, tickets, messages, history, and what waits to be delivered.

May import `tickets.codes` and pure modules; no other table.
Start reading in `ticket.py`, then `history.py`.
"""

from tickets.models.history import HistoryIsReadOnly, HistoryModel
from tickets.models.lists import UNDO_WITHIN, BulkChange, SavedView
from tickets.models.log import (
    AuditHead,
    AuditRecord,
    DemoRun,
    IdempotencyKey,
    JobLease,
    Outbox,
    TicketEvent,
    TouchedHour,
)
from tickets.models.people import ApiKey, Requester
from tickets.models.targets import ServiceLevel, Target
from tickets.models.ticket import MESSAGE_LIMIT, Calendar, Message, Queue, Ticket, text_of

__all__ = [
    "MESSAGE_LIMIT",
    "UNDO_WITHIN",
    "ApiKey",
    "AuditHead",
    "AuditRecord",
    "BulkChange",
    "Calendar",
    "DemoRun",
    "HistoryIsReadOnly",
    "HistoryModel",
    "IdempotencyKey",
    "JobLease",
    "Message",
    "Outbox",
    "Queue",
    "Requester",
    "SavedView",
    "ServiceLevel",
    "Target",
    "Ticket",
    "TicketEvent",
    "TouchedHour",
    "text_of",
]
