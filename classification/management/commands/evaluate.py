"""Judge a classifier on labelled messages."""

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from classification import registry
from classification.contract import Classifier, ClassifierUnavailable, ModelDamaged
from classification.models import ModelVersion, Promotion
from classification.starter.corpus import OUT_OF_SCOPE
from classification.training import score, train
from classification.training.evaluate import learning_curve
from classification.training.train import DataUnusable, TrainingData

EXAMPLES = """
Examples:
  manage.py evaluate                                    model in force, starter's held-out fifth
  manage.py evaluate --data labelled.csv --predictions out.csv
  manage.py evaluate --train train.csv --data test.csv --classifier encoder --learning-curve
"""


class Command(BaseCommand):
    help = "Accuracy, calibration, out-of-scope figures and confusions on labelled messages."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, help="labelled CSV; default: the held-out fifth")
        parser.add_argument("--train", type=Path, help="train on this CSV first; nothing is kept")
        parser.add_argument("--model", help="a stored version; default: the one in force")
        parser.add_argument("--classifier", default=settings.CLASSIFIER, help="with --train")
        parser.add_argument("--text-column", default="text")
        parser.add_argument("--intent-column", default="intent")
        parser.add_argument("--out-of-scope-label", default=OUT_OF_SCOPE)
        parser.add_argument("--learning-curve", action="store_true", help="with --train")
        parser.add_argument("--predictions", type=Path, help="write every prediction to a CSV file")
        parser.add_argument("--format", choices=["text", "json"], default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["learning_curve"] and not options["train"]:
            raise CommandError("--learning-curve needs --train.")
        try:
            data = self._labelled(options["data"], options)
            trained_on = self._labelled(options["train"], options) if options["train"] else None
            scored = score.score(self._classifier(trained_on, options), data)
            if options["learning_curve"] and trained_on is not None:
                scored.figures["learning_curve"] = self._curve(trained_on, data, options)
            if options["predictions"]:
                score.write_predictions(options["predictions"], data, scored.predictions)
        except (DataUnusable, ClassifierUnavailable, ModelDamaged, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        if options["format"] == "json":
            self.stdout.write(json.dumps(scored.figures, indent=2))
            return
        self.stdout.write(score.as_text(scored))
        for point in scored.figures.get("learning_curve", []):
            self.stdout.write(
                f"{point['examples_per_intent']:>4} examples an intent: {point['accuracy']:.1%} "
                f"({point['lowest']:.1%} to {point['highest']:.1%})"
            )

    def _labelled(self, path: Path | None, options: dict[str, Any]) -> TrainingData:
        if path is None:
            return train.held_out_data()
        return train.read_csv(
            path,
            text_column=options["text_column"],
            intent_column=options["intent_column"],
            out_of_scope_label=options["out_of_scope_label"],
        )

    def _classifier(self, trained_on: TrainingData | None, options: dict[str, Any]) -> Classifier:
        if trained_on is not None:
            return self._fitted(options["classifier"], trained_on)
        rows = ModelVersion.objects.order_by("-id")
        if options["model"]:
            row = rows.filter(version=options["model"]).first()
        else:
            latest = Promotion.objects.select_related("model").order_by("-id").first()
            row = latest.model if latest else None
        if row is None:
            raise CommandError("There is no such model. `manage.py train --starter` makes one.")
        return registry.load_classifier(settings.MODEL_DIR / row.version, row.manifest_sha256)

    def _fitted(self, name: str, data: TrainingData) -> Classifier:
        train.check(data)
        return registry.train_classifier(name, data.texts, data.intents, ids=data.ids)

    def _curve(
        self, trained_on: TrainingData, data: TrainingData, options: dict[str, Any]
    ) -> list[dict[str, float]]:
        inside = [i for i, intent in enumerate(data.intents) if intent != OUT_OF_SCOPE]
        test = [data.texts[i] for i in inside], [data.intents[i] for i in inside]
        return learning_curve(
            lambda texts, intents: registry.train_classifier(options["classifier"], texts, intents),
            (trained_on.texts, trained_on.intents),
            test,
        )
