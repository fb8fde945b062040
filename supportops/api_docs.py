"""The OpenAPI document of the API and its page, which works offline under the strict policy."""

from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from tickets.api.endpoint import Endpoint, OneFormat


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """OpenAPI 3. It is the same for everybody and costs half a second, so it is made once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


class Schema(Endpoint):
    """For anybody: it says what there is, not what is in it."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        return Response(document())


class Docs(SpectacularSwaggerSplitView):
    """The document as a page on which requests can be tried out."""

    content_negotiation_class = OneFormat
    http_method_names = ["get", "head"]
    template_name = "docs/swagger.html"
    template_name_js = "docs/swagger.js"
    title = "SupportOps API"
