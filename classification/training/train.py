"""Training a classifier and keeping it as a model version."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from classification import registry, store
from classification.contract import DataUnusable, ModelDamaged, OutOfFold, Progress
from classification.models import Intent, ModelVersion
from classification.starter import corpus
from classification.training import evaluate

OUT_OF_SCOPE = corpus.OUT_OF_SCOPE
FEWEST_ROWS = 20
LONGEST_FIELD = 131_072  # characters of a cell; a longer one is a file gone wrong


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Texts with their intents, row by row; groups are kept together when folds are made."""

    ids: Sequence[str]
    texts: Sequence[str]
    intents: Sequence[str]
    groups: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class HeldOutScores:
    """What the trained model said about rows it had not seen, as plain data for the rules' side.

    One entry for each training row: the intent it would have answered with (None when it
    abstained), its confidence, and whether the answer was right.
    """

    intents: Sequence[str | None]
    confidences: Sequence[float]
    right: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Trained:
    version: ModelVersion
    scores: HeldOutScores
    repeated: bool  # the same data made the same model before


def starter_training_data() -> TrainingData:
    return _from_examples(corpus.training_examples())


def held_out_data() -> TrainingData:
    """The fifth of the starter corpus that is never trained on."""
    return _from_examples(corpus.held_out_examples())


def _from_examples(rows: Sequence[corpus.Example]) -> TrainingData:
    return TrainingData(
        ids=[row.id for row in rows],
        texts=[row.text for row in rows],
        intents=[row.intent for row in rows],
        groups=[row.writer for row in rows],
    )


def read_csv(
    path: Path, *, text_column: str, intent_column: str, out_of_scope_label: str
) -> TrainingData:
    """Training data of a file with a heading row.

    Raises:
        DataUnusable: naming the column, line or label that is wrong.
    """
    texts: list[str] = []
    intents: list[str] = []
    csv.field_size_limit(LONGEST_FIELD)  # one for the whole process, whoever set it last
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for column in (text_column, intent_column):
                if column not in (reader.fieldnames or []):
                    raise DataUnusable(f"{path.name} has no column named {column!r}.")
            for row in reader:
                text, intent = row[text_column], row[intent_column]
                if not (text and text.strip() and intent and intent.strip()):
                    raise DataUnusable(f"{path.name}, line {reader.line_num}: empty text or label.")
                texts.append(text)
                intents.append(OUT_OF_SCOPE if intent == out_of_scope_label else intent)
    except csv.Error as error:
        raise DataUnusable(f"{path.name}, line {reader.reader.line_num}: {error}.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataUnusable(f"{path} cannot be read: {error}") from error
    return TrainingData([f"{path.stem}-{n}" for n in range(len(texts))], texts, intents)


def check(data: TrainingData) -> None:
    """Refuse data that no classifier can learn from."""
    if len(data) < FEWEST_ROWS:
        raise DataUnusable(f"{len(data)} messages are too few; at least {FEWEST_ROWS} are needed.")
    if len(set(data.intents) - {OUT_OF_SCOPE}) < 2:
        raise DataUnusable("At least two intents are needed.")


def unknown_intents(data: TrainingData) -> list[str]:
    """Labels that the taxonomy does not know."""
    known = set(Intent.objects.values_list("slug", flat=True)) | {OUT_OF_SCOPE}
    return sorted(set(data.intents) - known)


def train(
    classifier: str,
    data: TrainingData,
    *,
    name: str,
    now: datetime,
    progress: Progress | None = None,
) -> Trained:
    """Train, write the model directory, then its row. The same data give the same version.

    Raises:
        DataUnusable: the data are too few or have too few intents.
        ClassifierUnavailable: the classifier cannot run here.
    """
    check(data)
    model = registry.train_classifier(
        classifier,
        data.texts,
        data.intents,
        groups=data.groups,
        ids=data.ids,
        progress=progress,
    )
    scores = _held_out(model)
    training_sha256 = store.training_hash(data.texts, data.intents)
    summary = summarise(scores, model.out_of_fold_, data)
    known = ModelVersion.objects.filter(version=model.version).first()
    if known is not None and _is_sound(known):
        return Trained(known, scores, repeated=True)
    saved = store.save(
        model,
        settings.MODEL_DIR / model.version,
        training_sha256=training_sha256,
        scores=summary,
    )
    if known is not None and known.manifest_sha256 == saved.sha256:
        return Trained(known, scores, repeated=True)
    if known is not None:
        raise DataUnusable(f"{model.version} exists with another manifest; its files were changed.")
    version = ModelVersion.objects.create(
        version=model.version,
        classifier=classifier,
        name=name,
        manifest_sha256=saved.sha256,
        training_rows=len(data),
        training_sha256=training_sha256,
        scores=summary,
        trained_at=now,
    )
    return Trained(version, scores, repeated=False)


def _is_sound(version: ModelVersion) -> bool:
    """Whether the model's files are those on record. They may be in force, so they then stay."""
    try:
        registry.load_classifier(
            settings.MODEL_DIR / version.version, expected_sha256=version.manifest_sha256
        )
    except ModelDamaged:
        return False
    return True


def _held_out(model: Any) -> HeldOutScores:
    """Out-of-fold answers: each row as a model trained without its group answers it."""
    kept = model.out_of_fold_
    intents = [
        None if abstained else guess
        for guess, abstained in zip(kept.best_guess, kept.abstained, strict=True)
    ]
    return HeldOutScores(intents, list(kept.confidence), list(kept.correct))


def summarise(scores: HeldOutScores, kept: OutOfFold, data: TrainingData) -> dict[str, Any]:
    """Scores that stand on the model version: shares of rows, out of fold."""
    rows = evaluate.Judged.of_held_out(kept, data.intents, OUT_OF_SCOPE)
    right = np.asarray(scores.right)
    inside = np.asarray([intent != OUT_OF_SCOPE for intent in data.intents])
    answered = np.asarray([intent is not None for intent in scores.intents])
    return {
        "rows": len(data),
        "intents": len(set(data.intents) - {OUT_OF_SCOPE}),
        "accuracy": round(float(right[inside].mean()), 4),
        "answered": round(float(answered.mean()), 4),
        "out_of_scope_answered": round(float(answered[~inside].mean()), 4)
        if (~inside).any()
        else None,
        "method": "out of fold",
        "calibration": rounded(evaluate.calibration(rows)),
        "reliability": rounded(evaluate.reliability(rows)),
        "per_intent": rounded(evaluate.per_intent(rows)),
        "confusions": evaluate.confusions(rows),
        "risk_coverage": rounded(evaluate.risk_coverage(rows)),
        "out_of_scope": rounded(evaluate.out_of_scope(rows)),
    }


def rounded(value: Any) -> Any:
    """The same with four places: what is stored is read by people."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    return [rounded(inner) for inner in value] if isinstance(value, list) else value
