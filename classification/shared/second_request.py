"""Learning to tell two requests in one mail from one request told in several sentences.

Training data hold few mails with two requests, so some are made: two messages of different intents
joined. Joined messages of one intent stand beside them as what must not be taken for two.
"""

from dataclasses import dataclass

import numpy as np

from classification.reading.read import Reading
from classification.shared.calibration import Logistic, fit_logistic
from classification.shared.parts import Choices, PartsJudge, Units, speaker_of
from classification.shared.rows import Rows

MOST_JOINED = 2000
# Of the mails with several parts we take one in eleven to hold two requests.
TWO_REQUESTS_PER_ONE = 0.1
# What the joined messages of one intent count together, in rows; matters where few rows have parts.
WEIGHT_OF_SAME = 30.0


@dataclass(frozen=True)
class Joined:
    """Messages joined out of two rows of one fold, ``sources``; label -1 where intents differ."""

    readings: list[Reading]
    labels: np.ndarray
    folds: np.ndarray
    sources: list[tuple[int, ...]]


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
        list(pairs),
    )


def _join(first: Reading, second: Reading) -> Reading:
    end = "" if first.core[-1:] in ".!?" else "."
    core = f"{first.core}{end} {second.core}"
    parts = (*first.parts, *second.parts)
    return Reading(core, parts, first.language, None, first.questions, len(core))


def fit_parts_judge(
    rows: Rows, units: Units, joined: Joined, choices: Choices, kinship: np.ndarray
) -> PartsJudge:
    """Learn from rows of several parts and from joined messages.

    ``units`` and ``choices`` hold the units of the rows, followed by those of ``joined``, all
    judged by models that had not seen them.
    """
    untaught = PartsJudge(Logistic(np.zeros(11), np.ones(11), np.eye(11)[0], 0.0), kinship)
    truth = np.concatenate([rows.labels, joined.labels]).tolist()
    several = [m for m in range(len(truth)) if units.starts[m + 1] - units.starts[m] > 1]
    if not several:
        return untaught
    evidence, correct = [], []
    for message in several:
        span = units.of(message)
        evidence.append(untaught.evidence(units, span, choices))
        correct.append(choices.columns[speaker_of(span, choices)][0] == truth[message])
    weights = _weights(several, len(rows.labels), truth)
    fitted = fit_logistic(np.array(evidence), np.array(correct, float), row_weights=weights)
    return PartsJudge(fitted, kinship)


def _weights(several: list[int], rows: int, truth: list[int]) -> np.ndarray:
    """Weight of each message: a row 1, the joined ones together what the constants say."""
    real = sum(message < rows for message in several)
    two = sum(message >= rows and truth[message] < 0 for message in several)
    same = len(several) - real - two
    of_two = TWO_REQUESTS_PER_ONE * (real + WEIGHT_OF_SAME) / max(two, 1)
    of_same = WEIGHT_OF_SAME / max(same, 1)
    return np.array([1.0 if m < rows else of_two if truth[m] < 0 else of_same for m in several])
