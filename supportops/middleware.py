"""What every request carries: an id, the caller's address, the business's name and colours."""

import re
import secrets
from collections.abc import Callable
from time import perf_counter

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from supportops import logs, slowness

GetResponse = Callable[[HttpRequest], HttpResponse]
REFERENCE = re.compile(r"T-[0-9A-Z]{4}-[0-9A-Z]{4}")
TICKETS = "/ops/tickets/ticket/"  # this list takes whatever is typed
NUL = re.compile(r"%00|\0")
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")

# Unfold's scripts and styles need these; they hold on /ops/ only, behind a login.
CONSOLE_POLICY = {
    "default-src": [NONE],
    "script-src": [SELF, UNSAFE_EVAL, UNSAFE_INLINE],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
    "base-uri": [NONE],
}


class RequestMiddleware:
    """Gives each request an id, which stands in its log lines and in the answer, beside the
    reference of the ticket that its address names. Notes what takes too long."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        named = REFERENCE.search(request.path)
        about = {"ticket": named[0]} if named else {}
        start = perf_counter()
        with logs.bound(request_id=request_id, **about), slowness.watched() as watch:
            response = self.get_response(request)
            slowness.note_request(
                method=str(request.method),
                path=logs.redacted(request.path),
                status=response.status_code,
                seconds=perf_counter() - start,
                queries=watch.queries,
            )
        response["X-Request-ID"] = request_id
        return response


class ConsolePolicyMiddleware:
    """The console's own content security policy."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        tolerant = request.path == TICKETS or not request.path.startswith("/ops/")
        if not tolerant and NUL.search(request.get_full_path()):
            raise BadRequest("No database of ours takes a NUL.")
        response = self.get_response(request)
        if request.path.startswith("/ops/"):
            response._csp_replace = CONSOLE_POLICY  # type: ignore[attr-defined]
        return response


class ConsoleLanguageMiddleware:
    """The console speaks English throughout. Else the framework's own words would come in the
    browser's language, among ours."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/ops/"):
            return self.get_response(request)
        with translation.override("en"):
            response = self.get_response(request)
        response["Content-Language"] = "en"
        return response


def business(request: HttpRequest) -> dict[str, str]:
    """Context of every page."""
    return {"business_name": settings.BUSINESS_NAME, "business_colour": settings.BUSINESS_COLOUR}
