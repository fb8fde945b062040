"""What training the kernel machine found, and how it judges texts with their embeddings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from classification.contract import Prediction
from classification.encoder.kernel import SHARPNESS, closest
from classification.reading.read import Reading
from classification.shared.calibration import Logistic, shape_of, softmax
from classification.shared.combine import combine
from classification.shared.parts import Judgement, PartsJudge, choose, units_of
from classification.shared.tfidf import Vocabulary, count, weigh

# Which way each number of `evidence_of` may speak: the surer, the larger (1) or the smaller (-1).
DIRECTIONS = (1, 1, -1, 1, 1, 1)


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
