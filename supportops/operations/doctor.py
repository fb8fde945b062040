"""What `manage.py doctor` looks at: each finding says how it is and what to do."""

import shutil
import sqlite3
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from classification import registry
from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.models import Promotion
from decisions.models import Publication
from supportops.background.jobs import HEARTBEAT
from supportops.checks import has_wal_reset_race
from tickets.codes import OutboxState
from tickets.history.triggers import missing_triggers
from tickets.models import JobLease, Outbox, Ticket

LITTLE_SPACE, NO_SPACE = 2_000, 200  # megabytes
WORKER_LATE = timedelta(minutes=2)

# name -> what SQLite answers when settings.SQLITE_PRAGMAS took effect
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": 2,  # FULL
    "foreign_keys": 1,
    "secure_delete": 1,
    "recursive_triggers": 1,
}


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    subject: str
    words: str
    remedy: str = ""


def ok(subject: str, words: str) -> Finding:
    return Finding(Level.OK, subject, words)


def warn(subject: str, words: str, remedy: str) -> Finding:
    return Finding(Level.WARN, subject, words, remedy)


def fail(subject: str, words: str, remedy: str) -> Finding:
    return Finding(Level.FAIL, subject, words, remedy)


def examine(now: datetime) -> Iterator[Finding]:
    """Every finding. Where the database is out of reach, what needs it is left out."""
    yield from _settings_file()
    yield from _space()
    try:
        yield from _database()
    except DatabaseError as error:
        yield fail("database", f"cannot be used: {error}", "Look at DATABASE_URL and the server.")
        return
    waiting = list(_migrations())
    yield from waiting
    if any(finding.level == Level.FAIL for finding in waiting):
        return
    for look in (_triggers, _cache, _policy, _model):
        yield from look()
    yield from _work(now)


def _settings_file() -> Iterator[Finding]:
    path = settings.BASE_DIR / ".env"
    if not path.is_file():
        yield ok(".env", "none; the settings come from the environment")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield warn(".env", f"others on this machine can read it ({mode:o})", f"chmod 600 {path}")
    else:
        yield ok(".env", "only its owner can read it")


def _space() -> Iterator[Finding]:
    free = shutil.disk_usage(settings.DATA_DIR).free // 1_000_000
    words = f"{free:,} MB free for {settings.DATA_DIR}"
    if free < NO_SPACE:
        yield fail("disk", words, "Make room: a full disk refuses every inquiry.")
    elif free < LITTLE_SPACE:
        yield warn("disk", words, "Make room before it is full.")
    else:
        yield ok("disk", words)


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    if connection.vendor != "sqlite":
        version = ".".join(str(part) for part in connection.get_database_version())
        yield ok("database", f"{connection.display_name} {version}")
        return
    if has_wal_reset_race(sqlite3.sqlite_version_info):
        yield warn(
            "database",
            f"SQLite {sqlite3.sqlite_version} can, very rarely, lose a commit",
            "Use SQLite 3.51.3 or PostgreSQL; docs/operations.md says more.",
        )
    else:
        yield ok("database", f"SQLite {sqlite3.sqlite_version}")
    wrong = [name for name, wanted in PRAGMAS.items() if _pragma(name) != wanted]
    if wrong:
        yield fail("pragmas", f"not as they should be: {', '.join(wrong)}", _PRAGMA_REMEDY)
    else:
        yield ok("pragmas", "write-ahead log, every commit on the disk, foreign keys checked")


_PRAGMA_REMEDY = "Is the file on a network drive? The write-ahead log needs a local disk."


def _pragma(name: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


def _migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        yield fail("migrations", f"{waiting} are not applied", "manage.py prepare")
    else:
        yield ok("migrations", "all applied")


def _triggers() -> Iterator[Finding]:
    missing = missing_triggers()
    if missing:
        yield fail("history", f"{len(missing)} triggers are missing", "manage.py prepare")
    else:
        yield ok("history", "the triggers that refuse changes are there")


def _cache() -> Iterator[Finding]:
    try:
        cache.set("doctor", "seen", 10)
        seen = cache.get("doctor") == "seen"
    except Exception as error:  # noqa: BLE001
        # Each kind of cache has errors of its own kind.
        yield fail("cache", f"cannot be used: {type(error).__name__}", "manage.py prepare")
        return
    if seen:
        yield ok("cache", settings.CACHE_URL.partition("://")[0])
    else:
        yield fail("cache", "forgets at once what it is told", "Look at CACHE_URL.")


def _policy() -> Iterator[Finding]:
    latest = Publication.objects.select_related("policy").order_by("-id").first()
    if latest is None:
        yield fail("policy", "none is in force; a person gets every ticket", "manage.py prepare")
    else:
        yield ok("policy", str(latest.policy))


def _model() -> Iterator[Finding]:
    promotion = Promotion.objects.select_related("model").order_by("-id").first()
    if promotion is None:
        yield warn("model", "none is in force; a word list guesses", "manage.py prepare")
        return
    model = promotion.model
    folder = settings.MODEL_DIR / model.version
    try:
        registry.load_classifier(folder, expected_sha256=model.manifest_sha256)
    except (ModelDamaged, ClassifierUnavailable, OSError) as error:
        yield fail("model", str(error), "Restore the directory from a backup, or train again.")
    else:
        yield ok("model", f"{model.version} loads and is what was promoted")


def _work(now: datetime) -> Iterator[Finding]:
    beat = JobLease.objects.filter(name=HEARTBEAT).first()
    last = beat.last_finished_at if beat else None
    if last is None or now - last > WORKER_LATE:
        seen = f"last seen {last:%Y-%m-%d %H:%M} UTC" if last else "never seen"
        yield warn("worker", seen, "manage.py worker (or serve, or Celery with its beat)")
    else:
        yield ok("worker", "at work")
    for job in JobLease.objects.exclude(last_error=""):
        yield warn("job", f"{job.name}: {job.last_error}", "The worker's log says more.")
    undecided = Ticket.objects.undecided().count()
    failed = Outbox.objects.filter(state=OutboxState.FAILED).count()
    if undecided:
        yield warn("tickets", f"{undecided} are not decided", "The worker decides them.")
    if failed:
        yield warn("mail", f"{failed} could not be delivered", "See Outbox in the console.")
