"""The classifier for few examples: a sentence encoder beside TF-IDF, summed as kernels.

Prediction needs NumPy, onnxruntime and tokenizers; the encoder opens when the first text comes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from classification.calibration import Logistic, shape_of, softmax
from classification.combining import combine
from classification.contract import (
    ClassifierUnavailable,
    Explanation,
    ModelDamaged,
    OutOfFold,
    Prediction,
    Progress,
)
from classification.explaining import pulls_of_words
from classification.kernel import SHARPNESS, closest
from classification.parts import Judgement, PartsJudge, choose, units_of
from classification.reading import Reading, read
from classification.rows import Rows, arrays_of_held_out, held_out_from_arrays
from classification.store import fingerprint
from classification.tfidf import Vocabulary, count, weigh
from classification.weights import DEFAULT_DIRECTORY

BATCH = 64
# Which way each number of `evidence_of` may speak: the surer, the larger (1) or the smaller (-1).
DIRECTIONS = (1, 1, -1, 1, 1, 1)


@lru_cache(maxsize=2)
def open_encoder(directory: Path) -> Any:
    """The sentence encoder, opened once in a process.

    Raises ClassifierUnavailable when it was not prepared or its libraries are absent.
    """
    try:
        return import_module("classification.sentences").SentenceEncoder(directory)
    except ImportError as error:
        raise ClassifierUnavailable(f"The encoder needs {error.name}, which is absent.") from error


@dataclass(frozen=True)
class EncoderModel:
    """What training found. The columns are ``classes``, then out of scope where it was trained.

    ``word_weights`` float32 [grams, columns] is the TF-IDF half of the kernel, summed up;
    ``meanings`` float32 [rows, width] are the embeddings of the training rows and ``coefficients``
    float32 [rows, columns] their weights in the other half.
    """

    classes: tuple[str, ...]
    vocabulary: Vocabulary
    rarities: np.ndarray
    word_weights: np.ndarray
    meanings: np.ndarray
    coefficients: np.ndarray
    temperature: float
    selector: Logistic
    parts_judge: PartsJudge
    floor: float

    def judge(self, texts: Sequence[str], meanings: np.ndarray) -> Judgement:
        """Judge texts with their embeddings float32 [texts, width]."""
        features = weigh(count(self.vocabulary, texts), self.rarities, self.vocabulary.words_end)
        by_words = features.astype(np.float32) @ self.word_weights
        by_meaning, near = self._compare(meanings)
        return self.judge_scores(by_words + by_meaning, near)

    def predict(
        self, readings: Sequence[Reading], embed: Callable[[Sequence[str]], np.ndarray]
    ) -> list[Prediction]:
        """One prediction per reading, in order."""
        units = units_of(readings)
        choices = choose(self.judge(units.texts, embed(units.texts)), len(self.classes))
        return combine(
            readings,
            units,
            choices,
            classes=self.classes,
            parts_judge=self.parts_judge,
            floor=self.floor,
        )

    def judge_scores(self, scores: np.ndarray, near: np.ndarray) -> Judgement:
        """Judge scores [units, columns] and the cosines of the five nearest rows [units, 5]."""
        probabilities = softmax(scores, self.temperature)
        evidence = evidence_of(scores, probabilities, near, intents=len(self.classes))
        return Judgement(probabilities, self.selector.probability(evidence))

    def _compare(self, meanings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(scores by meaning [units, columns], cosines of the five nearest rows [units, 5]).

        One unit after the other: then its sums never depend on its company, and for a few units
        it is five times faster than one product of matrices, which would copy all rows first.
        """
        scores = np.empty((len(meanings), self.coefficients.shape[1]), np.float32)
        cosines = np.empty((len(meanings), len(self.meanings)), np.float32)
        for unit, meaning in enumerate(meanings):
            cosines[unit] = self.meanings @ meaning
            scores[unit] = np.exp(SHARPNESS * (cosines[unit] - 1)) @ self.coefficients
        return scores, closest(cosines)


def evidence_of(
    scores: np.ndarray, probabilities: np.ndarray, near: np.ndarray, *, intents: int
) -> np.ndarray:
    """What P(correct) is judged by: float64 [units, 6].

    The shape of the probabilities, the largest score, and how near known messages are.
    """
    best = scores[:, :intents].max(axis=1)
    shape = shape_of(probabilities, intents)
    # summed one by one: a mean along rows may add in another order for one row than for many
    mean = (near[:, 0] + near[:, 1] + near[:, 2] + near[:, 3] + near[:, 4]) / 5
    return np.column_stack([shape, best, near[:, 0], mean])


class EncoderClassifier:
    """A frozen sentence encoder beside TF-IDF, with a kernel ridge on top."""

    name: ClassVar[str] = "encoder"
    classes_: tuple[str, ...]
    version: str
    out_of_fold_: OutOfFold

    def __init__(
        self, *, language: str = "en", weights: str | Path = DEFAULT_DIRECTORY, seed: int = 0
    ) -> None:
        self.language = language
        self.weights = weights
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
    ) -> "EncoderClassifier":
        """Train, calibrate and keep the predictions for rows left out with their group.

        Raises ClassifierUnavailable without prepared weights, ValueError for rows that do not fit.
        """
        rows = Rows.of(texts, intents, groups=groups, ids=ids, outside=out_of_scope_label)
        self._open()
        # loaded here because training needs scikit-learn above a certain size, prediction never
        training = import_module("classification.encoder_training")
        trained = training.train(rows, self, progress or (lambda _sentence, _share: None))
        self._take(trained.model, trained.ids, trained.out_of_fold)
        return self

    def _open(self) -> Any:
        return open_encoder(Path(self.weights))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of length 1: float32 [texts, width]."""
        return np.asarray(self._open().embed(texts))

    def _take(self, model: EncoderModel, ids: tuple[str, ...], out_of_fold: OutOfFold) -> None:
        self.model_, self.ids_, self.out_of_fold_ = model, ids, out_of_fold
        self.classes_ = model.classes
        self.version = f"{self.name}-{fingerprint(self.arrays(), self.facts())}"

    @property
    def _ready(self) -> EncoderModel:
        model: EncoderModel | None = getattr(self, "model_", None)
        if model is None:
            raise ClassifierUnavailable("The encoder classifier has not been trained or loaded.")
        return model

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One prediction per text, in order. No text raises."""
        model, predictions = self._ready, list[Prediction]()
        for start in range(0, len(texts), BATCH):
            readings = [read(text, self.language) for text in texts[start : start + BATCH]]
            predictions += model.predict(readings, self.embed)
        return predictions

    def explain(self, text: str, *, nearest: int = 5) -> Explanation:
        """The words that pulled most in the TF-IDF half, and the messages closest in meaning."""
        model, core = self._ready, read(text, self.language).core
        row = weigh(count(model.vocabulary, [core]), model.rarities, model.vocabulary.words_end)
        meaning = self.embed([core])
        probabilities = model.judge([core], meaning).probabilities[0]
        weights = model.word_weights[row.indices]
        pulls = weights[:, int(probabilities[: len(model.classes)].argmax())] - weights.mean(axis=1)
        grams = dict(zip(row.indices.tolist(), (row.data * pulls).tolist(), strict=True))
        similar = np.clip((model.meanings @ meaning[0]), 0.0, 1.0)
        best = np.argsort(-similar, kind="stable")[:nearest].tolist()
        return Explanation(
            terms=pulls_of_words(core, model.vocabulary, grams),
            nearest=tuple([(self.ids_[i], float(similar[i])) for i in best]),
        )

    def arrays(self) -> dict[str, np.ndarray]:
        model = self._ready
        return {
            "rarities": model.rarities,
            "word_weights": model.word_weights,
            "meanings": model.meanings,
            "coefficients": model.coefficients,
            "selector": model.selector.as_array(),
            "parts_judge": model.parts_judge.judge.as_array(),
            "kinship": model.parts_judge.kinship,
            **arrays_of_held_out(self.out_of_fold_, model.classes),
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
            "kept_ids": list(self.ids_),
            "encoder": self._open().sha256,
        }

    def restore(
        self, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]
    ) -> "EncoderClassifier":
        """Take up what ``arrays`` and ``facts`` gave.

        Raises ClassifierUnavailable without prepared weights, ModelDamaged when they are others
        than those trained with, KeyError or ValueError when something does not fit.
        """
        if facts["encoder"] != self._open().sha256:
            raise ModelDamaged(
                f"{self.weights} holds another encoder than the model was made with."
            )
        self.language, classes = str(facts["language"]), tuple(facts["classes"])
        judge = Logistic.from_array(arrays["parts_judge"])
        model = EncoderModel(
            classes=classes,
            vocabulary=Vocabulary(facts["words"], facts["letters"]),
            rarities=arrays["rarities"],
            word_weights=arrays["word_weights"],
            meanings=arrays["meanings"],
            coefficients=arrays["coefficients"],
            temperature=float(facts["temperature"]),
            selector=Logistic.from_array(arrays["selector"]),
            parts_judge=PartsJudge(judge, arrays["kinship"]),
            floor=float(facts["floor"]),
        )
        held_out = held_out_from_arrays(arrays, facts["ids"], classes)
        self._take(model, tuple(facts["kept_ids"]), held_out)
        return self
