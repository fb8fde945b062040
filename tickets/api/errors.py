"""Every failure below /api/ is JSON of one shape: `{"error": {"code", "message", "fields"?}}`."""

import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from tickets.locks import ChangedMeanwhile, NotPossible
from tickets.pipeline.idempotency import DifferentBody

logger = logging.getLogger("supportops.errors")

RETRY_AFTER = "5"
UNAVAILABLE = "The database cannot be used right now. Nothing was stored; try again."
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL: lock_timeout passed


class Conflict(exceptions.APIException):
    """The state of the ticket does not allow this."""

    status_code = 409
    default_code = "not_possible"


class InFlight(exceptions.APIException):
    """The first request with this Idempotency-Key is still being worked on."""

    status_code = 409
    default_code = "in_flight"
    default_detail = "The first request with this Idempotency-Key is still being worked on."
    wait = int(RETRY_AFTER)


class OtherBody(exceptions.APIException):
    """The Idempotency-Key or external_id belongs to another body."""

    status_code = 422
    default_code = "different_body"


class LengthRequired(exceptions.APIException):
    """The body came without its length."""

    status_code = 411
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length."


def answer_error(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to whatever a view raised; None leaves it to `server_error`."""
    if is_outage(exc):
        _log_outage(exc)
        return Response(body("unavailable", UNAVAILABLE), 503, headers={"Retry-After": RETRY_AFTER})
    failure = _as_api_exception(exc)
    if failure is None:
        return None
    return Response(_described(failure), failure.status_code, headers=_headers(failure))


def _as_api_exception(exc: Exception) -> exceptions.APIException | None:
    if isinstance(exc, exceptions.APIException):
        return exc
    if isinstance(exc, Http404):
        return exceptions.NotFound("There is nothing at this address.")
    if isinstance(exc, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(exc, DifferentBody):
        return OtherBody(str(exc))
    if isinstance(exc, NotPossible | ChangedMeanwhile):
        return Conflict(str(exc))
    return None


def _headers(failure: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(failure, "auth_header", None):
        headers["WWW-Authenticate"] = str(failure.auth_header)  # type: ignore[attr-defined]
    if getattr(failure, "wait", None):
        headers["Retry-After"] = f"{failure.wait:.0f}"  # type: ignore[attr-defined]
    return headers


def _described(failure: exceptions.APIException) -> dict[str, Any]:
    if not isinstance(failure, exceptions.ValidationError):
        return body(failure.default_code, str(failure.detail))
    fields: dict[str, list[str]] = {}
    for path, words in _messages(failure.detail, ""):
        fields.setdefault(path, []).append(words)
    return body("invalid", f"Not accepted: {', '.join(sorted(fields))}.", fields)


def _messages(detail: Any, path: str) -> Iterator[tuple[str, str]]:
    """(`metadata.size`, sentence) for each complaint, however deep DRF nested it."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            yield from _messages(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _messages(inner, path)
    else:
        yield path.replace(".non_field_errors", "") or "body", str(detail)


def body(code: str, message: str, fields: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The one shape of a failure."""
    error: dict[str, Any] = {"code": code, "message": message}
    return {"error": error | {"fields": fields} if fields else error}


# --- The database is away -------------------------------------------------------------------------


def is_outage(exc: BaseException | None) -> bool:
    """Whether the database is locked, full, read-only, damaged or gone: not the caller's fault."""
    if isinstance(exc, OperationalError | InterfaceError):
        return True
    # For a file that is no database any more the driver raises the bare class. Django raises it
    # too, for queries that make no sense; those come from no driver.
    return type(exc) is DatabaseError and exc.__cause__ is not None


def waited_for_lock(exc: BaseException) -> bool:
    """Whether PostgreSQL says that somebody else holds the row. SQLite cannot tell."""
    return getattr(exc.__cause__, "sqlstate", None) == LOCK_NOT_AVAILABLE


def _log_outage(exc: BaseException) -> None:
    logger.warning("database unavailable: %s", str(exc).partition("\n")[0][:120])


class OutageMiddleware:
    """Answers 503 where a view outside the API framework finds the database unusable."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if not is_outage(exc):
            return None
        _log_outage(exc)
        return _unavailable(request)


def _unavailable(request: HttpRequest) -> HttpResponse:
    answer: HttpResponse
    if is_api(request):
        answer = JsonResponse(body("unavailable", UNAVAILABLE), status=503)
    else:
        answer = HttpResponse(UNAVAILABLE, content_type="text/plain; charset=utf-8", status=503)
    answer["Retry-After"] = RETRY_AFTER
    return answer


# --- Handlers of the whole site: JSON below /api/, pages elsewhere --------------------------------


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")


def is_console(request: HttpRequest) -> bool:
    return request.path_info.startswith("/ops/")


def _console_page(request: HttpRequest, status: int) -> HttpResponse:
    """For colleagues: not the customer's page, and a way back into the console."""
    return render(request, f"console/{status}.html", status=status)


def _json(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse(body(code, message), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _json(400, "bad_request", "This request cannot be answered.")
    # The page would look for a token in the very body that could not be read, and fail again.
    request.csrf_processing_done = True  # type: ignore[attr-defined]
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_api(request):
        return _json(403, "permission_denied", "This is not allowed.")
    if is_console(request):
        return _console_page(request, 403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if is_console(request):
        return _console_page(request, 404)
    if not is_api(request):
        return defaults.page_not_found(request, exception)
    slash = "" if request.path_info.endswith("/") else " Addresses end with a slash."
    return _json(404, "not_found", f"There is nothing at this address.{slash}")


def server_error(request: HttpRequest) -> HttpResponse:
    """Also what a middleware meets when the database is away comes here."""
    if is_outage(sys.exc_info()[1]):
        return _unavailable(request)
    if is_api(request):
        return _json(500, "server_error", "Something went wrong here. It was logged.")
    return defaults.server_error(request)
