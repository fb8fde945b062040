"""Requesters, queues, API keys, outbox, events, audit records and jobs in the console."""

import pytest
from django.utils import timezone

from tickets.models import ApiKey, AuditRecord, JobLease, Outbox, Queue, Requester, TicketEvent
from tickets.tests.at_work import as_user, page_of, words_of, write_in
from tickets.tests.calling import client_with
from tickets.tests.factories import OutboxFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ticket(starter, says):
    says(None)
    return write_in("Words of the customer", name="Ada Example", email="ada@example.com")


@pytest.mark.parametrize(
    ("asked", "found"), [("ada", 1), ("EXAMPLE.com", 1), ("ada example", 1), ("bob", 0)]
)
def test_requesters_are_found_by_name_and_address(ticket, agent, asked, found):
    response = as_user(agent).get(f"/ops/tickets/requester/?q={asked}")
    assert response.context["cl"].result_count == found


def test_a_requesters_page_lists_their_tickets(ticket, agent):
    words = words_of(as_user(agent).get(f"/ops/tickets/requester/{ticket.requester_id}/change/"))
    assert "Words of the customer" in words
    assert page_of(ticket) in words


def test_a_requester_is_not_edited(ticket, agent, administrator):
    address = f"/ops/tickets/requester/{ticket.requester_id}/change/"
    for user in (agent, administrator):
        assert as_user(user).post(address, {"name": "Eve"}).status_code == 403
    assert Requester.objects.get().name == "Ada Example"


@pytest.mark.parametrize("key", ["999", "x"])
def test_a_requester_that_is_not_there_leads_home(ticket, agent, key):
    response = as_user(agent).get(f"/ops/tickets/requester/{key}/change/")
    assert response.status_code == 302
    assert response.url == "/ops/"


def test_an_issued_key_is_shown_once_and_kept_nowhere(db, administrator):
    client = as_user(administrator)
    asked = {"name": "shop", "scopes": ["tickets:write", "tickets:read"]}
    response = client.post("/ops/tickets/apikey/add/", asked)
    key = response.context["key"]
    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.created_by, row.hint) == (
        "shop",
        ["tickets:read", "tickets:write"],
        administrator,
        key[-4:],
    )
    assert row.digest == ApiKey.digest_of(key)
    assert "no-store" in response["Cache-Control"]
    assert key not in client.get("/ops/tickets/apikey/").content.decode()
    assert key not in client.get(f"/ops/tickets/apikey/{row.pk}/change/").content.decode()
    assert row.digest not in client.get(f"/ops/tickets/apikey/{row.pk}/change/").content.decode()


def test_a_key_without_scopes_is_not_issued(db, administrator):
    response = as_user(administrator).post("/ops/tickets/apikey/add/", {"name": "shop"})
    assert response.status_code == 200
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_and_stays(db, administrator):
    row, key = ApiKey.issue(name="shop", scopes=["tickets:read"])
    client, page = as_user(administrator), f"/ops/tickets/apikey/{row.pk}/change/"
    before = timezone.now()
    client.post(page, {"scopes": ["tickets:read"], "revoke": "on"})
    after = ApiKey.objects.get()
    assert before <= after.revoked_at <= timezone.now()
    assert after.digest == row.digest
    assert client_with(key).get("/api/v1/tickets/").status_code == 401
    client.post(page, {"scopes": ["tickets:write"], "revoked_at_0": "", "revoke": ""})
    last = ApiKey.objects.get()
    assert (last.revoked_at, last.scopes) == (after.revoked_at, ["tickets:read"])


def test_a_key_does_not_end_before_it_begins(db, administrator):
    sent = {"name": "shop", "scopes": ["tickets:read"], "expires_at_0": "2020-01-01"}
    response = as_user(administrator).post(
        "/ops/tickets/apikey/add/", sent | {"expires_at_1": "00:00:00"}
    )
    assert "This moment is over already." in response.content.decode()
    assert not ApiKey.objects.exists()


def test_a_lead_renames_a_queue_but_not_its_slug(starter, lead):
    queue = Queue.objects.get(slug="billing")
    as_user(lead).post(
        f"/ops/tickets/queue/{queue.pk}/change/",
        {"name": "Money", "slug": "money", "position": "3", "calendar": ""},
    )
    queue.refresh_from_db()
    assert (queue.name, queue.slug) == ("Money", "billing")


def test_the_outbox_shows_what_was_given_up(starter, lead):
    OutboxFactory(state="failed", last_error="SMTPServerDisconnected")
    words = words_of(as_user(lead).get("/ops/tickets/outbox/?state__exact=failed"))
    assert "SMTPServerDisconnected" in words
    assert Outbox.objects.filter(state="failed").count() == 1


@pytest.mark.parametrize("asked", ["reference", "subject", "actor"])
def test_audit_records_are_found_by_reference_subject_and_actor(ticket, auditor, asked):
    q = {"reference": ticket.reference, "subject": f"ticket:{ticket.pk}", "actor": "machine"}[asked]
    response = as_user(auditor).get(f"/ops/tickets/auditrecord/?q={q}")
    assert [row.subject for row in response.context["cl"].result_list][:1] == [
        f"ticket:{ticket.pk}"
    ]


def test_an_audit_record_shows_its_body_and_digest(ticket, auditor):
    record = AuditRecord.objects.get(subject=f"ticket:{ticket.pk}")
    words = words_of(as_user(auditor).get(f"/ops/tickets/auditrecord/{record.pk}/change/"))
    assert record.digest in words
    assert "&quot;outcome&quot;: &quot;escalate&quot;" in words


@pytest.mark.parametrize("table", ["auditrecord", "ticketevent", "outbox", "joblease"])
def test_history_has_no_form_and_takes_none(ticket, administrator, table):
    JobLease.objects.create(name="sweep", due_at=timezone.now())
    OutboxFactory(ticket=ticket)
    model = {
        "auditrecord": AuditRecord,
        "ticketevent": TicketEvent,
        "outbox": Outbox,
        "joblease": JobLease,
    }[table]
    before = list(model.objects.order_by("pk").values())
    row = model.objects.order_by("pk").first()
    client, base = as_user(administrator), f"/ops/tickets/{table}/"
    assert client.get(f"{base}add/").status_code == 403
    assert client.post(f"{base}{row.pk}/change/", {"kind": "x"}).status_code == 403
    assert client.post(f"{base}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert list(model.objects.order_by("pk").values()) == before
