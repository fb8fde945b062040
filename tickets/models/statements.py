"""Statements of the one path that everybody waits for: receiving an inquiry.

Each inquiry inserts ten rows and asks ten questions in one transaction. Django puts a statement
together anew each time, which takes far longer than the database needs to run it; here each is put
together once. Anywhere else QuerySets do.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models, transaction

M = TypeVar("M", bound=models.Model)


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


def rows_of(model: type[M], sql: str, *values: Any) -> list[M]:
    """The rows of a model that a question brings; it selects all columns."""
    return list(model._default_manager.raw(sql, [_adapted(value) for value in values]))


def _adapted(value: Any) -> Any:
    """Moments are written as this database keeps them."""
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    return value


def _values(row: models.Model, fields: Sequence[Any]) -> list[Any]:
    return [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in fields]


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
