"""Shapes of answers: each is stated once, for the OpenAPI document and for what is answered."""

from collections.abc import Callable, Iterable
from functools import cache
from operator import attrgetter
from typing import Any, cast

from rest_framework import serializers
from rest_framework.response import Response

from tickets.api.endpoint import Pages

Words = serializers.CharField
Number = serializers.FloatField
When = serializers.DateTimeField
Read = Callable[[Any], Any]


def code(codes: Any, **options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(choices=[(each.value, each.name) for each in codes], **options)


# Docstrings of shapes stand in the document, so what is for programmers is in comments.
class Shape(serializers.Serializer[Any]):
    # What an answer holds. A field takes the attribute of its name or its `source`, where a dotted
    # one ends at a None; or what a static method `read_<field>` makes of the row. Serializers of
    # the framework would do the same, but take several times as long.

    @classmethod
    def of(cls, row: Any, **known: Any) -> dict[str, Any]:
        """The answer about a row, ready for JSON. What is `known` already is not read."""
        readers = _readers(cls)
        if not known:
            return {name: read(row) for name, read in readers}
        return {name: known[name] if name in known else read(row) for name, read in readers}

    @classmethod
    def of_each(cls, rows: Iterable[Any]) -> list[dict[str, Any]]:
        return [cls.of(row) for row in rows]


@cache
def _readers(shape: type[Shape]) -> tuple[tuple[str, Read], ...]:
    """How each field is read."""
    fields = shape().get_fields().items()
    return tuple((name, _reader(shape, name, field)) for name, field in fields)


def _reader(shape: type[Shape], name: str, field: Any) -> Read:
    read = getattr(shape, f"read_{name}", None) or _attribute(field.source or name)
    if isinstance(field, serializers.ListSerializer):
        of_each = cast(Shape, field.child).of_each
        return lambda row: of_each(read(row))
    if isinstance(field, Shape):
        of = type(field).of
        return lambda row: None if (inner := read(row)) is None else of(inner)
    return read


def _attribute(path: str) -> Read:
    first, _, last = path.partition(".")
    if not last:
        return attrgetter(first)
    outer, inner = attrgetter(first), attrgetter(last)
    return lambda row: None if (found := outer(row)) is None else inner(found)


def or_none(path: str) -> Any:
    """An attribute, or None where it is empty."""
    read = attrgetter(path)
    return staticmethod(lambda row: read(row) or None)


class PageShape(Shape):
    # What knows the page and its neighbours is the row.

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """What is on the page comes first."""
        fields = super().get_fields()
        return {"results": fields.pop("results"), **fields}

    read_next = staticmethod(Pages.get_next_link)
    read_previous = staticmethod(Pages.get_previous_link)

    @classmethod
    def answer(cls, pages: Pages) -> Response:
        return Response(cls.of(pages))
