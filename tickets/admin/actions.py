"""What people do on a ticket's page: one small form for each action, one service behind it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from classification.models import Intent
from decisions import replies
from tickets import conversation, handling
from tickets.admin.staff import assignable
from tickets.codes import Priority
from tickets.forms import TypedText
from tickets.handling import SeenAssignee
from tickets.holding import NotPossible
from tickets.models import MESSAGE_LIMIT, Queue, Ticket
from tickets.record import Actor

NO_INTENT = "none"
WRONG = {"yes": True, "no": False, "unsure": None}
SILENCE = "unsure"


class NothingAsked(forms.Form):
    """An action that needs no more than its button."""


class WordsForm(forms.Form):
    """Something to write."""

    body = TypedText(
        lines=True,
        max_length=MESSAGE_LIMIT,
        error_messages={"required": "Write something first."},
    )


class WordOnMachineForm(forms.Form):
    """A word on the machine's own answer, for those who have one."""

    wrong = forms.ChoiceField(choices=[(key, key) for key in WRONG], required=False)

    def clean_wrong(self) -> bool | None:
        return WRONG[self.cleaned_data["wrong"] or SILENCE]


class ReplyForm(WordOnMachineForm, WordsForm):
    """An answer, with the moment at which its writer saw the ticket."""

    seen_at = forms.CharField()
    then = forms.ChoiceField(choices=[("", ""), ("resolve", "resolve")], required=False)
    gaps_meant = forms.BooleanField(required=False)

    def clean_seen_at(self) -> datetime:
        try:
            seen = datetime.fromisoformat(self.cleaned_data["seen_at"])
            seen = seen.astimezone(UTC) if seen.tzinfo else seen
        except (ValueError, OverflowError) as error:
            raise forms.ValidationError("Open the ticket again.") from error
        if seen.tzinfo is None:
            raise forms.ValidationError("Open the ticket again.")
        return seen

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        body = cleaned.get("body", "")
        if body and not cleaned.get("gaps_meant") and not replies.is_complete(body):
            gap = replies.GAP.search(body)
            named = gap.group() if gap else ""
            self.add_error("body", GapLeft(f"There is still a gap to fill: {named}"))
        return cleaned


class GapLeft(forms.ValidationError):
    """The suggested reply was not filled in everywhere."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="gap")


class AssignForm(forms.Form):
    to = forms.CharField(required=False)
    was = forms.RegexField(r"^[0-9]{0,18}$", required=False)  # who had it; without it none is asked

    def clean_was(self) -> SeenAssignee | None:
        if "was" not in self.data:
            return None
        number = self.cleaned_data["was"]
        return SeenAssignee(int(number) if number else None)

    def clean_to(self) -> Any:
        """Somebody who may work on tickets; None for nobody."""
        value = self.cleaned_data["to"]
        if not value:
            return None
        chosen = [user for user in assignable() if str(user.pk) == value]
        if not chosen:
            raise forms.ValidationError("Choose somebody who works on tickets.")
        return chosen[0]


class QueueForm(forms.Form):
    queue = forms.ModelChoiceField(
        Queue.objects.all(), error_messages={"invalid_choice": "There is no such queue."}
    )


class EscalateForm(WordOnMachineForm):
    queue = forms.ModelChoiceField(Queue.objects.all(), required=False)


class PriorityForm(forms.Form):
    priority = forms.ChoiceField(choices=[(code.value, code.value) for code in Priority])


class IntentForm(forms.Form):
    intent = forms.CharField(error_messages={"required": "Choose an intent."})
    wrong = forms.ChoiceField(
        choices=[(key, key) for key in WRONG],
        error_messages={"required": "Say whether the machine was wrong."},
    )

    def clean_intent(self) -> str | None:
        slug = self.cleaned_data["intent"]
        if slug == NO_INTENT:
            return None
        if not Intent.objects.filter(slug=slug, active=True).exists():
            raise forms.ValidationError("There is no such intent.")
        return str(slug)


class MergeForm(forms.Form):
    reference = forms.CharField(
        max_length=20, error_messages={"required": "Name the other ticket."}
    )

    def clean_reference(self) -> Ticket:
        reference = self.cleaned_data["reference"].strip().upper()
        ticket = Ticket.objects.filter(reference=reference).first()
        if ticket is None:
            raise forms.ValidationError(f"There is no ticket {reference}.")
        return ticket


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
    handling.agent_reply(
        asked.ticket_id,
        asked.data["body"],
        seen_at=asked.data["seen_at"],
        machine_was_wrong=asked.data["wrong"],
        **asked.by,
    )
    if asked.data["then"] == "resolve":
        handling.resolve(asked.ticket_id, **asked.by)
        return "Your reply is on its way, and the ticket is resolved."
    return "Your reply is on its way. The ticket waits for the customer."


def note(asked: Asked) -> str:
    handling.add_note(asked.ticket_id, asked.data["body"], **asked.by)
    return "Note added. Customers never see it."


def assign(asked: Asked) -> str:
    to = asked.data["to"]
    handling.assign(asked.ticket_id, to, seen=asked.data["was"], **asked.by)
    if to is None:
        return "The ticket belongs to nobody now."
    who = "you" if to == asked.user else to.get_full_name() or to.get_username()
    return f"Assigned to {who}."


def move(asked: Asked) -> str:
    queue = asked.data["queue"]
    handling.move(asked.ticket_id, queue, **asked.by)
    return f"Moved to {queue}."


def set_priority(asked: Asked) -> str:
    priority = Priority(asked.data["priority"])
    handling.set_priority(asked.ticket_id, priority, **asked.by)
    return f"Priority is {priority} now."


def escalate(asked: Asked) -> str:
    handling.escalate(
        asked.ticket_id,
        queue=asked.data["queue"],
        machine_was_wrong=asked.data["wrong"],
        **asked.by,
    )
    return "Escalated: high priority, open, for somebody else to take."


def resolve(asked: Asked) -> str:
    handling.resolve(asked.ticket_id, **asked.by)
    return "Resolved."


def close(asked: Asked) -> str:
    handling.close(asked.ticket_id, **asked.by)
    return "Closed."


def reopen(asked: Asked) -> str:
    if not conversation.reopen(asked.ticket_id, **asked.by):
        raise NotPossible("The ticket is open already.")
    return "Opened again. It is a person’s turn."


def mark_spam(asked: Asked) -> str:
    handling.mark_spam(asked.ticket_id, **asked.by)
    return "Marked as spam: no number counts it any more. “Not spam” above takes that back."


def unmark_spam(asked: Asked) -> str:
    handling.unmark_spam(asked.ticket_id, **asked.by)
    return "No spam: the ticket is open."


def correct_intent(asked: Asked) -> str:
    handling.correct_intent(
        asked.ticket_id,
        asked.data["intent"],
        machine_was_wrong=WRONG[asked.data["wrong"]],
        **asked.by,
    )
    return "Thank you. Your word stands; the machine’s is kept beside it."


def merge(asked: Asked) -> str:
    into = asked.data["reference"]
    handling.merge(asked.ticket_id, into, **asked.by)
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
