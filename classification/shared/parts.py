"""A message as a whole and its parts: which speaks for it, and if two things are asked at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from classification.reading.read import Reading
from classification.shared.calibration import Logistic

MOST_ALTERNATIVES = 3
# A whole less sure than the first lets a part speak that is at least as sure as the second: a long
# mail drowns its one request.
UNSURE_WHOLE, SURE_PART = 0.3, 0.5
MOST_COUNTED = 4


@dataclass(frozen=True, slots=True)
class Units:
    """Texts to score: each message's whole text, followed by its parts when it has several.

    ``starts`` has one entry per message and a last one, as in a sparse matrix.
    """

    texts: list[str]
    starts: list[int]

    def of(self, message: int) -> range:
        """The units of one message, the whole first."""
        return range(self.starts[message], self.starts[message + 1])

    def first(self, messages: int) -> "Units":
        """The same units, counting only the first messages."""
        return Units(self.texts, self.starts[: messages + 1])


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


@dataclass(frozen=True)
class PartsJudge:
    """P(the message has this one intent) for messages of several parts.

    ``kinship`` [intents, intents] says how alike two intents are, at most 1. Told in two sentences,
    one request often sounds like two related intents, seldom like two unrelated ones.
    """

    judge: Logistic
    kinship: np.ndarray

    def confidences(self, units: Units, choices: Choices) -> list[float]:
        """Confidence per message: the whole's own, or for several parts the judged one."""
        messages = range(len(units.starts) - 1)
        found = [choices.confidence[units.starts[message]] for message in messages]
        several = [m for m in messages if units.starts[m + 1] - units.starts[m] > 1]
        if several:
            evidence = [self.evidence(units, units.of(m), choices) for m in several]
            judged = self.judge.probability(np.array(evidence)).tolist()
            for message, confidence in zip(several, judged, strict=True):
                found[message] = confidence
        return found

    def evidence(self, units: Units, span: range, choices: Choices) -> list[float]:
        """What tells one request told in several sentences from two requests in one mail.

        Logits of the speaker, of the surest part that agrees and the surest that does not; how kin
        the latter's intent is, whether it stands last, how long it is; and how much is asked.
        """
        sure, columns = choices.confidence, choices.columns
        speaker = speaker_of(span, choices)
        intent = columns[speaker][0]
        agree, disagree, rival = 0.0, 0.0, -1
        for unit in span[1:]:
            if columns[unit][0] == intent:
                agree = max(agree, sure[unit])
            elif not choices.outside[unit] and sure[unit] > disagree:
                disagree, rival = sure[unit], unit
        spoken, own, other = map(_logit, (sure[speaker], agree, disagree))
        kin = float(self.kinship[intent, columns[rival][0]]) if rival >= 0 else 1.0
        words = units.texts[rival].count(" ") + 1 if rival >= 0 else 0
        whole = units.texts[span[0]]
        return [
            spoken,
            own,
            other,
            max(other - 1, 0.0),
            min(own, other),
            kin,
            kin * other,
            float(rival == span[-1]),
            words / (whole.count(" ") + 1),
            float(min(sum("?" in units.texts[unit] for unit in span[1:]), MOST_COUNTED)),
            float(min(len(span) - 1, MOST_COUNTED)),
        ]


def _logit(chance: float) -> float:
    kept = min(max(chance, 0.01), 0.99)
    return log(kept / (1 - kept))
