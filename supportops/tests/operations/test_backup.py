"""A backup holds everything, and putting it back leads to a sound record."""

import json
import os
import sqlite3
import tarfile

import pytest

from supportops.operations import backup
from supportops.tests import processes
from supportops.tests.processes import run

BACKUP = ("backup", "--keep", "2")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """An installation with a few demo tickets and signed heads, and a backup of it."""
    around = processes.environment(tmp_path_factory.mktemp("install"))
    run(around, "prepare", "--no-accounts")
    run(around, "seed_demo", "--tickets", "5")
    run(around, "worker", "--once")
    run(around, *BACKUP)
    return around


def folder_of(around):
    return backup.Path(around["DATA_DIR"])


def newest(around):
    return backup.in_folder(folder_of(around) / "backups")[-1]


def elsewhere(tmp_path):
    return processes.environment(tmp_path)


@pytest.mark.slow
def test_a_backup_put_back_elsewhere_is_the_same_and_sound(prepared, tmp_path):
    said = run(elsewhere(tmp_path), "restore", str(newest(prepared))).stdout
    assert "The audit chain is sound" in said
    counted = []
    for folder in (folder_of(prepared), tmp_path):
        with sqlite3.connect(folder / "db.sqlite3") as file:
            counted.append(
                file.execute("SELECT count(*), max(reference) FROM tickets_ticket").fetchone()
            )
        file.close()
    assert counted[0] == counted[1]
    assert counted[0][0] == 5
    assert (tmp_path / "models").is_dir()
    for name in ("audit.key", "audit.pub", "audit-heads.jsonl"):
        assert (tmp_path / name).read_bytes() == (folder_of(prepared) / name).read_bytes()


@pytest.mark.slow
def test_what_is_there_is_replaced_only_when_told_and_kept_aside(prepared, tmp_path):
    around = elsewhere(tmp_path)
    run(around, "restore", str(newest(prepared)))
    before = (tmp_path / "db.sqlite3").read_bytes()
    refused = run(around, "restore", str(newest(prepared)), check=False)
    assert "--replace" in refused.stderr
    assert (tmp_path / "db.sqlite3").read_bytes() == before
    run(around, "restore", str(newest(prepared)), "--replace")
    (aside,) = (path for path in tmp_path.glob("db.sqlite3.before-*") if path.stat().st_size > 9999)
    assert aside.read_bytes() == before


@pytest.mark.slow
def test_a_backup_that_was_changed_is_refused_and_nothing_is_put_in_place(prepared, tmp_path):
    with tarfile.open(newest(prepared)) as archive:
        archive.extractall(tmp_path / "in", filter="data")
    with (tmp_path / "in" / "db.sqlite3").open("r+b") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"x")
    changed = tmp_path / "changed.tar.gz"
    with tarfile.open(changed, "w:gz") as archive:
        for path in sorted((tmp_path / "in").iterdir()):
            archive.add(path, path.name)
    target = tmp_path / "new"
    done = run(processes.environment(target), "restore", str(changed), check=False)
    assert "db.sqlite3 is not what was backed up" in done.stderr
    assert not (target / "audit.key").exists()


@pytest.mark.slow
def test_nothing_is_put_in_place_under_a_worker(prepared, tmp_path):
    around = elsewhere(tmp_path)
    run(around, "restore", str(newest(prepared)))
    log = tmp_path / "log"
    with processes.running(around, *processes.MANAGE, "worker", log=log):
        processes.until((tmp_path / "worker.sock").exists, "the worker")
        done = run(around, "restore", str(newest(prepared)), "--replace", check=False)
    assert "A worker is at work here" in done.stderr


@pytest.mark.slow
def test_a_dry_run_writes_nothing_and_old_backups_go(prepared):
    folder = folder_of(prepared) / "backups"
    before = backup.in_folder(folder)
    assert "nothing was written" in run(prepared, *BACKUP, "--dry-run").stdout
    assert backup.in_folder(folder) == before
    for _ in range(2):
        run(prepared, *BACKUP)
    assert len(list(folder.iterdir())) == 2
    assert before[0] not in backup.in_folder(folder)


@pytest.mark.slow
def test_only_its_owner_can_read_it_and_it_says_what_it_holds(prepared):
    path = newest(prepared)
    assert path.stat().st_mode & 0o077 == 0
    with tarfile.open(path) as archive:
        manifest = json.load(archive.extractfile("manifest.json"))
    assert manifest["database"] == "sqlite"
    assert manifest["audit_records"] > 0
    assert {"db.sqlite3", "audit.key", "audit.pub", "audit-heads.jsonl"} < set(manifest["files"])


def test_a_file_that_is_no_backup_is_refused(db, tmp_path):
    path = tmp_path / "holiday.tar.gz"
    path.write_bytes(b"\x1f\x8bholiday")
    with pytest.raises(backup.BackupFailed, match="no backup that can be read"):
        backup.read_manifest(path)


def test_a_damaged_database_is_no_backup(tmp_path):
    path = tmp_path / "db.sqlite3"
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE tickets_audithead (id INTEGER, number INTEGER)")
        file.executemany("INSERT INTO tickets_audithead VALUES (?, 1)", [(n,) for n in range(9999)])
    file.close()
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(backup.BackupFailed, match="damaged"):
        backup.check_sqlite(path)


@pytest.mark.postgres
@pytest.mark.slow
def test_postgresql_is_backed_up_and_put_back_by_its_own_tools(postgres_url, tmp_path):
    around = processes.environment(tmp_path, DATABASE_URL=postgres_url, CACHE_URL="locmem")
    run(around, "prepare", "--no-accounts")
    run(around, "seed_demo", "--tickets", "3")
    run(around, "backup")
    run(around, "seed_demo", "--tickets", "2", "--force")
    path = newest(around)
    assert "--replace" in run(around, "restore", str(path), check=False).stderr
    assert "chain is sound" in run(around, "restore", str(path), "--replace").stdout
    assert (
        "3"
        in processes.python(
            around,
            "import django, os; os.environ['DJANGO_SETTINGS_MODULE'] = 'supportops.settings';"
            "django.setup(); from tickets.models import Ticket; print(Ticket.objects.count())",
        ).stdout
    )
