"""Sending, listing and reading tickets by the API."""

from datetime import UTC, datetime

import pytest

from decisions.models import Decision
from decisions.tests.factories import CertificateFactory
from tickets.codes import Channel, EventKind, NoIntent, TicketStatus
from tickets.models import Message, Requester, Ticket, TicketEvent
from tickets.pipeline import inquiry, receive
from tickets.pipeline.inquiry import Receipt
from tickets.tests.arriving import NOW
from tickets.tests.calling import INQUIRY, client_with, send
from tickets.tests.factories import QueueFactory, RequesterFactory, TicketFactory

TICKETS = "/api/v1/tickets/"


@pytest.fixture
def api(starter, says, api_key):
    says("order_status", confidence=0.97)
    return client_with(api_key)


def test_an_inquiry_is_answered_with_its_decision(api):
    response = send(api, INQUIRY)
    ticket, decision = Ticket.objects.get(), Decision.objects.get()
    told = response.json()
    assert response.status_code == 201
    assert told.pop("tracking_url").startswith(f"http://localhost:8000/ui/t/{ticket.reference}/")
    assert told == {
        "reference": ticket.reference,
        "status": "open",
        "created_at": ticket.created_at.isoformat().replace("+00:00", "Z"),
        "intent": "order_status",
        "confidence": 0.97,
        "abstained": False,
        "decision": {
            "id": decision.pk,
            "outcome": "escalate",
            "reasons": decision.reasons,
            "policy_version": 1,
        },
    }
    assert "not_certified" in decision.reasons


def test_an_abstention_names_no_intent_but_keeps_the_confidence(api, says):
    says(None, reason=NoIntent.AMBIGUOUS, confidence=0.4)
    told = send(api, INQUIRY).json()
    assert (told["intent"], told["confidence"], told["abstained"]) == (None, 0.4, True)
    assert "no_intent:ambiguous" in told["decision"]["reasons"]


def test_a_classifier_that_fails_costs_nobody_the_ticket(api, says):
    says(raises=RuntimeError("broken"))
    response = send(api, INQUIRY)
    told = response.json()
    assert response.status_code == 201
    assert (told["intent"], told["confidence"], told["status"]) == (None, None, "open")
    assert "guard:classifier_failed" in told["decision"]["reasons"]


def test_the_ticket_belongs_to_the_key_that_sent_it(api):
    send(api, {**INQUIRY, "external_id": "crm-42", "metadata": {"shop": "uk", "vip": True}})
    ticket = Ticket.objects.get()
    assert (ticket.channel, ticket.api_key.name, ticket.external_id) == ("api", "test", "crm-42")
    assert ticket.metadata == {"shop": "uk", "vip": True}
    event = ticket.events.first()
    assert (event.kind, event.actor_kind, event.api_key) == (
        EventKind.RECEIVED,
        "integration",
        ticket.api_key,
    )


def test_addresses_are_lower_cased_so_that_a_person_is_one_person(api):
    send(api, {**INQUIRY, "email": "Ada@Example.COM"})
    send(api, {**INQUIRY, "email": "ada@example.com"})
    assert [r.email for r in Requester.objects.all()] == ["ada@example.com"]


def test_null_stands_for_absent(api):
    nothing = {"subject": None, "external_id": None, "metadata": None}
    assert send(api, {**INQUIRY, **nothing}).status_code == 201
    ticket = Ticket.objects.get()
    assert (ticket.external_id, ticket.metadata, ticket.messages.get().subject) == (None, {}, "")


def test_an_inquiry_takes_a_bounded_number_of_queries(api, django_assert_max_num_queries):
    send(api, INQUIRY)
    with django_assert_max_num_queries(40):
        assert send(api, {**INQUIRY, "email": "new@example.com"}).status_code == 201


# --- Lists ----------------------------------------------------------------------------------------


@pytest.fixture
def reader(db, api_key):
    return client_with(api_key)


def references(response):
    return [row["reference"] for row in response.json()["results"]]


def test_the_list_is_newest_first_and_walks_in_both_directions(reader):
    made = [TicketFactory(decided=True).reference for _ in range(5)][::-1]
    first = reader.get(TICKETS, {"limit": 2})
    second = reader.get(first.json()["next"])
    third = reader.get(second.json()["next"])
    assert [references(page) for page in (first, second, third)] == [made[:2], made[2:4], made[4:]]
    assert first.json()["previous"] is None
    assert third.json()["next"] is None
    assert references(reader.get(third.json()["previous"])) == made[2:4]
    assert references(reader.get(second.json()["previous"])) == made[:2]


def test_a_page_does_not_shift_when_tickets_arrive_meanwhile(reader):
    made = [TicketFactory(decided=True).reference for _ in range(4)][::-1]
    first = reader.get(TICKETS, {"limit": 2})
    TicketFactory(decided=True)
    assert references(reader.get(first.json()["next"])) == made[2:]


def test_links_between_pages_keep_the_filters(reader):
    for _ in range(2):
        TicketFactory(decided=True, status=TicketStatus.CLOSED)
        TicketFactory(decided=True)
    page = reader.get(TICKETS, {"limit": 1, "status": "closed"})
    assert "status=closed" in page.json()["next"]
    assert reader.get(page.json()["next"]).json()["results"][0]["status"] == "closed"


def test_a_row_of_the_list_says_where_the_ticket_stands(api, agent):
    send(api, {**INQUIRY, "external_id": "x", "metadata": {"n": 1}})
    ticket = Ticket.objects.get()
    ticket.assignee = agent
    ticket.save()
    (row,) = api.get(TICKETS).json()["results"]
    decision = row.pop("decision")
    assert decision["outcome"] == "escalate"
    assert decision["policy_version"] == 1
    for moment in ("created_at", "updated_at"):
        assert row.pop(moment).endswith("Z")
    assert row == {
        "reference": ticket.reference,
        "status": "open",
        "round": 1,
        "channel": "api",
        "resolved_at": None,
        "intent": "order_status",
        "intent_corrected": False,
        "confidence": 0.97,
        "abstained": False,
        "outcome": "escalate",
        "reasons": ticket.reasons,
        "queue": "orders",
        "priority": "normal",
        "assignee": "agent",
        "merged_into": None,
        "message_count": 1,
        "name": "Ada Example",
        "email": "ada@example.com",
        "external_id": "x",
        "metadata": {"n": 1},
    }


def test_the_tracking_link_is_told_only_to_who_sent_the_inquiry(api):
    reference = send(api, INQUIRY).json()["reference"]
    assert "tracking_url" not in api.get(TICKETS).content.decode()
    assert "/ui/t/" not in api.get(f"{TICKETS}{reference}/").content.decode()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"status": "closed"}, ["closed"]),
        ({"intent": "refund_status"}, ["refund"]),
        ({"outcome": "auto_resolve"}, ["answered"]),
        ({"queue": "billing"}, ["refund"]),
        ({"created_after": "2026-02-01T00:00:00Z"}, ["refund", "closed"]),
        ({"created_after": "2026-03-01T00:00:00Z"}, ["refund"]),
        ({"created_before": "2026-02-01"}, ["answered"]),
        ({"created_after": "2026-02-01", "created_before": "2026-03-01"}, ["closed"]),
        ({"q": ""}, ["refund", "closed", "answered"]),
        ({"status": "open", "intent": "order_status"}, []),
    ],
)
def test_filters_narrow_the_list(reader, asked, found):
    def at(month):
        return datetime(2026, month, 1, tzinfo=UTC)

    names = {
        TicketFactory(
            decided=True, status="answered", outcome="auto_resolve", created_at=at(1)
        ).reference: "answered",
        TicketFactory(decided=True, status="closed", created_at=at(2)).reference: "closed",
        TicketFactory(
            decided=True,
            intent="refund_status",
            outcome="escalate",
            queue=QueueFactory(slug="billing"),
            created_at=at(3),
        ).reference: "refund",
    }
    assert [names[r] for r in references(reader.get(TICKETS, asked))] == found


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"status": "sleeping"}, "status"),
        ({"status": ""}, "status"),
        ({"created_after": ""}, "created_after"),
        ({"outcome": "maybe"}, "outcome"),
        ({"intent": "no slug!"}, "intent"),
        ({"queue": "' OR 1=1 --"}, "queue"),
        ({"created_after": "yesterday"}, "created_after"),
        ({"created_before": "0001-01-01T00:00:00+14:00"}, "created_before"),
        ({"created_before": "9999-12-31T23:59:59-14:00"}, "created_before"),
        ({"created_before": "2026-02-30"}, "created_before"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": "cD1hYmM="}, "cursor"),
        ({"cursor": "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5"}, "cursor"),
        ({"cursor": "ü"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"q": "x" * 201}, "q"),
        ({"q": "a\0b"}, "q"),
        ({"stauts": "open"}, "stauts"),
        ({"status": ["open", "closed"]}, "status"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_by_name(reader, asked, field):
    response = reader.get(TICKETS, asked)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]


@pytest.mark.parametrize("size", [2, 12])
def test_the_list_takes_three_queries_for_any_number_of_tickets(
    api, django_assert_num_queries, size
):
    for number in range(size):
        send(api, {**INQUIRY, "email": f"{number}@example.com"})
    with django_assert_num_queries(3):  # key, tickets, their decisions
        assert len(api.get(TICKETS).json()["results"]) == size


# --- Search ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    ["Lovelace", "lovelace", "ada@shop.example", "ADA@shop", "parcel", "PARCEL blue", "Urgent"],
)
def test_search_finds_name_address_and_words(reader, asked):
    other = TicketFactory(decided=True, message="Nothing of that kind.")
    ada = RequesterFactory(name="Ada Lovelace", email="ada@shop.example")
    ticket = TicketFactory(
        decided=True,
        requester=ada,
        message="The blue parcel is lost.",
        message__subject="urgent matter",
    )
    assert references(reader.get(TICKETS, {"q": asked})) == [ticket.reference]
    assert references(reader.get(TICKETS)) == [ticket.reference, other.reference]


def test_search_finds_a_reference_in_any_case(reader):
    TicketFactory(decided=True)
    ticket = TicketFactory(decided=True)
    assert references(reader.get(TICKETS, {"q": ticket.reference.lower()})) == [ticket.reference]


@pytest.mark.parametrize("asked", ["100%", "a_b", "'; DROP TABLE tickets_ticket; --"])
def test_search_takes_wildcards_and_sql_as_text(reader, asked):
    TicketFactory(decided=True, message="nothing special")
    ticket = TicketFactory(decided=True, message=f"before {asked} after")
    assert references(reader.get(TICKETS, {"q": asked})) == [ticket.reference]


@pytest.mark.parametrize("asked", ["%", "_", "*", '"', "-- ()"])
def test_signs_alone_are_no_words_and_find_nothing(reader, asked):
    TicketFactory(decided=True, message=f"before {asked} after")
    assert references(reader.get(TICKETS, {"q": asked})) == []


def test_pages_of_a_search_follow_each_other_in_both_directions(reader):
    made = [TicketFactory(decided=True, message="a parcel").reference for _ in range(5)]
    TicketFactory(decided=True, message="another matter")
    first = reader.get(TICKETS, {"q": "parcel", "limit": 2}).json()
    second = reader.get(first["next"]).json()
    third = reader.get(second["next"]).json()
    pages = [[row["reference"] for row in page["results"]] for page in (first, second, third)]
    assert pages == [made[:2:-1], made[2:0:-1], made[:1]]
    assert (first["previous"], third["next"]) == (None, None)
    back = reader.get(third["previous"]).json()
    assert [row["reference"] for row in back["results"]] == pages[1]


def test_all_words_must_be_found(reader):
    TicketFactory(decided=True, message="a blue parcel")
    assert references(reader.get(TICKETS, {"q": "blue letter"})) == []


# --- One ticket -----------------------------------------------------------------------------------


def test_the_detail_tells_conversation_timeline_prediction_and_decision(api):
    reference = send(api, {**INQUIRY, "subject": "Order"}).json()["reference"]
    send(
        api,
        {"message": "Called the carrier.", "author": "agent", "internal": True},
        f"{TICKETS}{reference}/messages/",
    )
    told = api.get(f"{TICKETS}{reference}/").json()
    assert [(m["author"], m["subject"], m["body"], m["internal"]) for m in told["messages"]] == [
        ("customer", "Order", "Where is my order 10234?", False),
        ("agent", "", "Called the carrier.", True),
    ]
    assert [(e["kind"], e["actor"], e["actor_name"]) for e in told["events"]] == [
        ("ticket.received", "integration", "test"),
        ("decision.escalated", "machine", None),
        ("message.note", "integration", "test"),
    ]
    prediction = told["prediction"]
    assert prediction.pop("at").endswith("Z")
    assert prediction == {
        "intent": "order_status",
        "no_intent": None,
        "best_guess": "order_status",
        "confidence": 0.97,
        "runner_up": "delivery_problem",
        "margin": 0.9,
        "alternatives": [{"intent": "order_status", "confidence": 0.97}],
        "language": "en",
        "failure": None,
        "model": "scripted-1",
    }
    assert told["decision"]["outcome"] == "escalate"


@pytest.mark.parametrize("messages", [1, 9])
def test_the_detail_takes_seven_queries_for_any_length(api, django_assert_num_queries, messages):
    reference = send(api, INQUIRY).json()["reference"]
    for number in range(messages):
        send(
            api,
            {"message": f"note {number}", "author": "agent", "internal": True},
            f"{TICKETS}{reference}/messages/",
        )
    # key, ticket, decisions, messages, events, prediction, targets
    with django_assert_num_queries(7):
        assert len(api.get(f"{TICKETS}{reference}/").json()["messages"]) == messages + 1


def test_the_detail_says_until_when_what_is_owed_and_what_was_missed(api):
    ticket = receive.receive(inquiry.Inquiry(channel=Channel.API, **INQUIRY), now=NOW).ticket
    first, end = ticket.targets.order_by("kind")
    address = f"{TICKETS}{ticket.reference}/"
    assert api.get(address).json()["due"] == {
        "first_response": first.due_at.isoformat().replace("+00:00", "Z"),
        "resolution": end.due_at.isoformat().replace("+00:00", "Z"),
        "breached": ["first_response", "resolution"],
    }
    send(api, {"message": "We look.", "author": "agent"}, f"{address}messages/")
    assert api.get(address).json()["due"]["first_response"] is None
    assert api.get(address).json()["due"]["breached"] == ["first_response", "resolution"]


def test_nothing_is_owed_where_the_machine_answered(api):
    CertificateFactory()
    told = send(api, INQUIRY).json()
    assert told["status"] == "answered"
    due = api.get(f"{TICKETS}{told['reference']}/").json()["due"]
    assert due == {"first_response": None, "resolution": None, "breached": []}


@pytest.mark.parametrize("reference", ["T-2222-2222", "nothing", "T-7K3M-Q9XD%00", "%F0%9F", "1"])
def test_an_unknown_reference_is_a_404_of_the_usual_shape(reader, reference):
    response = reader.get(f"{TICKETS}{reference}/")
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


# --- Doing something to one ----------------------------------------------------------------------


def test_what_the_customer_says_reopens_an_answered_ticket(api):
    reference = send(api, INQUIRY).json()["reference"]
    Ticket.objects.update(status=TicketStatus.ANSWERED)
    response = send(
        api,
        {"message": "It is still not here.", "author": "customer"},
        f"{TICKETS}{reference}/messages/",
    )
    assert response.status_code == 201
    told = response.json()
    assert (told["reference"], told["status"], told["round"]) == (reference, "open", 2)
    assert "guard:reopened" in told["decision"]["reasons"]
    actors = TicketEvent.objects.filter(kind=EventKind.CUSTOMER_REPLIED)
    assert [(e.actor_kind, e.api_key.name) for e in actors] == [("integration", "test")]


def test_what_an_agent_says_waits_for_the_customer_and_is_mailed(api):
    reference = send(api, INQUIRY).json()["reference"]
    told = send(
        api,
        {"message": "It comes tomorrow.", "author": "agent"},
        f"{TICKETS}{reference}/messages/",
    ).json()
    ticket = Ticket.objects.get()
    assert (told["status"], told["message_count"]) == ("waiting", 2)
    assert ticket.first_human_reply_at is not None
    assert ticket.outbox.filter(kind="mail.reply", automatic=False).count() == 1


def test_a_note_is_internal_and_changes_nothing_else(api):
    reference = send(api, INQUIRY).json()["reference"]
    told = send(
        api,
        {"message": "Angry on the phone.", "author": "agent", "internal": True},
        f"{TICKETS}{reference}/messages/",
    ).json()
    assert told["status"] == "open"
    assert Message.objects.get(number=2).internal is True
    assert Ticket.objects.get().outbox.filter(kind="mail.reply").count() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "x", "author": "customer", "internal": True}, "internal"),
        ({"message": "x", "author": "machine"}, "author"),
        ({"message": "x"}, "author"),
        ({"message": " \u200b", "author": "agent"}, "message"),
        ({"message": "x", "author": "agent", "internal": "true"}, "internal"),
        ({"message": "x", "author": "agent", "internal": 1}, "internal"),
        ({"message": "x", "author": "agent", "user": 1}, "user"),
        ({"message": "x", "author": ["agent"]}, "author"),
    ],
)
def test_a_message_that_makes_no_sense_changes_nothing(api, body, field):
    reference = send(api, INQUIRY).json()["reference"]
    response = send(api, body, f"{TICKETS}{reference}/messages/")
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert Message.objects.count() == 1


def test_closing_and_reopening_tell_where_the_ticket_stands(api):
    reference = send(api, INQUIRY).json()["reference"]
    closed = send(api, {}, f"{TICKETS}{reference}/close/")
    assert (closed.status_code, closed.json()["status"]) == (200, "closed")
    again = send(api, {}, f"{TICKETS}{reference}/close/")
    assert again.status_code == 200
    assert TicketEvent.objects.filter(kind=EventKind.CLOSED).count() == 1
    opened = send(api, {}, f"{TICKETS}{reference}/reopen/")
    assert (opened.status_code, opened.json()["status"], opened.json()["round"]) == (200, "open", 2)
    once = send(api, {}, f"{TICKETS}{reference}/reopen/")
    assert (once.status_code, once.json()["round"]) == (200, 2)


def test_actions_need_no_body_and_take_no_fields(api):
    reference = send(api, INQUIRY).json()["reference"]
    assert api.generic("POST", f"{TICKETS}{reference}/close/").status_code == 200
    refused = send(api, {"status": "spam"}, f"{TICKETS}{reference}/reopen/")
    assert refused.status_code == 400
    assert list(refused.json()["error"]["fields"]) == ["status"]
    assert Ticket.objects.get().status == TicketStatus.CLOSED


@pytest.mark.parametrize("action", ["close/", "reopen/"])
def test_spam_is_neither_closed_nor_reopened(api, action):
    reference = send(api, INQUIRY).json()["reference"]
    Ticket.objects.update(status=TicketStatus.SPAM)
    response = send(api, {}, f"{TICKETS}{reference}/{action}")
    assert response.status_code == 409
    assert response.json()["error"]["code"] == "not_possible"
    assert Ticket.objects.get().status == TicketStatus.SPAM


@pytest.mark.parametrize("action", ["messages/", "close/", "reopen/"])
def test_nothing_is_done_to_a_ticket_that_does_not_exist(api, action):
    body = {"message": "x", "author": "agent"} if action == "messages/" else {}
    assert send(api, body, f"{TICKETS}T-2222-2222/{action}").status_code == 404


def test_an_inquiry_that_is_not_decided_yet_is_a_202(api, monkeypatch):
    ticket = TicketFactory()
    monkeypatch.setattr(receive, "receive", lambda inquiry, now: Receipt(ticket, None))
    response = send(api, INQUIRY)
    told = response.json()
    assert response.status_code == 202
    assert (told["reference"], told["status"]) == (ticket.reference, "received")
    assert (told["decision"], told["intent"], told["abstained"]) == (None, None, False)
