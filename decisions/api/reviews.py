"""Endpoints of blind review: the next message, and the answer about it."""

from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from decisions.in_force import policy_in_force
from decisions.models import Review
from decisions.reviews import answers, queue
from decisions.reviews.answers import Answer, AnswerIncomplete, NotYours
from tickets.api.endpoint import LARGEST_ID, Endpoint, described
from tickets.api.fields import Flag, OneOf, Slug, StrictSerializer, Text
from tickets.api.shapes import Shape, When, Words, code
from tickets.codes import ReviewPart, ReviewVerdict, Scope


class NotOpen(APIException):
    status_code = 409
    default_code = "not_open"
    default_detail = "This review is not open for you."


class ReviewQuestion(Shape):
    """What a reviewer sees: the customer's first message, and nothing else."""

    id = serializers.IntegerField()
    part = code(ReviewPart)
    subject = Words()
    message = Words()
    open = serializers.IntegerField(help_text="Reviews that are open for you, with this one.")


class ReviewAnswered(Shape):
    id = serializers.IntegerField()
    part = code(ReviewPart)
    verdict = code(ReviewVerdict)
    intent = Words(allow_null=True)
    machine_could = serializers.BooleanField(allow_null=True)
    answered_at = When()


class ReviewAnswer(StrictSerializer):
    """What the reviewer says. `intent` and `machine_could` go with the verdict `intent`."""

    verdict = OneOf(ReviewVerdict)
    intent = Slug(required=False, allow_null=True)
    machine_could = Flag(required=False, allow_null=True)
    note = Text(required=False, allow_blank=True, max_length=500)


class ReviewEndpoint(Endpoint):
    def reviewer(self) -> User:
        """Reviews are people's words: the key must belong to somebody of the staff."""
        user = self.key().created_by
        if user is None or not user.is_active or not user.has_perm("decisions.change_review"):
            raise PermissionDenied("This key belongs to nobody who may review.")
        return user

    @staticmethod
    def may_settle(user: User) -> bool:
        return user.has_perm("decisions.settle_review")


class NextReview(ReviewEndpoint):
    scopes: ClassVar = {"GET": Scope.REVIEWS_WRITE}

    @described(
        name="reviews_next",
        summary="The next message to review blind; 204 when none is open for you",
        tag="reviews",
        scope=Scope.REVIEWS_WRITE,
        answers={200: ReviewQuestion, 204: None},
    )
    def get(self, request: Request) -> Response:
        user = self.reviewer()
        settles = self.may_settle(user)
        review = queue.next_for(user, may_settle=settles, now=timezone.now())
        if review is None:
            return Response(status=204)
        opening = queue.opening_of(review)
        open_ = queue.open_for(user, may_settle=settles).count()
        return Response(
            ReviewQuestion.of(review, subject=opening.subject, message=opening.body, open=open_)
        )


class AnswerReview(ReviewEndpoint):
    scopes: ClassVar = {"POST": Scope.REVIEWS_WRITE}

    @described(
        name="reviews_answer",
        summary="Answer a review",
        tag="reviews",
        scope=Scope.REVIEWS_WRITE,
        request=ReviewAnswer,
        answers={200: ReviewAnswered},
        failures=(404, 409),
    )
    def post(self, request: Request, pk: int) -> Response:
        user = self.reviewer()
        given = ReviewAnswer(data=request.data)
        given.is_valid(raise_exception=True)
        intent = given.validated_data.get("intent")
        if intent is not None and intent not in policy_in_force().snapshot.intents:
            raise ValidationError({"intent": ["There is no such intent."]})
        try:
            review = self._answer(pk, user, given.validated_data)
        except AnswerIncomplete as error:
            raise ValidationError({"verdict": [str(error)]}) from error
        except (NotYours, Review.DoesNotExist) as error:
            raise NotOpen from error
        return Response(ReviewAnswered.of(review))

    def _answer(self, pk: int, user: User, data: dict[str, Any]) -> Review:
        if pk > LARGEST_ID:
            raise NotYours
        answer = Answer(
            verdict=ReviewVerdict(data["verdict"]),
            intent=data.get("intent"),
            machine_could=data.get("machine_could"),
            note=data.get("note") or "",
        )
        settles = self.may_settle(user)
        return answers.answer(pk, user, answer, may_settle=settles, now=timezone.now())
