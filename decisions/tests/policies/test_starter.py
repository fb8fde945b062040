"""What a fresh install starts with."""

import csv

import pytest
from django.utils import timezone

from classification.models import Intent
from classification.starter.corpus import FOLDER
from classification.training import starter_intents
from decisions.in_force import policy_in_force
from decisions.models import IntentRule, Policy, Publication, ReplyTemplate
from decisions.policies import starter
from decisions.rules import replies
from decisions.tests.factories import ReplyTemplateFactory
from tickets.codes import Level, Priority, RiskClass
from tickets.models import Calendar, Queue

NOW = timezone.now()
REPLIES = {path.stem: path for path in sorted((starter.FOLDER / "replies").glob("*.txt"))}
VALUES = {"first_name": "Ann", "reference": "T-1", "business_name": "Example Store"}


def intents():
    """Slug and risk class of every starter intent."""
    with (FOLDER / "intents.csv").open(encoding="utf-8", newline="") as file:
        return {row["slug"]: row["risk"] for row in csv.DictReader(file)}


@pytest.fixture
def installed(db):
    starter_intents.install_intents()
    assert starter.install_starter(NOW)
    return Policy.objects.get()


# --- As it is written -----------------------------------------------------------------------------


def test_the_policy_names_every_starter_intent_and_no_other():
    assert starter.INTENTS.keys() == intents().keys()


def test_nothing_that_people_must_answer_is_automated_or_tried_in_the_shadow():
    risks = intents()
    bold = {slug for slug, (_, level, _) in starter.INTENTS.items() if level in ("auto", "shadow")}
    assert {risks[slug] for slug in bold} == {RiskClass.OPEN}


def test_restricted_intents_are_off_and_not_even_suggested():
    risks = intents()
    levels = {starter.INTENTS[slug][1] for slug in risks if risks[slug] == RiskClass.RESTRICTED}
    assert levels == {Level.OFF}


def test_the_policy_names_only_queues_that_are_installed():
    named = {queue for queue, _, _ in starter.INTENTS.values()}
    assert named <= starter.QUEUES.keys()
    assert {rule.get("queue") for rule in starter.RULES} <= {None, *starter.QUEUES}


def test_every_reply_belongs_to_an_intent():
    assert REPLIES.keys() <= starter.INTENTS.keys()


@pytest.mark.parametrize("path", REPLIES.values(), ids=REPLIES.keys())
def test_every_reply_can_be_filled_in(path):
    subject, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    assert "\n" not in subject.strip()
    assert 0 < len(subject) <= 200
    assert "{{" not in replies.render(subject, VALUES)
    assert "Ann" in replies.render(body, VALUES)
    assert replies.variables_in(subject + body) <= replies.VARIABLES.keys()


@pytest.mark.parametrize("slug", starter.automated_intents())
def test_every_automated_intent_has_a_complete_reply(slug):
    text = REPLIES[slug].read_text(encoding="utf-8")
    assert replies.is_complete(text)


def test_the_automated_intents_are_those_at_auto():
    assert starter.automated_intents() == [
        "account_access",
        "account_details",
        "order_status",
        "return_exchange",
        "refund_status",
        "payment_failure",
        "invoice_request",
        "praise",
    ]


# --- As it is installed ---------------------------------------------------------------------------


def test_a_fresh_install_has_its_first_policy_in_force(installed):
    assert installed.published
    assert (installed.number, installed.name) == (1, "Starter")
    assert installed.digest == installed.snapshot().digest()
    publication = Publication.objects.get()
    assert (publication.policy, publication.published_by, publication.at) == (installed, None, NOW)
    assert policy_in_force().snapshot == installed.snapshot()


def test_the_installed_policy_says_what_is_written(installed):
    snapshot = installed.snapshot()
    said = {
        slug: (rule.queue, rule.level, rule.priority) for slug, rule in snapshot.intents.items()
    }
    assert said == starter.INTENTS
    assert {rule.threshold for rule in snapshot.intents.values()} == {starter.THRESHOLD}
    assert {rule.margin for rule in snapshot.intents.values()} == {starter.MARGIN}
    assert (snapshot.default_queue, snapshot.guard_queue) == ("general", "sensitive")
    assert (snapshot.hourly_cap, snapshot.requester_cap) == (500, 3)
    for rule in snapshot.rules:
        rule.check()
    assert [rule.slug for rule in snapshot.rules] == [
        "long-message",
        "many-questions",
        "writes-often",
    ]
    assert snapshot.rules[2].priority == Priority.HIGH


def test_the_installed_policy_names_only_what_is_installed(installed):
    known = set(Intent.objects.values_list("slug", flat=True))
    queues = set(Queue.objects.values_list("slug", flat=True))
    templates = set(ReplyTemplate.objects.values_list("slug", flat=True))
    rules = IntentRule.objects.filter(policy=installed)
    assert {rule.intent for rule in rules} == known
    assert {rule.queue for rule in rules} | {"general", "sensitive"} == queues
    assert {rule.template for rule in rules} - {""} == templates == REPLIES.keys()


def test_a_second_install_changes_nothing(installed):
    before = [
        list(model.objects.order_by("pk").values())
        for model in (Policy, IntentRule, Publication, ReplyTemplate, Queue, Calendar)
    ]
    assert not starter.install_starter(timezone.now())
    assert before == [
        list(model.objects.order_by("pk").values())
        for model in (Policy, IntentRule, Publication, ReplyTemplate, Queue, Calendar)
    ]


def test_what_a_business_has_stays(db):
    Queue.objects.create(slug="general", name="Front desk", position=9)
    Calendar.objects.create(slug="default", hours={"0": [["10:00", "12:00"]]})
    own = ReplyTemplateFactory(body="Our own words.")
    starter.install_starter(NOW)
    assert Queue.objects.get(slug="general").name == "Front desk"
    assert Calendar.objects.get().hours == {"0": [["10:00", "12:00"]]}
    assert list(ReplyTemplate.objects.filter(slug="order_status")) == [own]
