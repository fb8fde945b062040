"""Database triggers that refuse to change history, on SQLite and PostgreSQL.

SQLite drops triggers when it rebuilds a table, so they are installed after every migrate, and
`doctor` checks that they are there.
"""

from typing import Any

from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tickets.models import HistoryModel

WORDS = "history is never changed or deleted"


def history_tables() -> list[str]:
    """Tables of every model whose rows only grow."""
    return sorted(
        model._meta.db_table for model in apps.get_models() if issubclass(model, HistoryModel)
    )


def guarded_tables(connection: BaseDatabaseWrapper) -> dict[str, str]:
    """Table -> condition under which its rows must not change, for those that exist."""
    present = set(connection.introspection.table_names())
    guarded = dict.fromkeys(history_tables(), "")
    # A published policy is history; a draft is not.
    for table in ("decisions_intentrule", "decisions_escalationrule"):
        guarded[table] = "(SELECT published FROM decisions_policy WHERE id = OLD.policy_id)"
    guarded["decisions_policy"] = "OLD.published"
    return {table: when for table, when in guarded.items() if table in present}


def install_triggers(using: str = "default", **kwargs: Any) -> None:
    """Install what is missing. Safe to run at any time."""
    connection = connections[using]
    if using != "default":
        return
    write = _sqlite if connection.vendor == "sqlite" else _postgresql
    with connection.cursor() as cursor:
        for table, when in guarded_tables(connection).items():
            for statement in write(table, when):
                cursor.execute(statement)


def lift_triggers(using: str = "default") -> None:
    """Take the triggers away. For tests that flush, never for operations."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for table in guarded_tables(connection):
            on = "" if connection.vendor == "sqlite" else f" ON {table}"
            for name in _names(table, connection.vendor):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing_triggers(using: str = "default") -> list[str]:
    """Names of triggers that should be there and are not."""
    connection = connections[using]
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    wanted = [
        name for table in guarded_tables(connection) for name in _names(table, connection.vendor)
    ]
    return [name for name in wanted if name not in present]


def _names(table: str, vendor: str) -> list[str]:
    kinds = ["update", "delete"] if vendor == "sqlite" else ["update", "delete", "truncate"]
    return [f"keep_{table}_{kind}" for kind in kinds]


def _sqlite(table: str, when: str) -> list[str]:
    condition = f" WHEN {when}" if when else ""
    return [
        f"CREATE TRIGGER IF NOT EXISTS keep_{table}_{kind} BEFORE {kind.upper()} ON {table}"
        f"{condition} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for kind in ("update", "delete")
    ]


def _postgresql(table: str, when: str) -> list[str]:
    check = f"IF COALESCE({when}, false) THEN {{}} END IF;" if when else "{}"
    refuse = check.format(f"RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation';")
    function = f"keep_{table}()"
    statements = [
        f"CREATE OR REPLACE FUNCTION {function} RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP <> 'TRUNCATE' THEN {refuse} "
        f"IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END IF; "
        f"RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation'; END $$"
    ]
    for kind in ("update", "delete", "truncate"):
        each = "STATEMENT" if kind == "truncate" else "ROW"
        statements.append(
            f"CREATE OR REPLACE TRIGGER keep_{table}_{kind} BEFORE {kind.upper()} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {function}"
        )
    return statements
