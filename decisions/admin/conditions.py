"""Conditions of an escalation rule as drop-downs: a fact, how to compare, and a value.

Works without JavaScript: every operator is offered, and what does not fit the fact is refused. With
it, only what fits is offered.
"""

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from classification.models import Intent
from decisions.rules.policy import RULE_FACTS, RuleInvalid
from decisions.rules.read_condition import typed
from decisions.why.words import OPERATOR_WORDS
from tickets.codes import Channel

ROWS = 4  # offered at least
EMPTY_ROWS = 1  # beyond those that are filled
KINDS = {bool: "flag", int: "count", float: "share", str: "text"}
COMPARED = {
    "<": "less than",
    "<=": "at most",
    ">": "more than",
    ">=": "at least",
    "=": "exactly",
    **OPERATOR_WORDS,
}


def offered() -> dict[str, Any]:
    """What each fact may be compared by and with, for the page's script."""
    intents = list(Intent.objects.order_by("slug").values_list("slug", flat=True))
    values = {
        "intent": intents,
        "runner_up": intents,
        "channel": [str(channel) for channel in Channel],
        "language": ["en", "de", "fr", "es", "it", "nl", "pt"],
    }
    return {
        name: {
            "kind": KINDS[kind.type],
            "operators": list(kind.operators),
            "values": ["yes", "no"] if kind.type is bool else values.get(name, []),
        }
        for name, kind in RULE_FACTS.items()
    }


class ConditionsWidget(forms.Widget):
    """Rows of three fields each."""

    template_name = "console/conditions.html"

    def _render(
        self, template_name: str, context: dict[str, Any], renderer: Any = None
    ) -> SafeString:
        """By the project's templates; those of forms know only the templates of apps."""
        return render_to_string(template_name, context)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        rows = [said_row(row) for row in value or []]
        rows += [{}] * max(ROWS - len(rows), EMPTY_ROWS)
        context |= {
            "rows": [(f"{name}-{number}", row) for number, row in enumerate(rows)],
            "facts": [(key, kind.label) for key, kind in RULE_FACTS.items()],
            "operators": list(COMPARED.items()),
            "offered": json.dumps(offered()),
            "name": name,
        }
        return context

    def value_from_datadict(
        self, data: Mapping[str, Any], files: Any, name: str
    ) -> list[dict[str, str]]:
        rows, number = [], 0
        while f"{name}-{number}-fact" in data:
            row = {
                part: str(data.get(f"{name}-{number}-{part}", "")).strip()
                for part in ("fact", "operator", "value")
            }
            rows += [row] if row["fact"] or row["value"] else []
            number += 1
        return rows

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return f"{name}-0-fact" not in data


def said_row(row: Mapping[str, Any]) -> dict[str, str]:
    """A stored condition as its fields show it."""
    value = row.get("value", "")
    shown = {True: "yes", False: "no"}.get(value) if isinstance(value, bool) else str(value)
    return {"fact": row.get("fact", ""), "operator": row.get("operator", ""), "value": shown or ""}


class ConditionsField(forms.Field):
    """A list of conditions. Refuses what the engine could not read, in a sentence."""

    widget = ConditionsWidget

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        try:
            return [typed(row["fact"], row["operator"], row["value"]) for row in value or []]
        except RuleInvalid as refusal:
            raise ValidationError(str(refusal)) from refusal

    def validate(self, value: Any) -> None:
        if not value:
            raise ValidationError("A rule needs at least one condition.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(data) != (initial or [])
        except ValidationError:
            return True
