"""Learning to tell two requests in one mail from one request told in several sentences.

Training data hold few mails with two requests, so some are made: two messages of different intents
joined. Joined messages of one intent stand beside them as what must not be taken for two.
"""

from dataclasses import dataclass

import numpy as np

from classification.calibration import Logistic, fit_logistic
from classification.combining import Choices, Units, evidence_of_parts, speaker_of
from classification.reading import Reading
from classification.rows import Rows

MOST_JOINED = 2000
# Of the mails with several parts we take one in six to hold two requests (0.2 to each 1).
TWO_REQUESTS_PER_ONE = 0.2
# What the joined messages of one intent count together, in rows; matters where few rows have parts.
WEIGHT_OF_SAME = 30.0


@dataclass(frozen=True)
class Joined:
    """Messages joined out of two rows of one fold: ``labels`` [-1 where the intents differ]."""

    readings: list[Reading]
    labels: np.ndarray
    folds: np.ndarray


def join_rows(rows: Rows, readings: list[Reading], folds: np.ndarray, seed: int) -> Joined:
    """As many joined messages as in-scope rows, at most ``MOST_JOINED``, half with two intents."""
    chance = np.random.default_rng(seed)
    usable = np.array([not reading.unreadable for reading in readings]) & ~rows.outside
    first = chance.permutation(np.flatnonzero(usable))[:MOST_JOINED]
    pairs: list[tuple[int, int]] = []
    for number, row in enumerate(first.tolist()):
        alike = rows.labels == rows.labels[row]
        fits = usable & (folds == folds[row]) & (alike if number % 2 else ~alike)
        fits[row] = False
        candidates = np.flatnonzero(fits)
        if len(candidates):
            pairs.append((row, int(chance.choice(candidates))))
    return Joined(
        [_join(readings[a], readings[b]) for a, b in pairs],
        np.array([rows.labels[a] if rows.labels[a] == rows.labels[b] else -1 for a, b in pairs]),
        np.array([folds[a] for a, _ in pairs], np.int64),
    )


def _join(first: Reading, second: Reading) -> Reading:
    end = "" if first.core[-1:] in ".!?" else "."
    core = f"{first.core}{end} {second.core}"
    parts = (*first.parts, *second.parts)
    return Reading(core, parts, first.language, None, first.questions, len(core))


def fit_parts_judge(rows: Rows, units: Units, joined: Joined, choices: Choices) -> Logistic:
    """P(the message has this one intent) for messages of several parts.

    ``units`` and ``choices`` hold the units of the rows, followed by those of ``joined``, all
    judged by models that had not seen them.
    """
    truth = np.concatenate([rows.labels, joined.labels])
    starts = units.starts
    evidence, correct, weights = [], [], []
    two = max(int((joined.labels < 0).sum()), 1)
    same = max(len(joined.labels) - two, 1)
    real = sum(starts[row + 1] - starts[row] > 1 for row in range(len(rows.labels)))
    for row, label in enumerate(truth.tolist()):
        span = range(starts[row], starts[row + 1])
        if len(span) == 1:
            continue
        evidence.append(evidence_of_parts(span, choices))
        correct.append(float(choices.columns[speaker_of(span, choices)][0] == label))
        if row < len(rows.labels):
            weights.append(1.0)
        else:
            total = TWO_REQUESTS_PER_ONE * (real + WEIGHT_OF_SAME) / two
            weights.append(total if label < 0 else WEIGHT_OF_SAME / same)
    if not evidence:  # no two rows to join: trust the speaker
        return Logistic(np.zeros(5), np.ones(5), np.array([1.0, 0, 0, 0, 0]), 0.0)
    return fit_logistic(np.array(evidence), np.array(correct), row_weights=np.array(weights))
