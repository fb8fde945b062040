"""The kill switch by API: for whoever watches from outside and has to stop automation at once."""

from typing import Any, ClassVar

from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from decisions.models import Switch
from decisions.reasons import ReasonMissing
from decisions.stops.kill_switch import set_switch
from tickets.api.endpoint import Endpoint, described
from tickets.api.fields import Flag, StrictSerializer, Text
from tickets.api.shapes import Shape, When, Words
from tickets.codes import Scope
from tickets.history.record import Actor


class SwitchState(Shape):
    """Whether automation is stopped, since when, and why."""

    on = serializers.BooleanField(help_text="true: nothing is answered automatically.")
    reason = Words(help_text="What was said when it was turned last.")
    changed_at = When(allow_null=True)

    @classmethod
    def now(cls) -> dict[str, Any]:
        return cls.of(Switch.objects.first() or Switch(on=False, reason=""))


class SwitchTurn(StrictSerializer):
    """`on` stops all automation from the next decision on. A reason is always needed."""

    on = Flag()
    reason = Text(max_length=300)


class KillSwitch(Endpoint):
    scopes: ClassVar = {"GET": Scope.SWITCH_WRITE, "POST": Scope.SWITCH_WRITE}

    @described(
        name="switch_retrieve",
        summary="Whether automation is stopped",
        tag="switch",
        scope=Scope.SWITCH_WRITE,
        answers={200: SwitchState},
    )
    def get(self, request: Request) -> Response:
        return Response(SwitchState.now())

    @described(
        name="switch_turn",
        summary="Stop all automation, or let it go on; can be repeated without harm",
        tag="switch",
        scope=Scope.SWITCH_WRITE,
        request=SwitchTurn,
        answers={200: SwitchState},
    )
    def post(self, request: Request) -> Response:
        given = SwitchTurn(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            set_switch(
                given.validated_data["on"],
                given.validated_data["reason"],
                actor=Actor.integration(self.key()),
                now=timezone.now(),
            )
        except ReasonMissing as error:
            raise ValidationError({"reason": [str(error)]}) from error
        return Response(SwitchState.now())
