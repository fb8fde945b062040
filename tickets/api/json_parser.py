"""Reads request bodies: one JSON object in UTF-8, and nothing that merely looks like one."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any, NoReturn

from django.http import UnreadablePostError
from rest_framework.exceptions import (
    APIException,
    ParseError,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.parsers import BaseParser
from rest_framework.utils.mediatypes import _MediaType

MOST_BYTES = 1_000_000
MOST_LEVELS = 20
MOST_DIGITS = 64
WHOLE_NUMBERS = range(-(2**63), 2**63)
UTF_8 = frozenset({"", "utf-8", "utf8"})
# A string up to its end, or to the end of a body that was cut; never tried twice on the same text.
TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
SURROGATE = re.compile("[\ud800-\udfff]")


class TooLarge(APIException):
    """The body is over the limit. It was not read."""

    status_code = 413
    default_code = "too_large"


@dataclass(frozen=True, slots=True)
class Refused:
    """Stands in the parsed value where something was not acceptable, so that its field is known."""

    why: str


class StrictJSONParser(BaseParser):
    """Accepts a JSON object in UTF-8 below the size limit of the view (`most_bytes`)."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        context = parser_context or {}
        request = context["request"]
        _refuse_encodings(media_type or "", request.headers.get("Content-Encoding", ""))
        limit = getattr(context["view"], "most_bytes", MOST_BYTES)
        return read_object(_text(_body(stream, request.META.get("CONTENT_LENGTH", ""), limit)))


def _refuse_encodings(media_type: str, encoding: str) -> None:
    given = _MediaType(media_type)
    charset = given.params.get("charset", "")
    if given.full_type != StrictJSONParser.media_type:  # not even `*/*`
        raise UnsupportedMediaType(media_type)
    if charset.strip("\"'").lower() not in UTF_8:
        raise UnsupportedMediaType(media_type, "The charset must be UTF-8.")
    if encoding.strip().lower() not in {"", "identity"}:
        raise UnsupportedMediaType(encoding, "Send the body without Content-Encoding.")


def _body(stream: IO[Any], announced: str, limit: int) -> bytes:
    """The body, of which never more than `limit` bytes are in memory."""
    too_large = TooLarge(f"The body may have at most {limit} bytes.")
    if announced.isdigit() and int(announced[:18]) > limit:
        raise too_large
    try:
        body: bytes = stream.read(limit + 1)
    except UnreadablePostError as error:
        raise ParseError("The body ended before its announced length.") from error
    if len(body) > limit:
        raise too_large
    return body


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParseError(f"The body is not UTF-8: byte {error.start}.") from error


def read_object(text: str) -> dict[str, Any]:
    """The JSON object that a text holds.

    Raises:
        ParseError: the text is not JSON, or not an object.
        ValidationError: a value in it is not acceptable; names the field.
    """
    _refuse_depth(text)
    try:
        value = DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ParseError(f"The body is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise ParseError("The body must be a JSON object.")
    refusals = {path or "body": [why] for path, why in _refusals(value, "")}
    if refusals:
        raise ValidationError(refusals)
    return value


def _refuse_depth(text: str) -> None:
    """Before the parser, which would go down with the levels."""
    if text.count("{") + text.count("[") <= MOST_LEVELS:
        return
    level, field = 0, ""
    for token in TOKEN.finditer(text):
        mark = token[0][0]
        if mark == '"':
            field = token[0][1:-1] if level == 1 else field
        elif mark in "]}":
            level -= 1
        else:
            level += 1
            if level > MOST_LEVELS:
                _too_deep(field)


def _too_deep(field: str) -> NoReturn:
    # The name is as the body wrote it: shown only when it is a plain one.
    named = field if re.fullmatch(r"[\w-]{1,64}", field) else "body"
    raise ValidationError({named: [f"Nested deeper than {MOST_LEVELS} levels."]})


def _whole(digits: str) -> int | Refused:
    if len(digits) <= MOST_DIGITS and int(digits) in WHOLE_NUMBERS:
        return int(digits)
    return Refused("The number is too large.")


def _real(digits: str) -> float | Refused:
    if len(digits) > MOST_DIGITS:
        return Refused("The number has too many digits.")
    value = float(digits)
    return value if math.isfinite(value) else Refused("The number is too large.")


def _no_number(word: str) -> Refused:
    return Refused(f"{word} is not a number of JSON.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = Refused("The field is there twice.") if key in found else value
    return found


DECODER = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=_whole, parse_float=_real, parse_constant=_no_number
)


def _refusals(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths such as `metadata.size` or `texts.3`, with what is wrong there."""
    if isinstance(value, Refused):
        yield path, value.why
    elif isinstance(value, str):
        why = _why_no_text(value)
        if why:
            yield path, why
    elif isinstance(value, dict):
        for key, item in value.items():
            if _why_no_text(key):
                yield path, "A field name holds a NUL or a lone surrogate."
            else:
                yield from _refusals(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _refusals(item, f"{path}.{number}")


def _why_no_text(text: str) -> str | None:
    if "\0" in text:
        return "NUL characters are not allowed."
    if not text.isascii() and SURROGATE.search(text):
        return "A lone surrogate is not a character."
    return None
