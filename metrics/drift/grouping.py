"""Messages that no intent explains, put together by their words. Pure: no Django.

A group of many messages that say the same is a missing intent. Nothing here knows a language:
pieces of words carry over between forms of a word. Measured on the starter texts, where no two
people say the same: of 27 intents, each hidden with 40 messages among 120 of any kind, 15 fill
half or more of one of the three largest groups. It is a hint for people, never a fact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

FARTHEST = 0.45  # mean cosine distance of the messages of a group
LEAST = 5  # messages that make a group
FEWEST_TOPICS, MOST_TOPICS = 8, 30
TOPICS_PER_ROOT = 0.6  # topics for each square root of the number of messages


@dataclass(frozen=True, slots=True)
class Group:
    """Messages that resemble each other, as positions; the most typical come first."""

    members: tuple[int, ...]
    closeness: float  # mean cosine similarity to the middle of the group


def group(texts: Sequence[str]) -> list[Group]:
    """Groups of at least five, the largest first. The same texts give the same groups."""
    vectors = _topics(texts)
    if vectors is None:
        return []
    speaks = np.flatnonzero(np.linalg.norm(vectors, axis=1) > 0)
    if len(speaks) < LEAST:
        return []
    labels = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=FARTHEST
    ).fit_predict(vectors[speaks])
    by_label = [speaks[labels == label] for label in np.unique(labels)]
    groups = [_group(rows, vectors[rows]) for rows in by_label if len(rows) >= LEAST]
    return sorted(groups, key=lambda group: (-len(group.members), group.members))


def _topics(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """A row of length one for each message, zero where it shares nothing; None without words."""
    vectorizer = TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 5),
        sublinear_tf=True,
        strip_accents="unicode",
        min_df=3,
    )
    wanted = min(max(round(TOPICS_PER_ROOT * sqrt(len(texts))), FEWEST_TOPICS), MOST_TOPICS)
    try:
        words = vectorizer.fit_transform(texts)
    except ValueError:  # nothing is shared by three
        return None
    topics = min(wanted, words.shape[1] - 1, words.shape[0] - 1)
    if topics < 1:
        return None
    with np.errstate(invalid="ignore"):  # equal texts have no variance to explain
        reduced = TruncatedSVD(topics, random_state=0).fit_transform(words)
    reduced[np.abs(reduced).max(axis=1) < 1e-9] = 0.0
    return np.asarray(normalize(reduced))


def _group(rows: NDArray[np.int64], vectors: NDArray[np.float64]) -> Group:
    middle = vectors.mean(axis=0)
    nearness = vectors @ (middle / np.linalg.norm(middle))
    order = np.argsort(-nearness, kind="stable")
    return Group(tuple(int(rows[place]) for place in order), float(nearness.mean()))
