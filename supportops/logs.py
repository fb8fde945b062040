"""Log lines: plain while developing, JSON in production; no personal data, no tracking links."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

TRACKING_LINK = re.compile(r"(/ui/t/[^/\s]+/)[^/\s]+")
ADDRESS = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.[^\s@<>\"']+")

# What a line may carry beside its words: codes, numbers and references.
EXTRAS = ("ticket", "job", "milliseconds", "statement", "method", "path", "status", "queries")

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.ExtraAdder(allow=EXTRAS),
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def redacted(text: str) -> str:
    """The text without signatures of tracking links and without e-mail addresses."""
    return ADDRESS.sub("[address]", TRACKING_LINK.sub(r"\1[link]", text))


class Redact(logging.Filter):
    """Takes out what must never stand in a log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), ()
        return True


def formatter(style: str) -> logging.Formatter:
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redact_traceback,
            renderer,
        ],
    )


def _redact_traceback(logger: Any, method: str, event: Any) -> Any:
    """What an exception says may name an address too."""
    if "exception" in event:
        event["exception"] = redacted(event["exception"])
    return event


@contextmanager
def bound(**values: str) -> Iterator[None]:
    """Values that stand in every line logged inside."""
    with structlog.contextvars.bound_contextvars(**values):
        yield
