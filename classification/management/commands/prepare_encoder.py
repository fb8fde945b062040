"""Fetch the sentence encoder's weights and make them ready."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from classification.contract import ClassifierUnavailable
from classification.encoder import weights

EXAMPLES = """
Examples:
  manage.py prepare_encoder
  manage.py prepare_encoder --source /models/all-MiniLM-L6-v2
"""


class Command(BaseCommand):
    help = (
        "Fetch the weights of all-MiniLM-L6-v2 (Apache-2.0, 90 MB), check their SHA-256 and "
        "convert them, once. Without them the linear classifier serves."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--source",
            type=Path,
            help="a local directory in the Hugging Face layout",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ready = weights.prepare_encoder(progress=self._progress, source=options["source"])
        except ClassifierUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Ready in {ready}.")

    def _progress(self, sentence: str, share: float) -> None:
        self.stdout.write(f"  {share:4.0%} {sentence}")
