"""Training of the linear classifier. Apart from it because scikit-learn is large."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array
from sklearn.svm import LinearSVC

from classification.calibration import (
    Logistic,
    fit_floor,
    fit_logistic,
    fit_temperature,
    fold_numbers,
    softmax,
)
from classification.combining import Units, choose, combine, units_of
from classification.contract import OutOfFold, Progress
from classification.linear import LinearModel, evidence_of
from classification.reading import read
from classification.rows import Rows, held_out_of
from classification.second_request import fit_parts_judge, join_rows
from classification.tfidf import Vocabulary, count, keep, rarity, weigh

# Penalty for a misplaced row; with few rows per intent the planes must bend to them more.
# Stands in until the judge of parts is fitted, which needs the rest of the model.
UNJUDGED = Logistic(np.zeros(1), np.ones(1), np.zeros(1), 0.0)
MANY_EXAMPLES, PENALTY, PENALTY_OF_FEW = 30, 0.5, 1.0


class Parameters(Protocol):
    language: str
    penalty: float | None
    folds: int
    seed: int


@dataclass(frozen=True)
class Trained:
    model: LinearModel
    neighbours: csr_array
    out_of_fold: OutOfFold


def train(rows: Rows, parameters: Parameters, progress: Progress) -> Trained:
    """Fit the planes on all rows, and the calibration on what the folds say of unseen rows."""
    progress("Reading messages", 0.0)
    readings = [read(text, parameters.language) for text in rows.texts]
    folds = fold_numbers(rows.groups.tolist(), rows.labels.tolist(), parameters.folds)
    joined = join_rows(rows, readings, folds, parameters.seed)
    units = units_of(readings + joined.readings)
    vocabulary = Vocabulary().learn(reading.core for reading in readings)
    counts = count(vocabulary, units.texts)
    planes = Planes(vocabulary.words_end, parameters.penalty or _penalty(rows), parameters.seed)
    fold_of_unit = np.repeat(np.append(folds, joined.folds), np.diff(units.starts))
    whole = np.array(units.starts[: len(readings)], np.int64)
    held_out = planes.held_out_scores(counts, whole, rows, fold_of_unit, progress)

    progress("Training on all rows", 0.9)
    weights, bias, rarities, matrix = planes.fit(keep(counts, whole), rows.labels, rows.columns)
    temperature, selector, floor = _calibrate(held_out[whole], rows)
    model = LinearModel(
        classes=rows.classes,
        vocabulary=vocabulary,
        rarities=rarities,
        weights=weights,
        bias=bias,
        temperature=temperature,
        selector=selector,
        parts_judge=UNJUDGED,
        floor=floor,
    )
    choices = choose(model.judge_scores(held_out), len(rows.classes))
    model = replace(model, parts_judge=fit_parts_judge(rows, units, joined, choices))
    predictions = combine(
        readings,
        Units(units.texts, units.starts[: len(readings) + 1]),
        choices,
        classes=rows.classes,
        parts_judge=model.parts_judge,
        floor=floor,
    )
    progress("Trained", 1.0)
    return Trained(model, matrix, held_out_of(rows, predictions))


def _calibrate(scores: np.ndarray, rows: Rows) -> tuple[float, Logistic, float]:
    """(temperature, judge of correctness, floor) from scores of unseen whole messages."""
    temperature = fit_temperature(scores, rows.labels)
    probabilities = softmax(scores, temperature)
    intents = len(rows.classes)
    correct = probabilities[:, :intents].argmax(axis=1) == rows.labels
    evidence = evidence_of(scores, probabilities, intents)
    selector = fit_logistic(evidence, correct.astype(np.float64))
    floor = fit_floor(selector.probability(evidence), correct, rows.labels == intents)
    return temperature, selector, floor


def _penalty(rows: Rows) -> float:
    per_intent = Counter(rows.labels[rows.labels < len(rows.classes)].tolist())
    few = float(np.median(list(per_intent.values()))) < MANY_EXAMPLES
    return PENALTY_OF_FEW if few else PENALTY


@dataclass(frozen=True)
class Planes:
    """Fits one plane per label."""

    words_end: int
    penalty: float
    seed: int

    def fit(
        self, counts: csr_array, labels: np.ndarray, columns: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, csr_array]:
        """(weights [grams, columns], bias [columns], rarities [grams], features), all float32.

        A label without rows, as a fold may leave it, gets a plane that everything lies below.
        """
        rarities = rarity(counts).astype(np.float32)
        features = weigh(counts, rarities, self.words_end)
        machine = LinearSVC(C=self.penalty, random_state=self.seed).fit(features, labels)
        found, offsets = machine.coef_, machine.intercept_
        if len(machine.classes_) == 2:  # then there is one plane for both
            found, offsets = np.vstack([-found, found]), np.append(-offsets, offsets)
        weights = np.zeros((counts.shape[1], columns), np.float32)
        bias = np.full(columns, -1.0, np.float32)
        weights[:, machine.classes_] = found.T
        bias[machine.classes_] = offsets
        return weights, bias, rarities, features.astype(np.float32)

    def held_out_scores(
        self,
        counts: csr_array,
        whole: np.ndarray,
        rows: Rows,
        fold_of_unit: np.ndarray,
        progress: Progress,
    ) -> np.ndarray:
        """Scores of every unit by planes that saw neither it nor its group.

        ``whole`` are the units that are whole messages of ``rows``, ``fold_of_unit`` [units] the
        fold that must not be seen. Returns float32 [units, columns].
        """
        scores = np.zeros((counts.shape[0], rows.columns), np.float32)
        folds = np.unique(fold_of_unit).tolist()
        for done, fold in enumerate(folds):
            progress(f"Judging unseen rows, fold {done + 1} of {len(folds)}", 0.1 + 0.16 * done)
            seen, unseen = fold_of_unit[whole] != fold, fold_of_unit == fold
            weights, bias, rarities, _ = self.fit(
                keep(counts, whole[seen]), rows.labels[seen], rows.columns
            )
            features = weigh(keep(counts, unseen), rarities, self.words_end).astype(np.float32)
            scores[unseen] = features @ weights + bias
        return scores
