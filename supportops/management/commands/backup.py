"""Back everything up."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from supportops.operations import backup
from supportops.operations.backup import BackupFailed

EXAMPLES = """
Examples:
  manage.py backup
  manage.py backup --to /mnt/backups --keep 30

The file holds people's words and the key that signs the audit heads; only its owner can read it.
SECRET_KEY is not in it: keep .env elsewhere.
"""


class Command(BaseCommand):
    help = (
        "Write one file with database, models and the audit chain's heads, while everything runs, "
        "check it, and keep the newest ones."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, help="folder; BACKUP_DIR if not given")
        parser.add_argument("--keep", type=int, default=7, help="how many to keep (7)")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, keep = options["to"] or settings.BACKUP_DIR, options["keep"]
        if keep < 1:
            raise CommandError("--keep must be at least 1.")
        if options["dry_run"]:
            there = len(backup.in_folder(folder))
            removed = max(there + 1 - keep, 0)
            self.stdout.write(f"Would write to {folder}, where {there} are; {removed} would go.")
            self.stdout.write("Dry run: nothing was written.")
            return
        try:
            made = backup.back_up(folder, keep=keep, now=timezone.now())
        except (BackupFailed, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{made.path}: {made.size / 1e6:.1f} MB, {made.records} audit records, "
            f"checked, {made.seconds:.1f} s."
        )
        for path in made.removed:
            self.stdout.write(f"Removed {path.name}.")
