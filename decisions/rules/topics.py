"""Sensitive topics in a message. Pure: no Django.

How an entry of a list reads:

- `take to court`: these words in this order in one sentence, up to two other words between each;
- `son ... without asking`: up to twelve other words between, in one sentence or two;
- `self-harm`, `can't`: what a hyphen or apostrophe joins follows each other directly;
- `lawyer*`: any ending; `my-husband|wife died`: one word or the other;
- `is-there/have-you hotline`: one joined group or the other;
- `!battery died`: no topic after all. Its words stand side by side, and every hit of its list that
  shares a word with it is dropped;
- `=human|agent please|now`: a message of nothing but these words, among them one of the first.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

# topic -> language -> entries
TopicLists = Mapping[str, Mapping[str, Sequence[str]]]

PERSON_TOPIC = "person_wanted"
GAP = 2  # other words between two words of an entry
WIDE_GAP = 12  # where the entry says "..."
MOST_READINGS = 4_096  # of one entry: its choices multiply
MOST_REMEMBERED = 10_000  # entries taken apart; the shipped lists have some 3,400
LONGEST_BARE = 12  # words of a message that `=` entries look at

DROPPED = frozenset({"Mn", "Me"})  # accents and what else is put over or under a letter
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and symbols that show nothing
LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u03bf\u03b1\u03bd\u2019\u2018",
    "aeopcyxijsdqoav''",
)
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})
WORD_OR_END = re.compile(r"([^\W_]+)|[.!?;]+(?=[\s\"')]|$)|\n[^\S\n]*\n")


class TopicsInvalid(ValueError):
    """Lists that must not be used. The message says why, for the person who wrote them."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A topic and the list entry that found it; never the customer's words."""

    topic: str
    entry: str

    @property
    def code(self) -> str:
        return f"{self.topic}:{self.entry}"


class _Part:
    """One word of an entry with its alternatives, each under all its spellings."""

    def __init__(self, text: str, gap: int) -> None:
        self.gap = gap  # other words that may stand before this one
        self.exact: dict[str, str] = {}
        self.stems: dict[str, str] = {}
        for word in text.split("|"):
            for spelling in _spellings(word):
                if spelling.endswith("*"):
                    self.stems[spelling[:-1]] = word
                else:
                    self.exact[spelling] = word
        self._lengths = sorted({len(stem) for stem in self.stems})

    @property
    def rarity(self) -> int:
        """How rare the commonest alternative may be: long words are rarer than short ones."""
        return min(map(len, (*self.exact, *self.stems)), default=0)

    def match(self, word: str) -> str | None:
        """The alternative that the word is, as the list has it."""
        found = self.exact.get(word)
        if found is not None:
            return found
        stems = (self.stems.get(word[:length]) for length in self._lengths)
        return next((stem for stem in stems if stem is not None), None)

    def places(self, message: "_Message") -> Iterator[int]:
        if self.stems:
            words = [word for word in message.places if self.match(word)]
        else:
            words = [word for word in self.exact if word in message.places]
        for word in words:
            yield from message.places[word]


class _Message:
    """A message as words, each with its place and the sentence that it stands in."""

    def __init__(self, plain: str) -> None:
        self.words: list[str] = []
        self.sentences: list[int] = []
        self.places: dict[str, list[int]] = defaultdict(list)
        sentence = 0
        for match in WORD_OR_END.finditer(plain):
            if match[1] is None:
                sentence += 1
                continue
            self.places[match[1]].append(len(self.words))
            self.words.append(match[1])
            self.sentences.append(sentence)


class _Entry:
    """An entry, ready to be looked for."""

    def __init__(self, topic: str, reading: str, order: int) -> None:
        self.topic = topic
        self.order = order
        self.takes_away = reading.startswith("!")
        self.bare = reading.startswith("=")
        self.parts = _parts(reading.lstrip("!="), 0 if self.takes_away else GAP)

    def matches(self, message: _Message) -> Iterator[tuple[Hit, tuple[int, ...]]]:
        """What is found from each place where the first word stands, and the places it takes."""
        for start in self.parts[0].places(message):
            match = self._from(message, start)
            if match is not None:
                yield match

    def _from(self, message: _Message, start: int) -> tuple[Hit, tuple[int, ...]] | None:
        # The last place that was reached, and the way there.
        paths: dict[int, tuple[int, ...]] = {start: (start,)}
        for part in self.parts[1:]:
            paths = self._further(message, part, paths)
            if not paths:
                return None
        places = next(iter(paths.values()))
        words = (
            part.match(message.words[place]) or ""
            for part, place in zip(self.parts, places, strict=True)
        )
        return Hit(self.topic, " ".join(words)), places

    def _further(
        self, message: _Message, part: _Part, paths: Mapping[int, tuple[int, ...]]
    ) -> dict[int, tuple[int, ...]]:
        reached: dict[int, tuple[int, ...]] = {}
        for last, way in paths.items():
            for place in range(last + 1, min(last + part.gap + 2, len(message.words))):
                if part.gap <= GAP and message.sentences[place] != message.sentences[last]:
                    break
                if place not in reached and part.match(message.words[place]) is not None:
                    reached[place] = (*way, place)
        return reached

    def alone(self, words: Sequence[str]) -> Hit | None:
        """What a `=` entry finds: the message holds its words and nothing else."""
        if not all(any(part.match(word) for part in self.parts) for word in words):
            return None
        asked = (self.parts[0].match(word) for word in words)
        return next((Hit(self.topic, word) for word in asked if word is not None), None)


class TopicDetector:
    """Finds topics of one set of lists. Every language is searched: people mix them."""

    def __init__(self, lists: TopicLists) -> None:
        listed = [
            (topic, entry)
            for topic, languages in sorted(lists.items())
            for entries in languages.values()
            for entry in entries
        ]
        entries = [
            _Entry(topic, reading, order)
            for order, (topic, entry) in enumerate(listed)
            for reading in _readings(entry)
        ]
        self._bare = [entry for entry in entries if entry.bare]
        # Each entry is looked for only where its rarest word stands in the message.
        self._exact: dict[str, list[_Entry]] = defaultdict(list)
        self._stems: dict[str, list[_Entry]] = defaultdict(list)
        for entry in entries:
            if not entry.bare:
                self._index(entry)
        self._lengths = sorted({len(stem) for stem in self._stems})

    def _index(self, entry: _Entry) -> None:
        rarest = max(entry.parts, key=lambda part: part.rarity)
        for word in rarest.exact:
            self._exact[word].append(entry)
        for stem in rarest.stems:
            self._stems[stem].append(entry)

    def find(self, text: str) -> list[Hit]:
        """Hits in the order of the lists, each once."""
        joined, parted = normalise(text), normalise(text, invisible=" ")
        found = self._find(_Message(joined))
        if parted != joined:
            # An invisible character hides a word, or stands where a space should be.
            found |= self._find(_Message(parted))
        return [hit for hit, _ in sorted(found.items(), key=lambda item: (item[1], item[0].entry))]

    def _find(self, message: _Message) -> dict[Hit, int]:
        found: list[tuple[Hit, int, tuple[int, ...]]] = []
        taken: dict[str, set[int]] = defaultdict(set)
        for entry in self._candidates(message):
            for hit, places in entry.matches(message):
                if entry.takes_away:
                    taken[entry.topic].update(places)
                else:
                    found.append((hit, entry.order, places))
        hits = self._find_bare(message)
        for hit, order, places in found:
            if taken[hit.topic].isdisjoint(places):
                hits[hit] = min(order, hits.get(hit, order))
        return hits

    def _candidates(self, message: _Message) -> list[_Entry]:
        seen: dict[int, _Entry] = {}
        for word in message.places:
            for entry in self._exact.get(word, ()):
                seen[id(entry)] = entry
            for length in self._lengths:
                if length > len(word):
                    break
                for entry in self._stems.get(word[:length], ()):
                    seen[id(entry)] = entry
        return list(seen.values())

    def _find_bare(self, message: _Message) -> dict[Hit, int]:
        if not 0 < len(message.words) <= LONGEST_BARE:
            return {}
        asked = ((entry.alone(message.words), entry.order) for entry in self._bare)
        return {hit: order for hit, order in asked if hit is not None}


def check_lists(lists: Any, *, required: Iterable[str] = ()) -> None:
    """Refuse lists that cannot be searched for, or that leave a required topic without entries.

    Raises:
        TopicsInvalid: with a sentence for the author of the lists.
    """
    if not isinstance(lists, Mapping):
        raise TopicsInvalid("Topics are lists of entries, by topic and language.")
    for topic, languages in lists.items():
        if not isinstance(languages, Mapping):
            raise TopicsInvalid(f"{topic}: give the entries by language.")
        for entries in languages.values():
            if not isinstance(entries, list | tuple):
                raise TopicsInvalid(f"{topic}: give the entries of a language as a list.")
            for entry in entries:
                _check_entry(topic, entry)
    for topic in required:
        if not any(lists.get(topic, {}).values()):
            raise TopicsInvalid(f"{topic}: without entries this topic would never be noticed.")


def _check_entry(topic: str, entry: Any) -> None:
    if not isinstance(entry, str):
        raise TopicsInvalid(f"{topic}: {entry!r} is not a text.")
    if prod(word.count("/") + 1 for word in entry.split()) > MOST_READINGS:
        raise TopicsInvalid(f"{topic}: {entry[:60]!r} … has too many choices; make it two entries.")
    parts = [part for reading in _readings(entry) for part in _parts(reading.lstrip("!="), GAP)]
    words = [spelling for part in parts for spelling in (*part.exact, *part.stems)]
    words += [group for groups in entry.split() for group in groups.split("/") if not group]
    if not words or not all(re.fullmatch(r"[^\W_]+", word) for word in words):
        raise TopicsInvalid(f"{topic}: {entry!r} holds something that is not a word.")


def normalise(text: str, *, invisible: str = "") -> str:
    """Lower case; compatibility forms, accents and lookalike letters folded; what shows nothing
    replaced."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text).casefold()
    kept = (_kept(character, invisible) for character in folded)
    return "".join(kept).translate(LOOKALIKES)


def _kept(character: str, invisible: str) -> str:
    if character.isascii():
        return character
    kind = unicodedata.category(character)
    if kind == "Cf" or character in FILLERS:
        return invisible
    return "" if kind in DROPPED else character


def _readings(entry: str) -> Iterator[str]:
    """The entry for each choice among its groups."""
    for words in product(*(word.split("/") for word in entry.split())):
        yield " ".join(words)


@lru_cache(maxsize=MOST_REMEMBERED)
def _parts(entry: str, gap: int) -> tuple[_Part, ...]:
    """The words of an entry. Remembered: lists are checked and searched entry by entry alike."""
    parts: list[_Part] = []
    wide = False
    for word in entry.split():
        if word == "...":
            wide = True
            continue
        for number, part in enumerate(re.split(r"[^\w*|]+", word)):
            parts.append(_Part(part, 0 if number else WIDE_GAP if wide else gap))
        wide = False
    return tuple(parts)


def _spellings(word: str) -> set[str]:
    """As it stands, without its accents, and with `ae` for `ä`."""
    return {normalise(word), normalise(word.casefold().translate(UMLAUTS))}
