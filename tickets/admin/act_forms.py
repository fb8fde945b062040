"""What people fill in when they act on a ticket, or on many."""

from datetime import UTC, datetime
from typing import Any

from django import forms

from classification.models import Intent
from decisions.rules import replies
from tickets.admin.staff import assignable
from tickets.codes import Priority
from tickets.desk.agent_actions import SeenAssignee
from tickets.forms import TypedText
from tickets.models import MESSAGE_LIMIT, Queue, Ticket

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
