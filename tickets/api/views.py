"""Endpoints of tickets. They translate between JSON and the services, and decide nothing."""

import re
from collections.abc import Callable
from typing import Any, ClassVar

from django.db import OperationalError
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.api import responses
from tickets.api.endpoint import Endpoint, described, page_of
from tickets.api.errors import Conflict, InFlight, waited_for_lock
from tickets.api.fields import checked, checked_query
from tickets.api.requests import NewMessage, NewTicket, Nothing, TicketQuery
from tickets.codes import Author, Channel, Scope, TicketStatus
from tickets.desk import agent_actions, customer_actions
from tickets.history.record import Actor
from tickets.models import Ticket
from tickets.pipeline import receive
from tickets.pipeline.inquiry import Inquiry, Receipt
from tickets.references import PATTERN

IDEMPOTENCY_KEY = re.compile(r"[\x20-\x7e]{1,255}")
REPLAY = {"Idempotent-Replay": "true"}
FILTERS = {
    "status": "status",
    "intent": "intent",
    "outcome": "outcome",
    "queue": "queue__slug",
    "created_after": "created_at__gte",
    "created_before": "created_at__lt",
}

RECEIPT = {
    "reference": "T-7K3M-Q9XD",
    "status": "answered",
    "created_at": "2026-01-31T12:00:00.123456Z",
    "intent": "order_status",
    "confidence": 0.97,
    "abstained": False,
    "decision": {
        "id": 1,
        "outcome": "auto_resolve",
        "reasons": ["permitted"],
        "policy_version": 1,
    },
    "tracking_url": "http://localhost:8000/ui/t/T-7K3M-Q9XD/signature/",
}


class TicketList(Endpoint):
    scopes: ClassVar = {"GET": Scope.TICKETS_READ, "POST": Scope.TICKETS_WRITE}

    @described(
        name="tickets_create",
        summary="Send an inquiry",
        tag="tickets",
        scope=Scope.TICKETS_WRITE,
        request=NewTicket,
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "maxLength": 255, "pattern": "^[ -~]+$"},
                OpenApiParameter.HEADER,
                description="For 24 hours the same key and body get the same answer.",
            )
        ],
        answers={
            200: OpenApiResponse(responses.ReceiptShape, "The external_id was known already."),
            201: OpenApiResponse(responses.ReceiptShape, "Stored and decided."),
            202: OpenApiResponse(responses.ReceiptShape, "Stored; it will be decided in a moment."),
        },
        failures=(409, 422),
        examples=[
            OpenApiExample(
                "inquiry",
                {
                    "name": "Ada Example",
                    "email": "ada@example.com",
                    "subject": "My order",
                    "message": "Where is my order 10234? It was due on Monday.",
                    "external_id": "crm-42",
                    "metadata": {"shop": "uk", "vip": True},
                },
                request_only=True,
            ),
            OpenApiExample(
                "answered", RECEIPT, response_only=True, status_codes=["200", "201", "202"]
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        given = checked(NewTicket, request.data)
        key = _idempotency_key(request)
        inquiry = Inquiry(channel=Channel.API, api_key=self.key(), idempotency_key=key, **given)
        receipt = _receive(inquiry)
        return Response(
            responses.ReceiptShape.of(receipt),
            status=_status(receipt, inquiry),
            headers=REPLAY if receipt.repeated else None,
        )

    @described(
        name="tickets_list",
        summary="List and search tickets, newest first",
        tag="tickets",
        scope=Scope.TICKETS_READ,
        query=TicketQuery,
        answers={200: responses.TicketPage},
    )
    def get(self, request: Request) -> Response:
        asked = checked_query(TicketQuery, request.query_params)
        rows = responses.with_state(_filtered(Ticket.objects.all(), asked))
        return responses.TicketPage.answer(page_of(self, rows, words=asked.get("q", "")))


def _receive(inquiry: Inquiry) -> Receipt:
    try:
        return receive.receive(inquiry, now=timezone.now())
    except OperationalError as error:
        if inquiry.idempotency_key is not None and waited_for_lock(error):
            raise InFlight from error
        raise


def _status(receipt: Receipt, inquiry: Inquiry) -> int:
    if receipt.repeated and inquiry.external_id is not None:
        return 200
    return 202 if receipt.decision is None else 201


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise ValidationError({"Idempotency-Key": ["1 to 255 printable ASCII characters."]})
    return key


def _filtered(tickets: QuerySet[Ticket], asked: dict[str, Any]) -> QuerySet[Ticket]:
    conditions = {FILTERS[name]: value for name, value in asked.items() if name in FILTERS}
    return tickets.filter(**conditions)


def _id_of(reference: str) -> int:
    """Looked up only when it can be one."""
    if not PATTERN.fullmatch(reference):
        raise Http404
    found = Ticket.objects.filter(reference=reference).values_list("pk", flat=True).first()
    if found is None:
        raise Http404
    return found


class TicketDetail(Endpoint):
    scopes: ClassVar = {"GET": Scope.TICKETS_READ}

    @described(
        name="tickets_retrieve",
        summary="One ticket with its conversation and timeline",
        tag="tickets",
        scope=Scope.TICKETS_READ,
        answers={200: responses.TicketDetail},
        failures=(404,),
    )
    def get(self, request: Request, reference: str) -> Response:
        if not PATTERN.fullmatch(reference):
            raise Http404
        ticket = responses.with_state(Ticket.objects.filter(reference=reference)).first()
        if ticket is None:
            raise Http404
        return Response(responses.TicketDetail.of(ticket))


class TicketAction(Endpoint):
    """Something done to one ticket; the answer says where it stands then."""

    scopes: ClassVar = {"POST": Scope.TICKETS_WRITE}

    def actor(self) -> Actor:
        return Actor.integration(self.key())

    def state(self, ticket_id: int, status: int) -> Response:
        ticket = responses.with_state(Ticket.objects.filter(pk=ticket_id)).get()
        return Response(responses.TicketState.of(ticket), status=status)


class TicketMessages(TicketAction):
    @described(
        name="tickets_messages_create",
        summary="Add what the customer or an agent says",
        tag="tickets",
        scope=Scope.TICKETS_WRITE,
        request=NewMessage,
        answers={201: responses.TicketState},
        failures=(404, 409),
        examples=[
            OpenApiExample(
                "customer",
                {"message": "It has arrived, thank you.", "author": "customer"},
                request_only=True,
            ),
            OpenApiExample(
                "note",
                {"message": "Called the carrier.", "author": "agent", "internal": True},
                request_only=True,
            ),
        ],
    )
    def post(self, request: Request, reference: str) -> Response:
        given = checked(NewMessage, request.data)
        ticket_id = _id_of(reference)
        say = _way_to_say(given["author"], given["internal"])
        say(ticket_id, given["message"], actor=self.actor(), now=timezone.now())
        return self.state(ticket_id, status=201)


def _way_to_say(author: str, internal: bool) -> Callable[..., Any]:
    if author == Author.CUSTOMER:
        return customer_actions.customer_reply
    return agent_actions.add_note if internal else agent_actions.agent_reply


class TicketReopening(TicketAction):
    @described(
        name="tickets_reopen",
        summary="Open a concluded ticket again, for a person",
        tag="tickets",
        scope=Scope.TICKETS_WRITE,
        request=Nothing,
        answers={200: responses.TicketState},
        failures=(404, 409),
    )
    def post(self, request: Request, reference: str) -> Response:
        checked(Nothing, request.data)
        ticket_id = _id_of(reference)
        reopened = customer_actions.reopen(ticket_id, actor=self.actor(), now=timezone.now())
        answer = self.state(ticket_id, status=200)
        if not reopened and answer.data["status"] in {TicketStatus.SPAM, TicketStatus.MERGED}:
            raise Conflict(f"A ticket that is {answer.data['status']} cannot be reopened.")
        return answer


class TicketClosing(TicketAction):
    @described(
        name="tickets_close",
        summary="Close a ticket",
        tag="tickets",
        scope=Scope.TICKETS_WRITE,
        request=Nothing,
        answers={200: responses.TicketState},
        failures=(404, 409),
    )
    def post(self, request: Request, reference: str) -> Response:
        checked(Nothing, request.data)
        ticket_id = _id_of(reference)
        agent_actions.close(ticket_id, actor=self.actor(), now=timezone.now())
        return self.state(ticket_id, status=200)
