"""A file whose age tells a health check that a process does its rounds.

A container's health check runs every minute for as long as the product runs, so it must not cost a
start of Django each time.
"""

from contextlib import suppress

from django.conf import settings


def touch() -> None:
    """Say that this process works, where somebody wants to know. A full disk stops no work."""
    if settings.ALIVE_FILE is not None:
        with suppress(OSError):
            settings.ALIVE_FILE.touch()
