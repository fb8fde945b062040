"""The classifier for few examples: a sentence encoder beside TF-IDF, summed as kernels.

Prediction needs NumPy, onnxruntime and tokenizers; the encoder opens when the first text comes.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from classification.contract import (
    ClassifierUnavailable,
    Explanation,
    ModelDamaged,
    OutOfFold,
    Prediction,
    Progress,
)
from classification.encoder.model import EncoderModel
from classification.encoder.weights import DEFAULT_DIRECTORY
from classification.reading.read import read
from classification.shared.calibration import Logistic
from classification.shared.parts import PartsJudge
from classification.shared.rows import Rows, arrays_of_held_out, held_out_from_arrays
from classification.shared.terms import pulls_of_words
from classification.shared.tfidf import Vocabulary, count, weigh
from classification.store import fingerprint

BATCH = 64


@lru_cache(maxsize=2)
def open_encoder(directory: Path) -> Any:
    """The sentence encoder, opened once in a process.

    Raises ClassifierUnavailable when it was not prepared or its libraries are absent.
    """
    try:
        # here, because onnxruntime and tokenizers are installed only where the encoder is wanted
        from classification.encoder.sentences import SentenceEncoder
    except ImportError as error:
        raise ClassifierUnavailable(f"The encoder needs {error.name}, which is absent.") from error
    return SentenceEncoder(directory)


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
        from classification.encoder import training

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
