"""The console's site: navigation and home page."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    return []


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    return context


def styles(request: HttpRequest) -> str:
    from django.templatetags.static import static

    return static("console.css")


scripts = styles
