"""Training rows, checked and numbered, and what a classifier said of them before it saw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from classification.contract import OutOfFold, Prediction
from classification.shared.calibration import near_duplicates


@dataclass(frozen=True)
class Rows:
    """Training rows. ``labels`` are numbers of ``classes``; out of scope is len(classes)."""

    texts: Sequence[str]
    labels: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray
    ids: tuple[str, ...]

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        intents: Sequence[str],
        *,
        groups: Sequence[object] | None,
        ids: Sequence[str] | None,
        outside: str,
    ) -> "Rows":
        """Check and number the rows. Raises ValueError saying what does not fit."""
        classes = tuple(sorted(set(intents) - {outside}))
        if len(classes) < 2:
            raise ValueError("Training needs at least two intents.")
        names = tuple(ids) if ids is not None else tuple(map(str, range(len(texts))))
        grouped = near_duplicates(texts) if groups is None else _numbered(groups)
        if not len(texts) == len(intents) == len(names) == len(grouped):
            raise ValueError("Texts, intents, groups and ids must be equally many.")
        number = {intent: i for i, intent in enumerate((*classes, outside))}
        labels = np.array([number[intent] for intent in intents], np.int64)
        return cls(list(texts), labels, classes, grouped, names)

    def only(self, chosen: np.ndarray) -> "Rows":
        """Some of the rows, of the same classes."""
        numbers = chosen.tolist()
        return Rows(
            [self.texts[i] for i in numbers],
            self.labels[chosen],
            self.classes,
            self.groups[chosen],
            tuple([self.ids[i] for i in numbers]),
        )

    @property
    def outside(self) -> np.ndarray:
        """Which rows are out of scope: bool [rows]."""
        return np.asarray(self.labels == len(self.classes))

    @property
    def columns(self) -> int:
        """Classes, and one more when there are out-of-scope rows."""
        return len(self.classes) + int(self.outside.any())


def _numbered(groups: Sequence[object]) -> np.ndarray:
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], np.int64)


def held_out_of(rows: Rows, predictions: Sequence[Prediction]) -> OutOfFold:
    """Predictions for unseen training rows, beside whether they are right."""
    truth = [*rows.classes, None]
    return OutOfFold(
        ids=rows.ids,
        best_guess=tuple([p.best_guess for p in predictions]),
        confidence=tuple([p.confidence for p in predictions]),
        margin=tuple([p.margin for p in predictions]),
        abstained=tuple([p.intent is None for p in predictions]),
        correct=tuple(
            [p.best_guess == truth[i] for p, i in zip(predictions, rows.labels, strict=True)]
        ),
    )


def arrays_of_held_out(rows: OutOfFold, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Everything but the ids as arrays, guesses as numbers of ``classes``."""
    number = {intent: i for i, intent in enumerate(classes)}
    return {
        "held_out_guess": np.array([number[g] for g in rows.best_guess], np.int32),
        "held_out_confidence": np.array(rows.confidence, np.float64),
        "held_out_margin": np.array(rows.margin, np.float64),
        "held_out_abstained": np.array(rows.abstained, bool),
        "held_out_correct": np.array(rows.correct, bool),
    }


def held_out_from_arrays(
    arrays: Mapping[str, np.ndarray], ids: Sequence[str], classes: Sequence[str]
) -> OutOfFold:
    """The counterpart of ``arrays_of_held_out``."""
    return OutOfFold(
        ids=tuple(ids),
        best_guess=tuple([classes[i] for i in arrays["held_out_guess"].tolist()]),
        confidence=tuple(arrays["held_out_confidence"].tolist()),
        margin=tuple(arrays["held_out_margin"].tolist()),
        abstained=tuple(arrays["held_out_abstained"].tolist()),
        correct=tuple(arrays["held_out_correct"].tolist()),
    )
