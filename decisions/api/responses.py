"""What the endpoints of decisions answer."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from decisions.models import Decision
from decisions.models import Override as OverrideRow
from tickets.api.shapes import Number, PageShape, Shape, When, Words, code, or_none
from tickets.codes import Outcome, OverrideKind, Priority


class Step(Shape):
    stage = serializers.ChoiceField(choices=["guard", "rule", "permission"])
    name = Words()
    fired = serializers.BooleanField(help_text="It was a reason to call a person.")
    values = serializers.DictField(help_text="What it saw.")

    @classmethod
    def of(cls, row: dict[str, Any], **known: Any) -> dict[str, Any]:
        """It is stored in this shape."""
        return row


class DecisionRecord(Shape):
    """A decision as it stands on record."""

    id = serializers.IntegerField()
    ticket = Words(source="ticket.reference")
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
    policy_version = serializers.IntegerField(allow_null=True, source="policy.number")
    policy_digest = Words(allow_null=True)
    model = Words(allow_null=True)
    prediction = serializers.IntegerField(allow_null=True, source="prediction_id")
    engine_version = serializers.IntegerField()
    software_version = Words()
    facts = serializers.DictField(help_text="All that the rules could see: no words of people.")
    trace = Step(many=True)

    read_queue = or_none("queue")
    read_policy_digest = or_none("policy_digest")

    @staticmethod
    def read_template(decision: Decision) -> str | None:
        return str(decision.template) if decision.template else None

    @staticmethod
    def read_model(decision: Decision) -> str | None:
        model: str | None = decision.facts.get("classifier")
        return model


class Change(Shape):
    fact = Words()
    to = serializers.JSONField(allow_null=True, source="after")

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python."""
        fields = super().get_fields()
        before = serializers.JSONField(allow_null=True, source="before")
        return {"fact": fields["fact"], "from": before, "to": fields["to"]}


class Override(Shape):
    kind = code(OverrideKind)
    user = Words(source="user.username")
    before = Words(allow_null=True)
    after = Words(allow_null=True)
    machine_was_wrong = serializers.BooleanField(allow_null=True)
    at = When()

    read_before = or_none("before")
    read_after = or_none("after")


class DecisionDetail(DecisionRecord):
    counterfactual = Change(many=True, allow_null=True)
    counterfactual_note = Words(allow_null=True, help_text="Why there is no counterfactual.")
    overrides = Override(many=True)

    @staticmethod
    def read_overrides(decision: Decision) -> QuerySet[OverrideRow]:
        return decision.overrides.select_related("user")


class DecisionPage(PageShape):
    results = DecisionRecord(many=True, source="page")
