# ruff: noqa: E402  settings come first
"""The bare floor: a DRF create that classifies and writes five rows in one transaction, no more.

What intake costs is measured against it in the same run. It serves the product's own tables and
classifier under `/floor/`, without key, rules, events of its own kind or audit chain.
"""

import os
from datetime import timedelta
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = []
application = get_wsgi_application()

# What follows needs Django's tables, which exist only now.
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import (
    api_view,
    authentication_classes,
    parser_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from classification import services as classification
from tickets.codes import ActorKind, Author, Channel, EventKind, TicketStatus
from tickets.models import Message, Requester, Ticket, TicketEvent


class Body(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    email = serializers.EmailField()
    message = serializers.CharField(max_length=20_000)


@api_view(["POST"])
@authentication_classes([])
@permission_classes([])
@throttle_classes([])
@parser_classes([JSONParser])
def create(request: Request) -> Response:
    body = Body(data=request.data)
    body.is_valid(raise_exception=True)
    said, now = body.validated_data, timezone.now()
    answer = classification.predict(said["message"])
    with transaction.atomic():
        person, _ = Requester.objects.get_or_create(
            email=said["email"], defaults={"name": said["name"], "created_at": now}
        )
        ticket = Ticket.objects.create(
            requester=person,
            channel=Channel.API,
            status=TicketStatus.OPEN,
            message_count=1,
            intent=answer.prediction.intent if answer.prediction else None,
            tracking_expires_at=now + timedelta(days=180),
            created_at=now,
            updated_at=now,
            decided_at=now,
        )
        Message.objects.create(
            ticket=ticket, number=1, author=Author.CUSTOMER, body=said["message"], created_at=now
        )
        classification.store(answer, ticket, message_number=1, now=now)
        TicketEvent.objects.create(
            ticket=ticket, kind=EventKind.RECEIVED, actor_kind=ActorKind.CUSTOMER, at=now
        )
    return Response({"reference": ticket.reference, "intent": ticket.intent}, status=201)


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({})


urlpatterns = [path("floor/", create), path("health", health)]
