"""The classifier that always works: TF-IDF, a linear support vector machine, calibrated.

Prediction needs NumPy and sparse matrices only; scikit-learn is loaded when somebody trains.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from scipy.sparse import csr_array

from classification.contract import (
    ClassifierUnavailable,
    Explanation,
    OutOfFold,
    Prediction,
    Progress,
)
from classification.linear.model import LinearModel
from classification.linear.planes import Planes
from classification.reading.read import read
from classification.shared.calibration import Logistic
from classification.shared.combine import combine
from classification.shared.parts import PartsJudge, choose, units_of
from classification.shared.rows import Rows, arrays_of_held_out, held_out_from_arrays
from classification.shared.terms import pulls_of_words
from classification.shared.tfidf import Vocabulary
from classification.store import fingerprint

# Messages scored at once: enough to be fast, few enough to keep memory flat.
BATCH = 512


class LinearClassifier:
    """TF-IDF with a linear support vector machine."""

    name: ClassVar[str] = "linear"
    classes_: tuple[str, ...]
    version: str
    out_of_fold_: OutOfFold

    def __init__(
        self, *, language: str = "en", penalty: float | None = None, folds: int = 5, seed: int = 0
    ) -> None:
        self.language = language
        self.penalty = penalty
        self.folds = folds
        self.seed = seed

    def fit(
        self,
        texts: Sequence[str],
        intents: Sequence[str],
        *,
        groups: Sequence[object] | None = None,
        ids: Sequence[str] | None = None,
        out_of_scope_label: str = "out_of_scope",
        progress: Progress | None = None,
    ) -> "LinearClassifier":
        """Train, calibrate and keep the out-of-fold predictions.

        ``groups`` holds rows together that must not be split between training and judging (near
        duplicates when None); ``ids`` name the rows in explanations (their numbers when None).
        Raises ValueError when there are fewer than two intents or lengths differ.
        """
        # loaded here because scikit-learn costs a web worker 100 MB it never needs
        from classification.linear import training

        rows = Rows.of(texts, intents, groups=groups, ids=ids, outside=out_of_scope_label)
        trained = training.train(rows, self, progress or (lambda _sentence, _share: None))
        self._take(trained.model, trained.neighbours, trained.out_of_fold)
        return self

    def _take(self, model: LinearModel, neighbours: csr_array, out_of_fold: OutOfFold) -> None:
        self.model_, self.neighbours_, self.out_of_fold_ = model, neighbours, out_of_fold
        self.classes_ = model.classes
        self.version = f"{self.name}-{fingerprint(self.arrays(), self.facts())}"

    @property
    def _ready(self) -> LinearModel:
        model: LinearModel | None = getattr(self, "model_", None)
        if model is None:
            raise ClassifierUnavailable("The linear classifier has not been trained or loaded.")
        return model

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One prediction per text, in order. No text raises."""
        model, predictions = self._ready, list[Prediction]()
        for start in range(0, len(texts), BATCH):
            readings = [read(text, self.language) for text in texts[start : start + BATCH]]
            units = units_of(readings)
            choices = choose(model.judge(units.texts), len(model.classes))
            predictions += combine(
                readings,
                units,
                choices,
                classes=model.classes,
                parts_judge=model.parts_judge,
                floor=model.floor,
            )
        return predictions

    def explain(self, text: str, *, nearest: int = 5) -> Explanation:
        """The words that pulled most, and the training messages with the most like wording."""
        model, core = self._ready, read(text, self.language).core
        row = model.features([core])
        weights = model.planes.weights[row.indices]
        scores = row.data @ weights + model.planes.bias
        best = int(scores[: len(model.classes)].argmax())
        pulls = weights[:, best] - weights.mean(axis=1)
        grams = dict(zip(row.indices.tolist(), (row.data * pulls).tolist(), strict=True))
        found = nearest_rows(self.neighbours_, row, nearest) if nearest else []
        return Explanation(
            terms=pulls_of_words(core, model.vocabulary, grams),
            nearest=tuple([(self.out_of_fold_.ids[i], near) for i, near in found]),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        model, rows, held_out = self._ready, self.neighbours_, self.out_of_fold_
        return {
            "rarities": model.planes.rarities,
            "weights": model.planes.weights,
            "bias": model.planes.bias,
            "centres": model.planes.centres,
            "selector": model.selector.as_array(),
            "parts_judge": model.parts_judge.judge.as_array(),
            "kinship": model.parts_judge.kinship,
            "neighbour_data": rows.data.astype(np.float16),
            "neighbour_columns": rows.indices.astype(np.int32),
            "neighbour_starts": rows.indptr.astype(np.int32),
            **arrays_of_held_out(held_out, model.classes),
        }

    def facts(self) -> dict[str, Any]:
        model = self._ready
        return {
            "classes": list(model.classes),
            "language": self.language,
            "temperature": model.temperature,
            "floor": model.floor,
            "words": list(model.vocabulary.words),
            "letters": list(model.vocabulary.letters),
            "ids": list(self.out_of_fold_.ids),
        }

    def restore(
        self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
    ) -> "LinearClassifier":
        """Take up what ``arrays`` and ``facts`` gave. Raises KeyError or ValueError if unfit."""
        self.language = str(facts["language"])
        classes = tuple(facts["classes"])
        vocabulary = Vocabulary(facts["words"], facts["letters"])
        columns, starts = arrays["neighbour_columns"], arrays["neighbour_starts"]
        shape = (len(starts) - 1, max(vocabulary.size, 1))
        data = arrays["neighbour_data"].astype(np.float32)
        model = LinearModel(
            classes=classes,
            vocabulary=vocabulary,
            planes=Planes(*(arrays[name] for name in ("rarities", "weights", "bias", "centres"))),
            temperature=float(facts["temperature"]),
            selector=Logistic.from_array(arrays["selector"]),
            parts_judge=PartsJudge(Logistic.from_array(arrays["parts_judge"]), arrays["kinship"]),
            floor=float(facts["floor"]),
        )
        held_out = held_out_from_arrays(arrays, facts["ids"], classes)
        self._take(model, csr_array((data, columns, starts), shape=shape), held_out)
        return self


def nearest_rows(rows: csr_array, row: csr_array, most: int) -> list[tuple[int, float]]:
    """(row number, similarity in [0, 1]) of the most similar rows, the most similar first.

    Rows have a squared length of 2, so half their product is a cosine.
    """
    similar = np.clip((rows @ row.T).toarray()[:, 0] / 2, 0.0, 1.0)
    best = np.argsort(-similar, kind="stable")[:most]
    return [(int(i), float(similar[i])) for i in best if similar[i] > 0]
