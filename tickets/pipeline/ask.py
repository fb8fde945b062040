"""What a message says: read, predicted, and, where a business wants it, heard a second time.

Nothing here writes a row of a ticket or needs a transaction.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from classification import services as classification
from classification.reading import read as reading_read
from classification.remote import second_key
from classification.remote.llm import SecondOpinion
from classification.services import Answer
from decisions.deciding import decide as decisions
from decisions.deciding.decide import Case
from tickets.models import text_of

logger = logging.getLogger("supportops.asking")


@dataclass(frozen=True, slots=True)
class Question:
    """A message as it was read and predicted, before any transaction opened."""

    text: str
    answer: Answer
    language: str | None
    questions: int
    automatic_mail: bool = False
    asks_for_person: bool = False  # by a button; what the text says is found elsewhere
    second: SecondOpinion | None = None  # None: no other classifier was asked

    @property
    def waited(self) -> timedelta:
        """How long the second opinion took."""
        return timedelta(milliseconds=self.second.milliseconds if self.second else 0)


def ask(subject: str, body: str, *, automatic_mail: bool = False) -> Question:
    """Predict a message. Never raises, writes nothing, needs no transaction."""
    try:
        return ask_many([(subject, body)], automatic_mail=automatic_mail)[0]
    except Exception:
        # Without a prediction the rules can still hand the ticket to a person.
        logger.exception("asking failed")
        return Question(body, Answer(failure="asking_raised"), None, 0, automatic_mail)


def ask_many(
    messages: Sequence[tuple[str, str]], *, automatic_mail: bool = False
) -> list[Question]:
    """Predict messages in one batch."""
    texts = [text_of(subject, body) for subject, body in messages]
    answers = classification.predict_many(texts)
    return [
        question_of(text, answer, automatic_mail)
        for text, answer in zip(texts, answers, strict=True)
    ]


def question_of(text: str, answer: Answer, automatic_mail: bool = False) -> Question:
    """A message with what was predicted of it, read."""
    try:
        read = reading_read.read(text)
        return Question(text, answer, read.language, read.questions, automatic_mail)
    except Exception:
        # Reading belongs to the classifier's side: what it throws leads to a person too.
        logger.exception("reading failed")
        return Question(text, Answer(failure="reading_raised"), None, 0, automatic_mail)


def takes_its_time() -> bool:
    """Whether another machine is asked for a second opinion, so that the worker has to decide."""
    return second_key.is_on()


def with_second_opinions(questions: Sequence[Question], *, now: datetime) -> list[Question]:
    """Ask the second classifier where its word could matter. Slow: for the worker alone, outside
    any transaction."""
    asked = [number for number, question in enumerate(questions) if _wants_second_key(question)]
    opinions = second_key.ask_many([questions[number].text for number in asked], now=now)
    heard = list(questions)
    for number, opinion in zip(asked, opinions, strict=True):
        heard[number] = replace(heard[number], second=opinion)
    return heard


def _wants_second_key(question: Question) -> bool:
    return second_key.is_on() and decisions.wants_second_key(Case(**predicted_facts(question)))


def predicted_facts(question: Question) -> dict[str, Any]:
    """What reading and predicting brought."""
    answer, prediction = question.answer, question.answer.prediction
    common: dict[str, Any] = {
        "text": question.text,
        "classifier": answer.classifier,
        "classifier_failed": answer.failed,
        "language": question.language,
        "questions": question.questions,
        "length": len(question.text),
        "automatic_mail": question.automatic_mail,
        "asks_for_person": question.asks_for_person,
    }
    if prediction is None:
        return common
    return common | {
        "intent": prediction.intent,
        "no_intent": prediction.reason.value if prediction.reason else None,
        "confidence": prediction.confidence,
        "runner_up": prediction.runner_up,
        "margin": prediction.margin,
        "risk": answer.risk,
    }


def second_key_of(question: Question) -> dict[str, Any]:
    """What the other classifier brought; nothing where the business has none."""
    if not second_key.is_on():
        return {}
    opinion = question.second
    return {
        "second_key": opinion.label if opinion else None,
        "second_key_failure": opinion.failure if opinion else second_key.NOT_ASKED,
        "second_key_required": second_key.is_required(),
    }
