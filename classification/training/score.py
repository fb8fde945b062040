"""Judging a classifier on labelled messages, and telling people what came out."""

import csv
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from classification.contract import Classifier, Prediction
from classification.training.evaluate import evaluate
from classification.training.train import OUT_OF_SCOPE, TrainingData

TIMED = 200  # messages predicted one by one, for the latency
SHOWN_CONFUSIONS = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """What a classifier said about labelled messages, and the figures that follow."""

    predictions: Sequence[Prediction]
    milliseconds: Sequence[float]
    figures: dict[str, Any]


def score(classifier: Classifier, data: TrainingData) -> Scored:
    """Predict in one batch, judge, and time some messages one by one."""
    predictions = classifier.predict(list(data.texts))
    figures = evaluate(predictions, list(data.intents), outside=OUT_OF_SCOPE)
    return Scored(predictions, sorted(_timed(classifier, data.texts[:TIMED])), figures)


def _timed(classifier: Classifier, texts: Sequence[str]) -> Iterator[float]:
    for text in texts:
        started = time.perf_counter()
        classifier.predict([text])
        yield (time.perf_counter() - started) * 1000


def write_predictions(path: Path, data: TrainingData, predictions: Sequence[Prediction]) -> None:
    """`text,true,predicted,confidence` for each message; abstentions predict out of scope."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "true", "predicted", "confidence"])
        for text, true, prediction in zip(data.texts, data.intents, predictions, strict=True):
            predicted = prediction.intent or "oos"
            wanted = "oos" if true == OUT_OF_SCOPE else true
            writer.writerow([text, wanted, predicted, repr(prediction.confidence)])


def as_text(scored: Scored) -> str:
    """The figures for a terminal."""
    return "\n".join(_lines(scored))


def _lines(scored: Scored) -> Iterator[str]:
    figures, times = scored.figures, scored.milliseconds
    calibration = figures["calibration"]
    yield f"Messages                     {figures['rows']:>8}"
    yield f"Right, in scope              {figures['accuracy']:>8.1%}   (abstained: wrong)"
    yield f"Best guess right, in scope   {figures['best_guess_accuracy']:>8.1%}"
    yield f"Macro-F1                     {figures['macro_f1']:>8.1%}"
    yield (
        f"Calibration error, 15 bins   {calibration['ece']:>8.3f}   (a perfect model: "
        f"{calibration['perfect_low']:.3f} to {calibration['perfect_high']:.3f})"
    )
    yield (
        f"One message, p50 / p99       {times[len(times) // 2]:>8.1f} / "
        f"{times[int(len(times) * 0.99)]:.1f} ms"
    )
    yield from _outside(figures["out_of_scope"])
    for risk, found in figures["certified"].items():
        yield (
            f"Certified at {float(risk):.0%}              {found['coverage']:>8.1%}   of messages "
            f"(mean of 200 halves; broken in {found['violated']:.1%})"
        )
    yield from _intents(figures["intents"])
    yield "\nMost frequent confusions"
    for row in figures["confusions"][:SHOWN_CONFUSIONS]:
        yield f"  {row['rows']:>4}  {row['true']} → {row['named']}"


def _outside(figures: dict[str, Any] | None) -> Iterator[str]:
    if figures is None:
        return
    for name, value in figures.items():
        shown = f"{value:>8}" if isinstance(value, int) else f"{value:>8.3f}"
        yield f"Out of scope: {name:<15}{shown}"


def _intents(intents: dict[str, dict[str, Any]]) -> Iterator[str]:
    yield "\nIntent                           messages  precision  recall"
    for intent, row in sorted(intents.items()):
        precision = "–" if row["precision"] is None else f"{row['precision']:.1%}"
        recall = "–" if row["recall"] is None else f"{row['recall']:.1%}"
        yield f"  {intent:<30} {row['rows']:>8}  {precision:>9}  {recall:>6}"
