"""Strict fields: a value of the wrong type is refused, never converted."""

import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from django.core.validators import validate_slug
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from tickets.visible import is_visible

UNKNOWN = "This field is not known here."
LONGEST_NAME_SHOWN = 64
YEAR_FIRST = re.compile(r"(?:19[7-9]|2\d\d)\d-")


class Text(serializers.CharField):
    """A text, kept exactly as it came. Numbers are no texts; what shows nothing is blank."""

    def __init__(self, **options: Any) -> None:
        super().__init__(trim_whitespace=False, **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if isinstance(data, str) and data and not self.allow_blank and not is_visible(data):
            self.fail("blank")
        return super().run_validation(data)


class Address(Text):
    """An e-mail address, lower-cased."""

    MOST = 254

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators.append(serializers.EmailField().validators[-1])

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data).lower()
        if len(text) > self.MOST:
            raise ValidationError(f"An address has at most {self.MOST} characters.")
        # Django lets control characters pass inside a quoted local part.
        if any(not character.isprintable() or character.isspace() for character in text):
            raise ValidationError("An address has no spaces, line breaks or control characters.")
        return text


class Flag(serializers.BooleanField):
    """`true` or `false`, not a word that means it."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Moment(serializers.DateTimeField):
    """A point in time in ISO 8601; without an offset in the time zone of the service."""

    default_error_messages = {
        "invalid": "Use ISO 8601 such as 2026-01-31T12:00:00Z; a + in an address is written %2B.",
        "range": "The year must be between 1970 and 2999.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        # Looked at first: near the ends of the calendar an offset leads out of it.
        if isinstance(value, str) and re.match(r"\d{4}-", value) and not YEAR_FIRST.match(value):
            self.fail("range")
        if not isinstance(value, str):
            self.fail("invalid")
        return super().to_internal_value(value)


class OneOf(serializers.ChoiceField):
    """One code of an enum."""

    def __init__(self, codes: Iterable[StrEnum], **options: Any) -> None:
        super().__init__(choices=[code.value for code in codes], **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in self.choices:
            raise ValidationError(f"Use one of {', '.join(self.choices)}.")
        return data


class Slug(serializers.CharField):
    """A stable name such as `order_status`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, **options)
        self.validators.append(validate_slug)


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know, all of them by name."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = [str(name) for name in data if name not in self.fields]
        try:
            known = super().to_internal_value(data)
        except ValidationError as error:
            detail = error.detail if isinstance(error.detail, dict) else {}
            raise ValidationError({**detail, **_all(unknown)}) from error
        if unknown:
            raise ValidationError(_all(unknown))
        return known


def _all(unknown: list[str]) -> dict[str, Any]:
    return {name[:LONGEST_NAME_SHOWN]: [UNKNOWN] for name in unknown}


@lru_cache(maxsize=64)
def _ready(serializer: type[StrictSerializer]) -> StrictSerializer:
    """Validation keeps nothing on the serializer, so one of each does for all requests."""
    return serializer()


def checked(serializer: type[StrictSerializer], data: Any) -> dict[str, Any]:
    """The validated values of a body or a query.

    Raises:
        ValidationError: naming each field that is not accepted.
    """
    return dict(_ready(serializer).run_validation(data))


def checked_query(serializer: type[StrictSerializer], query: QueryDict) -> dict[str, Any]:
    """The validated parameters of an address.

    Raises:
        ValidationError: naming each parameter that is not accepted.
    """
    twice = {name: ["Give it once."] for name, values in query.lists() if len(values) > 1}
    if twice:
        raise ValidationError(twice)
    return checked(serializer, query.dict())
