"""A candidate model against the one in force, on messages whose intent people have said.

Knows both the reviews and the classifiers, as plain data; writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from classification import registry
from classification.contract import Prediction
from classification.models import ModelVersion
from classification.starter import corpus
from classification.training.compare import Compared, compare
from decisions.certificates import sample
from decisions.models import Review
from tickets.codes import ReviewPart, ReviewVerdict
from tickets.learning import reserve
from tickets.models import Message, text_of

MOST_REVIEWED = 1_000  # the newest; more would keep somebody waiting for no better answer
NONE = corpus.OUT_OF_SCOPE


@dataclass(frozen=True, slots=True)
class Labelled:
    """A message with the intent that people gave it; the ids where it is a ticket's."""

    text: str
    intent: str
    ticket_id: int | None = None
    requester_id: int | None = None
    u: float = 0.0  # its number in the drawing, and the rate at which it was drawn
    rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A message on which exactly one of the two is right."""

    ticket_id: int | None
    intent: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison on one set of messages found; None for a set without messages."""

    source: str
    found: Compared | None
    differences: tuple[Difference, ...]


def reviewed_messages() -> list[Labelled]:
    """Blind-reviewed first messages with their settled label, the newest first.

    Two requests at once and what could not be told are no label; erased words are not there.
    """
    firsts = Review.objects.answered().filter(part=ReviewPart.FIRST).order_by("-ticket_id")
    drawn = {review.ticket_id: review for review in firsts[:MOST_REVIEWED]}
    taken = list(drawn)
    parts: dict[int, list[Review]] = {}
    for part in Review.objects.filter(ticket__in=taken).order_by("id"):
        parts.setdefault(part.ticket_id, []).append(part)
    openings = Message.objects.openings().select_related("ticket")
    labelled = [
        (opening, _label(parts[opening.ticket_id]))
        for opening in openings.filter(ticket__in=taken, erased_at=None)
    ]
    return [
        Labelled(
            text_of(opening.subject, opening.body),
            label,
            ticket_id=opening.ticket_id,
            requester_id=opening.ticket.requester_id,
            u=drawn[opening.ticket_id].u,
            rate=drawn[opening.ticket_id].rate,
        )
        for opening, label in labelled
        if label is not None
    ]


def _label(parts: Sequence[Review]) -> str | None:
    last = sample.last_word(parts)
    if last is None:
        return None
    if last.verdict == ReviewVerdict.INTENT:
        return last.intent
    return NONE if last.verdict == ReviewVerdict.NONE else None


def starter_messages() -> list[Labelled]:
    """What the held-out writers of the starter corpus wrote: no model is ever trained on it."""
    return [Labelled(row.text, row.intent) for row in corpus.held_out_examples()]


def compare_models(first: ModelVersion, second: ModelVersion) -> list[Comparison]:
    """Both on reviewed tickets of people whom no model is trained on and, where both speak of the
    starter intents, on what the corpus holds out.

    Raises:
        ModelDamaged, ClassifierUnavailable: one of the two cannot be loaded.
    """
    models = [load(version) for version in (first, second)]
    unseen = [row for row in reviewed_messages() if reserve.holds(row.requester_id or 0)]
    unseen = of_equal_chance(unseen)
    reviewed = _compare("Blind reviews of people whom no model is trained on", models, unseen)
    known = set(models[0].classes_) & set(models[1].classes_)
    starter = [row for row in starter_messages() if row.intent in known | {NONE}]
    fits = len({row.intent for row in starter}) > len(known) / 2
    held_out = _compare("Starter corpus, held-out writers", models, starter if fits else [])
    return [reviewed, held_out]


def of_equal_chance(rows: Sequence[Labelled]) -> list[Labelled]:
    """Those that had the same chance to be drawn as any other, one for each person. What was likely
    to be automated is drawn more often, and the model in force decided what was likely."""
    lowest = min((row.rate for row in rows), default=1.0)
    kept: dict[int | None, Labelled] = {}
    for row in sorted(rows, key=lambda one: one.ticket_id or 0):
        if row.u < lowest:
            kept.setdefault(row.requester_id, row)
    return list(kept.values())


def load(version: ModelVersion) -> registry.StorableClassifier:
    """The stored classifier. Raises ModelDamaged or ClassifierUnavailable, in one sentence."""
    return registry.load_classifier(
        settings.MODEL_DIR / version.version, expected_sha256=version.manifest_sha256
    )


def _compare(
    source: str, models: Sequence[registry.StorableClassifier], rows: Sequence[Labelled]
) -> Comparison:
    if not rows:
        return Comparison(source, None, ())
    texts = [row.text for row in rows]
    first, second = ([_named(p) for p in model.predict(texts)] for model in models)
    truths = [row.intent for row in rows]
    first_right, second_right = (
        [label == truth for label, truth in zip(answers, truths, strict=True)]
        for answers in (first, second)
    )
    differing = tuple(
        Difference(row.ticket_id, row.intent, one, other)
        for row, one, other in zip(rows, first, second, strict=True)
        if (one == row.intent) != (other == row.intent)
    )
    return Comparison(source, compare(first_right, second_right, truths), differing)


def _named(prediction: Prediction) -> str:
    return prediction.intent or NONE
