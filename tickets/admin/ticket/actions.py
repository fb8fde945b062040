"""What people do on a ticket's page: one small form for each action, one service behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from tickets.admin.act_forms import (
    WRONG,
    AssignForm,
    EscalateForm,
    IntentForm,
    MergeForm,
    NothingAsked,
    PriorityForm,
    QueueForm,
    ReplyForm,
    WordsForm,
)
from tickets.codes import Priority
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.locks import NotPossible


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what on which ticket."""

    ticket_id: int
    user: Any
    data: Mapping[str, Any]

    @property
    def by(self) -> dict[str, Any]:
        return {"actor": Actor.person(self.user), "now": timezone.now()}


Run = Callable[[Asked], str]


@dataclass(frozen=True, slots=True)
class Action:
    form: type[forms.Form]
    run: Run  # says what was done, for the message on the next page


def asked(request: HttpRequest, ticket_id: int, data: Mapping[str, Any]) -> Asked:
    return Asked(ticket_id, request.user, data)


def reply(asked: Asked) -> str:
    agent_actions.agent_reply(
        asked.ticket_id,
        asked.data["body"],
        seen_at=asked.data["seen_at"],
        machine_was_wrong=asked.data["wrong"],
        **asked.by,
    )
    if asked.data["then"] == "resolve":
        agent_actions.resolve(asked.ticket_id, **asked.by)
        return "Your reply is on its way, and the ticket is resolved."
    return "Your reply is on its way. The ticket waits for the customer."


def note(asked: Asked) -> str:
    agent_actions.add_note(asked.ticket_id, asked.data["body"], **asked.by)
    return "Note added. Customers never see it."


def assign(asked: Asked) -> str:
    to = asked.data["to"]
    agent_actions.assign(asked.ticket_id, to, seen=asked.data["was"], **asked.by)
    if to is None:
        return "The ticket belongs to nobody now."
    who = "you" if to == asked.user else to.get_full_name() or to.get_username()
    return f"Assigned to {who}."


def move(asked: Asked) -> str:
    queue = asked.data["queue"]
    agent_actions.move(asked.ticket_id, queue, **asked.by)
    return f"Moved to {queue}."


def set_priority(asked: Asked) -> str:
    priority = Priority(asked.data["priority"])
    agent_actions.set_priority(asked.ticket_id, priority, **asked.by)
    return f"Priority is {priority} now."


def escalate(asked: Asked) -> str:
    agent_actions.escalate(
        asked.ticket_id,
        queue=asked.data["queue"],
        machine_was_wrong=asked.data["wrong"],
        **asked.by,
    )
    return "Escalated: high priority, open, for somebody else to take."


def resolve(asked: Asked) -> str:
    agent_actions.resolve(asked.ticket_id, **asked.by)
    return "Resolved."


def close(asked: Asked) -> str:
    agent_actions.close(asked.ticket_id, **asked.by)
    return "Closed."


def reopen(asked: Asked) -> str:
    if not customer_actions.reopen(asked.ticket_id, **asked.by):
        raise NotPossible("The ticket is open already.")
    return "Opened again. It is a person’s turn."


def mark_spam(asked: Asked) -> str:
    agent_actions.mark_spam(asked.ticket_id, **asked.by)
    return "Marked as spam: no number counts it any more. “Not spam” above takes that back."


def unmark_spam(asked: Asked) -> str:
    agent_actions.unmark_spam(asked.ticket_id, **asked.by)
    return "No spam: the ticket is open."


def correct_intent(asked: Asked) -> str:
    agent_actions.correct_intent(
        asked.ticket_id,
        asked.data["intent"],
        machine_was_wrong=WRONG[asked.data["wrong"]],
        **asked.by,
    )
    return "Thank you. Your word stands; the machine’s is kept beside it."


def merge(asked: Asked) -> str:
    into = asked.data["reference"]
    agent_actions.merge(asked.ticket_id, into, **asked.by)
    return f"Merged. The conversation goes on in {into.reference}."


ACTIONS: Mapping[str, Action] = {
    "reply": Action(ReplyForm, reply),
    "note": Action(WordsForm, note),
    "assign": Action(AssignForm, assign),
    "queue": Action(QueueForm, move),
    "priority": Action(PriorityForm, set_priority),
    "escalate": Action(EscalateForm, escalate),
    "resolve": Action(NothingAsked, resolve),
    "close": Action(NothingAsked, close),
    "reopen": Action(NothingAsked, reopen),
    "spam": Action(NothingAsked, mark_spam),
    "not_spam": Action(NothingAsked, unmark_spam),
    "intent": Action(IntentForm, correct_intent),
    "merge": Action(MergeForm, merge),
}
COMPOSED = frozenset({"reply", "note"})  # what was typed must survive every error
# After these the next ticket is what somebody wants.
FINISHING = frozenset({"reply", "escalate", "resolve", "close", "spam"})
