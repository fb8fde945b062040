"""Kernel ridge regression that says in closed form what it would say of rows it had not seen.

With K the kernel among training rows, targets Y of +1 and -1 and A = (K + λI)⁻¹Y, the model trained
without the rows G has the coefficients A - M[:, G] (M[G, G])⁻¹ A[G], where M = (K + λI)⁻¹; they are
zero in G. For a single row this is the leave-one-out formula (Cawley & Talbot 2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.sparse import csr_array

RIDGE = 0.2
SHARPNESS = 3.0
NEIGHBOURS = 5
# Rows of a kernel computed at once in training.
BLOCK = 512


@dataclass(frozen=True)
class Features:
    """Two views of the same texts, row by row.

    ``words`` is TF-IDF, float32 [rows, grams] with rows of length √2; ``meaning`` are embeddings of
    length 1, float32 [rows, width].
    """

    words: csr_array
    meaning: np.ndarray

    def of(self, rows: np.ndarray) -> "Features":
        return Features(csr_array(self.words[rows]), self.meaning[rows])


def kernel(one: Features, other: Features) -> tuple[np.ndarray, np.ndarray]:
    """(kernel, cosines of the embeddings), both float64 [rows of one, rows of other]."""
    cosines = one.meaning.astype(np.float64) @ other.meaning.T.astype(np.float64)
    by_words = (one.words @ other.words.T).toarray() / 2
    return by_words + np.exp(SHARPNESS * (cosines - 1)), cosines


def targets(labels: np.ndarray, columns: int) -> np.ndarray:
    """+1 in the column of each row's label and -1 elsewhere: float64 [rows, columns]."""
    found = np.full((len(labels), columns), -1.0)
    found[np.arange(len(labels)), labels] = 1.0
    return found


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge: ``inverse`` [rows, rows] of K + λI and ``coefficients`` [rows, columns]."""

    features: Features
    inverse: np.ndarray
    coefficients: np.ndarray

    @classmethod
    def fit(cls, features: Features, labels: np.ndarray, columns: int) -> "Ridge":
        """Raises ValueError when the kernel cannot be inverted, as with embeddings not finite."""
        matrix, _ = kernel(features, features)
        matrix[np.diag_indices_from(matrix)] += RIDGE
        factor, failed = lapack.dpotrf(matrix, lower=1, overwrite_a=1)
        inverse, failed_too = lapack.dpotri(factor, lower=1, overwrite_c=1)
        if failed or failed_too:
            raise ValueError("The kernel of the training rows cannot be inverted.")
        lower = np.tril(inverse)
        inverse = lower + np.tril(lower, -1).T
        return cls(features, inverse, inverse @ targets(labels, columns))

    def without(self, rows: np.ndarray) -> np.ndarray:
        """Coefficients of the model trained without ``rows``: [rows, columns]."""
        block = self.inverse[np.ix_(rows, rows)]
        return np.asarray(
            self.coefficients
            - self.inverse[:, rows] @ np.linalg.solve(block, self.coefficients[rows])
        )


@dataclass(frozen=True)
class Sighting:
    """What the ridge says of texts: ``scores`` [texts, columns], ``near`` [texts, NEIGHBOURS] the
    largest cosines to training rows, falling.
    """

    scores: np.ndarray
    near: np.ndarray

    def of(self, rows: np.ndarray) -> "Sighting":
        return Sighting(self.scores[rows], self.near[rows])

    @classmethod
    def joined(cls, several: Sequence["Sighting"]) -> "Sighting":
        return cls(np.vstack([s.scores for s in several]), np.vstack([s.near for s in several]))


def see_without(ridge: Ridge, units: Features, hidden: Sequence[np.ndarray]) -> Sighting:
    """What models say of ``units`` that were trained without each one's ``hidden`` rows."""
    total, columns = units.meaning.shape[0], ridge.coefficients.shape[1]
    scores, near = np.empty((total, columns)), np.empty((total, NEIGHBOURS))
    for start in range(0, total, BLOCK):
        rows = np.arange(start, min(start + BLOCK, total))
        matrix, cosines = kernel(units.of(rows), ridge.features)
        scores[rows] = matrix @ ridge.coefficients
        for place, unit in enumerate(rows.tolist()):
            out = hidden[unit]
            block = ridge.inverse[np.ix_(out, out)]
            weights = np.linalg.solve(block, ridge.coefficients[out])
            scores[unit] -= (matrix[place] @ ridge.inverse[:, out]) @ weights
            cosines[place, out] = -1.0
        near[rows] = closest(cosines)
    return Sighting(scores, near)


def see_all_without(ridge: Ridge, rows: np.ndarray) -> Sighting:
    """What the model trained without ``rows`` says of them."""
    matrix, cosines = kernel(ridge.features.of(rows), ridge.features)
    cosines[:, rows] = -1.0
    return Sighting(matrix @ ridge.without(rows), closest(cosines))


def closest(cosines: np.ndarray) -> np.ndarray:
    """The largest cosines of each row, falling, NEIGHBOURS of them (0 where rows are fewer)."""
    found = min(NEIGHBOURS, cosines.shape[1])
    padded = np.zeros((len(cosines), NEIGHBOURS), cosines.dtype)
    padded[:, :found] = -np.sort(np.partition(-cosines, found - 1, axis=1)[:, :found], axis=1)
    return padded
