"""Kernel ridge regression that says in closed form what it would say of rows it had not seen.

With K the kernel among training rows, targets Y of +1 and -1 and A = (K + λI)⁻¹Y, the model trained
without the rows G has the coefficients A - M[:, G] (M[G, G])⁻¹ A[G], where M = (K + λI)⁻¹; they are
zero in G. Of the rows G themselves it says Y[G] - (M[G, G])⁻¹ A[G]; for a single row this is the
leave-one-out formula (Cawley & Talbot 2004).
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


def _ridged(features: Features) -> np.ndarray:
    """K + λI, filled in blocks because it is the one large thing: float64 [rows, rows]."""
    size = len(features.meaning)
    matrix = np.empty((size, size))
    for start in range(0, size, BLOCK):
        rows = np.arange(start, min(start + BLOCK, size))
        matrix[rows] = kernel(features.of(rows), features)[0]
    matrix[np.diag_indices(size)] += RIDGE
    return matrix


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge: ``inverse`` [rows, rows] of K + λI, ``coefficients`` and ``targets``
    [rows, columns], all float64.
    """

    features: Features
    inverse: np.ndarray
    coefficients: np.ndarray
    targets: np.ndarray

    @classmethod
    def fit(cls, features: Features, labels: np.ndarray, columns: int) -> "Ridge":
        """Raises ValueError when the kernel cannot be inverted, as with embeddings not finite."""
        matrix = _ridged(features)
        # of a symmetric matrix in row order, the lower half is the upper one in column order
        factor, failed = lapack.dpotrf(matrix.T, lower=0, overwrite_a=1)
        inverse, failed_too = lapack.dpotri(factor, lower=0, overwrite_c=1)
        if failed or failed_too:
            raise ValueError("The kernel of the training rows cannot be inverted.")
        inverse = inverse.T
        for row in range(len(inverse) - 1):
            inverse[row, row + 1 :] = inverse[row + 1 :, row]
        wanted = targets(labels, columns)
        return cls(features, inverse, inverse @ wanted, wanted)

    def share(self, rows: np.ndarray) -> np.ndarray:
        """(M[rows, rows])⁻¹ A[rows]: what the model owes to these rows, [rows, columns]."""
        block = self.inverse[np.ix_(rows, rows)]
        return np.asarray(np.linalg.solve(block, self.coefficients[rows]))


@dataclass(frozen=True)
class Sighting:
    """What the ridge says of texts: ``scores`` [texts, columns], ``near`` [texts, NEIGHBOURS] the
    largest cosines to training rows, falling.
    """

    scores: np.ndarray
    near: np.ndarray

    def of(self, rows: np.ndarray) -> "Sighting":
        return Sighting(self.scores[rows], self.near[rows])

    def put(self, rows: np.ndarray, other: "Sighting") -> None:
        """Write what ``other`` says into these rows."""
        self.scores[rows] = other.scores
        self.near[rows] = other.near

    @classmethod
    def joined(cls, sightings: "Sequence[Sighting]") -> "Sighting":
        """One after the other."""
        return cls(np.vstack([s.scores for s in sightings]), np.vstack([s.near for s in sightings]))

    @classmethod
    def empty(cls, texts: int, columns: int) -> "Sighting":
        """Room to put what is seen into."""
        return cls(np.empty((texts, columns)), np.empty((texts, NEIGHBOURS)))


def see_rows_without(ridge: Ridge, hidden: Sequence[np.ndarray]) -> Sighting:
    """What models say of training rows that were trained without these and all hidden with them.

    ``hidden`` are sets of rows that together are all rows, each row in one.
    """
    scores = np.empty_like(ridge.targets)
    near = np.empty((len(scores), NEIGHBOURS))
    for rows in hidden:
        scores[rows] = ridge.targets[rows] - ridge.share(rows)
    set_of = np.empty(len(scores), np.int64)
    for number, rows in enumerate(hidden):
        set_of[rows] = number
    meaning = ridge.features.meaning
    for start in range(0, len(scores), BLOCK):
        part = slice(start, start + BLOCK)
        cosines = meaning[part] @ meaning.T
        cosines[set_of[part, None] == set_of] = -1.0
        near[part] = closest(cosines)
    return Sighting(scores, near)


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
            scores[unit] -= (ridge.inverse[out] @ matrix[place]) @ ridge.share(out)
            cosines[place, out] = -1.0
        near[rows] = closest(cosines)
    return Sighting(scores, near)


def closest(cosines: np.ndarray) -> np.ndarray:
    """The largest cosines of each row, falling, NEIGHBOURS of them (0 where rows are fewer)."""
    found = min(NEIGHBOURS, cosines.shape[1])
    padded = np.zeros((len(cosines), NEIGHBOURS), cosines.dtype)
    padded[:, :found] = -np.sort(np.partition(-cosines, found - 1, axis=1)[:, :found], axis=1)
    return padded
