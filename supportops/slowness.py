"""What took too long: statements and requests, without what anybody said in them."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection

logger = logging.getLogger("supportops.slow")

LONGEST_STATEMENT = 500


@dataclass(slots=True)
class Watch:
    """Times each statement of a request or job, and logs those that are slow.

    A statement is logged with its marks, never with the values that belong there.
    """

    slow_after: float  # seconds
    queries: int = 0

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        self.queries += 1
        start = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = perf_counter() - start
            if took >= self.slow_after:
                extra = {
                    "statement": " ".join(sql.split())[:LONGEST_STATEMENT],
                    "milliseconds": round(took * 1000),
                }
                logger.warning("slow statement", extra=extra)


@contextmanager
def watched() -> Iterator[Watch]:
    """Statements inside are timed. Nothing is timed where the setting is 0."""
    watch = Watch(settings.SLOW_STATEMENT_MS / 1000)
    if not settings.SLOW_STATEMENT_MS:
        yield watch
        return
    with connection.execute_wrapper(watch):
        yield watch


def note_request(*, method: str, path: str, status: int, seconds: float, queries: int) -> None:
    """Log a request that took too long. The path only: what was searched for stays out."""
    if settings.SLOW_REQUEST_MS and seconds * 1000 >= settings.SLOW_REQUEST_MS:
        extra = {
            "method": method,
            "path": path,
            "status": status,
            "milliseconds": round(seconds * 1000),
            "queries": queries,
        }
        logger.warning("slow request", extra=extra)
