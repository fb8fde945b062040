"""What customers type. Every fault is told in words; what was typed is always given back."""

import re
import secrets
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from tickets import texts
from tickets.codes import Channel
from tickets.intake import Inquiry
from tickets.models import MESSAGE_LIMIT

NAME_LIMIT = 200
EMAIL_LIMIT = 254
SUBJECT_LIMIT = 200
KEY = re.compile(r"[A-Za-z0-9_-]{16,64}")


def new_key() -> str:
    """What a page is known by: sent twice, it still makes one ticket."""
    return secrets.token_urlsafe(18)


class TypedText(forms.CharField):
    """Text as people type it. Faulty text comes back in a shape that a page can show."""

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self.lines = lines
        super().__init__(**kwargs)

    def bound_data(self, data: Any, initial: Any) -> Any:
        shown = super().bound_data(data, initial)
        return texts.displayable(shown) if isinstance(shown, str) else shown

    def to_python(self, value: Any) -> str:
        typed = super().to_python(value) or ""
        return texts.plain_lines(typed) if self.lines else typed

    def validate(self, value: str) -> None:
        if self.required and not texts.has_visible(value):
            raise ValidationError(self.error_messages["required"], code="required")
        refuse_broken(value)
        if not self.lines and texts.has_control(value):
            raise ValidationError(
                _("Please leave out line breaks and control characters."), code="control"
            )


class TypedEmail(TypedText, forms.EmailField):
    """An address that fits into a mail header."""


def refuse_broken(value: str) -> None:
    if "\0" in value or texts.has_surrogate(value):
        raise ValidationError(
            _("There is a broken character in here. Please remove it."), code="broken"
        )


def message_field(label: Any, required: Any) -> TypedText:
    return TypedText(
        label=label,
        lines=True,
        strip=False,
        max_length=MESSAGE_LIMIT,
        # No maxlength in the page: browsers would cut a pasted text without a word.
        widget=WholeTextarea(attrs={"rows": 8}),
        error_messages={
            "required": required,
            "max_length": _(
                "Your text has %(show_value)d characters; we can take up to %(limit_value)d. "
                "Please shorten it, or send it in two parts."
            ),
        },
    )


class WholeTextarea(forms.Textarea):
    """A text area that never cuts what is pasted."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"]["attrs"].pop("maxlength", None)
        return context


class InquiryForm(forms.Form):
    """One question to the business."""

    name = TypedText(
        label=_("Your name"),
        max_length=NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Please tell us your name.")},
    )
    email = TypedEmail(
        label=_("Your e-mail address"),
        max_length=EMAIL_LIMIT,
        help_text=_("Our answer goes there."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages={
            "required": _("Please tell us the e-mail address for our answer."),
            "invalid": _("This is not an e-mail address. One looks like name@example.com."),
        },
    )
    subject = TypedText(
        label=_("Subject"),
        required=False,
        max_length=SUBJECT_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    message = message_field(_("Your message"), _("Please write your message."))
    key = forms.CharField(required=False, widget=forms.HiddenInput)
    homepage = forms.CharField(
        required=False,
        label=_("Please leave this field empty"),
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )

    @property
    def looks_like_a_robot(self) -> bool:
        """A field that people do not see was filled in."""
        return bool(self.data.get("homepage"))

    def inquiry(self) -> Inquiry:
        """What came in, once it is valid. The same page with the same words is the same inquiry."""
        typed = self.cleaned_data
        inquiry = Inquiry(
            name=typed["name"],
            email=typed["email"],
            subject=typed["subject"],
            message=typed["message"],
            channel=Channel.FORM,
        )
        return inquiry
