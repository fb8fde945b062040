from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from supportops.operations import serve


class Command(BaseCommand):
    requires_system_checks: list[str] = []
    help = (
        "Starts the web server and the worker, and stops both on Ctrl-C or SIGTERM. "
        "Example: manage.py serve --host 0.0.0.0 --port 8080"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=serve.port_number, help=f"default {serve.DEFAULT_PORT}")
        parser.add_argument(
            "--web-only", action="store_true", help="the worker runs elsewhere, or Celery works"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with_worker = not options["web_only"] and settings.TASK_ENGINE == "embedded"
        try:
            as_told = serve.serve(
                options["host"], options["port"], with_worker=with_worker, say=self.say
            )
        except serve.CannotListen as error:
            raise CommandError(str(error)) from error
        if not as_told:
            raise CommandError("Something ended that should run; its last words stand above.")

    def say(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()
