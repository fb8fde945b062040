import sys
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from classification.contract import ClassifierUnavailable
from supportops.operations import prepare, serve

ADDRESSES = {
    "Customers write at": "/ui/",
    "The team works at": "/ops/",
    "API documentation": "/docs/",
    "Prometheus metrics": "/metrics",
    "Health": "/health",
}


INTERRUPTED = 130  # what shells answer for a command ended by Ctrl-C


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Makes the database ready: tables, triggers, roles, starter policy, starter model, first "
        "accounts. Safe to run again. Example: manage.py prepare --demo"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo", action="store_true", help="with demo tickets, where there are none yet"
        )
        parser.add_argument(
            "--no-accounts", action="store_true", help="make no accounts, for example in an image"
        )
        parser.add_argument(
            "--template",
            type=Path,
            help="a data directory prepared before, from which an empty one starts (SQLite)",
        )

        parser.add_argument("--host", default="127.0.0.1", help="address that will be listened on")
        parser.add_argument("--port", type=serve.port_number, help="port that will be listened on")

    def handle(self, *args: Any, **options: Any) -> None:
        port = options["port"]
        try:
            if port is not None:
                serve.refuse_taken(options["host"], port)
            prepare.prepare(
                demo=options["demo"],
                accounts=not options["no_accounts"],
                template=options["template"],
                say=self.say,
                show=lambda passwords: self.show_accounts(passwords, serve.public_url(port)),
            )
        except (ClassifierUnavailable, serve.CannotListen) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stderr.write("Stopped. What is done stays; the next start does the rest.")
            sys.exit(INTERRUPTED)
        if not options["no_accounts"]:
            self.say(how_to_set_a_password())
        self.say("Ready.")

    def say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def show_accounts(self, passwords: dict[str, str], url: str) -> None:
        """A box with what somebody needs who sees the product for the first time."""
        lines = [f"{words:<20}{url}{path}" for words, path in ADDRESSES.items()]
        lines += ["", "Accounts, shown this once:"]
        lines += [f"{name:<20}{password}" for name, password in passwords.items()]
        width = max(len(line) for line in lines)
        self.say("┌─" + "─" * width + "─┐")
        for line in lines:
            self.say(f"│ {line:<{width}} │")
        self.say("└─" + "─" * width + "─┘")


def how_to_set_a_password() -> str:
    """For whoever did not see the passwords, or lost them."""
    here = Path(sys.executable)
    python = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else "python"
    first = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if first is None:
        return f"Nobody may administer. An account: {python} manage.py createsuperuser"
    return f"A new password: {python} manage.py changepassword {first.get_username()}"
