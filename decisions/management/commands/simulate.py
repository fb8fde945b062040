"""Replay decided tickets through a policy."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from decisions.models import Candidate, Policy
from decisions.trials import shadow, simulate
from decisions.trials.simulate import FlipTable, NothingDecided, Window

EXAMPLES = """
Examples:
  manage.py simulate --policy 3 --days 30
  manage.py simulate --policy 3 --days 90 --format csv --output flips.csv
  manage.py simulate --shadow                        what the candidates in the shadow disagree on
"""


class _Plain:
    """The terminal without the line ends that Django adds to what is written."""

    def __init__(self, out: OutputWrapper) -> None:
        self._out = out

    def write(self, text: str) -> None:
        self._out.write(text, ending="")


class Command(BaseCommand):
    help = (
        "Replay the decisions of the last days through a policy: what flips, at what risk, and "
        "where people would find it. Writes nothing but the file you name."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--policy", type=int, help="number of a version; default: the newest")
        parser.add_argument("--days", type=int, default=30, help="up to the newest decision")
        parser.add_argument("--format", choices=["text", "json", "csv"], default="text")
        parser.add_argument(
            "--shadow",
            action="store_true",
            help="instead: on what the candidates in the shadow disagree with what was decided",
        )
        parser.add_argument("--output", type=Path, help="a file; default: the terminal")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["shadow"]:
            self._shadow()
            return
        if options["days"] < 1:
            raise CommandError("--days: at least 1.")
        policy = self._policy(options["policy"])
        try:
            window = Window.of(options["days"])
            with self._file(options["output"]) as file:
                self._run(policy, window, options["format"], file)
        except (NothingDecided, OSError) as error:
            raise CommandError(str(error)) from error

    def _policy(self, number: int | None) -> Policy:
        rows = Policy.objects.order_by("-number")
        policy = (rows if number is None else rows.filter(number=number)).first()
        if policy is None:
            raise CommandError(f"There is no policy {'' if number is None else number}.".strip())
        return policy

    def _run(self, policy: Policy, window: Window, form: str, file: TextIO) -> None:
        table = FlipTable(file) if form == "csv" else None
        result = simulate.simulate(
            policy, window, on_flip=table.add if table else None, progress=self._progress
        )
        if form == "json":
            simulate.write_json(result, file)
        elif form == "text":
            file.write(simulate.as_text(result))

    def _shadow(self) -> None:
        running = list(Candidate.objects.running().select_related("policy"))
        if not running:
            raise CommandError("Nothing is being tried in the shadow.")
        for candidate in running:
            self.stdout.write(shadow.as_text(candidate))

    def _progress(self, done: int, of: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} of {of}", ending="\n" if done >= of else "")

    @contextmanager
    def _file(self, path: Path | None) -> Iterator[TextIO]:
        if path is None:
            yield cast(TextIO, _Plain(self.stdout))
            return
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
