"""Tests start over: what a process keeps in memory, and what a flush of all tables leaves."""

from django.db import connection, connections

from classification import services
from decisions import in_force
from decisions.certificates import validity
from tickets.api import throttling
from tickets.history import triggers
from tickets.search import index


def forget_policy():
    """Read the policy again: numbers repeat in tests."""
    in_force._in_force.clear()


def forget_tested():
    """Read tested policies again: ids and contents repeat in tests."""
    validity._tested.clear()


def forget_loaded():
    """Load the model again, as a new process would."""
    services._serving = services._Serving()


def lift_triggers(using="default"):
    """Take the triggers away that refuse to change history."""
    there = connections[using]
    with there.cursor() as cursor:
        for table, guard in triggers.guarded_tables(there).items():
            on = "" if there.vendor == "sqlite" else f" ON {table}"
            for kind in guard.kinds(there.vendor):
                cursor.execute(f"DROP TRIGGER IF EXISTS {triggers._name(table, kind)}{on}")


def empty_search():
    """Forget every word: the index is no table of a model, so a flush leaves it."""
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {index.TABLE}")


def forget_throttles():
    """Count requests from none on: time stands still in some tests."""
    throttling.allowance._left.clear()
    throttling.allowance._cache_rests_until = 0.0
