"""Addresses of the customer's pages."""

from django.urls import path

from tickets import views

urlpatterns = [
    path("", views.inquiry, name="inquiry"),
    path("theme.css", views.theme, name="theme"),
    path("t/<str:reference>/<str:signature>/", views.track, name="track"),
    path("t/<str:reference>/<str:signature>/sent/", views.sent, name="sent"),
]
