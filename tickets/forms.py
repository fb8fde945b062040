"""What customers type. Every fault is told in words; what was typed is always given back."""

import re
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from tickets.codes import Channel
from tickets.models import MESSAGE_LIMIT
from tickets.pipeline.inquiry import Inquiry
from tickets.visible import is_visible

NAME_LIMIT = 200
EMAIL_LIMIT = 254
SUBJECT_LIMIT = 200
FURTHER_LIMIT = 200
KEY = re.compile(r"[0-9a-f]{40}")
NUMBER = re.compile(r"[0-9]{1,9}")


def browser_key(request: HttpRequest) -> str:
    """What a browser is known by: the same words from it, sent twice, still make one ticket.

    The same for each page of a browser, since going back may load the form again.
    """
    get_token(request)  # makes the secret of this browser, where it has none yet
    return salted_hmac("tickets.forms", request.META["CSRF_COOKIE"]).hexdigest()


def known_key(value: str | None) -> str | None:
    """The key that a form sent along, if it is one."""
    return value if value and KEY.fullmatch(value) else None


def displayable(text: str) -> str:
    """The text with everything replaced that an HTML page cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


class TypedText(forms.CharField):
    """Text as people type it. Faulty text comes back in a shape that a page can show."""

    def __init__(self, *, lines: bool = False, **kwargs: Any) -> None:
        self.lines = lines
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        # With maxlength browsers would cut what is pasted, without a word.
        attributes = super().widget_attrs(widget)
        return {name: value for name, value in attributes.items() if name != "maxlength"}

    def bound_data(self, data: Any, initial: Any) -> Any:
        shown = super().bound_data(data, initial)
        return displayable(shown) if isinstance(shown, str) else shown

    def to_python(self, value: Any) -> str:
        # Browsers send the line ends of another age.
        typed = (super().to_python(value) or "").replace("\r\n", "\n")
        return typed.replace("\r", "\n") if self.lines else typed

    def validate(self, value: str) -> None:
        if self.required and not is_visible(value):
            raise ValidationError(self.error_messages["required"], code="required")
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise ValidationError(
                _("There is a broken character in here. Please remove it."), code="broken"
            )
        if not self.lines and any(ord(character) < ord(" ") for character in value):
            raise ValidationError(_("Please leave out line breaks and tabs."), code="control")


class TypedEmail(TypedText, forms.EmailField):
    """An address that fits into a mail header, lower-cased: one person, one spelling."""

    def to_python(self, value: Any) -> str:
        return super().to_python(value).lower()

    def validate(self, value: str) -> None:
        super().validate(value)
        # Django lets control characters pass inside a quoted local part.
        if any(not character.isprintable() or character.isspace() for character in value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")


class BrowserKey(forms.CharField):
    """What the browser is known by. A faulty one is no error: a person could not mend it."""

    widget = forms.HiddenInput

    def bound_data(self, data: Any, initial: Any) -> Any:
        return known_key(data) or initial

    def clean(self, value: Any) -> str | None:
        return known_key(value)


class SeenNumber(forms.CharField):
    """How many messages the page showed; None when somebody changed it."""

    widget = forms.HiddenInput

    def bound_data(self, data: Any, initial: Any) -> str:
        return data if NUMBER.fullmatch(data or "") else ""

    def clean(self, value: Any) -> int | None:
        return int(value) if NUMBER.fullmatch(value or "") else None


def message_field(label: Any, required: Any, *, rows: int) -> TypedText:
    return TypedText(
        label=label,
        lines=True,
        strip=False,
        max_length=MESSAGE_LIMIT,
        widget=forms.Textarea(attrs={"rows": rows, "dir": "auto"}),
        error_messages={
            "required": required,
            "max_length": _(
                "Your text has %(show_value)d characters; we can take up to %(limit_value)d. "
                "Please shorten it, or send it in two parts."
            ),
        },
    )


class InquiryForm(forms.Form):
    """One question to the business."""

    name = TypedText(
        label=_("Your name"),
        max_length=NAME_LIMIT,
        widget=forms.TextInput(attrs={"autocomplete": "name", "dir": "auto"}),
        error_messages={"required": _("Please tell us your name.")},
    )
    email = TypedEmail(
        label=_("E-mail address for our answer"),
        max_length=EMAIL_LIMIT,
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
        # Not autocomplete="off": going back, browsers would not restore the field.
        widget=forms.TextInput(attrs={"dir": "auto"}),
    )
    message = message_field(_("Your message"), _("Please write your message."), rows=8)
    key = BrowserKey()
    homepage = forms.CharField(
        required=False,
        label=_("Please leave this field empty"),
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for key, label in settings.FORM_FIELDS.items():
            self.fields[key] = TypedText(
                label=label,
                required=False,
                max_length=FURTHER_LIMIT,
                widget=forms.TextInput(attrs={"dir": "auto"}),
            )

    @property
    def further(self) -> list[forms.BoundField]:
        """The fields that the business added."""
        return [self[key] for key in settings.FORM_FIELDS]

    @property
    def looks_like_a_robot(self) -> bool:
        """A field that people do not see was filled in."""
        return bool(self.data.get("homepage"))

    def inquiry(self) -> Inquiry:
        """What came in, once it is valid. The same words from the same browser are one."""
        typed = self.cleaned_data
        inquiry = Inquiry(
            name=typed["name"],
            email=typed["email"],
            subject=typed["subject"],
            message=typed["message"],
            channel=Channel.FORM,
            metadata={key: typed[key] for key in settings.FORM_FIELDS if typed[key]},
        )
        if typed["key"] is None:
            return inquiry
        # With one word changed it is a new inquiry, not a misuse of the key.
        return replace(inquiry, idempotency_key=f"{typed['key']}.{inquiry.body_hash()}")


class ReplyForm(forms.Form):
    """What a customer adds to a conversation."""

    message = message_field(_("Write to us"), _("Please write your message first."), rows=5)
    after = SeenNumber()
