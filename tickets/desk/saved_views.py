"""Names for searches of the ticket list: personal ones, and those that leads share."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import QueryDict

from tickets.locks import NotPossible
from tickets.models import SavedView

MOST = 30  # of one person
LONGEST_QUERY = 500


def save(
    name: str, query: str, *, known: frozenset[str], user: Any, now: datetime, shared: bool = False
) -> SavedView:
    """Keep a search under a name; one's own view of that name gets the new search.

    Raises:
        NotPossible: nothing is narrowed, or there are too many.
    """
    kept = cleaned(query, known)
    if not kept:
        raise NotPossible("Choose a filter or search first; then save the view.")
    if len(kept) > LONGEST_QUERY:
        raise NotPossible("This search is too long to be saved.")
    mine = SavedView.objects.filter(owner=user)
    if not mine.filter(name=name).exists() and mine.count() >= MOST:
        raise NotPossible(f"You have {MOST} views. Delete one first.")
    row, _ = SavedView.objects.update_or_create(
        owner=user,
        name=name,
        defaults={"query": kept, "shared": shared},
        create_defaults={"query": kept, "shared": shared, "created_at": now},
    )
    return row


def cleaned(query: str, known: frozenset[str]) -> str:
    """What the list knows of a query string, in one order: equal searches are equal."""
    given = QueryDict(query)
    kept = [(name, given[name]) for name in sorted(given) if name in known and given[name]]
    return urlencode(kept)


def rename(view_id: int, name: str, *, user: Any) -> None:
    """Give one's own view another name.

    Raises:
        NotPossible: it is somebody else's, or the name is taken.
    """
    if SavedView.objects.filter(owner=user, name=name).exclude(pk=view_id).exists():
        raise NotPossible("You have a view of that name.")
    if not _own(view_id, user).update(name=name):
        raise NotPossible("This view is not yours.")


def delete(view_id: int, *, user: Any) -> None:
    """Delete one's own view.

    Raises:
        NotPossible: it is somebody else's.
    """
    if not _own(view_id, user).delete()[0]:
        raise NotPossible("This view is not yours.")


def _own(view_id: int, user: Any) -> QuerySet[SavedView]:
    return SavedView.objects.filter(pk=view_id, owner=user)
