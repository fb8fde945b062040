"""What takes long to work out is kept for a while in the shared cache, which may be away."""

import logging
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from django.db import DatabaseError

try:
    from redis.exceptions import RedisError
except ImportError:  # the cache is Redis only where its library is installed
    CACHE_FAILURES: tuple[type[Exception], ...] = (DatabaseError, OSError, ValueError)
else:
    CACHE_FAILURES = (DatabaseError, OSError, ValueError, RedisError)

T = TypeVar("T")

logger = logging.getLogger("supportops.cache")


def remembered(key: str, make: Callable[[], T], seconds: int) -> T:
    """What was made under this key a moment ago, or what is made now. None is not kept."""
    found: T | None = None
    try:
        found = cache.get(key)
    except Exception:
        # Whatever kind of cache it is fails in its own way; it only saves time.
        logger.warning("cache not read", exc_info=True)
    if found is not None:
        return found
    made = make()
    try:
        cache.set(key, made, seconds)
    except Exception:
        logger.warning("cache not written", exc_info=True)
    return made
