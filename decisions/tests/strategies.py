"""What Hypothesis may draw: facts of any kind at all, and policies of every shape."""

from dataclasses import fields, replace

from hypothesis import strategies as st

from decisions.rules.facts import Facts
from decisions.rules.policy import RULE_FACTS, Condition, IntentPolicy, PolicySnapshot, Rule
from decisions.tests.samples import INTENT, make_facts
from tickets.codes import Level, NoIntent, Priority, RiskClass

INTENTS = [INTENT, "refund_status", "complaint"]
QUEUES = st.sampled_from([None, "orders", "billing"])
PRIORITIES = st.sampled_from(Priority)

# Whatever a dataclass can hold, where its type says otherwise too.
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([10**400, -(10**400), [], ["x"], (float("nan"),), {}, object()]),
)
proper = {
    "intent": st.sampled_from([None, *INTENTS, "nobody_knows_it"]),
    "no_intent": st.sampled_from([None, None, *NoIntent]),
    "confidence": st.floats(0, 1),
    "runner_up": st.sampled_from([None, *INTENTS]),
    "margin": st.floats(0, 1),
    "risk": st.sampled_from([None, RiskClass.OPEN, *RiskClass]),
    "classifier": st.sampled_from([None, "scripted-1"]),
    "channel": st.sampled_from(["form", "api", "mail"]),
    "language": st.sampled_from([None, "en", "de"]),
    "length": st.integers(0, 20_000),
    "questions": st.integers(0, 9),
    "topics": st.sampled_from([(), (), ("fraud:scam",)]),
    "tickets_24h": st.integers(0, 9),
    "automatic_replies_24h": st.integers(0, 4),
    "reopen_count": st.integers(0, 1),
    "certificate": st.sampled_from([None, 1]),
    "certified_threshold": st.one_of(st.none(), st.floats(0, 1)),
    "second_key": st.sampled_from([None, *INTENTS]),
    "second_key_failure": st.none(),
}
FIELDS = [field.name for field in fields(Facts)]


def values_of(name: str) -> st.SearchStrategy:
    return proper.get(name, st.booleans())


# Near an automatic answer: a few facts differ, and a few of those are not what they should be.
likely_facts = st.builds(
    lambda changes: make_facts(**changes),
    st.fixed_dictionaries({}, optional={name: values_of(name) for name in FIELDS}).map(
        lambda drawn: dict(list(drawn.items())[:3])
    ),
)
any_facts = st.one_of(
    likely_facts,
    st.builds(Facts, **{name: values_of(name) | anything for name in FIELDS}),
    st.builds(
        lambda facts, name, value: replace(facts, **{name: value}),
        likely_facts,
        st.sampled_from(FIELDS),
        anything,
    ),
)


def _value(kind: type) -> st.SearchStrategy:
    return {
        bool: st.booleans(),
        int: st.integers(-1, 2_500),
        float: st.floats(0, 1),
        str: st.sampled_from([*INTENTS, "en", "de", "form"]),
    }[kind]


@st.composite
def conditions(draw) -> Condition:
    fact = draw(st.sampled_from(sorted(RULE_FACTS)))
    kind = RULE_FACTS[fact]
    return Condition(fact, draw(st.sampled_from(list(kind.operators))), draw(_value(kind.type)))


def rules(of=None) -> st.SearchStrategy[Rule]:
    return st.builds(
        Rule,
        slug=st.text("abc", min_size=1, max_size=3),
        reason=st.just("Because."),
        conditions=st.lists(conditions() if of is None else of, min_size=1, max_size=3).map(tuple),
        queue=QUEUES,
        priority=st.none() | PRIORITIES,
    )


# Rules that no check ever let through: what they name does not exist, or is of another kind.
odd_rules = rules(
    st.builds(
        Condition,
        st.sampled_from([*RULE_FACTS, "risk", "__class__", ""]),
        st.sampled_from(["<", ">", "is", "matches", ""]),
        anything,
    )
)
intent_policies = st.builds(
    IntentPolicy,
    level=st.sampled_from([*Level, Level.AUTO, Level.AUTO, "unheard_of"]),
    threshold=st.floats(0.0, 1.0) | st.floats(),
    margin=st.floats(0.0, 0.5) | st.floats(),
    queue=QUEUES,
    priority=PRIORITIES,
    template=st.none() | st.just("order_status"),
)


def policies(of: st.SearchStrategy[Rule] | None = None) -> st.SearchStrategy[PolicySnapshot]:
    return st.builds(
        PolicySnapshot,
        number=st.integers(1, 3),
        intents=st.dictionaries(st.sampled_from(INTENTS), intent_policies, max_size=3),
        rules=st.lists(rules() if of is None else of, max_size=3, unique_by=lambda r: r.slug).map(
            tuple
        ),
        requester_cap=st.integers(0, 5),
        default_queue=QUEUES,
        guard_queue=QUEUES,
    )


@st.composite
def permissive_policies(draw) -> PolicySnapshot:
    """Policies that would let much through, so that properties of permissions are not idle."""
    lenient = IntentPolicy(
        level=Level.AUTO,
        threshold=draw(st.floats(0.01, 0.9)),
        margin=draw(st.floats(0, 0.3)),
        template=INTENT,
    )
    return PolicySnapshot(
        number=1,
        intents=dict.fromkeys(INTENTS, lenient),
        rules=draw(st.lists(rules(), max_size=2, unique_by=lambda r: r.slug).map(tuple)),
        requester_cap=3,
    )
