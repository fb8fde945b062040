"""Sensitive topics in a message. Pure: no Django.

A list entry is a word or phrase; `*` at the end of a word stands for any ending. Words match whole,
whatever their case; up to two other words may stand between the words of a phrase.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

# topic -> language -> entries
TopicLists = Mapping[str, Mapping[str, Sequence[str]]]

PERSON_TOPIC = "person_wanted"
GAP = r"(?:\W+\w+){0,2}?\W+"


@dataclass(frozen=True, slots=True)
class Hit:
    """A topic and the list entry that found it; never the customer's words."""

    topic: str
    entry: str

    @property
    def code(self) -> str:
        return f"{self.topic}:{self.entry}"


class TopicDetector:
    """Finds topics of one set of lists. Every language is searched: people mix them."""

    def __init__(self, lists: TopicLists) -> None:
        self._patterns = [
            (Hit(topic, entry), _pattern(entry))
            for topic, languages in sorted(lists.items())
            for entries in languages.values()
            for entry in entries
        ]
        alternatives = {_first_word(hit.entry) for hit, _ in self._patterns}
        self._first = _compile("|".join(sorted(alternatives))) if alternatives else None

    def find(self, text: str) -> list[Hit]:
        """Hits in the order of the lists, one for each entry."""
        plain = normalise(text)
        if self._first is None or not self._first.search(plain):
            return []
        return [hit for hit, pattern in self._patterns if pattern.search(plain)]


def normalise(text: str) -> str:
    """Lower case, compatibility forms folded, invisible characters and curly quotes removed."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    visible = "".join(c for c in folded if unicodedata.category(c) != "Cf")
    return visible.replace("\u2019", "'").replace("\u2018", "'")


@lru_cache(maxsize=4096)
def _pattern(entry: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){GAP.join(_word(word) for word in entry.split())}(?!\w)")


def _compile(alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)")


def _first_word(entry: str) -> str:
    return _word(entry.split()[0])


def _word(word: str) -> str:
    word = normalise(word)
    return re.escape(word[:-1]) + r"\w*" if word.endswith("*") else re.escape(word)
