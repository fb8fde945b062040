"""TF-IDF of words (one and two) and of letters within words (two to five), fast for one message.

The weights are those of scikit-learn's ``TfidfVectorizer`` (sublinear, smoothed, each of the two
blocks with length one); the work is done here because a message must cost tens of microseconds.
Letter grams depend on one word only, so each word's grams are looked up once and remembered.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.sparse import csr_array

TOKEN = re.compile(r"\w+")
SHORTEST_GRAM, LONGEST_GRAM = 2, 5
# Longer "words" are links, keys or noise; their beginning says enough.
LONGEST_WORD = 40
LENGTH_OF_WORDS = 0.8
LENGTH_OF_LETTERS = (2 - LENGTH_OF_WORDS**2) ** 0.5
MOST_REMEMBERED_WORDS = 50_000


class Vocabulary:
    """Numbers for word grams and letter grams, in order of first sight.

    Word grams have the numbers below ``words_end``; letter grams those from there on. While it
    learns it numbers words and letters apart, since the end of the words is not known yet.
    """

    def __init__(self, words: Iterable[str] = (), letters: Iterable[str] = ()) -> None:
        self.words = {gram: number for number, gram in enumerate(words)}
        self.letters = {gram: number for number, gram in enumerate(letters)}
        self._remembered: dict[str, bytes] = {}

    @property
    def words_end(self) -> int:
        return len(self.words)

    @property
    def size(self) -> int:
        return len(self.words) + len(self.letters)

    def learn(self, texts: Iterable[str]) -> "Vocabulary":
        """Number every gram of these texts."""
        for text in texts:
            lower = text.lower()
            for gram in word_grams(lower):
                self.words.setdefault(gram, len(self.words))
            for word in lower.split():
                for gram in letter_grams(word):
                    self.letters.setdefault(gram, len(self.letters))
        self._remembered.clear()
        return self

    def numbers(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(gram numbers of all texts one after the other, how many each text has)."""
        chunks: list[bytes] = []
        sizes = np.zeros(len(texts), np.int64)
        for row, text in enumerate(texts):
            lower = text.lower()
            known = [n for n in map(self.words.get, word_grams(lower)) if n is not None]
            row_chunks = [np.array(known, np.int32).tobytes()]
            row_chunks += [self._letters_of(word) for word in lower.split()]
            chunk = b"".join(row_chunks)
            chunks.append(chunk)
            sizes[row] = len(chunk) // 4
        return np.frombuffer(b"".join(chunks), np.int32), sizes

    def _letters_of(self, word: str) -> bytes:
        found = self._remembered.get(word)
        if found is None:
            numbers = map(self.letters.get, letter_grams(word))
            known = [n + self.words_end for n in numbers if n is not None]
            found = np.array(known, np.int32).tobytes()
            if len(self._remembered) >= MOST_REMEMBERED_WORDS:
                self._remembered.clear()
            self._remembered[word] = found
        return found


def word_grams(lower: str) -> list[str]:
    """Words and pairs of neighbouring words of a lower-case text."""
    tokens = TOKEN.findall(lower)
    pairs = [f"{a} {b}" for a, b in pairwise(tokens)]
    return tokens + pairs


def letter_grams(word: str) -> list[str]:
    """Grams of two to five characters of a word with a space on either side."""
    padded = f" {word[:LONGEST_WORD]} "
    longest = min(LONGEST_GRAM, len(padded))
    return [
        padded[start : start + size]
        for size in range(SHORTEST_GRAM, longest + 1)
        for start in range(len(padded) - size + 1)
    ]


def count(vocabulary: Vocabulary, texts: Sequence[str]) -> csr_array:
    """How often each known gram stands in each text: float64 [texts, vocabulary.size]."""
    numbers, sizes = vocabulary.numbers(texts)
    width = max(vocabulary.size, 1)
    rows = np.repeat(np.arange(len(texts), dtype=np.int64), sizes)
    keys = np.sort(rows * width + numbers)
    first = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(first, append=len(keys)).astype(np.float64)
    cells = keys[first]
    per_row = np.bincount(cells // width, minlength=len(texts))
    starts = np.concatenate([[0], np.cumsum(per_row)]).astype(np.int32)
    columns = (cells % width).astype(np.int32)
    return csr_array((counts, columns, starts), shape=(len(texts), width))


def rarity(counts: csr_array) -> np.ndarray:
    """Smoothed inverse document frequency per gram, 0 for grams in no row: float64 [grams]."""
    rows = counts.shape[0]
    seen = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.where(seen > 0, np.log((1 + rows) / (1 + seen)) + 1, 0.0)


def weigh(counts: csr_array, rarities: np.ndarray, words_end: int) -> csr_array:
    """TF-IDF of counts: (1 + log count) × rarity, the two blocks of a row each of a fixed length.

    Words get ``LENGTH_OF_WORDS`` and letters what makes a whole row's squared length 2. Fewer than
    half to the words was better wherever we looked: misspelled words still share their letters.
    """
    values = (1 + np.log(counts.data)) * rarities[counts.indices]
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    is_letters = counts.indices >= words_end
    block = rows * 2 + is_letters
    # bincount adds in order, so a row's length never depends on its neighbours
    lengths = np.sqrt(np.bincount(block, weights=values**2, minlength=2 * counts.shape[0]))
    values *= np.where(is_letters, LENGTH_OF_LETTERS, LENGTH_OF_WORDS)
    values /= np.where(lengths > 0, lengths, 1.0)[block]
    return csr_array((values, counts.indices, counts.indptr), shape=counts.shape)


def keep(matrix: csr_array, rows: Any) -> csr_array:
    """Some rows of a matrix, by number or mask."""
    return csr_array(matrix[rows])
