"""The reply that a policy has for an intent, and whether it is ready to be sent.

Deciding asks with a customer's own values; backtests and pages with any words in their place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from decisions.deciding.cases import Case
from decisions.in_force import policy_in_force
from decisions.models import ReplyTemplate, sql
from decisions.rules import replies
from decisions.rules.facts import Facts
from decisions.rules.policy import IntentPolicy, PolicySnapshot
from tickets.codes import Level
from tickets.models.sql import rows_of

ANY_WORDS = dict.fromkeys(replies.VARIABLES, "x")


@dataclass(frozen=True, slots=True)
class Reply:
    """A filled-in template."""

    template: ReplyTemplate
    subject: str
    body: str

    @property
    def is_ready(self) -> bool:
        """Whether nothing is left to fill in: then it may be sent."""
        return replies.is_complete(f"{self.subject}\n{self.body}")


def reply_for(intent: IntentPolicy, variables: Mapping[str, str]) -> Reply | None:
    """The intent's reply, filled in; None when there is none or a variable has no value."""
    if intent.template is None or intent.level == Level.OFF:
        return None
    versions = rows_of(ReplyTemplate, sql.NEWEST_VERSION, intent.template)
    if not versions:
        return None
    template = versions[0]
    try:
        subject = replies.render(template.subject, variables)
        return Reply(template, subject, replies.render(template.body, variables))
    except replies.TemplateIncomplete:
        return None


def draft_reply(intent: str | None, variables: Mapping[str, str]) -> Reply | None:
    """What an agent is offered for an intent, at whatever level it stands."""
    rule = policy_in_force().snapshot.for_intent(intent)
    offered = replace(rule, level=Level.SUGGEST)
    return reply_for(offered, variables)


def is_ready_for(case: Case, policy: PolicySnapshot) -> bool:
    """Whether the intent's reply exists and could be filled in."""
    reply = reply_for(policy.for_intent(case.intent), case.variables)
    return reply is not None and reply.is_ready


def sendable() -> dict[str, bool]:
    """Each reply by its name, and whether its newest version can be sent as it is."""
    newest = ReplyTemplate.objects.annotate(
        place=Window(RowNumber(), partition_by="slug", order_by=F("version").desc())
    ).filter(place=1)
    return {row.slug: _can_be_sent(row) for row in newest}


def _can_be_sent(row: ReplyTemplate) -> bool:
    try:
        words = replies.render(row.subject, ANY_WORDS) + replies.render(row.body, ANY_WORDS)
    except replies.TemplateIncomplete:
        return False
    return replies.is_complete(words)


def is_ready_under(facts: Facts, policy: PolicySnapshot, ready: Mapping[str, bool]) -> bool:
    """Whether this policy's reply could be sent; what was recorded speaks of another policy's."""
    intent = policy.for_intent(facts.intent)
    return intent.level != Level.OFF and ready.get(intent.template or "", False)
