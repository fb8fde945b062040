"""Wakes the worker early. Rows are the queue: a nudge that gets lost only makes things later."""

import contextlib
import socket

from django.conf import settings
from django.utils.module_loading import import_string


def worker() -> None:
    """Tell whoever works that something is due."""
    import_string(settings.NUDGE)()


def by_socket() -> None:
    """The embedded worker listens on a datagram socket in the data directory."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        # No worker, or one that has enough to do: it will find the row by itself.
        with contextlib.suppress(OSError):
            sender.sendto(b".", str(settings.WORKER_SOCKET))


def by_nobody() -> None:
    """For commands and tests that deliver by themselves."""
