"""Who looks at a ticket right now. It lives in the cache alone: looking writes no row."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from supportops.ui.show import person
from tickets.cache import CACHE_FAILURES

logger = logging.getLogger("supportops.presence")

# Open pages say so every 15 seconds; who misses three of them has gone.
SEEN_FOR = timedelta(seconds=45)
Entry = tuple[str, bool, float]  # name, whether something is being written, when


@dataclass(frozen=True, slots=True)
class Onlooker:
    """A colleague who has the same ticket open."""

    name: str
    writing: bool


def look(ticket_id: int, user: Any, now: datetime, *, writing: bool = False) -> list[Onlooker]:
    """Note that somebody looks at a ticket, and say who else does.

    No promise: of two who come in the same instant one may be missing until the next sign.
    """
    key = f"looking:{ticket_id}"
    try:
        here = _still_here(cache.get(key) or {}, now)
        here[user.pk] = (person(user), writing, now.timestamp())
        cache.set(key, here, timeout=SEEN_FOR.total_seconds())
    except CACHE_FAILURES as error:
        logger.warning("presence not noted: %s", type(error).__name__)
        return []
    others = sorted(entry for pk, entry in here.items() if pk != user.pk)
    return [Onlooker(name, is_writing) for name, is_writing, _ in others]


def _still_here(entries: Mapping[int, Entry], now: datetime) -> dict[int, Entry]:
    gone = (now - SEEN_FOR).timestamp()
    return {pk: entry for pk, entry in entries.items() if entry[2] > gone}
