"""The service around the engine: facts gathered, a decision on record."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from decisions import in_force
from decisions.deciding import decide as deciding_decide
from decisions.deciding.decide import Case
from decisions.deciding.reply import draft_reply
from decisions.in_force import NoPolicyInForce
from decisions.models import Breaker, Decision, Policy, Publication, Quota
from decisions.policies.publish import publish
from decisions.rules.engine import ENGINE_VERSION, decide
from decisions.rules.facts import Facts
from decisions.stops import kill_switch
from decisions.tests.factories import CertificateFactory, ReplyTemplateFactory, put_in_force
from tickets.codes import Level, NoIntent, Outcome, Priority
from tickets.history.record import Actor
from tickets.models import Calendar
from tickets.tests.factories import RequesterFactory, TicketFactory

NOW = datetime(2026, 11, 18, 10, 30, tzinfo=UTC)  # a Wednesday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CASE = Case(
    text="Where is my order 4711?",
    prediction_id=7,
    intent="order_status",
    confidence=0.97,
    runner_up="delivery_problem",
    margin=0.9,
    risk="open",
    classifier="scripted-1",
    language="en",
    length=23,
    questions=1,
    variables={"first_name": "Ann", "reference": "T-1", "business_name": "Example Store"},
)


@pytest.fixture
def ticket(starter):
    return TicketFactory(created_at=NOW)


@pytest.fixture
def certified(db):
    return CertificateFactory()


def settle(ticket, now=NOW, **changes):
    with transaction.atomic():
        return deciding_decide.decide_and_store(ticket, replace(CASE, **changes), now=now)


def reasons(ticket, now=NOW, **changes):
    return settle(ticket, now, **changes).decision.reasons


# --- The record -----------------------------------------------------------------------------------


def test_a_permitted_answer_is_on_record_with_everything_it_rests_on(ticket, certified):
    settled = settle(ticket)
    decision = Decision.objects.get()
    policy = Policy.objects.get()
    assert settled.decision == decision
    assert settled.verdict.automates
    assert (decision.ticket, decision.round, decision.prediction_id) == (ticket, 1, 7)
    assert (decision.intent, decision.confidence) == ("order_status", 0.97)
    assert (decision.outcome, decision.shadow_outcome) == (Outcome.AUTO_RESOLVE, None)
    assert decision.reasons == ["permitted"]
    assert (decision.queue, decision.priority) == ("orders", Priority.NORMAL)
    assert (decision.policy, decision.policy_digest) == (policy, policy.digest)
    assert str(decision.template) == "order_status@1"
    assert (decision.engine_version, decision.software_version) == (ENGINE_VERSION, "0.1.0")
    assert decision.at == NOW
    assert decision.trace == [step.as_record() for step in settled.verdict.trace]


def test_the_reply_that_is_permitted_is_filled_in(ticket, certified):
    reply = settle(ticket).reply
    assert "Hello Ann," in reply.body
    assert reply.body.endswith("Example Store")
    assert "{{" not in reply.body + reply.subject
    assert str(reply.template) == "order_status@1"


def test_facts_are_recorded_as_they_were_gathered(ticket, certified):
    settle(ticket)
    assert Decision.objects.get().facts == {
        "version": 1,
        "intent": "order_status",
        "no_intent": None,
        "confidence": 0.97,
        "runner_up": "delivery_problem",
        "margin": 0.9,
        "risk": "open",
        "classifier": "scripted-1",
        "classifier_failed": False,
        "second_key": None,
        "second_key_failure": None,
        "second_key_required": False,
        "keys_agree": True,
        "channel": "api",
        "language": "en",
        "length": 23,
        "questions": 1,
        "topics": [],
        "asks_for_person": False,
        "automatic_mail": False,
        "verified_sender": False,
        "tickets_24h": 0,
        "automatic_replies_24h": 0,
        "reopen_count": 0,
        "decided_by_person": False,
        "wrote_again": False,
        "business_hours": True,
        "certificate": certified.pk,
        "certified_threshold": 0.8,
        "kill_switch": False,
        "breaker_open": False,
        "cap_reached": False,
        "reply_ready": True,
    }


def test_nothing_that_the_customer_wrote_is_recorded(ticket, certified):
    settle(ticket, text="My lawyer Zebulon says so", intent=None, no_intent=NoIntent.AMBIGUOUS)
    decision = Decision.objects.get()
    assert "guard:sensitive_topic" in decision.reasons
    assert "zebulon" not in json.dumps([decision.facts, decision.trace, decision.reasons]).lower()


def test_a_round_is_decided_once(ticket, certified):
    settle(ticket)
    with pytest.raises(IntegrityError):
        settle(ticket)
    assert Decision.objects.count() == 1
    assert Quota.objects.get().used == 1


def test_a_failed_ticket_goes_to_a_person_and_says_so(ticket):
    decision = deciding_decide.store_failure(ticket, prediction_id=None, now=NOW)
    decision.refresh_from_db()
    assert (decision.outcome, decision.reasons) == (Outcome.ESCALATE, ["processing_failed"])
    assert (decision.facts, decision.trace, decision.policy) == ({}, [], None)
    assert (decision.queue, decision.priority, decision.at) == ("", ticket.priority, NOW)


def test_audit_data_are_codes_numbers_and_a_commitment(ticket, certified):
    decision = settle(ticket).decision
    assert deciding_decide.audit_data(decision, "f" * 64) == {
        "decision": decision.pk,
        "round": 1,
        "outcome": "auto_resolve",
        "reasons": ["permitted"],
        "facts": decision.facts,
        "policy": decision.policy_digest,
        "engine": ENGINE_VERSION,
        "software": "0.1.0",
        "prediction": 7,
        "message": "f" * 64,
    }


@pytest.mark.parametrize("confidence", [float("nan"), float("inf"), 0.0, 1.5, True, "0.9"])
def test_a_confidence_that_is_none_is_recorded_as_none_and_escalates(ticket, certified, confidence):
    assert "guard:confidence_invalid" in reasons(ticket, confidence=confidence)
    assert Decision.objects.get().confidence is None


# --- Replaying ------------------------------------------------------------------------------------

REPLAYED = [
    {},
    {"confidence": 0.5},
    {"margin": 0.01},
    {"confidence": float("nan")},
    {"intent": None, "no_intent": NoIntent.OUT_OF_SCOPE},
    {"intent": "praise"},
    {"intent": "feature_request"},
    {"intent": "complaint", "risk": "restricted"},
    {"intent": "nobody_knows_it", "risk": None},
    {"classifier": None, "classifier_failed": True},
    {"text": "I will sue you"},
    {"text": "let me talk to a human"},
    {"length": 5_000, "questions": 7},
    {"automatic_mail": True},
    {"second_key": "refund_status"},
    {"second_key_required": True},
    {"variables": {}},
]


@pytest.mark.parametrize("changes", REPLAYED, ids=str)
def test_recorded_facts_replayed_give_the_recorded_verdict(ticket, certified, changes):
    settle(ticket, **changes)
    decision = Decision.objects.get()
    verdict = decide(Facts.from_record(decision.facts), decision.policy.snapshot())
    assert verdict.outcome == decision.outcome
    assert list(verdict.reasons) == decision.reasons
    assert verdict.shadow_outcome == decision.shadow_outcome
    assert (verdict.queue or "", verdict.priority) == (decision.queue, decision.priority)
    assert [step.as_record() for step in verdict.trace] == decision.trace


# --- Caps -----------------------------------------------------------------------------------------


def test_the_hourly_cap_of_the_product_ends_automation_for_that_hour(ticket, certified):
    put_in_force(hourly_cap=1)
    assert reasons(ticket) == ["permitted"]
    assert reasons(TicketFactory()) == ["cap_reached"]
    second = Decision.objects.first()
    assert second.facts["cap_reached"] is True
    assert second.outcome == Outcome.ESCALATE
    assert list(Quota.objects.values_list("intent", "used")) == [("", 1)]
    assert reasons(TicketFactory(), NOW + timedelta(minutes=29)) == ["cap_reached"]
    assert reasons(TicketFactory(), NOW + timedelta(minutes=30)) == ["permitted"]


def test_a_replay_of_a_decision_at_the_cap_gives_the_same(ticket, certified):
    policy = put_in_force(hourly_cap=0)
    settle(ticket)
    facts = Facts.from_record(Decision.objects.get().facts)
    assert decide(facts, policy.snapshot()).reasons == ("cap_reached",)


def test_the_cap_of_an_intent_leaves_others_alone(ticket, certified):
    rule = put_in_force(hourly_cap=None).intent_rules.get(intent="order_status")
    assert rule.hourly_cap is None
    policy = in_force.policy_in_force().snapshot
    intent = replace(policy.for_intent("order_status"), hourly_cap=2)
    taken = [deciding_decide.take_quota("order_status", intent, policy, NOW) for _ in range(3)]
    assert taken == [True, True, False]
    other = policy.for_intent("praise")
    assert deciding_decide.take_quota("praise", other, policy, NOW)
    assert deciding_decide.take_quota("order_status", intent, policy, NOW + HOUR)


def test_what_is_escalated_takes_nothing_from_a_cap(ticket, certified):
    assert reasons(ticket, confidence=0.5) == ["below_threshold"]
    assert not Quota.objects.exists()


def test_without_caps_nothing_is_counted(ticket, certified):
    put_in_force(hourly_cap=None)
    assert reasons(ticket) == ["permitted"]
    assert not Quota.objects.exists()


# --- Switch and breakers --------------------------------------------------------------------------


def test_the_kill_switch_stops_the_next_decision_and_lets_go_on(ticket, certified):
    kill_switch.set_switch(True, "Wrong answers.", actor=Actor.machine(), now=NOW)
    assert reasons(ticket) == ["guard:kill_switch"]
    kill_switch.set_switch(False, "Mended.", actor=Actor.machine(), now=NOW)
    assert reasons(TicketFactory()) == ["permitted"]


@pytest.mark.parametrize(
    ("intent", "is_open", "expected"),
    [
        ("order_status", True, ["guard:breaker_open"]),
        ("", True, ["guard:breaker_open"]),
        ("praise", True, ["permitted"]),
        ("order_status", False, ["permitted"]),
    ],
)
def test_an_open_breaker_stops_its_intent_or_all(ticket, certified, intent, is_open, expected):
    Breaker.objects.create(intent=intent, open=is_open, changed_at=NOW)
    assert reasons(ticket) == expected


def test_without_an_intent_only_the_overall_breaker_counts(ticket):
    Breaker.objects.create(intent="order_status", open=True, changed_at=NOW)
    assert reasons(ticket, intent=None) == ["no_intent:out_of_scope"]
    Breaker.objects.create(intent="", open=True, changed_at=NOW)
    assert "guard:breaker_open" in reasons(TicketFactory(), intent=None)


def test_both_stops_are_told(ticket, certified):
    kill_switch.set_switch(True, "Wrong answers.", actor=Actor.machine(), now=NOW)
    Breaker.objects.create(intent="", open=True, changed_at=NOW)
    assert reasons(ticket) == ["guard:kill_switch", "guard:breaker_open"]


def test_switch_and_breakers_are_read_again_within_one_transaction(ticket, certified):
    with transaction.atomic():
        assert reasons(ticket) == ["permitted"]
        kill_switch.set_switch(True, "Wrong answers.", actor=Actor.machine(), now=NOW)
        assert reasons(TicketFactory()) == ["guard:kill_switch"]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_turns_the_switch_waits_for_decisions_under_way(ticket, certified):
    kill_switch.set_switch(True, "To have a row.", actor=Actor.machine(), now=NOW)
    kill_switch.set_switch(False, "To have a row.", actor=Actor.machine(), now=NOW)
    refused = []

    def turn():
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '200ms'")
            kill_switch.set_switch(True, "Stop.", actor=Actor.machine(), now=NOW)
        except OperationalError:
            refused.append(True)
        finally:
            connection.close()

    with transaction.atomic():
        assert reasons(ticket) == ["permitted"]
        other = Thread(target=turn)
        other.start()
        other.join()
    assert refused == [True]
    assert kill_switch.set_switch(True, "Stop.", actor=Actor.machine(), now=NOW)


# --- Certificates ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("another classifier version", {"classifier_version": "scripted-2"}),
        ("expired this moment", {"expires_at": NOW}),
        ("not issued yet", {"issued_at": NOW + timedelta(seconds=1)}),
        ("speaks of other intents", {"intents": ["praise"]}),
    ],
)
def test_a_certificate_of_something_else_does_not_count(ticket, case, changes):
    CertificateFactory(**changes)
    assert reasons(ticket) == ["not_certified"]
    facts = Decision.objects.get().facts
    assert (facts["certificate"], facts["certified_threshold"]) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [{"expires_at": NOW + timedelta(microseconds=1)}, {"issued_at": NOW}, {"alpha": 0.2}],
)
def test_a_certificate_counts_from_its_issue_to_its_expiry(ticket, changes):
    CertificateFactory(**changes)
    assert reasons(ticket) == ["permitted"]


@pytest.mark.parametrize(
    ("policy", "certificate", "confidence", "expected"),
    [
        (0.9, 0.8, 0.85, ["below_threshold"]),
        (0.8, 0.9, 0.85, ["below_threshold"]),
        (0.8, 0.85, 0.85, ["permitted"]),
        (0.85, 0.8, 0.85, ["permitted"]),
    ],
)
def test_the_stricter_of_policy_and_certificate_counts(
    ticket, policy, certificate, confidence, expected
):
    put_in_force(threshold=policy)
    CertificateFactory(threshold=certificate)
    assert reasons(ticket, confidence=confidence) == expected


def test_the_newest_certificate_that_speaks_of_the_intent_counts(ticket):
    CertificateFactory(threshold=0.8)
    newer = CertificateFactory(threshold=0.95)
    CertificateFactory(threshold=0.1, intents=["praise"])
    settle(ticket)
    facts = Decision.objects.get().facts
    assert (facts["certificate"], facts["certified_threshold"]) == (newer.pk, 0.95)


def test_without_a_classifier_no_certificate_is_looked_for(ticket, certified):
    settle(ticket, classifier=None, classifier_failed=True)
    assert Decision.objects.get().facts["certificate"] is None


# --- The requester --------------------------------------------------------------------------------


def earlier(ticket, **changes):
    """Another ticket of the same person."""
    values = {"requester": ticket.requester, "created_at": NOW - HOUR, **changes}
    return TicketFactory(decided=True, **values)


@pytest.mark.parametrize(
    ("case", "replied", "counted"),
    [
        ("a minute ago", NOW - timedelta(minutes=1), 1),
        ("nearly a day ago", NOW - DAY + timedelta(microseconds=1), 1),
        ("a day ago", NOW - DAY, 0),
        ("never", None, 0),
    ],
)
def test_automatic_replies_count_for_24_hours(ticket, case, replied, counted):
    earlier(ticket, auto_replied_at=replied)
    settle(ticket)
    assert Decision.objects.get().facts["automatic_replies_24h"] == counted


def test_an_old_ticket_that_was_answered_today_counts(ticket):
    earlier(ticket, created_at=NOW - 400 * DAY, auto_replied_at=NOW - HOUR)
    settle(ticket)
    facts = Decision.objects.get().facts
    assert (facts["automatic_replies_24h"], facts["tickets_24h"]) == (1, 0)


def test_the_third_automatic_reply_of_a_day_is_the_last(ticket, certified):
    for minutes in (10, 20):
        earlier(ticket, auto_replied_at=NOW - timedelta(minutes=minutes))
    other = earlier(ticket, auto_replied_at=None)
    assert reasons(ticket) == ["permitted"]
    ticket.auto_replied_at = NOW
    ticket.save()
    assert reasons(other) == ["guard:requester_cap"]


def test_replies_to_others_do_not_count(ticket, certified):
    stranger = RequesterFactory()
    for _ in range(5):
        TicketFactory(decided=True, requester=stranger, created_at=NOW, auto_replied_at=NOW)
    assert reasons(ticket) == ["permitted"]


def test_tickets_of_the_last_day_are_counted_but_this_one(ticket):
    for hours in (1, 23, 24, 25):
        earlier(ticket, created_at=NOW - hours * HOUR)
    earlier(ticket, created_at=NOW + HOUR)  # an import may bring what is written later
    settle(ticket)
    assert Decision.objects.get().facts["tickets_24h"] == 2


def test_a_verified_sender_is_a_fact(starter):
    ticket = TicketFactory(requester=RequesterFactory(verified=True))
    settle(ticket)
    assert Decision.objects.get().facts["verified_sender"] is True


# --- Replies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("a gap in the text", {"body": "We changed [what was changed]."}),
        ("a gap in the subject", {"subject": "Your [thing]"}),
        ("an unknown variable", {"body": "Hello {{ nickname }}"}),
        ("a variable that is not closed", {"body": "Hello {{ first_name"}),
        ("an empty text", {"body": " "}),
    ],
)
def test_a_reply_that_is_not_complete_is_never_sent(ticket, certified, case, changes):
    ReplyTemplateFactory(version=2, **changes)
    assert reasons(ticket) == ["guard:reply_incomplete"]


def test_the_newest_version_of_a_reply_counts(ticket, certified):
    ReplyTemplateFactory(version=2, body="Hello {{ first_name }}, patience.")
    settled = settle(ticket)
    assert settled.reply.body == "Hello Ann, patience."
    assert str(settled.decision.template) == "order_status@2"


def test_an_intent_without_a_reply_is_not_answered(ticket, certified):
    put_in_force(template="", unchecked=True)
    settled = settle(ticket)
    assert settled.decision.reasons == ["guard:reply_incomplete"]
    assert (settled.reply, settled.decision.template) == (None, None)


def test_a_reply_that_nobody_wrote_is_not_sent(ticket, certified):
    put_in_force(template="nobody_wrote_it", unchecked=True)
    assert reasons(ticket) == ["guard:reply_incomplete"]


def test_a_variable_without_a_value_is_not_sent(ticket, certified):
    assert reasons(ticket, variables={"first_name": ""}) == ["guard:reply_incomplete"]


def test_a_gap_in_the_name_of_a_customer_leads_to_a_person(ticket, certified):
    variables = {**CASE.variables, "first_name": "[Ann]"}
    assert reasons(ticket, variables=variables) == ["guard:reply_incomplete"]


def test_suggest_drafts_the_reply_and_off_does_not(ticket, certified):
    put_in_force(level=Level.SUGGEST)
    settled = settle(ticket)
    assert settled.decision.reasons == ["level_suggest"]
    assert "Hello Ann," in settled.reply.body
    put_in_force(level=Level.OFF)
    settled = settle(TicketFactory())
    assert settled.decision.reasons == ["level_off"]
    assert settled.reply is None


def test_a_draft_is_offered_whatever_the_level(starter):
    put_in_force(level=Level.OFF)
    reply = draft_reply("order_status", CASE.variables)
    assert "Hello Ann," in reply.body
    assert draft_reply("complaint", CASE.variables) is None
    assert draft_reply(None, CASE.variables) is None


# --- The ticket and the hour ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "case", "expected"),
    [
        ({"round": 2}, {}, "guard:reopened"),
        ({"first_human_reply_at": NOW}, {}, "guard:decided_by_person"),
        ({"intent_corrected": True}, {}, "guard:decided_by_person"),
        ({"message_count": 2}, {}, "guard:wrote_again"),
        ({}, {"automatic_mail": True}, "guard:automatic_mail"),
        ({}, {"asks_for_person": True}, "guard:asks_for_person"),
        ({}, {"text": "Let me talk to a human."}, "guard:asks_for_person"),
        ({}, {"text": "My lawyer will write to you."}, "guard:sensitive_topic"),
        ({}, {"risk": None}, "guard:risk_class"),
        ({}, {"second_key": "praise"}, "guard:keys_disagree"),
        ({}, {"second_key_required": True}, "guard:second_key_missing"),
        ({}, {"classifier_failed": True}, "guard:classifier_failed"),
        ({}, {"length": 2_001}, "rule:long-message"),
        ({}, {"questions": 4}, "rule:many-questions"),
    ],
)
def test_what_is_known_of_a_ticket_reaches_its_guard_or_rule(
    starter, certified, changes, case, expected
):
    ticket = TicketFactory(**changes)
    assert reasons(ticket, **case) == [expected]


def test_in_a_later_round_an_assignee_has_decided(starter, certified, agent):
    ticket = TicketFactory(round=2, message_count=3, assignee=agent)
    assert reasons(ticket) == ["guard:reopened", "guard:decided_by_person"]
    # In the first round nobody has decided by being assigned.
    assert reasons(TicketFactory(assignee=agent)) == ["permitted"]


def test_somebody_who_asks_for_a_person_touches_no_topic(ticket):
    settle(ticket, text="Let me talk to a human.")
    facts = Decision.objects.get().facts
    assert (facts["asks_for_person"], facts["topics"]) == (True, [])


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (NOW, True),
        (NOW.replace(hour=8, minute=59), False),
        (NOW.replace(hour=9, minute=0), True),
        (NOW + 3 * DAY, False),
    ],
)
def test_business_hours_are_a_fact(ticket, now, is_open):
    settle(ticket, now)
    assert Decision.objects.get().facts["business_hours"] is is_open


def test_a_business_without_hours_is_always_open(ticket):
    Calendar.objects.all().delete()
    settle(ticket, NOW + 3 * DAY)
    assert Decision.objects.get().facts["business_hours"] is True


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({}, True),
        ({"intent": None}, False),
        ({"risk": "assist"}, False),
        ({"text": "I will sue you"}, False),
        ({"text": "Let me talk to a human."}, False),
        ({"asks_for_person": True}, False),
        ({"automatic_mail": True}, False),
    ],
)
def test_a_second_key_is_wanted_only_where_it_could_matter(starter, changes, wanted):
    assert deciding_decide.wants_second_key(replace(CASE, **changes)) is wanted


def test_without_a_policy_nobody_wants_a_second_key(db):
    assert not deciding_decide.wants_second_key(CASE)


# --- The policy in force --------------------------------------------------------------------------


def test_without_a_policy_nothing_is_settled(db):
    with pytest.raises(NoPolicyInForce):
        settle(TicketFactory())
    assert not Decision.objects.exists()


def test_a_publication_counts_from_the_next_decision_on(ticket, certified):
    assert reasons(ticket) == ["permitted"]
    draft = put_in_force(level=Level.SHADOW)
    shadow = settle(TicketFactory()).decision
    assert (shadow.reasons, shadow.shadow_outcome) == (["level_shadow"], Outcome.AUTO_RESOLVE)
    assert (shadow.policy, shadow.policy_digest) == (draft, draft.digest)
    publish(Policy.objects.get(number=1), actor=Actor.machine(), reason="Back.", now=NOW)
    assert reasons(TicketFactory()) == ["permitted"]


def test_a_policy_is_read_once_for_each_publication(starter, django_assert_num_queries):
    first = in_force.policy_in_force()
    with django_assert_num_queries(1):
        assert in_force.policy_in_force() is first
    publish(Policy.objects.get(), actor=Actor.machine(), reason="Again.", now=NOW)
    again = in_force.policy_in_force()
    assert again is not first
    assert again.publication_id == Publication.objects.latest("id").pk
    assert (again.policy_id, again.digest) == (first.policy_id, first.digest)


# --- Queries --------------------------------------------------------------------------------------

# Publication, reply, certificate, switch and breakers, hours, earlier tickets; the decision.
STEADY = 7
HELD = 1 if connection.vendor == "postgresql" else 0  # switch and breakers one by one


def test_settling_takes_seven_queries_and_one_for_each_cap(
    ticket, certified, django_assert_num_queries
):
    settle(ticket)  # the policy is read, and the hour has its row
    following = TicketFactory()
    with transaction.atomic(), django_assert_num_queries(STEADY + HELD + 1):
        deciding_decide.decide_and_store(following, CASE, now=NOW)


def test_escalating_takes_seven_queries(ticket, certified, django_assert_num_queries):
    in_force.policy_in_force()
    with transaction.atomic(), django_assert_num_queries(STEADY + HELD):
        deciding_decide.decide_and_store(ticket, replace(CASE, confidence=0.1), now=NOW)


def test_a_ticket_without_intent_takes_two_queries_less(ticket, django_assert_num_queries):
    in_force.policy_in_force()
    with transaction.atomic(), django_assert_num_queries(STEADY + HELD - 2):
        deciding_decide.decide_and_store(ticket, replace(CASE, intent=None), now=NOW)
