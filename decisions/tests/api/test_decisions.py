"""Decisions by the API."""

import pytest

from classification import services as classification
from decisions.models import Decision, Override
from decisions.tests.factories import CertificateFactory
from tickets.codes import NoIntent, OverrideKind, Scope
from tickets.models import Ticket
from tickets.tests.calling import INQUIRY, client_with, send

DECISIONS = "/api/v1/decisions/"


@pytest.fixture
def api(starter, says, api_key):
    says("order_status", confidence=0.9)
    return client_with(api_key)


@pytest.fixture
def permit(db):
    """A certificate for what the scripted classifier says."""
    return CertificateFactory(intents=["order_status"], threshold=0.85, thresholds=[0.85])


def decided(api, **changes):
    """The detail of the decision about a new inquiry."""
    told = send(api, {**INQUIRY, **changes}).json()
    return api.get(f"{DECISIONS}{told['decision']['id']}/").json()


def test_a_decision_is_told_as_recorded(api):
    told = decided(api)
    row = Decision.objects.get()
    assert told["id"] == row.pk
    assert told["ticket"] == Ticket.objects.get().reference
    assert (told["outcome"], told["reasons"]) == ("escalate", row.reasons)
    assert (told["facts"], told["trace"]) == (row.facts, row.trace)
    assert (told["policy_version"], told["policy_digest"]) == (1, row.policy_digest)
    assert (told["model"], told["queue"], told["template"]) == (
        "scripted-1",
        "orders",
        "order_status@1",
    )


def test_no_words_of_people_stand_in_a_decision(api):
    told = str(decided(api, name="Zebedee", message="Where is my wombat?"))
    assert "Zebedee" not in told
    assert "wombat" not in told
    assert "ada@example.com" not in told


def test_the_counterfactual_names_the_smallest_changes(api):
    told = decided(api)
    assert told["counterfactual"] == [{"fact": "certified_threshold", "from": None, "to": 0.8}]
    assert told["counterfactual_note"] is None


def test_an_automatic_answer_would_have_turned_below_its_threshold(api, permit):
    told = decided(api)
    assert told["outcome"] == "auto_resolve"
    (change,) = told["counterfactual"]
    assert (change["fact"], change["from"]) == ("confidence", 0.9)
    assert change["to"] == pytest.approx(0.85, abs=1e-6)


def test_low_confidence_would_have_had_to_be_higher(api, permit, says):
    says("order_status", confidence=0.7)
    told = decided(api)
    assert told["reasons"] == ["below_threshold"]
    assert told["counterfactual"] == [{"fact": "confidence", "from": 0.7, "to": 0.85}]


def test_a_guard_cannot_be_turned_and_it_says_so(api):
    told = decided(api, message="Where is my order? My lawyer will sue you.")
    assert "guard:sensitive_topic" in told["reasons"]
    assert told["counterfactual"] is None
    assert told["counterfactual_note"].startswith("A guard fired")


def test_without_an_intent_nothing_turns(api, says):
    says(None, reason=NoIntent.OUT_OF_SCOPE, confidence=0.3)
    told = decided(api)
    assert told["counterfactual"] is None
    assert told["counterfactual_note"].startswith("No change")


def test_a_decision_without_facts_says_so(api, monkeypatch):
    def store(*args, **kwargs):
        raise RuntimeError("broken")

    monkeypatch.setattr(classification, "store", store)
    told = send(api, INQUIRY).json()
    assert told["decision"]["reasons"] == ["processing_failed"]
    assert told["decision"]["policy_version"] is None
    detail = api.get(f"{DECISIONS}{told['decision']['id']}/").json()
    assert (detail["facts"], detail["trace"], detail["model"]) == ({}, [], None)
    assert detail["counterfactual_note"].startswith("Processing failed")


def test_facts_of_another_version_are_shown_but_not_computed_with(api):
    row = Decision.objects.get(pk=decided(api)["id"])
    ticket = row.ticket
    older = Decision.objects.create(
        ticket=ticket,
        round=2,
        outcome="escalate",
        reasons=["level_off"],
        priority="normal",
        policy=row.policy,
        policy_digest=row.policy_digest,
        facts={"version": 0, "mood": "bad"},
        trace=[],
        engine_version=0,
        software_version="0.0.1",
        at=row.at,
    )
    told = api.get(f"{DECISIONS}{older.pk}/").json()
    assert told["facts"] == {"version": 0, "mood": "bad"}
    assert told["counterfactual"] is None
    assert told["counterfactual_note"].startswith("Recorded by another version")


def test_overrides_are_told_with_the_decision(api, agent):
    row = Decision.objects.get(pk=decided(api)["id"])
    Override.objects.create(
        decision=row,
        kind=OverrideKind.INTENT,
        user=agent,
        before="order_status",
        after="refund_status",
        machine_was_wrong=True,
        at=row.at,
    )
    (told,) = api.get(f"{DECISIONS}{row.pk}/").json()["overrides"]
    assert told.pop("at").endswith("Z")
    assert told == {
        "kind": "intent",
        "user": "agent",
        "before": "order_status",
        "after": "refund_status",
        "machine_was_wrong": True,
    }


@pytest.mark.parametrize("pk", ["0", "999", str(2**63 - 1), str(2**63), "9" * 400])
def test_an_unknown_decision_is_a_404(api, pk):
    response = api.get(f"{DECISIONS}{pk}/")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "not_found")


# --- Lists ----------------------------------------------------------------------------------------


def ids(response):
    return [row["id"] for row in response.json()["results"]]


def test_the_list_is_newest_first_in_pages(api):
    made = [decided(api)["id"] for _ in range(3)][::-1]
    page = api.get(DECISIONS, {"limit": 2})
    assert ids(page) == made[:2]
    assert ids(api.get(page.json()["next"])) == made[2:]


def test_a_row_of_the_list_is_the_record(api):
    detail = decided(api)
    (row,) = api.get(DECISIONS).json()["results"]
    for name in ("counterfactual", "counterfactual_note", "overrides"):
        detail.pop(name)
    assert row == detail


def test_filters_narrow_the_list(api, says, permit):
    answered = decided(api)
    says("refund_status", confidence=0.9)
    escalated = decided(api)

    def found(**asked):
        return ids(api.get(DECISIONS, asked))

    assert found(outcome="auto_resolve") == [answered["id"]]
    assert found(intent="refund_status") == [escalated["id"]]
    assert found(ticket=answered["ticket"]) == [answered["id"]]
    assert found(ticket="T-2222-2222") == []
    assert found(created_after=escalated["at"]) == [escalated["id"]]
    assert found(created_before=escalated["at"]) == [answered["id"]]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"outcome": "perhaps"}, "outcome"),
        ({"ticket": "17"}, "ticket"),
        ({"created_after": "x"}, "created_after"),
        ({"policy": "1"}, "policy"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(api, asked, field):
    response = api.get(DECISIONS, asked)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


@pytest.mark.parametrize("size", [1, 8])
def test_the_list_takes_two_queries_for_any_number(api, django_assert_num_queries, size):
    for _ in range(size):
        decided(api)
    with django_assert_num_queries(2):  # key, decisions
        assert len(api.get(DECISIONS).json()["results"]) == size


def test_a_decision_takes_three_queries_once_its_policy_is_known(api, django_assert_num_queries):
    pk = decided(api)["id"]
    with django_assert_num_queries(3):  # key, decision, overrides
        api.get(f"{DECISIONS}{pk}/")


def test_reading_decisions_needs_its_scope(api, issue_key):
    stranger = client_with(issue_key(Scope.TICKETS_READ, name="stranger"))
    assert stranger.get(DECISIONS).status_code == 403
