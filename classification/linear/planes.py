"""What separating planes say of messages, and what beside their scores tells if they are right."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from classification.shared.calibration import shape_of


@dataclass(frozen=True)
class Planes:
    """One plane per column: intents, then out of scope where it was trained. All float32.

    ``rarities`` [grams]; ``weights`` [grams, columns] and ``bias`` [columns] give the distance to
    each plane; ``centres`` [grams, columns] are the mean directions of each column's rows.
    """

    rarities: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    centres: np.ndarray

    def opinion(self, features: csr_array, words_end: int, intents: int) -> "Opinion":
        """What these planes say of float32 features [rows, grams], the grams of a row in order."""
        is_word = features.indices < words_end
        by_words = _only(features, is_word) @ self.weights
        by_letters = _only(features, ~is_word) @ self.weights
        scores = by_words + by_letters + self.bias
        best = scores[:, :intents].argmax(axis=1)
        rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr))
        near = features.data * self.centres[features.indices, best[rows]]
        return Opinion(
            scores=scores,
            lead_by_words=_lead(by_words, best),
            lead_by_letters=_lead(by_letters, best),
            # features have a length of √2, centres of 1
            likeness=np.bincount(rows, weights=near, minlength=len(best)) / np.sqrt(2),
        )


@dataclass(frozen=True)
class Opinion:
    """Scores [rows, columns], and per row how the best intent stands otherwise.

    ``lead_by_words`` and ``lead_by_letters``: how far it leads when only the words or only the
    letters count; ``likeness``: cosine to the middle of its training rows. A message like nothing
    known can have a clear winner; the middle is then far away.
    """

    scores: np.ndarray
    lead_by_words: np.ndarray
    lead_by_letters: np.ndarray
    likeness: np.ndarray

    def evidence(self, probabilities: np.ndarray, intents: int) -> np.ndarray:
        """What P(correct) is judged by: float64 [rows, 7]."""
        best = self.scores[:, :intents].max(axis=1)
        leads = (self.lead_by_words, self.lead_by_letters)
        return np.column_stack([shape_of(probabilities, intents), best, *leads, self.likeness])

    def put(self, rows: np.ndarray, other: "Opinion") -> None:
        """Write what ``other`` says into these rows."""
        self.scores[rows] = other.scores
        self.lead_by_words[rows] = other.lead_by_words
        self.lead_by_letters[rows] = other.lead_by_letters
        self.likeness[rows] = other.likeness

    def of(self, rows: np.ndarray) -> "Opinion":
        """The opinion on some of the rows."""
        return Opinion(
            self.scores[rows],
            self.lead_by_words[rows],
            self.lead_by_letters[rows],
            self.likeness[rows],
        )

    @classmethod
    def empty(cls, rows: int, columns: int) -> "Opinion":
        """Room to put opinions into."""
        return cls(np.zeros((rows, columns), np.float32), *np.zeros((3, rows)))


def centres_of(features: csr_array, labels: np.ndarray, columns: int) -> np.ndarray:
    """Mean direction of each label's rows, of length 1 or 0: float32 [grams, columns]."""
    members = csr_array(
        (np.ones(len(labels)), (labels, np.arange(len(labels)))), shape=(columns, len(labels))
    )
    sums = (members @ features).toarray()
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    centres = np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 0)
    return np.ascontiguousarray(centres.T.astype(np.float32))


def _only(features: csr_array, chosen: np.ndarray) -> csr_array:
    """The same rows with some of their entries."""
    before = np.concatenate([[0], np.cumsum(chosen)]).astype(np.int32)
    starts = before[features.indptr]
    return csr_array(
        (features.data[chosen], features.indices[chosen], starts), shape=features.shape
    )


def _lead(scores: np.ndarray, best: np.ndarray) -> np.ndarray:
    """How far the best column is above the best of the others."""
    rows = np.arange(len(best))
    others = scores.copy()
    others[rows, best] = -np.inf
    return np.asarray(scores[rows, best] - others.max(axis=1), np.float64)
