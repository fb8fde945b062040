"""What is kept for a while, also where nothing can be kept."""

import pytest
from django.core.cache import cache

from tickets.cache import remembered


@pytest.fixture(autouse=True)
def empty():
    cache.clear()


def test_it_is_made_once(db):
    made = []
    for _ in range(3):
        assert remembered("k", lambda: made.append(1) or "said", 60) == "said"
    assert made == [1]


@pytest.mark.parametrize("broken", ["get", "set"])
def test_a_cache_that_is_away_costs_time_and_nothing_else(db, monkeypatch, broken):
    def fails(*args, **kwargs):
        raise ConnectionError("the cache is away")

    monkeypatch.setattr(cache, broken, fails)
    assert remembered("k", lambda: "said", 60) == "said"
