"""Creates a key for an integration."""

from argparse import RawDescriptionHelpFormatter
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction
from django.utils import timezone

from tickets.codes import Scope
from tickets.models import ApiKey

LONGEST_NAME = 100
MOST_DAYS = 36_500
SCOPES = ", ".join(Scope)


class Command(BaseCommand):
    help = (
        "Create an API key. It is printed once, to the standard output, and kept nowhere.\n\n"
        "Example:\n"
        "  manage.py create_api_key --name shop --scopes tickets:write,tickets:read "
        "--expires-days 365"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.add_argument("--name", required=True, help="who will use it; names are unique")
        parser.add_argument("--scopes", required=True, help=f"separated by commas: {SCOPES}")
        parser.add_argument("--expires-days", type=int, help="without it the key stays in force")
        parser.add_argument("--user", help="whose key it is; reviews are answered in their name")
        parser.add_argument("--dry-run", action="store_true", help="check, but create nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        name, days = options["name"].strip(), options["expires_days"]
        scopes = _scopes(options["scopes"])
        _refuse(name, days)
        owner = _user(options["user"])
        if options["dry_run"]:
            self.stderr.write(f"Would create {name!r} with {', '.join(scopes)}.")
            return
        ends = None if days is None else timezone.now() + timedelta(days=days)
        try:
            with transaction.atomic():
                _, key = ApiKey.issue(name=name, scopes=scopes, expires_at=ends, created_by=owner)
        except IntegrityError as error:
            raise CommandError(f"There is a key named {name!r} already.") from error
        self.stdout.write(key)
        until = f"until {ends:%Y-%m-%d}" if ends else "until it is revoked"
        self.stderr.write(f"Keep it: it is shown only now. {', '.join(scopes)}, {until}.")


def _scopes(text: str) -> list[Scope]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [name for name in names if name not in set(Scope)]
    if unknown or not names:
        wrong = f"There is no scope {', '.join(unknown)}" if unknown else "Name at least one scope"
        raise CommandError(f"{wrong}; there are {SCOPES}.")
    return [Scope(name) for name in names]


def _user(name: str | None) -> User | None:
    if name is None:
        return None
    user = User.objects.filter(username=name, is_active=True, is_staff=True).first()
    if user is None:
        raise CommandError(f"Nobody of the staff is named {name!r}.")
    return user


def _refuse(name: str, days: int | None) -> None:
    if not 0 < len(name) <= LONGEST_NAME:
        raise CommandError(f"A name has 1 to {LONGEST_NAME} characters.")
    if days is not None and not 0 < days <= MOST_DAYS:
        raise CommandError(f"--expires-days must be between 1 and {MOST_DAYS}.")
    if ApiKey.objects.filter(name=name).exists():
        raise CommandError(f"There is a key named {name!r} already.")
