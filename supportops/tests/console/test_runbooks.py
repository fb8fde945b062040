"""A page for every alert, an alert for every page, and the console shows them without a network."""

import re

import pytest
from django.conf import settings
from django.test import Client

from supportops.console import runbooks
from tickets.codes import AlertKind
from tickets.outbox.alert_words import TITLES
from tickets.tests.at_work import as_user

DOCS = settings.BASE_DIR / "docs"
PARTS = ["What it means", "How to look", "What to do", "How to be sure that it is over"]


def test_every_alert_has_its_page_and_every_page_its_alert():
    assert {path.stem for path in (DOCS / "runbooks").iterdir()} == set(AlertKind)


@pytest.mark.parametrize("kind", AlertKind)
def test_a_page_has_the_alerts_title_and_answers_four_questions(kind):
    words = (DOCS / "runbooks" / f"{kind}.md").read_text()
    assert words.startswith(f"# {TITLES[kind]}\n")
    assert re.findall(r"^## (.+)$", words, re.MULTILINE) == PARTS
    for part in re.split(r"^## .+$", words, flags=re.MULTILINE)[1:]:
        assert len(part.split()) >= 8


@pytest.mark.parametrize("kind", AlertKind)
def test_the_console_shows_each_page_to_everybody_of_the_staff(agent, kind):
    response = as_user(agent).get(f"/ops/runbooks/{kind}/")
    page = response.content.decode()
    assert response.status_code == 200
    assert TITLES[kind] in page
    assert all(f"<h2>{part}</h2>" in page for part in PARTS)


def test_every_alert_stands_in_the_table_of_the_guide():
    guide = (DOCS / "alerts.md").read_text()
    named = re.findall(r"^\| \[`(\w+)`\]\(runbooks/(\w+)\.md\)", guide, re.MULTILINE)
    assert named == [(kind, kind) for kind in AlertKind]


@pytest.mark.parametrize("page", ["alerts.md", "failure-scenarios.md", "runbooks"])
def test_links_between_pages_lead_somewhere(page):
    paths = [DOCS / page] if page.endswith(".md") else sorted((DOCS / page).iterdir())
    for path in paths:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_links_to_other_runbooks_stay_in_the_console():
    assert 'href="/ops/runbooks/volume_spike/"' in runbooks.page(AlertKind.ESCALATION_SPIKE)


def test_what_is_no_alert_has_no_page(agent):
    for address in ("nothing", "README"):
        assert as_user(agent).get(f"/ops/runbooks/{address}/").status_code == 404
    assert as_user(agent).get("/ops/runbooks/../../etc/").status_code == 404


def test_strangers_are_asked_to_log_in(db):
    assert Client().get("/ops/runbooks/disk_low/").url.startswith("/ops/login/")


def test_markup_that_is_not_plain_is_shown_as_text(monkeypatch, tmp_path):
    (tmp_path / "drift.md").write_text(
        "# Drift\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![i](http://e/x.png)\n"
    )
    monkeypatch.setattr(runbooks, "FOLDER", tmp_path)
    html = runbooks.page.__wrapped__("drift")
    assert "<script" not in html
    assert "href" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
