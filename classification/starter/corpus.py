"""The starter corpus that ships with the product. Pure: no Django.

Ten writers wrote it. Two of them are held out for ever: what they wrote is never trained on, so a
score on it speaks of people whose style the model has not seen.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
OUT_OF_SCOPE = "out_of_scope"
LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled message. `writer` is the group that is kept together."""

    id: str
    text: str
    intent: str
    kind: str  # of out-of-scope messages: greeting, spam, chatter, ...
    hard: bool
    writer: str


def training_examples() -> list[Example]:
    """What the starter model learns from."""
    return [row for path in sorted(FOLDER.glob("training_*.csv")) for row in _read(path)]


@cache
def examples_by_id() -> Mapping[str, Example]:
    """What the starter model learned from, for pages that show what a message is most like."""
    return {row.id: row for row in training_examples()}


def held_out_examples() -> list[Example]:
    """What no model is ever trained on."""
    return [row for path in sorted(FOLDER.glob("held_out_*.csv")) for row in _read(path)]


@cache
def strangers(language: str) -> tuple[str, ...]:
    """Messages that fit no business's intents, for whoever has none of their own to show.

    Empty for another language than the corpus is written in.
    """
    if language != LANGUAGE:
        return ()
    return tuple([row.text for row in training_examples() if row.intent == OUT_OF_SCOPE])


def _read(path: Path) -> Iterator[Example]:
    writer = path.stem.rpartition("_")[2]
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Example(
                row["id"], row["text"], row["intent"], row["kind"], row["hard"] == "yes", writer
            )
