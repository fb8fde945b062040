"""The browser that all walks share, and the way into the console."""

import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, sync_playwright

from tickets.tests.at_work import as_user

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1440, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        # Playwright runs a loop in this thread, in which Django would refuse its database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def window(browser, live_server):
    """Opens a window: `window(viewport=PHONE)`. No page in it may ask any other host for anything.

    What the browser complains of is kept in `page.complaints`.
    """
    contexts, foreign = [], []
    here = urlsplit(live_server.url).netloc

    def note(request) -> None:
        address = urlsplit(request.url)
        if address.scheme in {"http", "https", "ws", "wss"} and address.netloc != here:
            foreign.append(request.url)

    def opened(**options) -> Page:
        context = browser.new_context(
            base_url=live_server.url, locale="en-GB", **{"viewport": DESK, **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("request", note)
        page.on("console", lambda told: _keep(page, told))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert foreign == [], "a page asked another host"


def _keep(page: Page, told) -> None:
    if told.type in {"error", "warning"}:
        page.complaints.append(told.text)


@pytest.fixture
def enter(window, live_server):
    """An empty window in which somebody is logged in: `enter(agent, viewport=PHONE)`."""

    def entered(user, **options) -> Page:
        page = window(**options)
        key = as_user(user).cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key, "url": live_server.url}
        page.context.add_cookies([cookie])
        return page

    return entered
