"""New versions: a draft made from a policy, and a reply in new words."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil

from django.db import transaction
from django.db.models import Max

from decisions.models import EscalationRule, IntentRule, Policy, ReplyTemplate
from decisions.policies.publish import REQUIRED_TOPICS
from decisions.rules import replies
from decisions.rules.topics import check_lists
from tickets.codes import Level
from tickets.history import record

COPIED = (
    "name",
    "requester_cap",
    "hourly_cap",
    "default_queue",
    "guard_queue",
    "topics",
)
INTENT_RULE_COPIED = (
    "intent",
    "level",
    "threshold",
    "margin",
    "queue",
    "priority",
    "template",
    "hourly_cap",
)
ESCALATION_RULE_COPIED = ("slug", "reason", "conditions", "queue", "priority")


LONGEST_REPLY = 20_000  # as long as a message can be


class WordingInvalid(ValueError):
    """A reply that must not be saved. The message says why."""


@transaction.atomic
def draft_from(policy: Policy, *, actor: record.Actor, now: datetime) -> Policy:
    """A draft with the next number and the same rules. Nothing is in force by it."""
    # The row that everybody drafts from is held, so that two drafts do not want one number.
    Policy.objects.select_for_update().get(pk=policy.pk)
    newest = Policy.objects.aggregate(newest=Max("number"))["newest"]
    draft = Policy.objects.create(
        number=newest + 1,
        created_at=now,
        created_by_id=actor.user_id,
        **{name: getattr(policy, name) for name in COPIED},
    )
    for rule in policy.intent_rules.all():
        IntentRule.objects.create(
            policy=draft, **{name: getattr(rule, name) for name in INTENT_RULE_COPIED}
        )
    for escalation in policy.escalation_rules.all():
        EscalationRule.objects.create(
            policy=draft, **{name: getattr(escalation, name) for name in ESCALATION_RULE_COPIED}
        )
    return draft


def check_wording(subject: str, body: str) -> None:
    """Refuse a reply that could never be filled in.

    Raises:
        WordingInvalid: it is blank or too long, names a variable that does not exist, or has braces
            that are none.
    """
    if not subject.strip() or not body.strip():
        raise WordingInvalid("A reply needs a subject and a text.")
    if len(body) > LONGEST_REPLY:
        raise WordingInvalid(f"At most {LONGEST_REPLY:,} characters; these are {len(body):,}.")
    if replies.has_stray_braces(f"{subject} {body}"):
        raise WordingInvalid(
            "There is a brace that belongs to no variable. A variable stands like this: "
            "{{ first_name }}."
        )
    unknown = replies.variables_in(f"{subject} {body}") - replies.VARIABLES.keys()
    if unknown:
        named = ", ".join(f"{{{{ {name} }}}}" for name in sorted(unknown))
        known = ", ".join(f"{{{{ {name} }}}}" for name in replies.VARIABLES)
        raise WordingInvalid(f"There is no {named}. There are {known}.")


@transaction.atomic
def write_reply(
    slug: str,
    *,
    subject: str,
    body: str,
    actor: record.Actor,
    now: datetime,
    instead_of: int | None = None,
) -> ReplyTemplate:
    """Write the next version of a reply; earlier ones stay. `instead_of` is the version seen.

    Raises:
        WordingInvalid: it could never be filled in, or somebody wrote another version meanwhile.
    """
    check_wording(subject, body)
    versions = ReplyTemplate.objects.filter(slug=slug).order_by("-version")
    newest = versions.values_list("version", flat=True).first() or 0
    if newest != (instead_of or 0):
        raise WordingInvalid(f"Version {newest} was written meanwhile; look at it first.")
    return ReplyTemplate.objects.create(
        slug=slug,
        version=newest + 1,
        subject=subject.strip(),
        body=body.strip(),
        created_at=now,
        created_by_id=actor.user_id,
    )


def word_topics(policy: Policy, lists: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Put other lists into a draft.

    Raises:
        TopicsInvalid: they cannot be searched for, or leave a required topic without entries.
    """
    check_lists(lists, required=REQUIRED_TOPICS)
    policy.topics = {topic: dict(languages) for topic, languages in lists.items()}
    policy.save()


@transaction.atomic
def raise_thresholds(policy: Policy, earned: Mapping[str, float]) -> int:
    """Raise what a draft automates below its certificate to what was earned, in four decimals that
    people can read; how many."""
    raised = 0
    for rule in policy.intent_rules.filter(level=Level.AUTO):
        if rule.threshold < earned.get(rule.intent, 0.0):
            rule.threshold = min(1.0, ceil(earned[rule.intent] * 10_000 - 1e-9) / 10_000)
            rule.save()
            raised += 1
    return raised
