"""Descriptions of what the endpoints of decisions answer. Tests hold real answers against them."""

from typing import Any

from rest_framework import serializers

from tickets.api.responses import Number, Shape, When, Words, code
from tickets.codes import Outcome, OverrideKind, Priority


class Step(Shape):
    stage = serializers.ChoiceField(choices=["guard", "rule", "permission"])
    name = Words()
    fired = serializers.BooleanField(help_text="It was a reason to call a person.")
    values = serializers.DictField(help_text="What it saw.")


class DecisionRecord(Shape):
    id = serializers.IntegerField()
    ticket = Words()
    round = serializers.IntegerField()
    at = When()
    outcome = code(Outcome)
    shadow_outcome = code(
        Outcome, allow_null=True, help_text="What `auto` would have done, for `shadow`."
    )
    reasons = serializers.ListField(child=Words())
    intent = Words(allow_null=True)
    confidence = Number(allow_null=True)
    queue = Words(allow_null=True)
    priority = code(Priority)
    template = Words(allow_null=True)
    policy_version = serializers.IntegerField(allow_null=True)
    policy_digest = Words(allow_null=True)
    model = Words(allow_null=True)
    prediction = serializers.IntegerField(allow_null=True)
    engine_version = serializers.IntegerField()
    software_version = Words()
    facts = serializers.DictField(help_text="All that the rules could see: no words of people.")
    trace = Step(many=True)


class Change(Shape):
    fact = Words()
    to = serializers.JSONField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        return {**super().get_fields(), "from": serializers.JSONField(allow_null=True)}


class Override(Shape):
    kind = code(OverrideKind)
    user = Words()
    before = Words(allow_null=True)
    after = Words(allow_null=True)
    machine_was_wrong = serializers.BooleanField(allow_null=True)
    at = When()


class DecisionDetail(DecisionRecord):
    counterfactual = Change(many=True, allow_null=True)
    counterfactual_note = Words(allow_null=True, help_text="Why there is no counterfactual.")
    overrides = Override(many=True)


class DecisionPage(Shape):
    results = DecisionRecord(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
