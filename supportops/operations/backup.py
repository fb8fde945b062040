"""Backups: one file with everything that cannot be made again, and putting it back.

The signed heads are copied before the database: a head that the copy does not reach would look like
records that were cut off.
"""

import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection, connections

from tickets.history import verify
from tickets.history.verify import Verified
from tickets.models import AuditHead

FORMAT = 1
PREFIX, SUFFIX = "supportops-", ".tar.gz"
MANIFEST, SQLITE, DUMP, MODELS = "manifest.json", "db.sqlite3", "db.dump", "models"
LOG_FILES = ("-wal", "-shm")
COMPRESSION = 1  # most of it is a database; more effort saves little


class BackupFailed(RuntimeError):
    """Nothing was put in place. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made and looked at."""

    path: Path
    size: int
    records: int
    seconds: float
    removed: list[Path]


# --- Making ---------------------------------------------------------------------------------------


def back_up(folder: Path, *, keep: int, now: datetime) -> BackedUp:
    """Write a backup while everything runs, and remove all but the newest `keep`.

    Raises:
        BackupFailed: the copy is not sound, or the database's own tool is missing or refuses.
    """
    started = datetime.now(UTC)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{PREFIX}{now.astimezone(UTC):%Y%m%d-%H%M%S-%f}{SUFFIX}"
    with tempfile.TemporaryDirectory(dir=folder, prefix=".draft-") as place:
        draft = Path(place)
        _copy_files(draft)
        head = _copy_database(draft)
        _write_manifest(draft, head, now)
        _pack(draft, path)
    removed = _remove_old(folder, keep)
    seconds = (datetime.now(UTC) - started).total_seconds()
    return BackedUp(path, path.stat().st_size, head, seconds, removed)


def _copy_files(draft: Path) -> None:
    """Models, and the key and heads of the audit chain."""
    for source in _audit_files():
        if source.is_file():
            shutil.copy2(source, draft / source.name)
    if settings.MODEL_DIR.is_dir():
        shutil.copytree(settings.MODEL_DIR, draft / MODELS)


def _audit_files() -> list[Path]:
    key = Path(settings.AUDIT_KEY_FILE)
    return [Path(settings.AUDIT_HEADS_FILE), key, key.with_suffix(".pub")]


def _copy_database(draft: Path) -> int:
    """A copy as of one moment; how many audit records it holds."""
    if connection.vendor == "sqlite":
        return _copy_sqlite(draft / SQLITE)
    head = AuditHead.objects.filter(pk=1).values_list("number", flat=True).first() or 0
    _run_postgres("pg_dump", "--format=custom", "--no-owner", f"--file={draft / DUMP}")
    return head


def _copy_sqlite(target: Path) -> int:
    """`VACUUM INTO` reads one moment of the database and holds nobody up."""
    with sqlite3.connect(f"file:{_sqlite_file()}?mode=ro", uri=True, timeout=30) as source:
        try:
            source.execute("VACUUM INTO ?", [str(target)])
        except sqlite3.Error as error:
            raise BackupFailed(f"The database cannot be copied: {error}.") from error
    source.close()
    return check_sqlite(target)


def check_sqlite(path: Path) -> int:
    """Read every page of a database file; how many audit records it holds.

    Raises:
        BackupFailed: it is damaged.
    """
    copy = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        said = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        lost = copy.execute("PRAGMA foreign_key_check").fetchone()
        head = copy.execute("SELECT number FROM tickets_audithead WHERE id = 1").fetchone()
    except sqlite3.Error as error:
        raise BackupFailed(f"The copy is damaged: {error}.") from error
    finally:
        copy.close()
    if said != "ok" or lost is not None:
        raise BackupFailed(f"The copy is damaged: {said if said != 'ok' else f'row {lost}'}.")
    return head[0] if head else 0


def _write_manifest(draft: Path, records: int, now: datetime) -> None:
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    manifest = {
        "format": FORMAT,
        "made_at": now.astimezone(UTC).isoformat(timespec="seconds"),
        "version": settings.VERSION,
        "database": connection.vendor,
        "audit_records": records,
        "files": {str(path.relative_to(draft)): _sha256(path) for path in files},
    }
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(draft: Path, path: Path) -> None:
    """One file, for its owner alone, on the disk before it gets its name."""
    partial = path.with_name(f".{path.name}.partial")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as archive:
                archive.add(draft / MANIFEST, MANIFEST)
                for source in sorted(draft.iterdir()):
                    if source.name != MANIFEST:
                        archive.add(source, source.name)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def in_folder(folder: Path) -> list[Path]:
    """Backups, oldest first: their names are in the order of time."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))


def _remove_old(folder: Path, keep: int) -> list[Path]:
    old = in_folder(folder)[:-keep]
    for path in old:
        path.unlink()
    return old


# --- Putting back ---------------------------------------------------------------------------------


def read_manifest(path: Path) -> dict[str, Any]:
    """What a backup says of itself.

    Raises:
        BackupFailed: the file is no backup of this product, or of another format or database.
    """
    try:
        with tarfile.open(path, "r:gz") as archive:
            member = archive.extractfile(MANIFEST)
            manifest = json.loads(member.read() if member else b"")
    except (OSError, tarfile.TarError, KeyError, ValueError, EOFError) as error:
        raise BackupFailed(f"{path} is no backup that can be read: {error}.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BackupFailed(f"{path} has a format that this version does not know.")
    if manifest["database"] != connection.vendor:
        raise BackupFailed(
            f"The backup is of {manifest['database']}, DATABASE_URL names {connection.vendor}."
        )
    return manifest


def has_rows() -> bool:
    """Whether there is a database with tables where the backup would go."""
    return bool(connection.introspection.table_names())


def restore(path: Path, *, now: datetime) -> Verified:
    """Put a backup in place of what is there, which is kept aside; how the audit chain is then.

    Raises:
        BackupFailed: the backup is damaged, or somebody is at work.
    """
    manifest = read_manifest(path)
    with _nobody_at_work(), tempfile.TemporaryDirectory(dir=settings.DATA_DIR) as place:
        draft = Path(place)
        _unpack(path, draft, manifest["files"])
        connections.close_all()
        aside = f".before-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
        _restore_database(draft, aside)
        _restore_files(draft, aside)
    return verify.verify()


def _unpack(path: Path, draft: Path, files: Mapping[str, str]) -> None:
    try:
        with tarfile.open(path, "r:gz") as archive:
            archive.extractall(draft, filter="data")
    except (OSError, tarfile.TarError, EOFError) as error:
        raise BackupFailed(f"The backup is damaged: {error}.") from error
    for name, digest in files.items():
        if not (draft / name).is_file() or _sha256(draft / name) != digest:
            raise BackupFailed(f"The backup is damaged: {name} is not what was backed up.")
    if (draft / SQLITE).is_file():
        check_sqlite(draft / SQLITE)


def _restore_database(draft: Path, aside: str) -> None:
    if connection.vendor != "sqlite":
        _run_postgres(
            "pg_restore",
            "--clean",
            "--if-exists",
            "--no-owner",
            "--single-transaction",
            f"--dbname={connection.settings_dict['NAME']}",
            str(draft / DUMP),
        )
        return
    target = _sqlite_file()
    for source in (target, *(target.with_name(target.name + end) for end in LOG_FILES)):
        # The three belong together; aside, they can still be opened as they were.
        if source.exists():
            rest = source.name.removeprefix(target.name)
            source.rename(target.with_name(f"{target.name}{aside}{rest}"))
    shutil.move(draft / SQLITE, target)
    target.chmod(0o600)


def _restore_files(draft: Path, aside: str) -> None:
    if (draft / MODELS).is_dir():
        shutil.copytree(draft / MODELS, settings.MODEL_DIR, dirs_exist_ok=True)
    for target in _audit_files():
        if target.exists():
            target.rename(target.with_name(target.name + aside))
        if (draft / target.name).is_file():
            shutil.move(draft / target.name, target)


@contextmanager
def _nobody_at_work() -> Iterator[None]:
    """The worker holds this lock while it runs, and `serve` runs a worker."""
    with settings.WORKER_SOCKET.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BackupFailed("A worker is at work here. Stop web server and worker.") from error
        yield


# --- The database's own tools ---------------------------------------------------------------------


def _sqlite_file() -> Path:
    return Path(connection.settings_dict["NAME"])


def _run_postgres(tool: str, *arguments: str) -> None:
    """Run a tool of PostgreSQL on our database. The password goes by the environment."""
    found = shutil.which(tool)
    if found is None:
        raise BackupFailed(f"{tool} is not installed: apt-get install postgresql-client.")
    database = connection.settings_dict
    around = {
        **os.environ,
        "PGHOST": database["HOST"] or "",
        "PGPORT": str(database["PORT"] or ""),
        "PGUSER": database["USER"] or "",
        "PGPASSWORD": database["PASSWORD"] or "",
        "PGDATABASE": database["NAME"],
    }
    done = subprocess.run(  # noqa: S603  a tool of the database, its arguments are ours
        [found, *arguments],
        env={name: value for name, value in around.items() if value},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"code {done.returncode}"]
        raise BackupFailed(f"{tool}: {last[0]}")
