"""Publishing: a policy is checked, frozen, and from then on history."""

import json

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from decisions.in_force import policy_in_force
from decisions.models import EscalationRule, IntentRule, Policy, Publication, ReplyTemplate
from decisions.policies import drafts
from decisions.policies.publish import NotPublishable, publish
from decisions.rules.policy import RuleInvalid
from decisions.tests.factories import CertificateFactory, make_draft, put_in_force
from supportops.tests.clean_slate import lift_triggers
from tickets.codes import AuditKind
from tickets.history.record import Actor
from tickets.history.triggers import missing_triggers
from tickets.models import AuditRecord, HistoryIsReadOnly

pytestmark = pytest.mark.django_db


def go(policy, reason="Because it is better.", actor=None):
    return publish(policy, actor=actor or Actor.machine(), reason=reason, now=timezone.now())


def stored():
    """Everything that publishing touches, as it stands in the database."""
    models = (Policy, IntentRule, EscalationRule, Publication, AuditRecord)
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.fixture
def published(starter):
    return Policy.objects.get()


@pytest.fixture
def draft(starter):
    return make_draft()


# --- Publishing -----------------------------------------------------------------------------------


def test_publishing_freezes_the_policy_and_puts_it_in_force(draft, lead):
    assert policy_in_force().policy_id != draft.pk
    publication = go(draft, actor=Actor.person(lead))
    draft.refresh_from_db()
    assert draft.published
    assert draft.digest == draft.snapshot().digest()
    assert publication == Publication.objects.latest("id")
    assert (publication.policy, publication.published_by) == (draft, lead)
    assert publication.reason == "Because it is better."
    assert policy_in_force().policy_id == draft.pk


def test_publishing_is_on_record_in_the_audit_chain(draft, lead):
    publication = go(draft, actor=Actor.person(lead))
    draft.refresh_from_db()
    record = AuditRecord.objects.latest("number")
    assert (record.kind, record.subject, record.actor) == (
        AuditKind.PUBLICATION,
        "policy:2",
        f"person:{lead.pk}",
    )
    data = {"policy": 2, "digest": draft.digest, "publication": publication.pk}
    assert json.loads(record.body)["data"] == data


def test_an_older_version_is_put_in_force_again(published, draft):
    go(draft)
    before = Policy.objects.values().get(pk=published.pk)
    go(published, reason="Back to what worked.")
    assert policy_in_force().policy_id == published.pk
    assert Policy.objects.values().get(pk=published.pk) == before
    assert list(Publication.objects.order_by("id").values_list("policy__number", flat=True)) == [
        1,
        2,
        1,
    ]


def test_what_was_in_force_can_be_again_though_more_was_earned_since(published, draft):
    go(draft)
    CertificateFactory(threshold=0.97, thresholds=[0.97])
    go(published, reason="Back to what worked.")
    assert policy_in_force().policy_id == published.pk
    with pytest.raises(NotPublishable, match=r"is below the 0\.97 that was earned"):
        go(make_draft())


@pytest.mark.parametrize("reason", ["", " ", "\n"])
def test_nobody_publishes_without_a_reason(draft, reason):
    before = stored()
    with pytest.raises(NotPublishable, match="Say why"):
        go(draft, reason=reason)
    assert stored() == before


def write_conditions(draft, conditions):
    """Past every check of the model, as a hand in the database would."""
    rule = draft.escalation_rules.first()
    EscalationRule.objects.filter(pk=rule.pk).update(conditions=conditions)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        {},
        7,
        "length",
        ["length"],
        [{}],
        [{"fact": "length", "operator": ">"}],
        [{"fact": "length", "operator": ">", "value": 3, "also": 1}],
        [{"fact": "mood", "operator": "is", "value": "bad"}],
        [{"fact": ["length"], "operator": ">", "value": 3}],
        [{"fact": "length", "operator": ["<"], "value": 3}],
        [{"fact": "confidence", "operator": ">", "value": 0.5}],
        [{"fact": "length", "operator": ">", "value": True}],
    ],
)
def test_a_bad_rule_refuses_and_nothing_changed(draft, conditions):
    write_conditions(draft, conditions)
    before = stored()
    with pytest.raises(NotPublishable):
        go(draft)
    assert stored() == before
    assert policy_in_force().policy_id != draft.pk


@pytest.mark.parametrize(
    "change",
    [
        lambda topics: [],
        lambda topics: {},
        lambda topics: "fraud",
        lambda topics: {**topics, "fraud": ["scam"]},
        lambda topics: {**topics, "fraud": {"en": "scam"}},
        lambda topics: {**topics, "fraud": {"en": [""]}},
    ],
)
def test_topics_that_cannot_be_searched_for_refuse_and_nothing_changed(draft, change):
    draft.topics = change(draft.topics)
    draft.save()
    before = stored()
    with pytest.raises(NotPublishable):
        go(draft)
    assert stored() == before


@pytest.mark.parametrize("topic", ["legal_threat", "press", "person_wanted"])
def test_no_policy_does_without_a_topic_that_only_people_answer(draft, topic):
    draft.topics = {name: lists for name, lists in draft.topics.items() if name != topic}
    draft.save()
    before = stored()
    with pytest.raises(NotPublishable, match=f"^{topic}: without entries"):
        go(draft)
    assert stored() == before


def test_a_version_that_was_tampered_with_is_not_put_in_force_again(published, draft):
    go(draft)
    lift_triggers()
    IntentRule.objects.filter(policy=published, intent="order_status").update(threshold=0.1)
    before = stored()
    with pytest.raises(NotPublishable, match="no longer what was published"):
        go(published)
    assert stored() == before


# --- Frozen: by the model -------------------------------------------------------------------------


def test_a_published_policy_is_not_saved_or_deleted(published):
    before = stored()
    published.requester_cap = 99
    with pytest.raises(HistoryIsReadOnly):
        published.save()
    with pytest.raises(HistoryIsReadOnly):
        published.delete()
    assert stored() == before


def test_rules_of_a_published_policy_are_not_saved_or_deleted(published):
    before = stored()
    rules = [published.intent_rules.first(), published.escalation_rules.first()]
    for rule in rules:
        rule.queue = "general"
        with pytest.raises(HistoryIsReadOnly):
            rule.save()
        with pytest.raises(HistoryIsReadOnly):
            rule.delete()
    assert stored() == before


def test_rules_are_not_added_to_a_published_policy(published):
    before = stored()
    with pytest.raises(HistoryIsReadOnly):
        IntentRule.objects.create(policy=published, intent="new")
    with pytest.raises(HistoryIsReadOnly):
        EscalationRule.objects.create(
            policy=published,
            slug="new",
            reason="Because.",
            conditions=[{"fact": "length", "operator": ">", "value": 3}],
        )
    assert stored() == before


def test_what_an_object_in_memory_believes_does_not_thaw_the_policy(draft):
    stale_rule = draft.intent_rules.select_related("policy").first()
    go(Policy.objects.get(pk=draft.pk))
    before = stored()
    assert not draft.published
    assert not stale_rule.policy.published
    with pytest.raises(HistoryIsReadOnly):
        draft.save()
    with pytest.raises(HistoryIsReadOnly):
        stale_rule.save()
    assert stored() == before


def test_a_draft_is_edited_and_its_rules_deleted(draft):
    draft.requester_cap = 1
    draft.save()
    rule = draft.intent_rules.first()
    rule.threshold = 0.99
    rule.save()
    draft.escalation_rules.first().delete()
    draft.refresh_from_db()
    assert draft.snapshot().requester_cap == 1
    assert draft.snapshot().for_intent(rule.intent).threshold == 0.99
    assert len(draft.snapshot().rules) == 2


def test_a_rule_that_makes_no_sense_is_not_saved_even_in_a_draft(draft):
    rule = draft.escalation_rules.first()
    before = stored()
    rule.conditions = [{"fact": "confidence", "operator": ">", "value": 0.5}]
    with pytest.raises(RuleInvalid):
        rule.save()
    assert stored() == before


def test_publications_and_replies_are_history(published):
    publication, reply = Publication.objects.get(), ReplyTemplate.objects.first()
    for row in (publication, reply):
        with pytest.raises(HistoryIsReadOnly):
            row.save()
        with pytest.raises(HistoryIsReadOnly):
            row.delete()
        with pytest.raises(HistoryIsReadOnly):
            type(row).objects.all().delete()


# --- Frozen: by the database ----------------------------------------------------------------------

OF_PUBLISHED = "(SELECT id FROM decisions_policy WHERE published)"
OF_DRAFT = "(SELECT id FROM decisions_policy WHERE NOT published)"


def refused(statement):
    with (
        pytest.raises(DatabaseError, match="history is never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


def executed(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.rowcount


@pytest.mark.parametrize(
    "statement",
    [
        f"UPDATE decisions_intentrule SET threshold = 0.01 WHERE policy_id IN {OF_PUBLISHED}",
        f"UPDATE decisions_escalationrule SET reason = 'x' WHERE policy_id IN {OF_PUBLISHED}",
        f"DELETE FROM decisions_intentrule WHERE policy_id IN {OF_PUBLISHED}",
        f"DELETE FROM decisions_escalationrule WHERE policy_id IN {OF_PUBLISHED}",
        "UPDATE decisions_policy SET requester_cap = 99 WHERE published",
        "DELETE FROM decisions_policy WHERE published",
        "UPDATE decisions_publication SET reason = 'x'",
        "DELETE FROM decisions_publication",
        "UPDATE decisions_replytemplate SET body = 'x'",
        f"UPDATE decisions_intentrule SET policy_id = {OF_PUBLISHED} WHERE policy_id IN {OF_DRAFT}",
        f"UPDATE decisions_intentrule SET policy_id = {OF_DRAFT} WHERE policy_id IN {OF_PUBLISHED}",
        "INSERT INTO decisions_intentrule (policy_id, intent, level, threshold, margin, queue, "
        f"priority, template) SELECT {OF_PUBLISHED}, 'new', 'auto', 0.1, 0, '', 'low', ''",
    ],
)
def test_the_database_refuses_what_changes_a_published_policy(draft, statement):
    before = stored()
    assert missing_triggers() == []
    refused(statement)
    assert stored() == before


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        (f"UPDATE decisions_intentrule SET threshold = 0.9 WHERE policy_id IN {OF_DRAFT}", 27),
        (f"DELETE FROM decisions_escalationrule WHERE policy_id IN {OF_DRAFT}", 3),
        ("UPDATE decisions_policy SET requester_cap = 2 WHERE NOT published", 1),
    ],
)
def test_the_database_lets_a_draft_be_changed(draft, statement, rows):
    assert executed(statement) == rows


def test_querysets_do_not_get_past_the_database(published):
    before = stored()
    attempts = [
        lambda: published.intent_rules.update(threshold=0.01),
        lambda: published.escalation_rules.all().delete(),
        lambda: Policy.objects.update(requester_cap=99),
        lambda: IntentRule.objects.bulk_create([IntentRule(policy=published, intent="new")]),
    ]
    for attempt in attempts:
        with pytest.raises(DatabaseError), transaction.atomic():
            attempt()
    assert stored() == before


# --- Drafts ---------------------------------------------------------------------------------------


def test_a_draft_says_what_the_published_policy_says(published):
    draft = drafts.draft_from(published, actor=Actor.machine(), now=timezone.now())
    same = {**vars_of(published), "number": draft.number}
    assert vars_of(draft) == same
    assert (draft.number, draft.published, draft.digest) == (2, False, "")


def vars_of(policy):
    snapshot = policy.snapshot()
    return {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}


def test_two_published_policies_have_two_digests(published):
    second = put_in_force(threshold=0.81)
    assert second.digest != published.digest
    assert len(second.digest) == 64
