#!/usr/bin/env python3
"""Take the screenshots of the documentation from a running install with demo data.

    python docs/take_screenshots.py --password LEADS_PASSWORD [--url http://localhost:8000]

Needs Playwright and a Chromium, as the browser tests do.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent / "screenshots"
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
QUESTION = "I forgot my password and cannot get into my account."
ADDRESS = "ann.lee@example.com"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]


def page_of(browser: Browser, url: str, size: dict[str, int], scheme: str = "light") -> Page:
    context = browser.new_context(base_url=url, viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    return context.new_page()


def shoot(page: Page, name: str, *, whole: bool = False) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=HERE / f"{name}.png", full_page=whole)
    sys.stdout.write(f"{name}.png\n")


def customer(browser: Browser, url: str, size: dict[str, int], suffix: str) -> None:
    page = page_of(browser, url, size)
    page.goto("/ui/")
    shoot(page, f"form{suffix}")
    page.get_by_label("Name").fill("Ann Lee")
    page.get_by_label(re.compile("mail", re.I)).first.fill(ADDRESS)
    page.get_by_label(re.compile("message", re.I)).fill(QUESTION)
    page.get_by_role("button", name=re.compile("send", re.I)).click()
    shoot(page, f"answer{suffix}", whole=True)
    page.locator("a.link").first.click()
    shoot(page, f"tracking{suffix}", whole=True)


def log_in(page: Page, user: str, password: str) -> None:
    page.goto("/ops/")
    page.locator("input[name=username]").fill(user)
    page.locator("input[name=password]").fill(password)
    page.locator("form button[type=submit]").first.click()
    page.wait_for_load_state("networkidle")


def console(browser: Browser, url: str, user: str, password: str, scheme: str) -> None:
    suffix = "" if scheme == "light" else "-dark"
    page = page_of(browser, url, DESK, scheme)
    log_in(page, user, password)
    page.goto("/ops/")
    shoot(page, f"home{suffix}", whole=True)
    page.goto("/ops/tickets/ticket/")
    shoot(page, f"tickets{suffix}")
    page.goto("/ops/tickets/ticket/?outcome=auto_resolve")
    page.locator("#result_list tbody a").first.click()
    shoot(page, f"ticket{suffix}")
    page.goto(page.url + "#why")
    page.reload()
    shoot(page, f"why{suffix}", whole=True)
    page.goto("/ops/decisions/review/next/")
    shoot(page, f"review{suffix}", whole=True)


def at_work(browser: Browser, url: str, user: str, password: str) -> None:
    """What an agent does on a ticket: a template, the timeline, a merge, the keys."""
    page = page_of(browser, url, DESK)
    log_in(page, user, password)
    page.goto("/ops/tickets/ticket/?outcome=escalate&status=open")
    page.locator("#result_list tbody a").first.click()
    ticket = page.url.split("?", maxsplit=1)[0]
    page.locator("#template").select_option(index=1)
    page.get_by_role("button", name="Use this reply").click()
    shoot(page, "template")
    page.goto(f"{ticket}#timeline")
    page.reload()
    shoot(page, "timeline")
    page.goto(f"/ops/tickets/ticket/?q={ADDRESS}")
    page.locator("#result_list tbody a").first.click()
    page.goto(page.url.replace("/change/", "/merge/"))
    page.locator("input[type=radio]").first.check()
    page.get_by_role("button", name="Show what will happen").click()
    shoot(page, "merge")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--url", default="http://localhost:8000")
    parser.add_argument("--user", default="lead")
    parser.add_argument("--password", required=True)
    options = parser.parse_args()
    HERE.mkdir(exist_ok=True)
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        customer(browser, options.url, DESK, "")
        customer(browser, options.url, PHONE, "-phone")
        for scheme in ("light", "dark"):
            console(browser, options.url, options.user, options.password, scheme)
        at_work(browser, options.url, options.user, options.password)
        browser.close()


if __name__ == "__main__":
    main()
