"""Addresses of the API."""

from django.urls import path

from classification.api import Predictions
from decisions.api.decisions import DecisionDetail, DecisionList
from decisions.api.reviews import AnswerReview, NextReview
from decisions.api.switch import KillSwitch
from metrics.api.alerts import AlertList
from metrics.api.metrics import Metrics
from supportops.api_docs import Schema
from tickets.api.views import (
    TicketClosing,
    TicketDetail,
    TicketList,
    TicketMessages,
    TicketReopening,
)

urlpatterns = [
    path("tickets/", TicketList.as_view(), name="api-tickets"),
    path("tickets/<str:reference>/", TicketDetail.as_view(), name="api-ticket"),
    path("tickets/<str:reference>/messages/", TicketMessages.as_view(), name="api-messages"),
    path("tickets/<str:reference>/reopen/", TicketReopening.as_view(), name="api-reopen"),
    path("tickets/<str:reference>/close/", TicketClosing.as_view(), name="api-close"),
    path("predictions/", Predictions.as_view(), name="api-predictions"),
    path("decisions/", DecisionList.as_view(), name="api-decisions"),
    path("decisions/<int:pk>/", DecisionDetail.as_view(), name="api-decision"),
    path("reviews/next/", NextReview.as_view(), name="api-review-next"),
    path("reviews/<int:pk>/", AnswerReview.as_view(), name="api-review"),
    path("switch/", KillSwitch.as_view(), name="api-switch"),
    path("alerts/", AlertList.as_view(), name="api-alerts"),
    path("metrics/", Metrics.as_view(), name="api-metrics"),
    path("schema/", Schema.as_view(), name="schema"),
]
