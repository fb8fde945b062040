"""Finding tickets by what people type: a name, an address, a reference or words.

Each ticket has one line in an index of words: requester, reference, and all that was said, internal
notes too. Whoever may search may read them: the staff, and API keys that read tickets. The line is
written in the transaction that stores the words. SQLite keeps it in an FTS5 table, PostgreSQL in a
`tsvector` with a GIN index; both hold the words as `tickets.search.words` reads them.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from tickets.models import Message, Requester, Ticket
from tickets.references import PATTERN
from tickets.search.words import words_of

LONGEST = 200
MOST_WORDS = 8
BEGINNING = 3  # from so many letters on a word is found by its beginning
# Of one conversation so much is indexed, so that a line never outgrows what the databases take.
MOST_LETTERS = 200_000
MOST_LEXEMES = 12_000
RECENT = 5_000  # lines that PostgreSQL looks through before it collects all hits

TABLE = "tickets_search"
Condition = tuple[str, tuple[Any, ...]]  # a statement and its values


@dataclass(frozen=True, slots=True)
class Window:
    """Which of the hits are wanted: so many, the newest first or, behind `after`, the oldest."""

    limit: int
    before: int | None = None
    after: int | None = None
    oldest_first: bool = False

    @property
    def order(self) -> str:
        return "ASC" if self.oldest_first or self.after is not None else "DESC"


# --- Keeping the index ----------------------------------------------------------------------------


def add(ticket_id: int, *texts: str) -> None:
    """Index a ticket: everything that was said on it so far."""
    with connection.cursor() as cursor:
        cursor.execute(*_insertion(ticket_id, words_of(*texts)))


def append(ticket_id: int, *texts: str) -> None:
    """Index what was said beside what a ticket's line holds."""
    words = words_of(*texts)
    if not words:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"UPDATE {TABLE} SET words = words || ' ' || %s "  # noqa: S608
                "WHERE rowid = %s AND length(words) < %s",
                [" ".join(words), ticket_id, MOST_LETTERS],
            )
        else:
            cursor.execute(
                f"UPDATE {TABLE} SET words = words || array_to_tsvector(%s::text[]) "  # noqa: S608
                "WHERE ticket_id = %s AND length(words) < %s",
                [words, ticket_id, MOST_LEXEMES],
            )


def forget(ticket_ids: Collection[int]) -> None:
    """Take tickets out of the index. On SQLite their words leave the file with `purge`."""
    key = "rowid" if connection.vendor == "sqlite" else "ticket_id"
    with connection.cursor() as cursor:
        cursor.executemany(
            f"DELETE FROM {TABLE} WHERE {key} = %s",  # noqa: S608
            [(ticket_id,) for ticket_id in ticket_ids],
        )


def purge(*, pages: int = 500) -> None:
    """Rewrite the index without what was deleted; outside a transaction.

    FTS5 only marks words as deleted until their pages are merged. It is told to merge in steps, a
    short transaction each, so that nobody waits for long.
    """
    if connection.vendor != "sqlite":
        return  # there VACUUM does it, which comes by itself
    with connection.cursor() as cursor:
        changed = -1
        # One that changes no more than its own bookkeeping found nothing to merge.
        while connection.connection.total_changes - changed >= 2:
            changed = connection.connection.total_changes
            cursor.execute(
                f"INSERT INTO {TABLE}({TABLE}, rank) VALUES ('merge', %s)",  # noqa: S608
                [-pages],
            )


def is_behind() -> bool:
    """Whether there are tickets and nothing is indexed, as in a database of an older version."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {TABLE} LIMIT 1")  # noqa: S608
        return cursor.fetchone() is None and Ticket.objects.exists()


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of rebuilding. `last_id` is where the next one goes on."""

    last_id: int
    tickets: int


def rebuild(*, after_id: int = 0, size: int = 500) -> Iterator[Batch]:
    """Index all tickets again in the order of their ids.

    May run beside everything else and may stop anywhere: each batch is a transaction.
    """
    while True:
        with transaction.atomic():
            rows = Ticket.objects.select_for_update(no_key=True).filter(pk__gt=after_id)
            ids = list(rows.order_by("pk").values_list("pk", flat=True)[:size])
            if not ids:
                return
            forget(ids)
            add_many((pk, words_of(*texts)) for pk, texts in _texts_of(ids).items())
        after_id = ids[-1]
        yield Batch(after_id, len(ids))


def add_many(lines: Iterable[tuple[int, Sequence[str]]]) -> None:
    """Index tickets that have no line yet."""
    statements = [_insertion(pk, words) for pk, words in lines]
    if statements:
        with connection.cursor() as cursor:
            cursor.executemany(statements[0][0], [values for _, values in statements])


def _insertion(ticket_id: int, words: Sequence[str]) -> tuple[str, list[Any]]:
    if connection.vendor == "sqlite":
        return f"INSERT INTO {TABLE}(rowid, words) VALUES (%s, %s)", [ticket_id, " ".join(words)]  # noqa: S608
    return (
        f"INSERT INTO {TABLE}(ticket_id, words) VALUES (%s, array_to_tsvector(%s::text[]))",  # noqa: S608
        [ticket_id, list(words)],
    )


def _texts_of(ticket_ids: Sequence[int]) -> dict[int, list[str]]:
    people = Ticket.objects.filter(pk__in=ticket_ids).order_by("pk")
    about = people.values_list("pk", "reference", "requester__name", "requester__email")
    texts = {pk: [reference, name, email or ""] for pk, reference, name, email in about}
    said = Message.objects.filter(ticket__in=ticket_ids).order_by("ticket_id", "number")
    for pk, *words in said.values_list("ticket_id", "sender_name", "subject", "body"):
        texts[pk] += words
    return texts


# --- Asking it ------------------------------------------------------------------------------------


def search(queryset: QuerySet[Ticket], q: str, window: Window) -> QuerySet[Ticket]:
    """Those of the tickets that match; all of them when nothing is asked.

    A whole reference or address is looked up by its index. Otherwise each word must stand in the
    ticket's line, those of three letters and more by their beginning. Then the answer holds as many
    hits as the window wants and no more: the index is read in the order of arrival, and only so
    far. No text can be wrong: signs that mean something to a database are no words.
    """
    asked = q.replace("\0", "").strip()[:LONGEST]
    if not asked:
        return queryset
    if PATTERN.fullmatch(asked.upper()):
        return queryset.filter(reference=asked.upper())
    if "@" in asked and Requester.objects.filter(email=asked.lower()).exists():
        return queryset.filter(requester__email=asked.lower())
    return queryset.filter(pk__in=_hits(queryset, words_of(asked)[:MOST_WORDS], window))


def _hits(queryset: QuerySet[Ticket], words: Sequence[str], window: Window) -> list[int]:
    if not words:
        return []
    key = "rowid" if connection.vendor == "sqlite" else "ticket_id"
    try:
        # What else is asked of the tickets is asked of each hit in turn.
        inner = queryset.order_by().filter(pk=RawSQL(f"hit.{key}", ()))  # noqa: S611
        condition = inner.values("pk").query.sql_with_params()
    except EmptyResultSet:
        return []
    if connection.vendor == "sqlite":
        return _sqlite(words, window, condition)
    return _postgresql(words, window, condition)


def _sqlite(words: Sequence[str], window: Window, condition: Condition) -> list[int]:
    """The index itself runs in the order of its keys, so that it is left after the last hit."""
    match = " AND ".join(f'"{word}"*' if len(word) >= BEGINNING else f'"{word}"' for word in words)
    bounds, limits = _bounds(window, "hit.rowid")
    sql = (
        f"SELECT hit.rowid FROM {TABLE} AS hit WHERE hit.{TABLE} MATCH %s{bounds} "  # noqa: S608
        f"AND EXISTS ({condition[0]}) ORDER BY hit.rowid {window.order} LIMIT %s"
    )
    return _read(sql, [match, *limits, *condition[1], window.limit])


def _postgresql(words: Sequence[str], window: Window, condition: Condition) -> list[int]:
    """Of frequent words the newest lines hold enough. For rare ones all hits are fetched first and
    sorted then; left to itself the planner would walk through all lines. One statement: whether the
    newest lines held enough is known to the server before it looks at the others."""
    asked = " & ".join(f"'{word}':*" if len(word) >= BEGINNING else f"'{word}'" for word in words)
    bounds, limits = _bounds(window, "ticket_id")
    order = f"ORDER BY hit.ticket_id {window.order} LIMIT %s"
    sql = f"""
        WITH line AS (
            SELECT ticket_id, words FROM {TABLE} WHERE true{bounds}
            ORDER BY ticket_id {window.order} LIMIT {RECENT}
        ), recent AS MATERIALIZED (
            SELECT hit.ticket_id FROM line AS hit
            WHERE hit.words @@ %s::tsquery AND EXISTS ({condition[0]}) {order}
        ), every AS MATERIALIZED (
            SELECT ticket_id FROM {TABLE}
            WHERE (SELECT count(*) FROM recent) < %s AND words @@ %s::tsquery{bounds}
        )
        SELECT ticket_id FROM recent WHERE (SELECT count(*) FROM recent) = %s
        UNION ALL
        (SELECT hit.ticket_id FROM every AS hit WHERE EXISTS ({condition[0]}) {order})
    """  # noqa: S608
    enough = window.limit
    recent = [*limits, asked, *condition[1], enough]
    every = [enough, asked, *limits, enough, *condition[1], enough]
    return _read(sql, [*recent, *every])


def _bounds(window: Window, key: str) -> tuple[str, list[int]]:
    bounds = [(f" AND {key} < %s", window.before), (f" AND {key} > %s", window.after)]
    given = [(sql, value) for sql, value in bounds if value is not None]
    return "".join(sql for sql, _ in given), [value for _, value in given]


def _read(sql: str, values: Sequence[Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
