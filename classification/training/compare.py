"""Two classifiers on the same labelled messages. Pure: no Django.

What counts are the messages that exactly one of them gets right: McNemar's exact test (1947), the
paired difference with its interval (Agresti and Min 2005), and for each intent a one-sided sign
test, adjusted for their number (Holm 1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from scipy.special import bdtrc

Z95 = 1.959963984540054
MOST_LOST = 0.01  # the difference may at worst be one point
DOUBT = 0.05
FEWEST = 100  # fewer labelled messages cannot show that little is lost


@dataclass(frozen=True, slots=True)
class IntentCompared:
    """One true intent: how often only one of the two was right, and whether the second is worse."""

    intent: str
    rows: int
    only_first: int
    only_second: int
    p_worse: float  # Holm-adjusted

    @property
    def is_worse(self) -> bool:
        return self.p_worse <= DOUBT


@dataclass(frozen=True, slots=True)
class Compared:
    """The second classifier against the first. ``difference`` is its accuracy less the first's,
    ``low`` and ``high`` bound it with 95 % confidence; ``p`` is two-sided."""

    rows: int
    both: int
    only_first: int
    only_second: int
    difference: float
    low: float
    high: float
    p: float
    intents: tuple[IntentCompared, ...]

    @property
    def neither(self) -> int:
        return self.rows - self.both - self.only_first - self.only_second

    @property
    def worse(self) -> tuple[IntentCompared, ...]:
        return tuple(one for one in self.intents if one.is_worse)

    @property
    def objections(self) -> tuple[str, ...]:
        """Why the second should not take the first's place; empty when it may."""
        found = []
        if self.rows < FEWEST:
            found.append(f"{self.rows} labelled messages are too few; {FEWEST} are needed.")
        if self.low <= -MOST_LOST:
            found.append(f"It may be as much as {-self.low:.1%} less often right.")
        found += [f"It is worse at {one.intent.replace('_', ' ')}." for one in self.worse]
        return tuple(found)


def compare(first: Sequence[bool], second: Sequence[bool], truths: Sequence[str]) -> Compared:
    """Compare by whether each was right: one entry for each message, with its true label.

    Raises ValueError when lengths differ or nothing is there to compare.
    """
    if not len(first) == len(second) == len(truths):
        raise ValueError("Both classifiers must have answered the same messages.")
    if not truths:
        raise ValueError("There is no labelled message to compare on.")
    pairs = list(zip(first, second, strict=True))
    both, only_first, only_second = _tally(pairs)
    difference, low, high = paired_difference(only_first, only_second, len(pairs))
    return Compared(
        rows=len(pairs),
        both=both,
        only_first=only_first,
        only_second=only_second,
        difference=difference,
        low=low,
        high=high,
        p=mcnemar(only_first, only_second),
        intents=_by_intent(pairs, truths),
    )


def _tally(pairs: Sequence[tuple[bool, bool]]) -> tuple[int, int, int]:
    """(both right, only the first, only the second)."""
    return pairs.count((True, True)), pairs.count((True, False)), pairs.count((False, True))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p of "both are as often right"; 1 where they never differ."""
    more, total = max(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtrc(more - 1, total, 0.5))) if total else 1.0


def paired_difference(only_first: int, only_second: int, rows: int) -> tuple[float, float, float]:
    """(difference of the shares right, its lower, its upper 95 % bound)."""
    # Half a row in each of the four cells: the plain interval is too narrow on few rows.
    b, c, n = only_first + 0.5, only_second + 0.5, rows + 2.0
    centre = (c - b) / n
    spread = Z95 * sqrt((b + c) - (c - b) ** 2 / n) / n
    return (only_second - only_first) / rows, centre - spread, centre + spread


def _by_intent(
    pairs: Sequence[tuple[bool, bool]], truths: Sequence[str]
) -> tuple[IntentCompared, ...]:
    found: dict[str, list[tuple[bool, bool]]] = {}
    for pair, truth in zip(pairs, truths, strict=True):
        found.setdefault(truth, []).append(pair)
    tallies = {intent: _tally(own) for intent, own in found.items()}
    raw = {
        intent: float(bdtrc(b - 1, b + c, 0.5)) if b else 1.0
        for intent, (_, b, c) in tallies.items()
    }
    adjusted = holm(raw)
    return tuple(
        IntentCompared(intent, len(found[intent]), *tallies[intent][1:], adjusted[intent])
        for intent in sorted(found)
    )


def holm(p: dict[str, float]) -> dict[str, float]:
    """Each p adjusted so that all statements together err with at most the stated level."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p, key=lambda name: (p[name], name))):
        largest = max(largest, min(1.0, p[name] * (len(p) - place)))
        adjusted[name] = largest
    return adjusted
