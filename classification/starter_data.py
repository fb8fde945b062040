"""The starter taxonomy and corpus that ship with the product.

Ten writers wrote the corpus. Two of them are held out for ever: what they wrote is never trained
on, so a score on it speaks of people whose style the model has not seen.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from classification.models import Intent

FOLDER = Path(__file__).parent / "starter"
OUT_OF_SCOPE = "out_of_scope"


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


def held_out_examples() -> list[Example]:
    """What no model is ever trained on."""
    return [row for path in sorted(FOLDER.glob("held_out_*.csv")) for row in _read(path)]


def _read(path: Path) -> Iterator[Example]:
    writer = path.stem.rpartition("_")[2]
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Example(
                row["id"], row["text"], row["intent"], row["kind"], row["hard"] == "yes", writer
            )


def install_intents() -> int:
    """Add the starter intents that are not there; how many. What a business changed stays."""
    with (FOLDER / "intents.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = set(Intent.objects.values_list("slug", flat=True))
    new = [
        Intent(position=position, **row)
        for position, row in enumerate(rows)
        if row["slug"] not in known
    ]
    Intent.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)
