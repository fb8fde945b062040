"""The audit chain in the console."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from supportops.tests.clean_slate import lift_triggers
from tickets.codes import Role
from tickets.models import AuditRecord
from tickets.tests.at_work import as_user, words_of, write_in

pytestmark = pytest.mark.django_db
LIST = "/ops/tickets/auditrecord/"


@pytest.fixture
def ticket(starter, says):
    says(None)
    return write_in()


def numbers(client, query: str = "") -> list[int]:
    response = client.get(f"{LIST}?{query}")
    return [row.number for row in response.context["cl"].result_list]


def test_the_chain_is_verified_at_a_click(ticket, auditor):
    response = as_user(auditor).post(f"{LIST}verify/", follow=True)
    assert f"All {AuditRecord.objects.count()} records follow from one another" in words_of(
        response
    )


def test_a_changed_record_is_named(ticket, auditor):
    lift_triggers()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tickets_auditrecord SET actor = 'person:7' WHERE number = 1")
    words = words_of(as_user(auditor).post(f"{LIST}verify/", follow=True))
    assert "The chain is not sound. Record 1" in words


def test_the_export_is_the_whole_chain(ticket, auditor):
    response = as_user(auditor).get(f"{LIST}export/")
    first, *rows = [json.loads(line) for line in b"".join(response).decode().splitlines()]
    assert first["format"] == 1
    assert [row["digest"] for row in rows] == list(
        AuditRecord.objects.order_by("number").values_list("digest", flat=True)
    )
    assert "attachment" in response["Content-Disposition"]


def test_agents_neither_verify_nor_export(ticket, agent):
    client = as_user(agent)
    assert client.post(f"{LIST}verify/").status_code == 403
    assert client.get(f"{LIST}export/").status_code == 403


def test_verifying_needs_a_post(ticket, auditor):
    assert as_user(auditor).get(f"{LIST}verify/").status_code == 405


def test_records_are_found_by_a_colleagues_name_a_ticket_and_a_span(ticket, person, auditor):
    mia = person(Role.LEAD, username="mia")
    mia.first_name, mia.last_name = "Mia", "van Dyck"
    mia.save()
    as_user(mia).post("/ops/decisions/switch/turn/", {"on": "yes", "reason": "Odd answers"})
    client = as_user(auditor)
    switched = AuditRecord.objects.get(kind="switch").number
    assert numbers(client, "q=mia") == numbers(client, "q=Mia van Dyck") == [switched]
    assert numbers(client, f"q=person:{mia.pk}") == [switched]
    decided = AuditRecord.objects.get(kind="decision").number
    assert numbers(client, f"q={ticket.reference}") == [decided]
    assert decided in numbers(client, "days=1")


def test_an_older_record_is_outside_of_the_span(ticket, auditor):
    lift_triggers()
    long_ago = timezone.now() - timedelta(days=8)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tickets_auditrecord SET at = %s",
            [connection.ops.adapt_datetimefield_value(long_ago)],
        )
    client = as_user(auditor)
    assert numbers(client, "days=7") == []
    assert numbers(client, "days=30") != []
