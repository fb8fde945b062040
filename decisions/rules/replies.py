"""Filling in reply templates. Pure: no Django; only the named variables exist."""

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{\{([^{}]*)\}\}")
STRAY = re.compile(r"\{\{|\}\}")
GAP = re.compile(r"\[[^\]]*\]")  # "[what was changed]": left for an agent to write
VARIABLES = {
    "first_name": "first name of the customer, or “there”",
    "reference": "the ticket's reference",
    "business_name": "the name of the business",
}


class TemplateIncomplete(ValueError):
    """A template names a variable that has no value here."""


def render(template: str, values: Mapping[str, str]) -> str:
    """The template with its variables filled in.

    Raises:
        TemplateIncomplete: a variable is unknown, empty or not closed; nothing is sent half filled.
    """
    if STRAY.search(PLACEHOLDER.sub("", template)):
        raise TemplateIncomplete("Braces are left over.")

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1].strip(), "")
        if not value:
            raise TemplateIncomplete(f"No value for {match[0]}.")
        return value

    filled = PLACEHOLDER.sub(fill, template)
    if not filled.strip():
        raise TemplateIncomplete("The template is empty.")
    return filled


def with_gaps(template: str, values: Mapping[str, str]) -> str:
    """The template filled in; a variable without a value becomes a gap for an agent to fill."""

    def fill(match: re.Match[str]) -> str:
        name = match[1].strip()
        return values.get(name) or f"[{name}]"

    return PLACEHOLDER.sub(fill, template)


def variables_in(template: str) -> set[str]:
    return {match[1].strip() for match in PLACEHOLDER.finditer(template)}


def has_stray_braces(text: str) -> bool:
    """Whether a brace is left beside the variables: a typing error, which would stop the reply."""
    return any(sign in PLACEHOLDER.sub("", text) for sign in "{}")


def is_complete(text: str) -> bool:
    """False while the text holds a gap that an agent has to fill."""
    return GAP.search(text) is None
