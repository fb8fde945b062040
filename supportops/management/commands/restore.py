"""Put a backup in place."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from supportops.operations import backup
from supportops.operations.backup import BackupFailed
from tickets.history.heads import HeadsUnreadable

EXAMPLES = """
Examples:
  manage.py restore var/backups/supportops-20260301-020000-000000.tar.gz --dry-run
  manage.py restore var/backups/supportops-20260301-020000-000000.tar.gz --replace

Stop web server and worker first. Afterwards: manage.py prepare, manage.py doctor, start. People who
were erased after the backup was made are in it: erase them again.
"""


class Command(BaseCommand):
    help = (
        "Put a backup in place of the database, and verify the audit chain. What was there is kept "
        "beside it under another name (SQLite), or replaced in one transaction (PostgreSQL)."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="where a database is already")
        parser.add_argument("--dry-run", action="store_true", help="say what is in the backup")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = backup.read_manifest(options["file"])
            self.stdout.write(
                f"Backup of {manifest['made_at']}, version {manifest['version']}, "
                f"{manifest['database']}, {manifest['audit_records']} audit records."
            )
            if options["dry_run"]:
                self.stdout.write("Dry run: nothing was written.")
                return
            if backup.has_rows() and not options["replace"]:
                raise CommandError("There is a database already; --replace puts it aside.")
            verified = backup.restore(options["file"], now=timezone.now())
        except (BackupFailed, HeadsUnreadable, OSError) as error:
            raise CommandError(str(error)) from error
        if verified.finding is not None:
            raise CommandError(
                f"Restored, but the audit chain is not sound: {verified.finding}. Do not go live "
                f"before somebody has looked at it."
            )
        self.stdout.write(
            f"Restored. The audit chain is sound: {verified.records} records, signed up to "
            f"{verified.signed_up_to}. Now: manage.py prepare, manage.py doctor."
        )
