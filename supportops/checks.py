"""What `manage.py check --deploy` says beyond Django's own checks."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from tickets.history.triggers import missing_triggers

Version = tuple[int, int, int]

FIRST_AFFECTED: Version = (3, 7, 0)  # the first with a write-ahead log
FIXED: Version = (3, 51, 3)
# Branches in which the repair was made good before: a later patch of them is sound too.
FIXED_BRANCHES: tuple[Version, ...] = ((3, 44, 6), (3, 50, 7))


def has_wal_reset_race(version: Version) -> bool:
    """Whether this SQLite can, very rarely, lose a commit when the write-ahead log starts again."""
    if not FIRST_AFFECTED <= version < FIXED:
        return False
    return not any(version[:2] == fixed[:2] and version >= fixed for fixed in FIXED_BRANCHES)


@register(Tags.database, deploy=True)
def sqlite_is_sound(**kwargs: Any) -> list[CheckMessage]:
    version = sqlite3.sqlite_version_info
    if not settings.IS_SQLITE or not has_wal_reset_race(version):
        return []
    return [
        Warning(
            f"SQLite {sqlite3.sqlite_version} has a rare race when it resets its write-ahead log.",
            hint="Use SQLite 3.51.3, 3.50.7 or 3.44.6, or PostgreSQL (DATABASE_URL). "
            "To accept it: SILENCED_CHECKS=supportops.W001",
            id="supportops.W001",
        )
    ]


@register(Tags.database)
def triggers_are_there(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """With `--database default`: the triggers that keep history are installed."""
    if "default" not in (databases or ()):
        return []
    missing = missing_triggers()
    if not missing:
        return []
    return [
        Error(
            f"{len(missing)} triggers that keep history are missing, {missing[0]} for one.",
            hint="Run: manage.py prepare",
            id="supportops.E001",
        )
    ]


@register(Tags.caches, deploy=True)
def throttles_are_shared(**kwargs: Any) -> list[CheckMessage]:
    if settings.CACHE_URL != "locmem":
        return []
    return [
        Warning(
            "Each process counts throttles for itself, so limits hold a multiple of what they say.",
            hint="Set CACHE_URL to 'database' or to a redis:// address.",
            id="supportops.W002",
        )
    ]


@register("mail", deploy=True)
def mail_leaves_the_machine(**kwargs: Any) -> list[CheckMessage]:
    if settings.EMAIL_URL:
        return []
    return [
        Warning(
            f"Mail is written to files in {settings.DATA_DIR / 'mail'} and reaches nobody.",
            hint="Set EMAIL_URL, for example smtp+tls://user:password@mail.example.com:587",
            id="supportops.W003",
        )
    ]


@register(Tags.database, deploy=True)
def engines_fit(**kwargs: Any) -> list[CheckMessage]:
    if settings.TASK_ENGINE != "celery" or not settings.IS_SQLITE:
        return []
    return [
        Warning(
            "Celery's workers on other machines cannot reach a SQLite file.",
            hint="Set DATABASE_URL to a PostgreSQL database, or TASK_ENGINE=embedded.",
            id="supportops.W004",
        )
    ]
