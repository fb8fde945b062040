"""Statements of the paths that many wait for: receiving an inquiry, and importing by the thousand.

Each inquiry inserts ten rows and asks ten questions in one transaction. Django puts a statement
together again each time, which takes far longer than the database needs to run it; here each is put
together once. What each gains stands in `docs/benchmarks.md`; anywhere else QuerySets do.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection, connections, models, transaction

M = TypeVar("M", bound=models.Model)

# Values that the database takes as they are, in fields that prepare them in no way.
AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
SIMPLE = (
    models.CharField,
    models.TextField,
    models.IntegerField,
    models.FloatField,
    models.BooleanField,
    models.ForeignKey,
)
GIVEN = frozenset({*SIMPLE} - {models.BooleanField})  # read as they are written

# --- Asked with every request, or with every inquiry ----------------------------------------------

API_KEY = "SELECT * FROM tickets_apikey WHERE digest = %s"
REQUESTER = "SELECT * FROM tickets_requester WHERE email = %s"
QUEUE = "SELECT id FROM tickets_queue WHERE slug = %s"
AUDIT_HEAD = "SELECT number, digest FROM tickets_audithead WHERE id = %s"
CALENDAR = """
SELECT time_zone, hours, holiday_country, holiday_subdivision, closing_days
  FROM tickets_calendar WHERE slug = %s
"""
# What else a person wrote and was answered, of how long ago.
RECENT = """
SELECT COUNT(*) FILTER (WHERE created_at > %s AND created_at <= %s),
       COUNT(*) FILTER (WHERE auto_replied_at > %s)
  FROM tickets_ticket
 WHERE requester_id = %s AND id <> %s
   AND (created_at > %s AND created_at <= %s OR auto_replied_at > %s)
"""
# Queue and priority, then queue, then priority, then the rest. A level without a calendar of its
# own goes by the hours of the ticket's queue, or else by those of the business.
SERVICE_LEVEL = """
SELECT level.id, level.first_response_minutes, level.resolution_minutes, level.warn_percent,
       hours.id, hours.time_zone, hours.hours, hours.holiday_country, hours.holiday_subdivision,
       hours.closing_days
FROM tickets_servicelevel level
LEFT JOIN tickets_queue queue ON queue.id = %s
LEFT JOIN tickets_calendar hours ON NOT level.around_the_clock AND hours.id = COALESCE(
    level.calendar_id, queue.calendar_id, (SELECT id FROM tickets_calendar WHERE slug = %s))
WHERE level.active AND (level.queue_id IS NULL OR level.queue_id = queue.id)
  AND (level.priority IS NULL OR level.priority = %s)
ORDER BY level.queue_id IS NULL, level.priority IS NULL
LIMIT 1
"""

# --- Running them ---------------------------------------------------------------------------------


def locking(strength: str) -> str:
    """The end of a question that locks the rows it brings; SQLite has one writer anyway."""
    return f" FOR {strength}" if connection.features.has_select_for_update else ""


def insert(row: models.Model, *, unless_there: bool = False) -> bool:
    """Insert a new row, as `save` does; whether it was.

    With `unless_there` a row whose unique values are taken is left out. Signals are not sent: there
    are none in this product.
    """
    model = type(row)
    sql = _insertion(model, unless_there)
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, _values(row, _columns(model)))
        inserted = cursor.fetchone()
    if inserted is None:
        return False
    row.pk = inserted[0]
    row._state.adding, row._state.db = False, "default"
    return True


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one model in one statement, but for those whose unique values are taken.

    Their keys stay unknown.
    """
    if not rows:
        return
    model = type(rows[0])
    sql = _insertion(model, True, len(rows))
    values = [value for row in rows for value in _values(row, _columns(model))]
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, values)


def update(row: models.Model, names: Sequence[str]) -> None:
    """Write these fields of a row that is there, as `save(update_fields=…)` does."""
    model = type(row)
    fields = [model._meta.get_field(name) for name in names]
    sql = _change(model, tuple(names))
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, [*_values(row, fields), row.pk])
        if cursor.rowcount != 1:
            raise LookupError(f"There is no {model.__name__} {row.pk}.")


def first_row(sql: str, *values: Any) -> Any:
    """The first row that a question brings, as a tuple; None when there is none."""
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        return cursor.fetchone()


def all_rows(sql: str, *values: Any) -> list[Any]:
    """All rows that a question brings, as tuples."""
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        return list(cursor.fetchall())


def changed(sql: str, *values: Any) -> int:
    """How many rows a change met."""
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        return int(cursor.rowcount)


def rows_of(model: type[M], sql: str, *values: Any) -> list[M]:
    """The rows of a model that a question brings; it selects all columns."""
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.execute(sql, [_adapted(value) for value in values])
        places, names = _reading(model, tuple(column[0] for column in cursor.description))
        found, own = cursor.fetchall(), connections["default"]
    converters = [
        (place, column, convert)
        for place, column in _converted(model)
        if (convert := [*own.ops.get_db_converters(column), *column.get_db_converters(own)])
    ]
    rows = []
    for row in found:
        held = [row[place] for place in places]
        for place, column, convert in converters:
            for one in convert:
                held[place] = one(held[place], column, own)
        rows.append(model.from_db("default", names, held))
    return rows


@cache
def _converted(model: type[models.Model]) -> list[tuple[int, Any]]:
    """Columns that a database may not give as Python has them, with their places."""
    fields = enumerate(model._meta.concrete_fields)
    return [(place, field.cached_col) for place, field in fields if type(field) not in GIVEN]


@cache
def _reading(model: type[models.Model], columns: tuple[str, ...]) -> tuple[list[int], list[str]]:
    """Where in an answer each field of a model stands, and their names."""
    fields = model._meta.concrete_fields
    return [columns.index(str(field.column)) for field in fields], [f.attname for f in fields]


def _adapted(value: Any) -> Any:
    """Moments are written as this database keeps them."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


def _values(row: models.Model, fields: Sequence[Any]) -> list[Any]:
    """What the database is given: most values as they are, the others as Django prepares them."""
    given, own = [], connections["default"]  # not the proxy, which looks for its thread each time
    moment = own.ops.adapt_datetimefield_value
    for field in fields:
        value = getattr(row, field.attname)
        kind = type(value)
        if kind in AS_THEY_ARE and isinstance(field, SIMPLE):
            given.append(value)
        elif kind is datetime and value.tzinfo is not None and type(field) is models.DateTimeField:
            given.append(moment(value))
        else:
            given.append(field.get_db_prep_save(field.pre_save(row, add=True), own))
    return given


@cache
def _columns(model: type[models.Model]) -> list[Any]:
    """All but the key, which the database gives."""
    return [field for field in model._meta.local_concrete_fields if not field.primary_key]


@cache
def _insertion(model: type[models.Model], unless_there: bool, rows: int = 1) -> str:
    quote, meta = connection.ops.quote_name, model._meta
    columns = ", ".join(quote(field.column) for field in _columns(model))
    marks = ", ".join(["%s"] * len(_columns(model)))
    values = ", ".join([f"({marks})"] * rows)
    conflict = " ON CONFLICT DO NOTHING" if unless_there else ""
    return (  # names of our own tables and columns
        f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES {values}{conflict} "  # noqa: S608
        f"RETURNING {quote(str(meta.pk.column))}"
    )


@cache
def _change(model: type[models.Model], names: tuple[str, ...]) -> str:
    quote, meta = connection.ops.quote_name, model._meta
    columns = (quote(str(meta.get_field(name).column)) for name in names)  # type: ignore[union-attr]
    changes = ", ".join(f"{column} = %s" for column in columns)
    return f"UPDATE {quote(meta.db_table)} SET {changes} WHERE {quote(str(meta.pk.column))} = %s"  # noqa: S608


def insert_many(rows: Sequence[models.Model]) -> None:
    """Insert rows of one model, whose keys are all reserved or all left to the database."""
    if not rows:
        return
    model, with_key = type(rows[0]), rows[0].pk is not None
    fields = [model._meta.pk, *_columns(model)] if with_key else _columns(model)
    values = [_values(row, fields) for row in rows]
    with transaction.mark_for_rollback_on_error(using="default"), connection.cursor() as cursor:
        cursor.executemany(_plain_insertion(model, with_key), values)
    for row in rows:
        row._state.adding, row._state.db = False, "default"


def reserve(model: type[models.Model], number: int) -> list[int]:
    """Keys that nobody else gets, in order. Within the transaction that will insert their rows.

    SQLite has one writer at a time, and inserting with a key moves its counter on.
    """
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
            last = (cursor.fetchone() or (0,))[0]
            return list(range(last + 1, last + 1 + number))
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [table, number],
        )
        return sorted(row[0] for row in cursor.fetchall())


@cache
def _plain_insertion(model: type[models.Model], with_key: bool) -> str:
    quote, meta = connection.ops.quote_name, model._meta
    fields = [meta.pk, *_columns(model)] if with_key else _columns(model)
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    return f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({marks})"  # noqa: S608
