"""Rows of decisions for tests."""

from datetime import UTC, datetime
from typing import Any

import factory
from django.utils import timezone

from decisions.models import Certificate, Policy, Publication, ReplyTemplate
from decisions.policies import drafts
from decisions.policies.publish import publish
from decisions.policies.starter import automated_intents
from tickets.codes import CertificateKind
from tickets.history.record import Actor


class CertificateFactory(factory.django.DjangoModelFactory):
    """A permit, for any time, of everything that the starter policy would automate."""

    class Meta:
        model = Certificate

    kind = CertificateKind.DEMO
    classifier_version = "scripted-1"
    intents = factory.LazyFunction(automated_intents)
    alpha = 0.05
    delta = 0.05
    method = "test"
    rows = 100
    errors = 0
    bound = 0.036
    coverage = 0.5
    threshold = 0.8
    thresholds = [0.8]
    sample_digest = "0" * 64
    statement = "For a test."
    issued_at = datetime(2020, 1, 1, tzinfo=UTC)
    expires_at = datetime(2100, 1, 1, tzinfo=UTC)


class ReplyTemplateFactory(factory.django.DjangoModelFactory):
    """A reply that can be sent as it is."""

    class Meta:
        model = ReplyTemplate

    slug = "order_status"
    version = 1
    subject = "Your order"
    body = "Hello {{ first_name }}, it is on its way. {{ business_name }}"
    created_at = factory.LazyFunction(timezone.now)


def make_draft(*, intent: str = "order_status", **changes: Any) -> Policy:
    """A draft of what was published last: `make_draft(hourly_cap=1)`, `make_draft(level="off")`.

    What the policy itself does not hold is changed on the rule of the intent.
    """
    actor, now = Actor.machine(), timezone.now()
    draft = drafts.draft_from(Policy.objects.latest("publications__id"), actor=actor, now=now)
    of_policy = {field.name for field in Policy._meta.fields}
    rule = draft.intent_rules.get(intent=intent)
    for name, value in changes.items():
        setattr(draft if name in of_policy else rule, name, value)
    draft.save()
    rule.save()
    return draft


def put_in_force(*, unchecked: bool = False, **changes: Any) -> Policy:
    """Publish a draft with these changes. `unchecked`: past lint, as a hand in the database."""
    draft, now = make_draft(**changes), timezone.now()
    if unchecked:
        digest = draft.snapshot().digest()
        Policy.objects.filter(pk=draft.pk).update(published=True, digest=digest)
        Publication.objects.create(policy=draft, reason="For a test.", at=now)
    else:
        publish(draft, actor=Actor.machine(), reason="For a test.", now=now)
    draft.refresh_from_db()
    return draft
