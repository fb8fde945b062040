"""Grouping messages that no intent explains."""

import csv
import random

import pytest
from django.conf import settings

from metrics.drift.grouping import LEAST, group


def starter_texts(intent: str) -> list[str]:
    folder = settings.BASE_DIR / "classification" / "starter"
    found = []
    for path in sorted(folder.glob("*_*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found += [row["text"] for row in csv.DictReader(file) if row["intent"] == intent]
    return found


@pytest.mark.parametrize("intent", ["invoice_request", "subscription_cancel"])
def test_a_missing_intent_shows_among_the_largest_groups(intent):
    draw = random.Random(1)
    noise = draw.sample(starter_texts("out_of_scope"), 120)
    texts = noise + draw.sample(starter_texts(intent), 40)
    hidden = [(sum(m >= 120 for m in g.members), len(g.members)) for g in group(texts)[:3]]
    assert any(hits >= 10 and hits >= size / 2 for hits, size in hidden)


def test_groups_are_disjoint_large_enough_and_the_same_every_time():
    texts = starter_texts("out_of_scope")[:80]
    found = group(texts)
    members = [member for each in found for member in each.members]
    assert len(members) == len(set(members))
    assert all(len(each.members) >= LEAST for each in found)
    assert [len(e.members) for e in found] == sorted((len(e.members) for e in found), reverse=True)
    assert group(texts) == found


def test_equal_messages_are_one_group_and_odd_ones_stay_alone():
    texts = ["the gift card shows no balance"] * 6 + [
        "",
        " ",
        "🙂",
        "x",
        "qqqq wwww eeee",
        "1 2 3",
    ] * 3
    (found,) = group(texts)
    assert sorted(found.members) == [0, 1, 2, 3, 4, 5]
    assert found.closeness > 0.99


def test_too_little_makes_no_groups():
    assert group([]) == []
    assert group(["hello"]) == []
    assert group(["", " "] * 10) == []
    assert group(["🙂"] * 10) == []
