"""What every classifier promises: text in, probabilities out.

A classifier knows nothing of tickets, rules or the database. It says what a message probably
is, how sure it is, and why; what happens then is decided elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from tickets.codes import NoIntent

# Called during long work with a sentence for people and the share done, from 0 to 1.
Progress = Callable[[str, float], None]


# With which the version of a remote classifier begins.
REMOTE_PREFIX = "llm-"


class ClassifierUnavailable(RuntimeError):
    """The classifier cannot run here, for example because its weights are absent."""


class DataUnusable(ValueError):
    """The training data cannot be used. The message says why and where."""


class ModelDamaged(RuntimeError):
    """A stored model is not what was saved. The message names the file."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one message probably is.

    ``intent`` is None exactly when ``reason`` says why not. ``confidence`` is the calibrated
    probability that ``best_guess`` is right, in (0, 1], also when the classifier abstained.
    ``margin`` is the best guess's probability less the runner-up's, in [0, 1].
    ``alternatives`` holds up to three intents with their probabilities, best guess first;
    together they are at most one. ``parts`` counts the pieces the message was read as.
    """

    intent: str | None
    reason: NoIntent | None
    confidence: float
    best_guess: str
    runner_up: str | None
    margin: float
    alternatives: tuple[tuple[str, float], ...]
    language: str | None
    parts: int


@dataclass(frozen=True, slots=True)
class Term:
    """A word and how much it pulled towards the best guess (negative: away from it)."""

    text: str
    weight: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words that carried a prediction and the training messages most like the text.

    ``nearest`` names training messages by id, never by text, with a similarity in [0, 1].
    """

    terms: tuple[Term, ...]
    nearest: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """What the classifier said of its own training rows while it had not seen them.

    Per row, in the order of training: ``ids``, ``best_guess``, ``confidence``, ``margin``,
    ``abstained`` and ``correct`` (the best guess is the row's intent; never for out of scope).
    A first permit for automation is computed from these.
    """

    ids: tuple[str, ...]
    best_guess: tuple[str, ...]
    confidence: tuple[float, ...]
    margin: tuple[float, ...]
    abstained: tuple[bool, ...]
    correct: tuple[bool, ...]


@runtime_checkable
class Classifier(Protocol):
    """A constructor that only stores parameters, and these four."""

    classes_: tuple[str, ...]
    version: str

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One prediction per text, in order; the answer never depends on the neighbours."""
        ...

    def explain(self, text: str, *, nearest: int = 5) -> Explanation:
        """Why this text is predicted as it is; ``nearest`` = 0 leaves the slower half out."""
        ...


class StorableClassifier(Classifier, Protocol):
    """A classifier whose knowledge is arrays and JSON, so that it can be stored without pickles."""

    name: ClassVar[str]

    def arrays(self) -> Mapping[str, Any]:
        """NumPy arrays by name; together with ``facts`` everything prediction needs."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Values that JSON can hold."""
        ...

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> "StorableClassifier":
        """Take up stored knowledge; the counterpart of ``arrays`` and ``facts``."""
        ...
