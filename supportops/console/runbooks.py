"""Runbooks inside the console: what stands in `docs/runbooks/`, also without a network.

The text is ours, and rendered as if it were not: HTML in it is shown as text, and what comes out is
sanitised once more.
"""

import re
from functools import lru_cache
from pathlib import Path

import nh3
from django.conf import settings
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

from tickets.codes import AlertKind
from tickets.outbox.alert_words import TITLES

FOLDER = Path(settings.BASE_DIR) / "docs" / "runbooks"
TAGS = {"h2", "h3", "p", "ul", "ol", "li", "pre", "code", "strong", "em", "a", "table"}
TAGS |= {"thead", "tbody", "tr", "th", "td"}
OTHER_PAGE = re.compile(r'href="(\w+)\.md"')


def runbook(request: HttpRequest, kind: str) -> HttpResponse:
    """One alert's page, for everybody of the staff."""
    if kind not in set(AlertKind):
        raise Http404
    context = {
        **admin.site.each_context(request),
        "title": TITLES[kind],
        "kind": kind,
        "page": page(kind),
    }
    return TemplateResponse(request, "console/runbook.html", context)


@lru_cache(maxsize=32)
def page(kind: str) -> SafeString:
    """The page as HTML, without its heading. Links to other runbooks lead to their pages here."""
    words = (FOLDER / f"{kind}.md").read_text(encoding="utf-8")
    body = words.partition("\n")[2]  # the console shows the heading itself
    html = MarkdownIt("commonmark", {"html": False}).enable("table").render(body)
    html = OTHER_PAGE.sub(r'href="/ops/runbooks/\1/"', html)
    clean = nh3.clean(html, tags=TAGS, attributes={"a": {"href"}}, url_schemes={"https", "http"})
    return mark_safe(clean)  # noqa: S308 - sanitised above
