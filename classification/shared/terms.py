"""Which words carried a guess, out of what each gram of the text contributed."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise

from classification.contract import Term
from classification.shared.tfidf import TOKEN, Vocabulary, letter_grams

MOST_TERMS = 8


def pulls_of_words(
    core: str, vocabulary: Vocabulary, grams: Mapping[int, float]
) -> tuple[Term, ...]:
    """How much each word pulled: its own gram, its letters, half of the pairs it is in.

    ``grams`` holds the pull of each gram over all its places; a place gets its share.
    """
    lower = core.lower()
    places = Counter(vocabulary.numbers([core])[0].tolist())
    share = {gram: pull / places[gram] for gram, pull in grams.items()}
    pulls: dict[str, float] = defaultdict(float)
    for word in lower.split():
        shown = word.strip(".,;:!?\"'()") or word
        for gram in letter_grams(word):
            number = vocabulary.letters.get(gram, -1) + vocabulary.words_end
            pulls[shown] += share.get(number, 0.0) if gram in vocabulary.letters else 0.0
    tokens = TOKEN.findall(lower)
    for token in tokens:
        pulls[token] += share.get(vocabulary.words.get(token, -1), 0.0)
    for first, second in pairwise(tokens):
        half = share.get(vocabulary.words.get(f"{first} {second}", -1), 0.0) / 2
        pulls[first] += half
        pulls[second] += half
    strongest = sorted(pulls.items(), key=lambda item: (-abs(item[1]), item[0]))
    return tuple([Term(text, weight) for text, weight in strongest[:MOST_TERMS] if weight])
