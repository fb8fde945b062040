"""Pages around a draft: checks, backtest, comparison, topics, scenarios, shadow, second person."""

import pytest
from django.utils import timezone

from classification.models import ModelVersion
from decisions.admin import policy_pages
from decisions.models import Candidate, Decision, Policy, Proposal, Publication, Scenario
from decisions.tests.admin.test_console import form_of, sent, stored
from decisions.tests.factories import make_draft
from tickets.codes import Role
from tickets.learning import shadow
from tickets.tests.at_work import as_user, words_of, write_in
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db
POLICIES = "/ops/decisions/policy/"


@pytest.fixture
def client(lead):
    return as_user(lead)


@pytest.fixture
def decided(starter, says):
    certify("order_status", "how_to")
    says("order_status", confidence=0.9)
    return write_in()


def page(client, policy, name="change"):
    return client.get(f"{POLICIES}{policy.pk}/{name}/")


def press(client, policy, name, **fields):
    return client.post(f"{POLICIES}{policy.pk}/{name}/", fields)


# --- Checks ---------------------------------------------------------------------------------------


def test_a_drafts_page_says_what_stands_in_its_way(decided, client):
    draft = make_draft(threshold=0.5)
    words = words_of(page(client, draft))
    assert "is below the 0.8 that was earned" in words
    assert "Refuses" in words
    press(client, draft, "publish", reason="Try")
    assert Publication.objects.count() == 1


def test_thresholds_are_raised_to_what_was_earned_with_one_button(decided, client):
    draft = make_draft(threshold=0.5)
    assert "Raise thresholds" in words_of(page(client, draft))
    press(client, draft, "raise")
    assert draft.intent_rules.get(intent="order_status").threshold == 0.8
    assert "Raise thresholds" not in words_of(page(client, draft))


def test_thresholds_of_a_published_policy_stay(decided, client):
    before = stored()
    assert press(client, Policy.objects.get(), "raise").status_code == 403
    assert stored() == before


# --- Backtest -------------------------------------------------------------------------------------


def test_the_backtest_shows_flips_with_links_to_tickets(decided, client):
    response = page(client, make_draft(threshold=0.99), "backtest")
    words = words_of(response)
    for part in ("Automatic → person", "To a person", "below_threshold", decided.reference):
        assert part in words
    assert f"/ops/tickets/ticket/{decided.pk}/change/" in response.content.decode()
    assert "only a certificate counts" in words


def test_the_backtest_says_unknown_where_nobody_was_asked(decided, says, client, settings):
    says("how_to", confidence=0.9)
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 0.0
    write_in()
    draft = make_draft(intent="how_to", level="auto", template="order_status")
    assert "unknown, 0 to 1" in words_of(page(client, draft, "backtest"))


def test_the_backtest_of_an_empty_install_says_so(starter, client):
    assert "nothing to replay" in words_of(page(client, make_draft(), "backtest"))


def test_too_many_decisions_are_the_commands_matter(decided, client, monkeypatch):
    monkeypatch.setattr(policy_pages, "MOST_ON_A_PAGE", 0)
    draft = make_draft()
    assert f"manage.py simulate --policy {draft.number}" in words_of(
        page(client, draft, "backtest")
    )


# --- Comparison and topics ------------------------------------------------------------------------


def test_a_draft_is_compared_with_what_is_in_force(decided, client):
    words = words_of(page(client, make_draft(threshold=0.7), "compare"))
    assert "0.8" in words
    assert "0.7" in words
    assert "lets more through" in words


def test_a_version_is_compared_with_another(decided, client):
    first, draft = Policy.objects.get(), make_draft()
    response = client.get(f"{POLICIES}{first.pk}/compare/?with={draft.pk}")
    assert "They say the same." in words_of(response)


@pytest.mark.parametrize("odd", ["x", "4711", "99999999999999999999"])
def test_a_version_that_is_not_there_compares_with_nothing(decided, client, odd):
    draft = make_draft()
    assert client.get(f"{POLICIES}{draft.pk}/compare/?with={odd}").status_code == 200


def test_a_sentence_is_tried_on_the_lists_and_kept_nowhere(decided, client):
    before = stored()
    response = press(
        client, make_draft(), "topics", sentence="I will call my lawyer", **{"try": ""}
    )
    assert "Legal threat" in words_of(response)
    assert "No topic" in words_of(
        press(client, Policy.objects.get(number=1), "topics", sentence="Where is it?")
    )
    assert [p["topics"] for p in stored()[0]][1] == before[0][0]["topics"]


def test_lists_are_edited_in_a_draft(decided, client):
    draft = make_draft()
    press(client, draft, "topics", **{"press:en": "journalist\n\n reporter* ", "save": ""})
    draft.refresh_from_db()
    assert draft.topics["press"]["en"] == ["journalist", "reporter*"]
    assert draft.topics["fraud"] == Policy.objects.get(number=1).topics["fraud"]


@pytest.mark.parametrize("text", ["", "???"])
def test_lists_that_would_notice_nothing_are_refused(decided, client, text):
    draft = make_draft()
    languages = {f"press:{language}": text for language in draft.topics["press"]}
    before = stored()
    press(client, draft, "topics", **languages, save="")
    assert stored() == before


def test_lists_of_a_published_policy_stay(decided, client):
    before = stored()
    press(client, Policy.objects.get(), "topics", **{"press:en": "nobody", "save": ""})
    assert stored() == before


# --- Rules from drop-downs ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"fact": "length", "operator": ">", "value": "long"}, "must be a whole number"),
        ({"fact": "length", "operator": "is", "value": "3"}, "use one of"),
        ({"fact": "mood", "operator": "is", "value": "bad"}, "no fact named"),
        ({"fact": "length", "operator": ">", "value": ""}, "say with what it is compared"),
        ({"fact": "", "operator": "", "value": ""}, "at least one condition"),
    ],
)
def test_a_condition_that_cannot_be_says_why(decided, client, row, said):
    draft = make_draft()
    fields = form_of(client, draft) | sent("escalation_rules-0-lines", [row])
    before = stored()
    response = client.post(f"{POLICIES}{draft.pk}/change/", fields)
    assert said in words_of(response)
    assert stored() == before


def test_a_flag_is_said_with_yes_and_no(decided, client):
    draft = make_draft()
    row = {"fact": "verified_sender", "operator": "is", "value": "no"}
    fields = form_of(client, draft) | sent("escalation_rules-0-lines", [row])
    assert client.post(f"{POLICIES}{draft.pk}/change/", fields).status_code == 302
    assert draft.escalation_rules.first().conditions == [row | {"value": False}]
    assert 'value="no"' in page(client, draft).content.decode()


# --- Two people -----------------------------------------------------------------------------------


def test_one_proposes_and_another_publishes(starter, says, client, person, lead):
    certify("how_to")
    says("how_to", confidence=0.95)
    for number in range(25):
        write_in(email=f"p{number}@example.com")
    draft = make_draft(intent="how_to", level="auto", template="order_status")
    assert "takes two people" in words_of(page(client, draft))
    press(client, draft, "publish", reason="Alone")
    press(client, draft, "propose", reason="It holds")
    assert Proposal.objects.get().proposed_by == lead
    press(client, draft, "publish", reason="Alone")
    assert Publication.objects.count() == 1
    other = as_user(person(Role.LEAD, username="other"))
    assert "proposed it" in words_of(page(other, draft))
    press(other, draft, "publish", reason="Agreed")
    latest = Publication.objects.first()
    assert (latest.published_by, latest.second_by.username) == (lead, "other")


# --- Scenarios ------------------------------------------------------------------------------------


def keep(client, ticket, **fields):
    decision = ticket.decisions.get()
    said = {"name": "An order", "outcome": "auto_resolve", "reason": ""} | fields
    return client.post(f"/ops/decisions/scenario/keep/{decision.pk}/", said)


def test_a_ticket_is_kept_as_a_scenario_from_its_page(decided, client, lead):
    shown = client.get(f"/ops/tickets/ticket/{decided.pk}/change/")
    assert "Keep as scenario" in words_of(shown)
    keep(client, decided)
    row = Scenario.objects.get()
    assert (row.name, row.ticket, row.created_by) == ("An order", decided, lead)


def test_the_list_says_what_the_newest_version_does(decided, client):
    keep(client, decided)
    words = words_of(client.get("/ops/decisions/scenario/"))
    assert "As it should" in words
    make_draft(threshold=0.99)
    words = words_of(client.get("/ops/decisions/scenario/"))
    assert "Otherwise" in words
    assert "comes out as escalate" in words


@pytest.mark.parametrize("fields", [{"name": ""}, {"outcome": "later"}])
def test_half_a_scenario_is_not_kept(decided, client, fields):
    keep(client, decided, **fields)
    assert not Scenario.objects.exists()


def test_an_agent_keeps_no_scenario_and_looks_at_no_policy(decided, agent):
    client = as_user(agent)
    assert keep(client, decided).status_code == 403
    for name in ("backtest", "compare", "topics"):
        assert page(client, Policy.objects.get(), name).status_code == 403
    assert "Keep as scenario" not in words_of(
        client.get(f"/ops/tickets/ticket/{decided.pk}/change/")
    )


def test_the_list_of_scenarios_costs_the_same_for_many(
    decided, client, django_assert_max_num_queries
):
    keep(client, decided)
    client.get("/ops/decisions/scenario/")
    with django_assert_max_num_queries(20) as few:
        client.get("/ops/decisions/scenario/")
    for number in range(5):
        keep(client, decided, name=f"Number {number}")
    client.get("/ops/decisions/scenario/")
    with django_assert_max_num_queries(20) as many:
        client.get("/ops/decisions/scenario/")
    assert len(many) == len(few)


# --- Shadow ---------------------------------------------------------------------------------------


def test_a_draft_is_tried_in_the_shadow_and_ended(decided, client):
    draft = make_draft(threshold=0.99)
    press(client, draft, "shadow")
    candidate = Candidate.objects.get()
    assert (candidate.policy, candidate.ended_at) == (draft, None)
    ticket = write_in(email="other@example.com")
    shadow.work(now=timezone.now(), limit=10)
    words = words_of(client.get(f"/ops/decisions/candidate/{candidate.pk}/change/"))
    assert ticket.reference in words
    assert Decision.objects.get(ticket=ticket).outcome == "auto_resolve"
    press(client, draft, "shadow")
    candidate.refresh_from_db()
    assert candidate.ended_at is not None


def test_a_model_is_tried_in_the_shadow_and_ended(decided, client):
    model = ModelVersion.objects.create(
        version="next-1",
        classifier="linear",
        manifest_sha256="0" * 64,
        training_rows=1,
        training_sha256="0" * 64,
        trained_at=timezone.now(),
    )
    shown = client.get(f"/ops/classification/modelversion/{model.pk}/change/")
    assert "/ops/decisions/candidate/model/next-1/" in shown.content.decode()
    client.post("/ops/decisions/candidate/model/next-1/")
    candidate = Candidate.objects.get()
    assert candidate.model_version == "next-1"
    assert client.post("/ops/decisions/candidate/model/nobody/").status_code == 404
    client.post(f"/ops/decisions/candidate/{candidate.pk}/end/")
    candidate.refresh_from_db()
    assert candidate.ended_at is not None


@pytest.mark.parametrize("name", ["shadow", "propose", "raise"])
def test_looking_does_nothing(decided, client, auditor, name):
    draft = make_draft()
    before = [*stored(), Candidate.objects.count()]
    assert page(client, draft, name).status_code == 405
    assert press(as_user(auditor), draft, name, reason="x").status_code == 403
    assert [*stored(), Candidate.objects.count()] == before


@pytest.mark.parametrize("name", ["change", "backtest", "compare", "topics"])
def test_an_auditor_reads_all_of_it(decided, auditor, name):
    assert page(as_user(auditor), make_draft(), name).status_code == 200


def test_the_pages_of_a_draft_cost_a_fixed_number_of_queries(
    decided, client, django_assert_max_num_queries
):
    draft = make_draft(threshold=0.99)
    for name, most in (("backtest", 30), ("compare", 20), ("topics", 12)):
        with django_assert_max_num_queries(most):
            page(client, draft, name)
