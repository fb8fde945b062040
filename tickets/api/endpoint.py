"""What all endpoints of the API share: manners, pages, and how they describe themselves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tickets.api.errors import LengthRequired
from tickets.api.fields import StrictSerializer
from tickets.codes import Scope
from tickets.models import ApiKey
from tickets.search import index
from tickets.search.index import Window

PAGE = 50
LARGEST_PAGE = 200
LARGEST_ID = 2**63 - 1
LONGEST_ID = len(str(LARGEST_ID))


class OneFormat(BaseContentNegotiation):
    """There is one format, so what a client prefers is not asked."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))  # which says itself what it does not read

    def select_renderer(
        self, request: Request, renderers: Iterable[Any], format_suffix: str | None = None
    ) -> tuple[Any, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class Endpoint(APIView):
    """A view of the API. Each method's scope stands in `scopes`."""

    scopes: ClassVar[Mapping[str, Scope]] = {}
    http_method_names = ["get", "head", "post"]
    content_negotiation_class = OneFormat

    @classmethod
    def as_view(cls, **options: Any) -> Any:
        view = super().as_view(**options)
        # A redirect would turn a POST without the last slash into a GET.
        view.should_append_slash = False  # type: ignore[attr-defined]
        return view

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        translation.activate("en")  # the same words for every client
        if request.encoding is not None:
            request.encoding = "utf-8"  # the address is never in the charset of the body
        return super().initialize_request(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if "Transfer-Encoding" in request.headers and not request.headers.get("Content-Length"):
            raise LengthRequired

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["Cache-Control"] = "no-store"  # what is said here is about people
        return answer

    def key(self) -> ApiKey:
        """The caller's key; the permission saw to it that there is one."""
        return cast(ApiKey, self.request.auth)


class PageQuery(StrictSerializer):
    """Parameters of every list."""

    cursor = serializers.CharField(
        required=False, max_length=200, help_text="From `next` or `previous` of another page."
    )
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LARGEST_PAGE, help_text=f"{PAGE} when absent."
    )


class Pages(CursorPagination):
    """Newest first, by id: as fast at the millionth row as at the first."""

    ordering = "-id"
    page_size = PAGE
    page_size_query_param = "limit"
    max_page_size = LARGEST_PAGE

    def decode_cursor(self, request: Request) -> Cursor | None:
        refused = ValidationError({"cursor": ["Use a cursor from `next` or `previous`."]})
        try:
            cursor = super().decode_cursor(request)
        except NotFound as error:
            raise refused from error
        if cursor is None or cursor.position is None:
            return cursor
        position = str(cursor.position)
        is_number = position.isascii() and position.isdigit() and len(position) <= LONGEST_ID
        if not (is_number and int(position) <= LARGEST_ID):
            raise refused
        return cursor

    def window(self, request: Request) -> Window:
        """Where in a search the page stands that is asked for."""
        size = self.get_page_size(request) or self.page_size
        cursor = self.decode_cursor(request)
        if cursor is None or cursor.position is None:
            return Window(size + 1)
        if cursor.reverse:
            return Window(size + 1, after=int(cursor.position))
        return Window(size + 1, before=int(cursor.position))


def page_of(view: APIView, rows: QuerySet[Any], *, words: str = "") -> Pages:
    """One page of rows, which knows its neighbours. Tickets can be searched for words."""
    pages = Pages()
    if words:
        rows = index.search(rows, words, pages.window(view.request))
    pages.paginate_queryset(rows, view.request, view=view)
    return pages


# --- How endpoints describe themselves ------------------------------------------------------------


class ErrorContent(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="For programs; never changes.")
    message = serializers.CharField(help_text="For people.")
    fields = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong with each field.",
    )


class Error(serializers.Serializer[Any]):
    error = ErrorContent()


class KeyScheme(OpenApiAuthenticationExtension):
    """Tells the document how to authenticate."""

    target_class = "tickets.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key from `manage.py create_api_key`, such as `so_…`.",
        }


FAILURES = {
    400: "The request is not acceptable; `fields` says where.",
    401: "There is no key, or it is unknown, expired or revoked.",
    403: "The key lacks the scope.",
    404: "There is nothing at this address.",
    409: "The state does not allow this, or the first request is still being worked on.",
    411: "The body came without its length.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
    422: "The Idempotency-Key or external_id belongs to another body.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "The database cannot be used right now. Nothing was stored.",
}
ALWAYS = (400, 401, 403, 429, 503)
WITH_BODY = (411, 413, 415)


def described(
    *,
    summary: str,
    scope: Scope,
    answers: Mapping[int, Any],
    failures: Sequence[int] = (),
    request: type[serializers.Serializer[Any]] | None = None,
    query: type[serializers.Serializer[Any]] | None = None,
    parameters: Sequence[Any] = (),
    examples: Sequence[OpenApiExample] = (),
    tag: str,
    name: str,
) -> Any:
    """The OpenAPI description of one method, with the failures that every one may have."""
    codes = sorted({*ALWAYS, *failures, *(WITH_BODY if request else ())})
    failed = {code: OpenApiResponse(Error, description=FAILURES[code]) for code in codes}
    return extend_schema(
        operation_id=name,
        summary=summary,
        description=f"Scope `{scope}`.",
        tags=[tag],
        request=request,
        responses={**answers, **failed},
        parameters=[*([query] if query else []), *parameters],
        examples=list(examples),
    )
