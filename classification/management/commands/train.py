"""Train a classifier and keep it as a model version."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from classification.contract import ClassifierUnavailable
from classification.starter.corpus import OUT_OF_SCOPE
from classification.training import train
from classification.training.train import DataUnusable, TrainingData
from tickets.history.record import Actor
from tickets.learning import train as learning_train

EXAMPLES = """
Examples:
  manage.py train --starter --activate
  manage.py train --data tickets.csv --text-column body --intent-column label --name spring
  manage.py train --data tickets.csv --reviews --name spring-with-reviews
  manage.py train --data tickets.csv --dry-run
"""


class Command(BaseCommand):
    help = "Train a classifier from the starter corpus or from a CSV file of your own."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument("--starter", action="store_true", help="the corpus that ships")
        source.add_argument("--data", type=Path, help="a CSV file with a heading row")
        parser.add_argument(
            "--reviews",
            action="store_true",
            help="add what blind reviews said of messages, but for people kept in the reserve",
        )
        parser.add_argument("--text-column", default="text")
        parser.add_argument("--intent-column", default="intent")
        parser.add_argument("--out-of-scope-label", default=OUT_OF_SCOPE)
        parser.add_argument("--classifier", default=settings.CLASSIFIER)
        parser.add_argument("--name", default="", help="words for people, e.g. the data's origin")
        parser.add_argument("--activate", action="store_true", help="put the model in force")
        parser.add_argument("--dry-run", action="store_true", help="read and check the data only")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = self._data(options)
            if options["reviews"]:
                data, added = learning_train.with_reviews(data)
                self.stdout.write(f"{added} reviewed messages added.")
            train.check(data)
            unknown = train.unknown_intents(data)
            if unknown:
                self._warn_unknown(unknown)
            if options["dry_run"]:
                intents = len(set(data.intents) - {OUT_OF_SCOPE})
                self.stdout.write(f"{len(data)} messages, {intents} intents. Nothing was written.")
                return
            self._train(data, options)
        except (DataUnusable, ClassifierUnavailable) as error:
            raise CommandError(str(error)) from error

    def _data(self, options: dict[str, Any]) -> TrainingData:
        if options["starter"]:
            return train.starter_training_data()
        return train.read_csv(
            options["data"],
            text_column=options["text_column"],
            intent_column=options["intent_column"],
            out_of_scope_label=options["out_of_scope_label"],
        )

    def _warn_unknown(self, unknown: list[str]) -> None:
        shown = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        self.stderr.write(
            f"{len(unknown)} labels are no intents of this business ({shown}). Until they are "
            f"added, an answer that names one goes to a person."
        )

    def _train(self, data: TrainingData, options: dict[str, Any]) -> None:
        default = learning_train.STARTER_NAME if options["starter"] else Path(options["data"]).stem
        learned = learning_train.train(
            options["classifier"],
            data,
            name=options["name"] or default,
            from_starter=options["starter"] and not options["reviews"],
            activate=options["activate"],
            actor=Actor.machine(),
            now=timezone.now(),
            progress=self._progress,
        )
        version = learned.trained.version
        scores = version.scores
        self.stdout.write(
            f"{version.version}: {scores['rows']} messages, {scores['intents']} intents, "
            f"{scores['accuracy']:.1%} right out of fold."
        )
        if learned.certificate is not None:
            self.stdout.write(learned.certificate.statement)
        in_force = "It is in force." if learned.promoted else "It is not in force (--activate)."
        self.stdout.write(in_force)

    def _progress(self, sentence: str, share: float) -> None:
        self.stdout.write(f"  {share:4.0%} {sentence}")
