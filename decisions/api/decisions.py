"""Endpoints of decisions: what was decided, on which facts, and what would have turned it."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import Http404
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from decisions.api import responses
from decisions.models import Decision
from decisions.policies import published
from decisions.rules import engine
from decisions.rules.counterfactual import Change, counterfactual
from decisions.rules.facts import Facts
from tickets.api.endpoint import LARGEST_ID, Endpoint, PageQuery, described, page_of
from tickets.api.fields import Moment, OneOf, Slug, checked_query
from tickets.codes import Outcome, Scope
from tickets.models import Ticket
from tickets.references import PATTERN

GUARD_FIRED = "A guard fired. No policy could have turned this."
NOTHING_TURNS = "No change of what a policy can speak of would have turned this."
NOT_ASKED = "Processing failed before the rules were asked."
OTHER_VERSION = "Recorded by another version of the rules; it is shown as it was recorded."

FILTERS = {
    "outcome": "outcome",
    "intent": "intent",
    "created_after": "at__gte",
    "created_before": "at__lt",
}


class DecisionQuery(PageQuery):
    """Filters of the list. All that are given must hold."""

    ticket = serializers.RegexField(PATTERN, required=False, help_text="A ticket's reference.")
    outcome = OneOf(Outcome, required=False)
    intent = Slug(required=False)
    created_after = Moment(required=False, help_text="At this time or later.")
    created_before = Moment(required=False, help_text="Before this time.")


class DecisionList(Endpoint):
    scopes: ClassVar = {"GET": Scope.DECISIONS_READ}

    @described(
        name="decisions_list",
        summary="List decisions, newest first",
        tag="decisions",
        scope=Scope.DECISIONS_READ,
        query=DecisionQuery,
        answers={200: responses.DecisionPage},
    )
    def get(self, request: Request) -> Response:
        asked = checked_query(DecisionQuery, request.query_params)
        rows = _filtered(_shown(Decision.objects.all()), asked)
        return responses.DecisionPage.answer(page_of(self, rows))


class DecisionDetail(Endpoint):
    scopes: ClassVar = {"GET": Scope.DECISIONS_READ}

    @described(
        name="decisions_retrieve",
        summary="One decision, what would have turned it and who overruled it",
        tag="decisions",
        scope=Scope.DECISIONS_READ,
        answers={200: responses.DecisionDetail},
        failures=(404,),
    )
    def get(self, request: Request, pk: int) -> Response:
        decision = _shown(Decision.objects.filter(pk=pk)).first() if pk <= LARGEST_ID else None
        if decision is None:
            raise Http404
        changes, note = turn_of(decision)
        return Response(
            responses.DecisionDetail.of(
                decision,
                counterfactual=changes and responses.Change.of_each(changes),
                counterfactual_note=note,
            )
        )


def _shown(decisions: QuerySet[Decision]) -> QuerySet[Decision]:
    """Without the policy's topic lists, which are long."""
    return decisions.select_related("ticket", "policy", "template").only(
        *[field.attname for field in Decision._meta.concrete_fields],
        "ticket__reference",
        "policy__number",
        "template__slug",
        "template__version",
    )


def _filtered(decisions: QuerySet[Decision], asked: dict[str, Any]) -> QuerySet[Decision]:
    conditions = {FILTERS[name]: value for name, value in asked.items() if name in FILTERS}
    if "ticket" in asked:
        conditions["ticket__in"] = Ticket.objects.filter(reference=asked["ticket"]).values("pk")
    return decisions.filter(**conditions)


def turn_of(decision: Decision) -> tuple[tuple[Change, ...] | None, str | None]:
    """The smallest changes that would have turned a decision, or a sentence why there are none."""
    if decision.policy_id is None or not decision.facts:
        return None, NOT_ASKED
    try:
        facts = Facts.from_record(decision.facts)
    except ValueError:
        return None, OTHER_VERSION
    policy = published.snapshot_of(decision.policy_id, decision.policy_digest)
    verdict = engine.decide(facts, policy)
    if verdict.outcome != decision.outcome or decision.engine_version != engine.ENGINE_VERSION:
        return None, OTHER_VERSION
    changes = counterfactual(facts, policy, verdict)
    if changes is not None:
        return changes, None
    guarded = any(step.fired and step.stage == "guard" for step in verdict.trace)
    return None, GUARD_FIRED if guarded else NOTHING_TURNS
