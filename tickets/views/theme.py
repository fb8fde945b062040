"""The business's colour as a style sheet: the policy of our pages allows no inline style."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from tickets.views.colours import style_sheet

A_DAY = 24 * 60 * 60


@require_safe
@cache_control(public=True, max_age=A_DAY)
def theme(request: HttpRequest) -> HttpResponse:
    return HttpResponse(style_sheet(settings.BUSINESS_COLOUR), content_type="text/css")
