"""One prediction out of what a classifier says of a whole message and of its parts.

The whole speaks for the message, unless it is too unsure and one part is not. Parts that are sure
of another intent are evidence that two things are asked at once; then the confidence falls, so that
a person gets it. How far is learned from mails joined out of two (``second_request``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from classification.calibration import Logistic
from classification.contract import Prediction
from classification.reading import Reading
from tickets.codes import NoIntent

UNREADABLE_CONFIDENCE = 0.01
MOST_ALTERNATIVES = 3
# A whole less sure than the first lets a part speak that is at least as sure as the second: a long
# mail drowns its one request.
UNSURE_WHOLE, SURE_PART = 0.3, 0.5


@dataclass(frozen=True, slots=True)
class Units:
    """Texts to score: each message's whole text, followed by its parts when it has several.

    ``starts`` has one entry per message and a last one, as in a sparse matrix.
    """

    texts: list[str]
    starts: list[int]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a classifier says of each unit.

    ``probabilities`` [units, columns], the intents first and then, where the model knows it, one
    column for out of scope; ``confidence`` [units], that the best intent is right.
    """

    probabilities: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True, slots=True)
class Choices:
    """The best intents of each unit, as plain lists because single numbers are read from them.

    ``outside`` says where out of scope beats them all.
    """

    columns: list[list[int]]
    probabilities: list[list[float]]
    confidence: list[float]
    outside: list[bool]


def units_of(readings: Sequence[Reading]) -> Units:
    """The texts to score for these messages."""
    texts: list[str] = []
    starts = [0]
    for reading in readings:
        texts.append(reading.core)
        if len(reading.parts) > 1:
            texts.extend(reading.parts)
        starts.append(len(texts))
    return Units(texts, starts)


def choose(judgement: Judgement, intents: int) -> Choices:
    """Up to three best intents of each unit, best first; of equal ones the first in order."""
    inside = judgement.probabilities[:, :intents]
    rows = np.arange(len(inside))
    left = inside.copy()
    columns, values = [], []
    for _ in range(min(MOST_ALTERNATIVES, intents)):
        best = left.argmax(axis=1)
        columns.append(best)
        values.append(inside[rows, best])
        left[rows, best] = -1.0
    outside = np.zeros(len(inside), bool)
    if judgement.probabilities.shape[1] > intents:
        outside = judgement.probabilities[:, intents] > values[0]
    return Choices(
        np.column_stack(columns).tolist(),
        np.column_stack(values).tolist(),
        judgement.confidence.tolist(),
        outside.tolist(),
    )


def speaker_of(units: range, choices: Choices) -> int:
    """The unit that speaks for the message."""
    whole, sure = units[0], choices.confidence
    if len(units) == 1 or sure[whole] >= UNSURE_WHOLE:
        return whole
    surest = max(units[1:], key=lambda unit: (sure[unit], -unit))
    return surest if sure[surest] >= SURE_PART and not choices.outside[surest] else whole


def evidence_of_parts(units: range, choices: Choices) -> list[float]:
    """What tells one request told in several sentences from two requests in one mail.

    [logit of the speaker, of the surest part that agrees, of the surest that does not, that
    beyond one, the lesser of the last two].
    """
    speaker = speaker_of(units, choices)
    intent = choices.columns[speaker][0]
    agree = disagree = 0.0
    for unit in units[1:]:
        if choices.columns[unit][0] == intent:
            agree = max(agree, choices.confidence[unit])
        elif not choices.outside[unit]:
            disagree = max(disagree, choices.confidence[unit])
    spoken, own, other = map(_logit, (choices.confidence[speaker], agree, disagree))
    return [spoken, own, other, max(other - 1, 0.0), min(own, other)]


def _logit(chance: float) -> float:
    kept = min(max(chance, 0.01), 0.99)
    return float(np.log(kept / (1 - kept)))


def confidences(starts: Sequence[int], choices: Choices, parts_judge: Logistic) -> list[float]:
    """Confidence per message: the whole's own, or for several parts that of ``parts_judge``."""
    found = [choices.confidence[start] for start in starts[:-1]]
    several = [row for row in range(len(found)) if starts[row + 1] - starts[row] > 1]
    if several:
        ranges = [range(starts[row], starts[row + 1]) for row in several]
        evidence = np.array([evidence_of_parts(units, choices) for units in ranges])
        judged = parts_judge.probability(evidence).tolist()
        for row, confidence in zip(several, judged, strict=True):
            found[row] = confidence
    return found


def combine(
    readings: Sequence[Reading],
    units: Units,
    choices: Choices,
    *,
    classes: Sequence[str],
    parts_judge: Logistic,
    floor: float,
) -> list[Prediction]:
    """One prediction per message. Below ``floor`` a guess is too weak to be called an intent."""
    sure = confidences(units.starts, choices, parts_judge)
    starts = units.starts
    return [
        _one(
            reading,
            speaker_of(range(starts[row], starts[row + 1]), choices),
            min(sure[row], UNREADABLE_CONFIDENCE) if reading.unreadable else sure[row],
            choices=choices,
            classes=classes,
            floor=floor,
        )
        for row, reading in enumerate(readings)
    ]


def _one(
    reading: Reading,
    unit: int,
    confidence: float,
    *,
    choices: Choices,
    classes: Sequence[str],
    floor: float,
) -> Prediction:
    columns, values = choices.columns[unit], choices.probabilities[unit]
    best = classes[columns[0]]
    reason = None
    if reading.unreadable is not None:
        reason = NoIntent.UNREADABLE
    elif choices.outside[unit]:
        reason = NoIntent.OUT_OF_SCOPE
    elif confidence < floor:
        torn = confidence < choices.confidence[unit] or values[1] * 2 >= values[0]
        reason = NoIntent.AMBIGUOUS if torn else NoIntent.OUT_OF_SCOPE
    return Prediction(
        None if reason else best,
        reason,
        confidence,
        best,
        classes[columns[1]],
        values[0] - values[1],
        tuple([(classes[c], v) for c, v in zip(columns, values, strict=True)]),
        reading.language,
        len(reading.parts),
    )
