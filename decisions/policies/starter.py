"""The policy, queues and reply templates that a fresh install starts with."""

import json
from datetime import datetime
from pathlib import Path

from django.db import transaction

from decisions.models import (
    EscalationRule,
    IntentRule,
    Policy,
    Publication,
    ReplyTemplate,
)
from decisions.policies.publish import publish
from tickets.codes import Level, Priority
from tickets.history.record import Actor
from tickets.models import Calendar, Queue, ServiceLevel
from tickets.promises.calendars import DEFAULT_SLUG

FOLDER = Path(__file__).parent.parent / "starter_set"
THRESHOLD = 0.80
MARGIN = 0.10

QUEUES = {
    "general": "General",
    "orders": "Orders and delivery",
    "billing": "Billing and refunds",
    "technical": "Technical help",
    "sensitive": "Sensitive cases",
    "sales": "Sales and partners",
}

# queue, level, priority. What stands at `auto` still needs a certificate.
INTENTS: dict[str, tuple[str, Level, Priority]] = {
    "account_access": ("technical", Level.AUTO, Priority.NORMAL),
    "account_details": ("general", Level.AUTO, Priority.LOW),
    "account_closure": ("sensitive", Level.OFF, Priority.HIGH),
    "order_status": ("orders", Level.AUTO, Priority.NORMAL),
    "order_change": ("orders", Level.SUGGEST, Priority.HIGH),
    "order_cancel": ("orders", Level.SUGGEST, Priority.HIGH),
    "delivery_problem": ("orders", Level.SUGGEST, Priority.HIGH),
    "item_problem": ("orders", Level.SUGGEST, Priority.NORMAL),
    "return_exchange": ("orders", Level.AUTO, Priority.NORMAL),
    "refund_request": ("billing", Level.OFF, Priority.HIGH),
    "refund_status": ("billing", Level.AUTO, Priority.NORMAL),
    "billing_dispute": ("billing", Level.OFF, Priority.HIGH),
    "payment_failure": ("billing", Level.AUTO, Priority.NORMAL),
    "invoice_request": ("billing", Level.AUTO, Priority.LOW),
    "pricing_question": ("sales", Level.SUGGEST, Priority.LOW),
    "subscription_change": ("billing", Level.SUGGEST, Priority.NORMAL),
    "subscription_cancel": ("billing", Level.SUGGEST, Priority.NORMAL),
    "product_question": ("sales", Level.SUGGEST, Priority.LOW),
    "how_to": ("technical", Level.SUGGEST, Priority.NORMAL),
    "technical_issue": ("technical", Level.SUGGEST, Priority.NORMAL),
    "feature_request": ("technical", Level.SHADOW, Priority.LOW),
    "complaint": ("sensitive", Level.OFF, Priority.HIGH),
    "praise": ("general", Level.AUTO, Priority.LOW),
    "human_request": ("sensitive", Level.OFF, Priority.HIGH),
    "security_incident": ("sensitive", Level.OFF, Priority.URGENT),
    "legal_privacy": ("sensitive", Level.OFF, Priority.HIGH),
    "business_inquiry": ("sales", Level.SUGGEST, Priority.LOW),
}

RULES = [
    {
        "slug": "long-message",
        "reason": "A long message often holds more than one request.",
        "conditions": [{"fact": "length", "operator": ">", "value": 2000}],
    },
    {
        "slug": "many-questions",
        "reason": "More than three questions at once.",
        "conditions": [{"fact": "questions", "operator": ">", "value": 3}],
    },
    {
        "slug": "writes-often",
        "reason": "This person has written several times today.",
        "conditions": [{"fact": "tickets_24h", "operator": ">=", "value": 4}],
        "priority": Priority.HIGH,
    },
]

# Minutes of business time to the first answer and to the end. What has no priority fits all others.
SERVICE_LEVELS: list[tuple[str, Priority | None, int, int]] = [
    ("Urgent", Priority.URGENT, 60, 4 * 60),
    ("High", Priority.HIGH, 2 * 60, 8 * 60),
    ("Standard", None, 4 * 60, 3 * 8 * 60),
    ("Low", Priority.LOW, 8 * 60, 5 * 8 * 60),
]


def automated_intents() -> list[str]:
    """Intents that the starter policy would automate, given a certificate."""
    return [slug for slug, (_, level, _) in INTENTS.items() if level == Level.AUTO]


@transaction.atomic
def install_starter(now: datetime) -> bool:
    """Install queues, hours, templates and the first policy; False when a policy is in force."""
    for position, (slug, name) in enumerate(QUEUES.items()):
        Queue.objects.get_or_create(slug=slug, defaults={"name": name, "position": position})
    weekdays = {str(day): [["09:00", "17:00"]] for day in range(5)}
    Calendar.objects.get_or_create(slug=DEFAULT_SLUG, defaults={"hours": weekdays})
    install_service_levels()
    install_templates(now)
    if Publication.objects.exists():
        return False
    publish(
        starter_policy(now),
        actor=Actor.machine(),
        reason="The policy that a fresh install starts with.",
        now=now,
    )
    return True


def install_service_levels() -> None:
    """What is promised where a business has promised nothing yet."""
    if ServiceLevel.objects.exists():
        return
    for name, priority, first_response, resolution in SERVICE_LEVELS:
        ServiceLevel.objects.create(
            name=name,
            priority=priority,
            first_response_minutes=first_response,
            resolution_minutes=resolution,
        )


def install_templates(now: datetime) -> None:
    """Version 1 of each starter reply, where a business has none of that name."""
    for path in sorted((FOLDER / "replies").glob("*.txt")):
        subject, _, body = path.read_text(encoding="utf-8").partition("\n\n")
        if not ReplyTemplate.objects.filter(slug=path.stem).exists():
            ReplyTemplate.objects.create(
                slug=path.stem, subject=subject.strip(), body=body.strip(), created_at=now
            )


def starter_policy(now: datetime) -> Policy:
    """Version 1 as a draft."""
    policy = Policy.objects.create(
        number=1,
        name="Starter",
        default_queue="general",
        guard_queue="sensitive",
        hourly_cap=500,
        topics=json.loads((FOLDER / "topics.json").read_text(encoding="utf-8")),
        created_at=now,
    )
    templates = set(ReplyTemplate.objects.values_list("slug", flat=True))
    for slug, (queue, level, priority) in INTENTS.items():
        IntentRule.objects.create(
            policy=policy,
            intent=slug,
            level=level,
            threshold=THRESHOLD,
            margin=MARGIN,
            queue=queue,
            priority=priority,
            template=slug if slug in templates else "",
        )
    for rule in RULES:
        EscalationRule.objects.create(policy=policy, **rule)
    return policy
