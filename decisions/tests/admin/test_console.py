"""Policies, reply templates, decisions and stops in the console."""

import re

import pytest
from django.utils import timezone

from decisions.models import (
    Breaker,
    Certificate,
    Decision,
    EscalationRule,
    IntentRule,
    Policy,
    Publication,
    Quarantine,
    ReplyTemplate,
    Switch,
)
from decisions.policies.publish import publish
from decisions.stops import breakers
from decisions.tests.factories import CertificateFactory, put_in_force
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.tests.at_work import as_user, words_of, write_in
from tickets.tests.visiting import certify

pytestmark = pytest.mark.django_db
POLICIES = "/ops/decisions/policy/"
REPLIES = "/ops/decisions/replytemplate/"


@pytest.fixture
def client(lead):
    return as_user(lead)


def plain(response):
    """What stands on a page, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", words_of(response)).split())


def stored():
    models = (Policy, IntentRule, EscalationRule, Publication, ReplyTemplate, Switch, Breaker)
    return [list(model.objects.order_by("pk").values()) for model in (*models, AuditRecord)]


# --- Kill switch and breakers ---------------------------------------------------------------------


def test_the_switch_is_turned_with_a_reason(starter, client):
    response = client.post("/ops/decisions/switch/turn/", {"on": "yes", "reason": "Odd answers"})
    assert response.url == "/ops/"
    assert (Switch.objects.get().on, Switch.objects.get().reason) == (True, "Odd answers")
    assert "All automation is stopped." in words_of(client.get("/ops/"))
    client.post("/ops/decisions/switch/turn/", {"on": "no", "reason": "Mended"})
    assert not Switch.objects.get().on


@pytest.mark.parametrize(
    "asked",
    [{"on": "yes"}, {"on": "yes", "reason": " "}, {"reason": "x"}, {"on": "1", "reason": "x"}],
)
def test_the_switch_is_not_turned_by_half_a_form(starter, client, asked):
    before = stored()
    client.post("/ops/decisions/switch/turn/", asked)
    assert stored() == before


def test_looking_at_the_switchs_address_turns_nothing(starter, client):
    assert client.get("/ops/decisions/switch/turn/?on=yes&reason=x").status_code == 405
    assert not Switch.objects.filter(on=True).exists()


def test_an_open_breaker_is_armed_from_its_page(starter, client):
    breaker = Breaker.objects.create(
        intent="order_status", open=True, reason="3 of 9 wrong", changed_at=timezone.now()
    )
    words = words_of(client.get(f"/ops/decisions/breaker/{breaker.pk}/change/"))
    assert "3 of 9 wrong" in words
    assert "Arm it again" in words
    client.post(f"/ops/decisions/breaker/{breaker.pk}/arm/", {"reason": "Template mended"})
    breaker.refresh_from_db()
    assert (breaker.open, breaker.reason) == (False, "Template mended")


def test_a_breaker_is_not_armed_without_a_reason(starter, client):
    breaker = Breaker.objects.create(intent="x", open=True, changed_at=timezone.now())
    before = stored()
    client.post(f"/ops/decisions/breaker/{breaker.pk}/arm/", {"reason": ""})
    assert stored() == before


# --- Policies -------------------------------------------------------------------------------------


def test_a_published_policy_is_shown_in_words(starter, client):
    policy = Policy.objects.get()
    words = words_of(client.get(f"{POLICIES}{policy.pk}/change/"))
    for part in (
        "In force",
        "A long message often holds more than one request.",
        "Length in characters &gt; 2000",
        "Order status",
        "Sensitive topics",
        "lawyer*",
    ):
        assert part in words


def test_a_published_policy_takes_no_changes(starter, client):
    policy = Policy.objects.get()
    before = stored()
    response = client.post(f"{POLICIES}{policy.pk}/change/", {"name": "Mine"})
    assert response.status_code == 403
    assert client.post(f"{POLICIES}{policy.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{POLICIES}add/").status_code == 403
    assert stored() == before


def draft_of(client) -> Policy:
    client.post(f"{POLICIES}{Policy.objects.get(number=1).pk}/draft/")
    return Policy.objects.get(number=2)


def form_of(client, policy: Policy) -> dict:
    """The fields of a draft's page as a browser would send them back."""
    shown = client.get(f"{POLICIES}{policy.pk}/change/").context
    fields = dict(shown["adminform"].form.initial)
    for inline in shown["inline_admin_formsets"]:
        fields |= {
            f"{inline.formset.prefix}-{name}": value
            for name, value in inline.formset.management_form.initial.items()
        }
        for form in inline.formset.initial_forms:
            for bound in form:
                fields |= sent(bound.html_name, bound.value())
    return {name: "" if value is None else value for name, value in fields.items()}


def sent(name: str, value) -> dict:
    """A field as a browser sends it; of conditions each has three."""
    if not isinstance(value, list):
        return {name: value}
    return {
        f"{name}-{number}-{part}": said
        for number, row in enumerate(value)
        for part, said in row.items()
    }


def test_a_draft_has_the_same_rules_and_the_next_number(starter, client, lead):
    first = Policy.objects.get()
    draft = draft_of(client)
    assert (draft.number, draft.published, draft.created_by) == (2, False, lead)
    assert draft.snapshot().intents == first.snapshot().intents
    assert draft.snapshot().rules == first.snapshot().rules
    assert draft.snapshot().topics == first.snapshot().topics
    assert Publication.objects.count() == 1


def test_a_draft_is_edited_and_published(starter, client, lead):
    draft = draft_of(client)
    fields = form_of(client, draft)
    prefix = next(name for name, value in fields.items() if value == "order_status")
    fields[prefix.replace("-intent", "-threshold")] = "0.9"
    fields |= sent(
        "escalation_rules-0-lines",
        [
            {"fact": "length", "operator": ">", "value": "3000"},
            {"fact": "", "operator": "<", "value": ""},
            {"fact": "language", "operator": "is_not", "value": "en"},
        ],
    )
    response = client.post(f"{POLICIES}{draft.pk}/change/", fields)
    assert response.status_code == 302, response.context["errors"]
    assert draft.intent_rules.get(intent="order_status").threshold == 0.9
    assert draft.escalation_rules.first().conditions == [
        {"fact": "length", "operator": ">", "value": 3000},
        {"fact": "language", "operator": "is_not", "value": "en"},
    ]
    client.post(f"{POLICIES}{draft.pk}/publish/", {"reason": "Stricter"})
    latest = Publication.objects.first()
    assert (latest.policy, latest.published_by, latest.reason) == (draft, lead, "Stricter")
    assert "In force" in words_of(client.get(f"{POLICIES}{draft.pk}/change/"))


def test_a_condition_that_cannot_be_is_refused_and_nothing_saved(starter, client):
    draft = draft_of(client)
    odd = [{"fact": "confidence", "operator": ">", "value": "0.9"}]
    fields = form_of(client, draft) | sent("escalation_rules-0-lines", odd)
    before = stored()
    response = client.post(f"{POLICIES}{draft.pk}/change/", fields)
    assert response.status_code == 200
    assert "use one of &lt;" in words_of(response)
    assert stored() == before


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "needs at least one condition"),
        ([{"fact": "confidence", "operator": "<", "value": "many"}], "many"),
        ([{"fact": "length", "operator": ">", "value": "9" * 30}], ""),
    ],
)
def test_a_new_rule_that_cannot_be_is_refused_with_words(starter, client, lines, said):
    draft = draft_of(client)
    fields = form_of(client, draft)
    number = int(fields["escalation_rules-TOTAL_FORMS"])
    new = {"slug": "vip", "reason": "A customer of ours", "queue": "", "priority": ""}
    fields |= {f"escalation_rules-{number}-{name}": value for name, value in new.items()}
    fields |= {"escalation_rules-TOTAL_FORMS": number + 1}
    fields |= sent(f"escalation_rules-{number}-lines", lines)
    before = stored()
    response = client.post(f"{POLICIES}{draft.pk}/change/", fields)
    assert response.status_code == 200
    assert said in words_of(response)
    assert stored() == before


def test_an_older_policy_is_put_in_force_again(starter, client, lead):
    draft = draft_of(client)
    publish(draft, actor=Actor.person(lead), reason="New", now=timezone.now())
    first = Policy.objects.get(number=1)
    client.post(f"{POLICIES}{first.pk}/publish/", {"reason": "Back"})
    assert Publication.objects.first().policy == first
    words = words_of(client.get(POLICIES))
    assert "In force" in words
    assert "Published earlier" in words


@pytest.mark.parametrize("reason", ["", "  "])
def test_nothing_is_published_without_a_reason(starter, client, reason):
    draft = draft_of(client)
    before = stored()
    client.post(f"{POLICIES}{draft.pk}/publish/", {"reason": reason})
    assert stored() == before


@pytest.mark.parametrize("what", ["draft", "publish"])
def test_looking_makes_no_draft_and_publishes_nothing(starter, client, what):
    before = stored()
    assert client.get(f"{POLICIES}{Policy.objects.get().pk}/{what}/").status_code == 405
    assert client.post(f"{POLICIES}4711/{what}/", {"reason": "x"}).status_code == 404
    assert stored() == before


def test_the_list_of_policies_costs_the_same_for_many(
    starter, client, django_assert_max_num_queries
):
    with django_assert_max_num_queries(15) as few:
        client.get(POLICIES)
    for _ in range(5):
        client.post(f"{POLICIES}{Policy.objects.get(number=1).pk}/draft/")
    client.get(POLICIES)  # shows the messages of what was done
    with django_assert_max_num_queries(15) as many:
        client.get(POLICIES)
    assert len(many) == len(few)


# --- Reply templates ------------------------------------------------------------------------------


def test_editing_a_reply_writes_its_next_version(starter, client, lead):
    first = ReplyTemplate.objects.get(slug="order_status")
    before = ReplyTemplate.objects.filter(pk=first.pk).values().get()
    response = client.post(
        f"{REPLIES}{first.pk}/change/", {"subject": "Your order", "body": "Hello {{ first_name }}"}
    )
    second = ReplyTemplate.objects.get(slug="order_status", version=2)
    assert response.url == f"{REPLIES}{second.pk}/change/"
    assert (second.subject, second.body, second.created_by) == (
        "Your order",
        "Hello {{ first_name }}",
        lead,
    )
    assert ReplyTemplate.objects.filter(pk=first.pk).values().get() == before


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Hello {{ surname }}", "There is no {{ surname }}."),
        ("Hello {{ first_name,", "There is a brace that belongs to no variable."),
        ("{ { first_name } }", "There is a brace that belongs to no variable."),
        ("{% load x %}", "There is a brace that belongs to no variable."),
        ("x" * 20_001, "At most 20,000 characters"),
        ("   ", "This field is required."),
    ],
)
def test_a_reply_that_cannot_be_filled_in_is_not_saved(starter, client, body, said):
    row = ReplyTemplate.objects.get(slug="order_status")
    before = stored()
    response = client.post(f"{REPLIES}{row.pk}/change/", {"subject": "Yes", "body": body})
    assert said in words_of(response)
    assert stored() == before


def test_an_older_version_is_history(starter, client):
    first = ReplyTemplate.objects.get(slug="order_status")
    client.post(f"{REPLIES}{first.pk}/change/", {"subject": "B", "body": "B"})
    before = stored()
    assert (
        client.post(f"{REPLIES}{first.pk}/change/", {"subject": "C", "body": "C"}).status_code
        == 403
    )
    assert stored() == before
    assert client.get(f"{REPLIES}{first.pk}/change/").status_code == 200


def test_the_list_shows_the_newest_version_of_each_reply(starter, client):
    first = ReplyTemplate.objects.get(slug="order_status")
    client.post(f"{REPLIES}{first.pk}/change/", {"subject": "B", "body": "B"})
    rows = client.get(REPLIES).context["cl"].result_list
    assert [row.version for row in rows if row.slug == "order_status"] == [2]
    assert len(rows) == ReplyTemplate.objects.values("slug").distinct().count()


def test_a_new_reply_starts_at_version_one_and_once(starter, client):
    asked = {"slug": "hello", "subject": "Hello", "body": "Hello {{ first_name }}"}
    client.post(f"{REPLIES}add/", asked)
    assert ReplyTemplate.objects.get(slug="hello").version == 1
    before = stored()
    response = client.post(f"{REPLIES}add/", asked)
    assert "There is a reply of that name already" in words_of(response)
    assert stored() == before


def test_the_page_of_a_reply_shows_it_filled_in(starter, client):
    row = ReplyTemplate.objects.get(slug="order_status")
    assert "Hello Ada" in client.get(f"{REPLIES}{row.pk}/change/").context["preview"]


# --- Decisions and certificates -------------------------------------------------------------------


def test_a_decisions_page_says_why(starter, says, client):
    says("order_status", confidence=0.62)
    certify("order_status")
    ticket = write_in()
    decision = Decision.objects.get()
    words = words_of(client.get(f"/ops/decisions/decision/{decision.pk}/change/"))
    for part in (
        "The confidence is below the threshold.",
        "Confidence: 0.62 → at least 0.8",
        ticket.reference,
        "Facts as they were seen",
        "For a test.",
    ):
        assert part in words


def test_decisions_are_found_by_reference(starter, says, client):
    says(None)
    first, second = write_in("One"), write_in("Two")
    response = client.get(f"/ops/decisions/decision/?q={second.reference}")
    assert [row.ticket for row in response.context["cl"].result_list] == [second]
    assert client.get("/ops/decisions/decision/?q=x").context["cl"].result_count == 0
    assert first != second


def test_a_certificate_says_what_it_promises(starter, client):
    certify("order_status")
    row = Certificate.objects.get()
    words = words_of(client.get(f"/ops/decisions/certificate/{row.pk}/change/"))
    for part in ("For a test.", "5.0%, with 95% confidence", "0 of 100 wrong", "Order status"):
        assert part in words


def test_a_certificate_says_what_is_left_of_it_under_another_policy(starter, says, client):
    says("order_status", confidence=0.97, margin=0.3)
    tested = Policy.objects.get()
    row = CertificateFactory(
        kind="live", policy_digest=tested.digest, shares={"order_status": 0.25, "praise": 0.75}
    )
    for number in range(4):
        write_in(email=f"m{number}@example.com")
    says("order_status", confidence=0.97, margin=0.9)
    write_in(email="sure@example.com")
    put_in_force(margin=0.5)
    words = plain(client.get(f"/ops/decisions/certificate/{row.pk}/change/"))
    assert "Of the last 5 tickets that were certified, the policy in force automates 1." in words
    assert "at most 25.0% are wrong" in words  # a fifth is left of 5 %
    assert "Order status 25.0% 20%" in words
    assert "Invoice request – nothing" in words


def test_a_breaker_shows_its_curve_and_the_numbers_behind_it(
    starter, client, django_assert_max_num_queries
):
    breaker = breakers.held("order_status", timezone.now())
    with django_assert_max_num_queries(24):
        page = client.get(f"/ops/decisions/breaker/{breaker.pk}/change/")
    words = plain(page)
    assert page.content.decode().count("<polyline") == 2
    assert "Each confirmed wrong answer counts 7 up" in words
    assert "trips 0.062 times a year without need" in words
    assert "5.0% allowed" in words


def test_an_intent_is_let_out_of_quarantine_with_a_reason(starter, client):
    row = Quarantine.objects.create(
        intent="order_status",
        classifier_version="scripted-1",
        alpha=0.02,
        delta=0.05,
        rows=83,
        errors=9,
        sample_digest="0" * 64,
        at=timezone.now(),
    )
    address = f"/ops/decisions/quarantine/{row.pk}"
    assert "Of 83 reviewed tickets" in words_of(client.get(f"{address}/change/"))
    client.post(f"{address}/lift/", {"reason": ""})
    row.refresh_from_db()
    assert row.lifted_at is None
    client.post(f"{address}/lift/", {"reason": "Mended"})
    row.refresh_from_db()
    assert (row.lifted_at is not None, row.reason) == (True, "Mended")


@pytest.mark.parametrize("table", ["decision", "override", "certificate", "publication", "switch"])
def test_history_has_no_form_and_takes_none(starter, says, administrator, table):
    says(None)
    write_in()
    certify("order_status")
    client = as_user(administrator)
    before = [*stored(), list(Decision.objects.values()), list(Certificate.objects.values())]
    assert client.get(f"/ops/decisions/{table}/add/").status_code == 403
    assert client.post(f"/ops/decisions/{table}/1/delete/", {"post": "yes"}).status_code in {
        302,
        403,
    }
    after = [*stored(), list(Decision.objects.values()), list(Certificate.objects.values())]
    assert after == before
