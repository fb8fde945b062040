"""One prediction out of what a classifier says of a whole message and of its parts.

The whole speaks for the message, unless it is too unsure and one part is not. Parts that are sure
of another intent are evidence that two things are asked at once; then the confidence falls, so that
a person gets it. How far is learned from mails joined out of two (``second_request``).
"""

from collections.abc import Sequence

from classification.contract import Prediction
from classification.reading.read import Reading
from classification.shared.parts import Choices, PartsJudge, Units, speaker_of
from tickets.codes import NoIntent

UNREADABLE_CONFIDENCE = 0.01
# A greeting can be read; it only wants nothing.
WHY_UNREAD = {"only_greeting": NoIntent.OUT_OF_SCOPE}


def combine(
    readings: Sequence[Reading],
    units: Units,
    choices: Choices,
    *,
    classes: Sequence[str],
    parts_judge: PartsJudge,
    floor: float,
) -> list[Prediction]:
    """One prediction per message. Below ``floor`` a guess is too weak to be called an intent."""
    sure = parts_judge.confidences(units, choices)
    return [
        _predict(
            reading,
            speaker_of(units.of(message), choices),
            min(sure[message], UNREADABLE_CONFIDENCE) if reading.unreadable else sure[message],
            choices=choices,
            classes=classes,
            floor=floor,
        )
        for message, reading in enumerate(readings)
    ]


def _predict(
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
        reason = WHY_UNREAD.get(reading.unreadable, NoIntent.UNREADABLE)
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
