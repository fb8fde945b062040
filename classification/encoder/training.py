"""Training of the encoder classifier: one matrix inverse, and everything else follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Protocol

import numpy as np

from classification.contract import OutOfFold, Progress
from classification.encoder.kernel import (
    Features,
    Ridge,
    Sighting,
    closest,
    kernel,
    see_rows_without,
    see_without,
)
from classification.encoder.model import DIRECTIONS, EncoderModel, evidence_of
from classification.reading.read import read
from classification.shared.calibration import (
    Logistic,
    fit_directed,
    fit_floor,
    fit_logistic,
    fit_temperature,
    fold_numbers,
    softmax,
)
from classification.shared.combine import combine
from classification.shared.parts import PartsJudge, choose, units_of
from classification.shared.rows import Rows, held_out_of
from classification.shared.second_request import Joined, fit_parts_judge, join_rows
from classification.shared.tfidf import Vocabulary, count, keep, rarity, weigh
from classification.starter.corpus import strangers

# What stands in for out-of-scope messages teaches which evidence to heed; how sure it makes is
# fitted on the real rows alone. Intents never shown are as close to the others as can be, so they
# count as in the linear classifier; messages that fit no business count more: they are half of what
# comes in, and few of them are at hand.
WEIGHT_OF_UNSHOWN = 0.05
WEIGHT_OF_STRANGERS = 4.0
STAND_IN_FOLDS = 5
# The matrix of so many rows takes 1.2 GB; beyond that an even sample serves.
MOST_ROWS = 12_000
SAMPLE_FOLDS = 100
UNJUDGED = PartsJudge(Logistic(np.zeros(1), np.ones(1), np.zeros(1), 0.0), np.zeros((1, 1)))
EMBEDDED_AT_ONCE = 500


class Parameters(Protocol):
    language: str
    seed: int

    def embed(self, texts: Sequence[str]) -> np.ndarray: ...


@dataclass(frozen=True)
class Trained:
    """``ids`` name the rows whose embeddings the model keeps."""

    model: EncoderModel
    ids: tuple[str, ...]
    out_of_fold: OutOfFold


def train(rows: Rows, parameters: Parameters, progress: Progress) -> Trained:
    """Fit on all rows or, where they are too many for one matrix, on an even sample of them."""
    if len(rows.labels) <= MOST_ROWS:
        return train_on(rows, parameters, progress)
    chosen = even_sample(rows, MOST_ROWS, parameters.seed)
    trained = train_on(rows.only(chosen), parameters, progress)
    rest = np.setdiff1d(np.arange(len(rows.labels)), chosen)
    readings = [read(rows.texts[row], parameters.language) for row in rest.tolist()]
    unseen = held_out_of(rows.only(rest), trained.model.predict(readings, parameters.embed))
    order = np.argsort(np.append(chosen, rest))
    return Trained(trained.model, trained.ids, together(trained.out_of_fold, unseen, order))


def even_sample(rows: Rows, size: int, seed: int) -> np.ndarray:
    """Row numbers, about ``size``, of whole groups taken evenly from every label.

    A label with few rows gives them all.
    """
    folds = fold_numbers(rows.groups.tolist(), rows.labels.tolist(), SAMPLE_FOLDS)
    wanted = np.random.default_rng(seed).permutation(SAMPLE_FOLDS)
    share = int(SAMPLE_FOLDS * size / len(rows.labels))
    few = np.bincount(rows.labels)[rows.labels] < SAMPLE_FOLDS
    return np.flatnonzero(np.isin(folds, wanted[:share]) | few)


def together(first: OutOfFold, second: OutOfFold, order: np.ndarray) -> OutOfFold:
    """Both one after the other, in this order."""
    columns = [(*getattr(first, f.name), *getattr(second, f.name)) for f in fields(OutOfFold)]
    return OutOfFold(*(tuple([column[i] for i in order.tolist()]) for column in columns))


def train_on(rows: Rows, parameters: Parameters, progress: Progress) -> Trained:
    """Fit the ridge on these rows, and the judges on what it says of rows left out."""
    progress("Reading messages", 0.0)
    readings = [read(text, parameters.language) for text in rows.texts]
    folds = fold_numbers(rows.groups.tolist(), rows.labels.tolist())
    joined = join_rows(rows, readings, folds, parameters.seed)
    units = units_of(readings + joined.readings)
    whole = np.array(units.starts[: len(readings)], np.int64)
    vocabulary = Vocabulary().learn(reading.core for reading in readings)
    counts = count(vocabulary, units.texts)
    rarities = rarity(keep(counts, whole)).astype(np.float32)
    words = weigh(counts, rarities, vocabulary.words_end).astype(np.float32)
    features = Features(words, embed_all(units.texts, parameters, progress))
    progress("Solving", 0.6)
    ridge = Ridge.fit(features.of(whole), rows.labels, rows.columns)
    progress("Judging rows left out", 0.8)
    seen = see_left_out(ridge, features, rows, joined, units.starts)
    coefficients = ridge.coefficients.astype(np.float32)
    temperature = fit_temperature(seen.scores[whole], rows.labels)
    unlike = stand_ins(rows, ridge, strange_to(rows, vocabulary, rarities, parameters))
    model = EncoderModel(
        classes=rows.classes,
        vocabulary=vocabulary,
        rarities=rarities,
        word_weights=np.asarray(keep(words, whole).T @ (coefficients / 2), np.float32),
        meanings=features.meaning[whole],
        coefficients=coefficients,
        temperature=temperature,
        selector=fit_selector(rows, seen.of(whole), unlike, temperature),
        parts_judge=UNJUDGED,
        floor=0.0,
    )
    judgement = model.judge_scores(seen.scores, seen.near)
    choices = choose(judgement, len(rows.classes))
    right = np.array([choices.columns[unit][0] for unit in whole.tolist()]) == rows.labels
    model = replace(
        model,
        parts_judge=fit_parts_judge(rows, units, joined, choices, kinship_of(model, rows)),
        floor=fit_floor(judgement.confidence[whole], right, rows.outside),
    )
    predictions = combine(
        readings,
        units.first(len(readings)),
        choices,
        classes=rows.classes,
        parts_judge=model.parts_judge,
        floor=model.floor,
    )
    progress("Trained", 1.0)
    return Trained(model, rows.ids, held_out_of(rows, predictions))


def embed_all(texts: Sequence[str], parameters: Parameters, progress: Progress) -> np.ndarray:
    """Embeddings of all texts, each distinct one embedded once: float32 [texts, width]."""
    distinct = list(dict.fromkeys(texts))
    found = []
    for start in range(0, len(distinct), EMBEDDED_AT_ONCE):
        progress(f"Embedding {len(distinct)} texts", 0.05 + 0.55 * start / len(distinct))
        found.append(parameters.embed(distinct[start : start + EMBEDDED_AT_ONCE]))
    place = {text: row for row, text in enumerate(distinct)}
    return np.vstack(found)[[place[text] for text in texts]]


def see_left_out(
    ridge: Ridge, features: Features, rows: Rows, joined: Joined, starts: Sequence[int]
) -> Sighting:
    """What is said of every unit without its message's group, or without both joined ones'."""
    members: dict[int, list[int]] = {}
    for row, group in enumerate(rows.groups.tolist()):
        members.setdefault(group, []).append(row)
    whole = np.array(starts[: len(rows.labels)], np.int64)
    found = Sighting.empty(len(features.meaning), ridge.coefficients.shape[1])
    found.put(whole, see_rows_without(ridge, [np.array(group) for group in members.values()]))
    sources = [(row,) for row in range(len(rows.labels))] + joined.sources
    others: list[int] = []
    hidden: list[np.ndarray] = []
    for message, source in enumerate(sources):
        out = sorted({row for one in source for row in members[int(rows.groups[one])]})
        first = starts[message] + (message < len(rows.labels))
        others += range(first, starts[message + 1])
        hidden += [np.array(out)] * (starts[message + 1] - first)
    if others:
        found.put(np.array(others), see_without(ridge, features.of(np.array(others)), hidden))
    return found


def strange_to(
    rows: Rows, vocabulary: Vocabulary, rarities: np.ndarray, parameters: Parameters
) -> Features | None:
    """Messages that fit no business, as this one would see them; None without any."""
    own = set(rows.texts)
    texts = [text for text in strangers(parameters.language) if text not in own]
    cores = [read(text, parameters.language).core for text in texts]
    cores = [core for core in cores if core.strip()]
    if not cores:
        return None
    words = weigh(count(vocabulary, cores), rarities, vocabulary.words_end).astype(np.float32)
    return Features(words, parameters.embed(cores))


def stand_ins(
    rows: Rows, ridge: Ridge, strange: Features | None
) -> tuple[Sighting, np.ndarray] | None:
    """What the ridge says of messages that are none of its intents, and what each counts: strangers
    and, where the business has no out-of-scope rows of its own, rows of intents never shown.
    """
    found = []
    if not rows.outside.any() and len(rows.classes) >= 2 * STAND_IN_FOLDS:
        fold = rows.labels % STAND_IN_FOLDS
        hidden = [np.flatnonzero(fold == number) for number in range(STAND_IN_FOLDS)]
        found.append((see_rows_without(ridge, hidden), WEIGHT_OF_UNSHOWN))
    if strange is not None:
        matrix, cosines = kernel(strange, ridge.features)
        seen = Sighting(matrix @ ridge.coefficients, closest(cosines))
        found.append((seen, WEIGHT_OF_STRANGERS))
    if not found:
        return None
    weights = [np.full(len(seen.near), weight) for seen, weight in found]
    return Sighting.joined([seen for seen, _ in found]), np.concatenate(weights)


def fit_selector(
    rows: Rows,
    seen: Sighting,
    unlike: tuple[Sighting, np.ndarray] | None,
    temperature: float,
) -> Logistic:
    """Judge of correctness from what was said of whole messages left out.

    Stand-ins for out-of-scope messages shape what counts as evidence, but not how sure it makes.
    """
    intents = len(rows.classes)
    probabilities = softmax(seen.scores, temperature)
    correct = (probabilities[:, :intents].argmax(axis=1) == rows.labels).astype(np.float64)
    evidence = evidence_of(seen.scores, probabilities, seen.near, intents=intents)
    if unlike is None:
        return fit_directed(evidence, correct, DIRECTIONS)
    strange, counts = unlike
    chances = softmax(strange.scores, temperature)
    other = evidence_of(strange.scores, chances, strange.near, intents=intents)
    judge = fit_directed(
        np.vstack([evidence, other]),
        np.append(correct, np.zeros(len(other))),
        DIRECTIONS,
        row_weights=np.append(np.ones(len(evidence)), counts),
    )
    return judge.rescaled(fit_logistic(judge.logit(evidence)[:, None], correct))


def kinship_of(model: EncoderModel, rows: Rows) -> np.ndarray:
    """Cosine between the mean embeddings of two intents: float32 [intents, intents]."""
    centres = np.vstack(
        [model.meanings[rows.labels == i].mean(axis=0) for i in range(len(rows.classes))]
    )
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return np.asarray(centres @ centres.T, np.float32)
