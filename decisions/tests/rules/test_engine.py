"""The engine: examples of every way to an outcome, and the laws that hold for all of them."""

import hashlib
import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from decisions.rules.engine import ENGINE_VERSION, Verdict, decide
from decisions.rules.facts import Facts
from decisions.rules.guards import GUARDS
from decisions.rules.policy import PolicySnapshot
from decisions.tests.samples import INTENT, make_facts, make_intent, make_policy, make_rule
from decisions.tests.strategies import (
    any_facts,
    likely_facts,
    odd_rules,
    permissive_policies,
    policies,
    rules,
)
from tickets.codes import Level, NoIntent, Outcome, Priority

NAN, INFINITY = float("nan"), float("inf")

# --- Examples -------------------------------------------------------------------------------------


def test_nothing_against_it_is_answered_automatically():
    verdict = decide(make_facts(), make_policy())
    assert verdict.outcome == Outcome.AUTO_RESOLVE
    assert verdict.automates
    assert verdict.reasons == ("permitted",)
    assert (verdict.queue, verdict.priority) == ("orders", Priority.NORMAL)
    assert (verdict.template, verdict.shadow_outcome) == (INTENT, None)
    assert not any(step.fired for step in verdict.trace)


def test_the_trace_names_every_guard_rule_and_permission_in_order():
    policy = make_policy(make_rule(slug="b"), make_rule(slug="a"))
    trace = decide(make_facts(), policy).trace
    assert [(step.stage, step.name) for step in trace] == [
        *(("guard", f"guard:{guard.name}") for guard in GUARDS),
        ("rule", "rule:a"),
        ("rule", "rule:b"),
        ("permission", "level_auto"),
        ("permission", "not_certified"),
        ("permission", "below_threshold"),
        ("permission", "too_close"),
        ("permission", "cap_reached"),
    ]


def test_the_trace_holds_the_values_that_were_seen():
    facts = make_facts(length=2500, certified_threshold=0.9, topics=("fraud:scam",))
    trace = {step.name: step for step in decide(facts, make_policy(make_rule())).trace}
    assert trace["guard:sensitive_topic"].values == {"topics": ["fraud:scam"]}
    assert trace["rule:sample"].values == {"length": 2500}
    assert trace["level_auto"].values == {"level": "auto"}
    assert trace["not_certified"].values == {"certificate": 1, "certified_threshold": 0.9}
    assert trace["below_threshold"].values == {"confidence": 0.95, "threshold": 0.9}
    assert trace["too_close"].values == {"margin": 0.9, "needed": 0.1}
    assert trace["cap_reached"].values == {"cap_reached": False}


def test_a_step_is_recorded_whole():
    facts = make_facts(kill_switch=True)
    step = next(s for s in decide(facts, make_policy()).trace if s.fired)
    assert step.as_record() == {
        "stage": "guard",
        "name": "guard:kill_switch",
        "fired": True,
        "values": {"kill_switch": True},
    }


@pytest.mark.parametrize(
    ("case", "confidence", "reason"),
    [
        ("just below", 0.7999999999, "below_threshold"),
        ("exactly at", 0.8, "permitted"),
        ("above", 0.81, "permitted"),
        ("certain", 1, "permitted"),
    ],
)
def test_threshold_is_inclusive(case, confidence, reason):
    verdict = decide(make_facts(confidence=confidence), make_policy(threshold=0.8))
    assert verdict.reasons == (reason,)


@pytest.mark.parametrize(
    ("margin", "reason"),
    [(0.0999, "too_close"), (0.1, "permitted"), (1, "permitted"), (None, "too_close")],
)
def test_margin_is_inclusive(margin, reason):
    assert decide(make_facts(margin=margin), make_policy(margin=0.1)).reasons == (reason,)


@pytest.mark.parametrize("margin", [NAN, INFINITY, 1.1, "0.9", True])
def test_a_margin_that_is_no_share_is_too_close(margin):
    assert decide(make_facts(margin=margin), make_policy()).reasons == ("too_close",)


@pytest.mark.parametrize(
    ("margin", "reason"), [(0, "permitted"), (-0.1, "too_close"), (False, "too_close")]
)
def test_where_no_margin_is_asked_for_it_still_has_to_be_one(margin, reason):
    policy = make_policy(margin=-1.0 if margin else 0.0)
    assert decide(make_facts(margin=margin), policy).reasons == (reason,)


@pytest.mark.parametrize(
    ("policy", "certified", "confidence", "reason"),
    [
        (0.9, 0.8, 0.85, "below_threshold"),
        (0.8, 0.9, 0.85, "below_threshold"),
        (0.9, 0.8, 0.9, "permitted"),
        (0.8, 0.9, 0.9, "permitted"),
    ],
)
def test_the_stricter_of_policy_and_certificate_counts(policy, certified, confidence, reason):
    facts = make_facts(confidence=confidence, certified_threshold=certified)
    assert decide(facts, make_policy(threshold=policy)).reasons == (reason,)


@pytest.mark.parametrize("certified", [None, NAN, 0, 0.0, -1, 1.5, True, "0.8"])
def test_without_a_certificate_nothing_is_automated(certified):
    verdict = decide(make_facts(certified_threshold=certified), make_policy())
    assert verdict.reasons == ("not_certified",)


@pytest.mark.parametrize(
    ("level", "reasons"),
    [
        ("off", ("level_off",)),
        ("suggest", ("level_suggest",)),
        ("shadow", ("level_shadow",)),
        ("auto", ("permitted",)),
        ("later", ("level_later",)),
    ],
)
def test_only_the_level_auto_automates(level, reasons):
    assert decide(make_facts(), make_policy(level=level)).reasons == reasons


def test_a_used_up_cap_escalates():
    assert decide(make_facts(cap_reached=True), make_policy()).reasons == ("cap_reached",)


def test_an_intent_that_the_policy_does_not_name_is_off():
    verdict = decide(make_facts(intent="praise"), make_policy())
    assert verdict.reasons[0] == "level_off"
    assert verdict.queue == "general"
    assert verdict.template is None


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (NoIntent.OUT_OF_SCOPE, "no_intent:out_of_scope"),
        (NoIntent.AMBIGUOUS, "no_intent:ambiguous"),
        (NoIntent.UNREADABLE, "no_intent:unreadable"),
        (None, "no_intent:out_of_scope"),
    ],
)
def test_no_intent_escalates_with_the_reason_why(why, reason):
    verdict = decide(make_facts(intent=None, no_intent=why), make_policy())
    assert verdict.reasons == (reason,)
    assert (verdict.queue, verdict.template) == ("general", None)
    assert verdict.trace[-1].values == {"intent": None}


def test_an_intent_beside_a_reason_to_name_none_is_no_permission():
    verdict = decide(make_facts(no_intent=NoIntent.AMBIGUOUS), make_policy())
    assert verdict.reasons == ("no_intent:ambiguous",)


def test_a_policy_cannot_speak_of_no_intent():
    policy = make_policy(intents={"": make_intent(queue="billing")})
    verdict = decide(make_facts(intent=None), policy)
    assert verdict.reasons == ("no_intent:out_of_scope",)
    assert (verdict.queue, verdict.template) == ("general", None)


def test_everything_that_fails_is_a_reason():
    facts = make_facts(
        confidence=0.5, margin=0.05, certified_threshold=None, cap_reached=True, kill_switch=True
    )
    assert decide(facts, make_policy(make_rule(), level=Level.OFF)).reasons == (
        "guard:kill_switch",
        "rule:sample",
        "level_off",
        "not_certified",
        "below_threshold",
        "too_close",
        "cap_reached",
    )


# --- Guards, each alone ---------------------------------------------------------------------------

# What fires a guard and nothing else.
FIRES = [
    ("classifier_failed", {"classifier_failed": True}),
    ("classifier_failed", {"classifier": None}),
    ("keys_disagree", {"second_key": "refund_status", "keys_agree": False}),
    ("keys_disagree", {"second_key": "refund_status"}),
    ("keys_disagree", {"keys_agree": False}),
    ("keys_disagree", {"keys_agree": None}),
    ("second_key_missing", {"second_key_required": True}),
    ("kill_switch", {"kill_switch": True}),
    ("kill_switch", {"kill_switch": None}),
    ("breaker_open", {"breaker_open": True}),
    ("breaker_open", {"breaker_open": None}),
    ("risk_class", {"risk": "assist"}),
    ("risk_class", {"risk": "restricted"}),
    ("risk_class", {"risk": None}),
    ("risk_class", {"risk": "harmless"}),
    ("asks_for_person", {"asks_for_person": True}),
    ("asks_for_person", {"asks_for_person": None}),
    ("reopened", {"reopen_count": 1}),
    ("reopened", {"reopen_count": -1}),
    ("reopened", {"reopen_count": None}),
    ("decided_by_person", {"decided_by_person": True}),
    ("wrote_again", {"wrote_again": True}),
    ("automatic_mail", {"automatic_mail": True}),
    ("sensitive_topic", {"topics": ("fraud:scam",)}),
    ("sensitive_topic", {"topics": None}),
    ("sensitive_topic", {"topics": ""}),
    ("requester_cap", {"automatic_replies_24h": 3}),
    ("requester_cap", {"automatic_replies_24h": 4}),
    ("requester_cap", {"automatic_replies_24h": NAN}),
    ("requester_cap", {"automatic_replies_24h": None}),
    ("reply_incomplete", {"reply_ready": False}),
    ("reply_incomplete", {"reply_ready": None}),
    ("imported", {"channel": "import"}),
    ("imported", {"channel": None}),
]


@pytest.mark.parametrize(("guard", "changes"), FIRES)
def test_a_guard_alone_escalates(guard, changes):
    verdict = decide(make_facts(**changes), make_policy())
    assert verdict.outcome == Outcome.ESCALATE
    assert verdict.reasons == (f"guard:{guard}",)
    assert [step.name for step in verdict.trace if step.fired] == [f"guard:{guard}"]


def test_the_examples_name_every_guard_but_the_one_that_is_never_alone():
    assert {guard for guard, _ in FIRES} == {g.name for g in GUARDS} - {"confidence_invalid"}


def test_every_guard_has_words_and_says_what_it_read():
    for guard in GUARDS:
        assert guard.words.endswith(".")
        assert guard.reads
        assert set(guard.reads) <= set(Facts.__dataclass_fields__)


@pytest.mark.parametrize(
    "confidence", [0, 0.0, -0.1, 1.0000001, 10**400, NAN, INFINITY, -INFINITY, None, True, "0.99"]
)
def test_a_confidence_that_is_no_probability_fires_its_guard_and_passes_no_threshold(confidence):
    verdict = decide(make_facts(confidence=confidence), make_policy(threshold=0.8))
    assert verdict.reasons == ("guard:confidence_invalid", "below_threshold")


@pytest.mark.parametrize(
    "changes",
    [
        {"automatic_replies_24h": 2},
        {"second_key": INTENT},
        {"second_key": INTENT, "second_key_required": True},
        {"confidence": 1},
        {"topics": []},
    ],
)
def test_just_short_of_a_guard_is_permitted(changes):
    assert decide(make_facts(**changes), make_policy()).reasons == ("permitted",)


def test_a_missing_reply_is_a_reason_only_where_one_would_be_sent():
    facts = make_facts(reply_ready=False)
    reasons = {level: decide(facts, make_policy(level=level)).reasons for level in Level}
    assert reasons == {
        "off": ("level_off",),
        "suggest": ("level_suggest",),
        "shadow": ("guard:reply_incomplete", "level_shadow"),
        "auto": ("guard:reply_incomplete",),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"topics": ("fraud:scam",)},
        {"asks_for_person": True},
        {"automatic_mail": True},
        {"reopen_count": 1},
        {"risk": "assist"},
    ],
)
def test_nobody_is_asked_for_a_second_key_where_a_person_answers_anyway(changes):
    verdict = decide(make_facts(second_key_required=True, **changes), make_policy())
    assert "guard:second_key_missing" not in verdict.reasons
    assert verdict.outcome == Outcome.ESCALATE


# --- Where it goes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "facts", "queue"),
    [
        ("the intent's own", {}, "orders"),
        ("a sensitive topic", {"topics": ("fraud:scam",)}, "sensitive"),
        ("somebody wants a person", {"asks_for_person": True}, "sensitive"),
        ("another guard", {"kill_switch": True}, "orders"),
        ("no intent", {"intent": None}, "general"),
        ("no intent, but a topic", {"intent": None, "topics": ("fraud:scam",)}, "sensitive"),
    ],
)
def test_queue_choice(case, facts, queue):
    assert decide(make_facts(**facts), make_policy()).queue == queue


def test_queue_without_a_queue_for_guards_is_the_intents_own():
    facts = make_facts(topics=("fraud:scam",))
    assert decide(facts, make_policy(guard_queue=None)).queue == "orders"


def test_queue_of_an_intent_without_one_is_the_default():
    assert decide(make_facts(), make_policy(queue=None)).queue == "general"
    assert decide(make_facts(), make_policy(queue=None, default_queue=None)).queue is None


def test_a_rule_that_fired_names_the_queue_before_any_guard():
    facts = make_facts(topics=("fraud:scam",))
    assert decide(facts, make_policy(make_rule(queue="billing"))).queue == "billing"


def test_a_rule_that_did_not_fire_names_nothing():
    rule = make_rule("length > 5000", queue="billing", priority="urgent")
    verdict = decide(make_facts(), make_policy(rule))
    assert (verdict.queue, verdict.priority) == ("orders", "normal")


@pytest.mark.parametrize(
    ("case", "fired", "queue", "priority"),
    [
        ("higher priority", [("z", "urgent", "q-z"), ("a", "high", "q-a")], "q-z", "urgent"),
        ("any before none", [("z", "low", "q-z"), ("a", None, "q-a")], "q-z", "normal"),
        ("same, then slug", [("b", "high", "q-b"), ("a", "high", "q-a")], "q-a", "high"),
        ("none, then slug", [("b", None, "q-b"), ("a", None, "q-a")], "q-a", "normal"),
        ("one without queue", [("a", "urgent", None), ("b", "low", "q-b")], "q-b", "urgent"),
        ("low does not lower", [("a", "low", None)], "orders", "normal"),
    ],
)
def test_of_several_rules_the_highest_priority_wins_then_the_smallest_slug(
    case, fired, queue, priority
):
    made = [make_rule(slug=slug, priority=p, queue=q) for slug, p, q in fired]
    verdict = decide(make_facts(), make_policy(*made))
    assert (verdict.queue, verdict.priority) == (queue, priority)
    assert verdict.reasons == tuple(sorted(f"rule:{slug}" for slug, _, _ in fired))


@pytest.mark.parametrize(
    ("facts", "intent", "priority"),
    [
        ({}, "low", "low"),
        ({"topics": ("fraud:scam",)}, "low", "high"),
        ({"topics": ("fraud:scam",)}, "urgent", "urgent"),
        ({"risk": "restricted"}, "normal", "high"),
        ({"risk": "assist"}, "low", "low"),
        ({"asks_for_person": True}, "normal", "normal"),
    ],
)
def test_priority_is_the_highest_that_anything_asks_for(facts, intent, priority):
    assert decide(make_facts(**facts), make_policy(priority=intent)).priority == priority


def test_a_rule_needs_all_of_its_conditions():
    long, german = make_rule("length > 20"), make_rule("language is de")
    both = replace(long, conditions=(*long.conditions, *german.conditions))
    assert decide(make_facts(language="en"), make_policy(both)).automates
    assert decide(make_facts(language="de"), make_policy(both)).reasons == ("rule:sample",)


def test_a_rule_without_conditions_never_fires():
    assert decide(make_facts(), make_policy(replace(make_rule(), conditions=()))).automates


# --- Shadow ---------------------------------------------------------------------------------------


def test_shadow_escalates_and_tells_what_auto_would_have_done():
    verdict = decide(make_facts(), make_policy(level=Level.SHADOW))
    assert verdict.outcome == Outcome.ESCALATE
    assert verdict.shadow_outcome == Outcome.AUTO_RESOLVE


@pytest.mark.parametrize(
    "changes", [{"confidence": 0.5}, {"kill_switch": True}, {"certified_threshold": None}]
)
def test_shadow_tells_where_auto_would_have_escalated_too(changes):
    verdict = decide(make_facts(**changes), make_policy(level=Level.SHADOW))
    assert verdict.shadow_outcome == Outcome.ESCALATE


@pytest.mark.parametrize("level", [Level.OFF, Level.SUGGEST, Level.AUTO])
def test_other_levels_have_no_shadow(level):
    assert decide(make_facts(), make_policy(level=level)).shadow_outcome is None


def test_without_an_intent_there_is_no_shadow():
    policy = make_policy(level=Level.SHADOW)
    assert decide(make_facts(intent=None), policy).shadow_outcome is None


# --- Laws -----------------------------------------------------------------------------------------


@given(any_facts, policies(rules() | odd_rules))
@example(Facts(), PolicySnapshot(number=1))
def test_every_input_has_an_answer_and_a_reason_in_its_trace(facts, policy):
    verdict = decide(facts, policy)
    fired = tuple(step.name for step in verdict.trace if step.fired)
    assert all(step.fired is True or step.fired is False for step in verdict.trace)
    if verdict.automates:
        assert (fired, verdict.reasons) == ((), ("permitted",))
    else:
        assert fired
        assert verdict.reasons == fired


@given(any_facts, policies(rules() | odd_rules))
def test_the_trace_is_json_without_numbers_that_json_does_not_know(facts, policy):
    records = [step.as_record() for step in decide(facts, policy).trace]
    assert json.loads(json.dumps(records, allow_nan=False)) == records


@given(any_facts, policies())
def test_the_same_question_has_the_same_answer(facts, policy):
    assert decide(facts, policy) == decide(facts, policy)


@given(any_facts)
def test_a_policy_that_says_nothing_permits_nothing(facts):
    assert not decide(facts, PolicySnapshot(number=1)).automates


@given(likely_facts, permissive_policies(), rules())
def test_one_more_rule_never_automates_more(facts, policy, rule):
    more = replace(policy, rules=(*policy.rules, rule))
    assert decide(facts, policy).automates or not decide(facts, more).automates


@given(likely_facts, permissive_policies(), st.data())
def test_the_order_of_rules_does_not_matter(facts, policy, data):
    shuffled = replace(policy, rules=tuple(data.draw(st.permutations(policy.rules))))
    assert decide(facts, shuffled) == decide(facts, policy)


@given(likely_facts, permissive_policies(), st.floats(0, 1), st.floats(0, 1))
def test_more_confidence_never_turns_a_permission_into_an_escalation(facts, policy, one, other):
    less, more = sorted([one, other])
    permitted = decide(replace(facts, confidence=less), policy).automates
    assert not permitted or decide(replace(facts, confidence=more), policy).automates


@given(likely_facts, permissive_policies(), st.floats(0, 1), st.floats(0, 1))
def test_more_margin_never_turns_a_permission_into_an_escalation(facts, policy, one, other):
    less, more = sorted([one, other])
    permitted = decide(replace(facts, margin=less), policy).automates
    assert not permitted or decide(replace(facts, margin=more), policy).automates


@given(likely_facts, permissive_policies(), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_stricter_certificate_never_automates_more(facts, policy, one, other):
    lenient, strict = sorted([one, other])
    permitted = decide(replace(facts, certified_threshold=strict), policy).automates
    assert not permitted or decide(replace(facts, certified_threshold=lenient), policy).automates


@given(
    st.sampled_from([case for case in FIRES if case[0] != "reply_incomplete"]),
    likely_facts,
    policies(rules() | odd_rules),
)
def test_no_policy_lets_a_guard_be_passed(fires, facts, policy):
    guard, changes = fires
    facts = replace(facts, **{"intent": INTENT, "risk": "open", "second_key": None, **changes})
    if guard == "second_key_missing":
        quiet = {"topics": (), "asks_for_person": False, "automatic_mail": False}
        facts = replace(facts, reopen_count=0, **quiet)
    if guard == "requester_cap":
        policy = replace(policy, requester_cap=min(policy.requester_cap, 3))
    verdict = decide(facts, policy)
    assert not verdict.automates
    assert f"guard:{guard}" in verdict.reasons


@given(likely_facts, policies())
def test_no_policy_sends_a_reply_that_is_not_ready(facts, policy):
    assert not decide(replace(facts, reply_ready=False), policy).automates


@given(any_facts, permissive_policies())
def test_shadow_is_what_auto_decides(facts, policy):
    shadow = {k: replace(v, level=Level.SHADOW) for k, v in policy.intents.items()}
    verdict = decide(facts, replace(policy, intents=shadow))
    assert not verdict.automates
    if verdict.shadow_outcome is not None:
        assert verdict.shadow_outcome == decide(facts, policy).outcome


@given(any_facts, policies())
@example(Facts(topics=[]), PolicySnapshot(number=1))
@example(make_facts(length=10**400), make_policy(make_rule("length < 20")))
@example(make_facts(language=NAN), make_policy(make_rule("language is de")))
def test_recorded_facts_decide_as_the_facts_did(facts, policy):
    stored = json.loads(json.dumps(facts.as_record(), allow_nan=False))
    replayed = decide(Facts.from_record(stored), policy)
    verdict = decide(facts, policy)
    assert (replayed.outcome, replayed.reasons) == (verdict.outcome, verdict.reasons)


# --- Facts as a record ----------------------------------------------------------------------------


@given(likely_facts)
def test_proper_facts_come_back_from_their_record_unchanged(facts):
    assert Facts.from_record(facts.as_record()) == facts


def test_what_json_cannot_hold_becomes_words():
    record = make_facts(confidence=NAN, margin=INFINITY, length=10**400, risk=object()).as_record()
    assert (record["confidence"], record["margin"]) == (["nan"], ["inf"])
    assert (record["length"], record["risk"]) == (["int"], ["object"])
    assert record["version"] == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "not of version 1"),
        ({"version": None}, "not of version 1"),
        ({"mood": "bad", "age": 3}, "Unknown facts: age, mood"),
    ],
)
def test_a_record_of_another_kind_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        Facts.from_record({**make_facts().as_record(), **change})


def test_a_verdict_and_its_steps_cannot_be_changed():
    verdict = decide(make_facts(), make_policy())
    assert isinstance(verdict, Verdict)
    with pytest.raises(AttributeError):
        verdict.outcome = Outcome.ESCALATE
    with pytest.raises(AttributeError):
        verdict.trace[0].fired = True


# --- The version ----------------------------------------------------------------------------------


def test_one_version_of_the_engine_always_decides_alike():
    """Replaying the audit chain rests on this. Whoever changes what comes out here gives the engine
    its next version."""
    policy = make_policy(make_rule("length > 100", queue="billing", priority=Priority.HIGH))
    cases = [
        {},
        *({flag: True} for flag in ("kill_switch", "breaker_open", "automatic_mail")),
        *({"risk": risk} for risk in (None, "assist", "restricted")),
        {"topics": ("fraud:scam",)},
        {"asks_for_person": True},
        {"reopen_count": 1},
        {"automatic_replies_24h": 3},
        {"reply_ready": False},
        *({"confidence": number} for number in (None, 0, 0.5, 0.79, 0.8, 1, 2)),
        *({"margin": number} for number in (None, 0, 0.09, 0.1, 1)),
        *({"certified_threshold": number} for number in (None, 0.5, 0.95, 0.96)),
        *({"no_intent": why, "intent": None} for why in (None, *NoIntent)),
        {"intent": "praise"},
        {"cap_reached": True},
        {"length": 200},
    ]
    outcomes = []
    for changes in cases:
        for level in Level:
            intent = replace(policy.intents[INTENT], level=level)
            verdict = decide(make_facts(**changes), replace(policy, intents={INTENT: intent}))
            told = [*verdict.reasons, verdict.queue, verdict.priority, verdict.shadow_outcome]
            outcomes.append([verdict.outcome, *told])
    digest = hashlib.sha256(json.dumps(outcomes).encode()).hexdigest()
    assert (ENGINE_VERSION, digest[:16]) == (2, "d8ea37a79c10ab6b")


# --- What a mutation of the engine once passed by -------------------------------------------------


def test_a_level_as_the_database_has_it_is_the_same_level():
    assert decide(make_facts(), make_policy(level="shadow")).shadow_outcome == Outcome.AUTO_RESOLVE


@pytest.mark.parametrize("level", ["", "AUTO", "a", "zzz"])
def test_a_level_that_nobody_knows_automates_nothing(level):
    verdict = decide(make_facts(), make_policy(level=level))
    assert (verdict.automates, verdict.reasons) == (False, (f"level_{level}",))


@pytest.mark.parametrize("doubtful", [0, None, "no", ()])
def test_a_cap_that_is_anything_but_free_is_reached(doubtful):
    verdict = decide(make_facts(cap_reached=doubtful), make_policy())
    assert (verdict.automates, verdict.reasons) == (False, ("cap_reached",))
