"""What the ticket endpoints take. What they answer stands in `responses`."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from tickets.api.endpoint import PageQuery
from tickets.api.fields import Address, Flag, Moment, OneOf, Slug, StrictSerializer, Text
from tickets.codes import Author, Outcome, TicketStatus
from tickets.models import MESSAGE_LIMIT
from tickets.search.index import LONGEST

MOST_METADATA = 20
LONGEST_METADATA_NAME = 64
LONGEST_METADATA_TEXT = 500
LONGEST_SHORT_TEXT = 200
# Beyond it a float skips whole numbers, and databases do not agree on how it is kept.
LARGEST_REAL = 2.0**53


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MOST_METADATA,
        "additionalProperties": {
            "anyOf": [
                {"type": "string", "maxLength": LONGEST_METADATA_TEXT},
                {"type": "number"},
                {"type": "boolean"},
            ]
        },
    }
)
class Metadata(serializers.Field[Any, Any, Any, Any]):
    """A flat object of an integration's own values. Kept as it came, never looked at."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError("This must be an object.")
        if len(data) > MOST_METADATA:
            raise ValidationError(f"At most {MOST_METADATA} values.")
        wrong = {name: why for name, value in data.items() if (why := _complaint(name, value))}
        if wrong:
            raise ValidationError({name[:LONGEST_METADATA_NAME]: [w] for name, w in wrong.items()})
        return data

    def to_representation(self, value: Any) -> Any:
        return value


def _complaint(name: str, value: Any) -> str | None:
    if not 0 < len(name) <= LONGEST_METADATA_NAME:
        return f"A name has 1 to {LONGEST_METADATA_NAME} characters."
    if isinstance(value, str) and len(value) > LONGEST_METADATA_TEXT:
        return f"A text has at most {LONGEST_METADATA_TEXT} characters."
    if not isinstance(value, str | int | float):
        return "A value is a text, a number, true or false."
    if isinstance(value, float) and abs(value) > LARGEST_REAL:
        return "Write a number as large as this without a fraction or an exponent, or as a text."
    return None


class NewTicket(StrictSerializer):
    """An inquiry."""

    name = Text(max_length=LONGEST_SHORT_TEXT)
    email = Address(max_length=Address.MOST)
    subject = Text(required=False, allow_blank=True, allow_null=True, max_length=LONGEST_SHORT_TEXT)
    message = Text(max_length=MESSAGE_LIMIT)
    external_id = Text(
        required=False,
        allow_null=True,
        max_length=LONGEST_SHORT_TEXT,
        help_text="Your own id of this inquiry: unique for your key, for ever.",
    )
    metadata = Metadata(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What was sent as null was not sent."""
        return {name: value for name, value in attrs.items() if value is not None}


class NewMessage(StrictSerializer):
    """Something said on a ticket."""

    message = Text(max_length=MESSAGE_LIMIT)
    author = OneOf([Author.CUSTOMER, Author.AGENT])
    internal = Flag(
        required=False, default=False, help_text="A note for agents; never shown to the customer."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["internal"] and attrs["author"] == Author.CUSTOMER:
            raise ValidationError({"internal": ["What a customer says is never internal."]})
        return attrs


class Nothing(StrictSerializer):
    """A body without fields; it may be left out."""


class TicketQuery(PageQuery):
    """Filters of the list. All that are given must hold."""

    q = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=LONGEST,
        help_text="Searches the requester's name and address, the reference and all messages.",
    )
    status = OneOf(TicketStatus, required=False)
    intent = Slug(required=False)
    outcome = OneOf(Outcome, required=False)
    queue = Slug(required=False)
    created_after = Moment(required=False, help_text="At this time or later.")
    created_before = Moment(required=False, help_text="Before this time.")
