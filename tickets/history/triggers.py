"""Database triggers that refuse to change history, on SQLite and PostgreSQL.

SQLite drops triggers when it rebuilds a table, so they are installed after every migrate, and
`doctor` checks that they are there.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tickets.models import HistoryModel

WORDS = "history is never changed or deleted"
PUBLISHED = "(SELECT published FROM decisions_policy WHERE id = {}.policy_id)"


@dataclass(frozen=True, slots=True)
class Guard:
    """When rows must stay as they are: always, or only under a condition on the row.

    `old` is asked before an update or a delete. `new` is asked as well before an update and before
    an insert, where a row must not join those that are frozen.
    """

    old: str = ""
    new: str = ""

    def kinds(self, vendor: str) -> list[str]:
        kinds = ["update", "delete", *(["insert"] if self.new else [])]
        return kinds if vendor == "sqlite" else [*kinds, "truncate"]

    def condition(self, kind: str, form: str) -> str:
        """The condition put into the form; nothing where it holds always."""
        asked = {"update": [self.old, self.new], "delete": [self.old], "insert": [self.new]}
        conditions = [condition for condition in asked.get(kind, []) if condition]
        return form.format(" OR ".join(conditions)) if conditions else ""


def history_tables() -> list[str]:
    """Tables of every model whose rows only grow."""
    return sorted(
        model._meta.db_table for model in apps.get_models() if issubclass(model, HistoryModel)
    )


def guarded_tables(connection: BaseDatabaseWrapper) -> dict[str, Guard]:
    """How each table that must keep its rows is guarded, for those that exist."""
    present = set(connection.introspection.table_names())
    guarded = dict.fromkeys(history_tables(), Guard())
    # A published policy is history; a draft is not.
    for table in ("decisions_intentrule", "decisions_escalationrule"):
        guarded[table] = Guard(old=PUBLISHED.format("OLD"), new=PUBLISHED.format("NEW"))
    guarded["decisions_policy"] = Guard(old="OLD.published")
    return {table: guard for table, guard in guarded.items() if table in present}


def install_triggers(using: str = "default", **kwargs: Any) -> None:
    """Install what is missing. Safe to run at any time."""
    connection = connections[using]
    if using != "default":
        return
    write = _sqlite if connection.vendor == "sqlite" else _postgresql
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for table, guard in guarded_tables(connection).items():
            for statement in write(table, guard):
                cursor.execute(statement)


def missing_triggers(using: str = "default") -> list[str]:
    """Names of triggers that should be there and are not."""
    connection = connections[using]
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {row[0] for row in cursor.fetchall()}
    return [
        name
        for table, guard in guarded_tables(connection).items()
        for kind in guard.kinds(connection.vendor)
        if (name := _name(table, kind)) not in present
    ]


def _name(table: str, kind: str) -> str:
    return f"keep_{table}_{kind}"


def _sqlite(table: str, guard: Guard) -> list[str]:
    return [
        f"CREATE TRIGGER IF NOT EXISTS {_name(table, kind)} BEFORE {kind.upper()} ON {table}"
        f"{guard.condition(kind, ' WHEN {}')} BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
        for kind in guard.kinds("sqlite")
    ]


def _postgresql(table: str, guard: Guard) -> list[str]:
    refuse = f"RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'restrict_violation';"
    statements = []
    for kind in guard.kinds("postgresql"):
        name = _name(table, kind)
        check = guard.condition(kind, "IF NOT COALESCE({}, false) THEN RETURN %s; END IF; ")
        row = "OLD" if kind == "delete" else "NEW"
        statements += [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"{check.replace('%s', row)}{refuse} END $$",
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {kind.upper()} ON {table} FOR EACH "
            f"{'STATEMENT' if kind == 'truncate' else 'ROW'} EXECUTE FUNCTION {name}()",
        ]
    return statements
