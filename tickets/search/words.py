"""The words by which a text is found: without case and accents, and the same on every database.

Pure. Index and question are read by the same function, so whatever it makes of a script it makes
of both.
"""

import re
from collections.abc import Iterable
from unicodedata import combining, normalize

# Written without spaces: each sign is a word of its own.
SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
WORD = re.compile(rf"[{SIGNS}]|[^\W_{SIGNS}]+")
# What the databases hold at most: a longer word is found by its beginning.
LONGEST_WORD = 64  # bytes
MOST_OF_A_TEXT = 3_000


def words_of(*texts: str) -> list[str]:
    """The different words of some texts, in the order in which they first appear."""
    found: dict[str, None] = {}
    for text in texts:
        found.update(dict.fromkeys(WORD.findall(_folded(text))))
    return list(_cut(found))[:MOST_OF_A_TEXT]


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    return "".join(sign for sign in normalize("NFKD", text) if not combining(sign)).casefold()


def _cut(words: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys(
        word
        if len(word) * 4 <= LONGEST_WORD
        else word.encode()[:LONGEST_WORD].decode("utf-8", "ignore")
        for word in words
    )
