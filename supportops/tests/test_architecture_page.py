"""docs/architecture.md against the tree: every path that it names is there."""

import re

from django.apps import apps
from django.conf import settings

PAGE = (settings.BASE_DIR / "docs" / "architecture.md").read_text()
PATH = re.compile(r"`((?:tickets|classification|decisions|metrics|supportops)/[a-z_/]+\.py)`")


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def test_every_path_is_there():
    named = PATH.findall(PAGE)
    assert [path for path in named if not (settings.BASE_DIR / path).is_file()] == []


def test_forty_everyday_questions_have_one_answer_each():
    rows = section("Where do I change …?").strip().splitlines()[2:]
    answers = [PATH.findall(row) for row in rows]
    assert len(rows) >= 40
    assert all(len(paths) == 1 for paths in answers)


def test_from_post_to_answer_are_at_most_eight_files():
    steps = re.findall(r"^[0-9]+\. (.*)$", section("One ticket, from POST to answer"), re.MULTILINE)
    assert 0 < len(steps) <= 8
    assert all(PATH.match(step) for step in steps)


def test_every_table_is_listed():
    listed = set(re.findall(r"[A-Z][A-Za-z]+", section("Tables")))
    ours = ("tickets", "classification", "decisions", "metrics")
    tables = {model.__name__ for app in ours for model in apps.get_app_config(app).get_models()}
    assert tables - listed == set()
