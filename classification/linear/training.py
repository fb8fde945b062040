"""Training of the linear classifier. Apart from it because scikit-learn is large."""

from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array
from sklearn.svm import LinearSVC

from classification.contract import DataUnusable, OutOfFold, Progress
from classification.linear.model import LinearModel
from classification.linear.planes import Opinion, Planes, centres_of
from classification.reading.read import read
from classification.shared.calibration import (
    Logistic,
    fit_floor,
    fit_logistic,
    fit_temperature,
    fold_numbers,
    softmax,
)
from classification.shared.combine import combine
from classification.shared.parts import PartsJudge, choose, units_of
from classification.shared.rows import Rows, held_out_of
from classification.shared.second_request import fit_parts_judge, join_rows
from classification.shared.tfidf import Vocabulary, count, keep, rarity, weigh

# Penalty for a misplaced row; with few rows per intent the planes must bend to them more.
MANY_EXAMPLES, PENALTY, PENALTY_OF_FEW = 30, 0.5, 1.0
# The answers are the same as with a hundredth of it, in half the time.
TOLERANCE = 0.01
# Without out-of-scope rows, intents the planes were not shown stand in for them, each row counting
# this much: enough to learn to distrust unlike messages, too little to shift the rest.
WEIGHT_OF_STAND_INS = 0.05
# Stands in until the judges are fitted, which needs the rest of the model.
UNJUDGED = PartsJudge(Logistic(np.zeros(1), np.ones(1), np.zeros(1), 0.0), np.zeros((1, 1)))


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
    whole = np.array(units.starts[: len(readings)], np.int64)
    penalty = parameters.penalty or _penalty(rows)
    trainer = Trainer(rows, keep(counts, whole), vocabulary.words_end, penalty, parameters.seed)
    fold_of_unit = np.repeat(np.append(folds, joined.folds), np.diff(units.starts))
    held_out = trainer.held_out(counts, folds, fold_of_unit, progress)
    progress("Training on all rows", 0.8)
    planes, matrix = trainer.fit(np.arange(len(readings)))
    temperature = fit_temperature(held_out.scores[whole], rows.labels)
    progress("Judging intents never shown", 0.9)
    selector = fit_selector(rows, held_out.of(whole), trainer.stand_ins(), temperature)
    model = LinearModel(
        rows.classes, vocabulary, planes, temperature, selector, parts_judge=UNJUDGED, floor=0.0
    )
    judgement = model.judge_opinion(held_out)
    choices = choose(judgement, len(rows.classes))
    right = np.array([choices.columns[unit][0] for unit in whole.tolist()]) == rows.labels
    model = replace(
        model,
        parts_judge=fit_parts_judge(rows, units, joined, choices, kinship_of(planes, rows)),
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
    return Trained(model, matrix, held_out_of(rows, predictions))


def kinship_of(planes: Planes, rows: Rows) -> np.ndarray:
    """Cosine between the centres of two intents: float32 [intents, intents]."""
    centres = planes.centres[:, : len(rows.classes)]
    return centres.T @ centres


def _penalty(rows: Rows) -> float:
    per_intent = Counter(rows.labels[~rows.outside].tolist())
    few = float(np.median(list(per_intent.values()))) < MANY_EXAMPLES
    return PENALTY_OF_FEW if few else PENALTY


def fit_selector(
    rows: Rows, held_out: Opinion, stand_ins: Opinion | None, temperature: float
) -> Logistic:
    """Judge of correctness from opinions on unseen whole messages.

    Stand-ins for out-of-scope messages shape what counts as evidence, but not how sure it makes:
    the last step fits the scale on the real rows alone.
    """
    intents = len(rows.classes)
    probabilities = softmax(held_out.scores, temperature)
    correct = (probabilities[:, :intents].argmax(axis=1) == rows.labels).astype(np.float64)
    evidence = held_out.evidence(probabilities, intents)
    if stand_ins is None:
        return fit_logistic(evidence, correct)
    unlike = stand_ins.evidence(softmax(stand_ins.scores, temperature), intents)
    weights = np.append(np.ones(len(evidence)), np.full(len(unlike), WEIGHT_OF_STAND_INS))
    judge = fit_logistic(
        np.vstack([evidence, unlike]),
        np.append(correct, np.zeros(len(unlike))),
        row_weights=weights,
    )
    scale = fit_logistic(judge.logit(evidence)[:, None], correct)
    return judge.rescaled(scale)


@dataclass(frozen=True)
class Trainer:
    """Fits planes on some of the rows. ``counts`` [rows, grams] are of whole messages."""

    rows: Rows
    counts: csr_array
    words_end: int
    penalty: float
    seed: int

    def fit(self, chosen: np.ndarray) -> tuple[Planes, csr_array]:
        """(planes, float32 features of the chosen rows).

        A label without rows, as a fold may leave it, gets a plane that everything lies below.
        """
        counts, labels = keep(self.counts, chosen), self.rows.labels[chosen]
        if len(np.unique(labels)) < 2:
            raise DataUnusable(
                "Too few different messages: without those that resemble each other only one "
                "intent is left. Add messages in other words."
            )
        rarities = rarity(counts).astype(np.float32)
        features = weigh(counts, rarities, self.words_end)
        machine = LinearSVC(C=self.penalty, tol=TOLERANCE, random_state=self.seed)
        machine.fit(features, labels)
        found, offsets = machine.coef_, machine.intercept_
        if len(machine.classes_) == 2:  # then there is one plane for both
            found, offsets = np.vstack([-found, found]), np.append(-offsets, offsets)
        weights = np.zeros((counts.shape[1], self.rows.columns), np.float32)
        bias = np.full(self.rows.columns, -1.0, np.float32)
        weights[:, machine.classes_] = found.T
        bias[machine.classes_] = offsets
        centres = centres_of(features, labels, self.rows.columns)
        return Planes(rarities, weights, bias, centres), features.astype(np.float32)

    def opinion(self, planes: Planes, counts: csr_array) -> Opinion:
        features = weigh(counts, planes.rarities, self.words_end).astype(np.float32)
        return planes.opinion(features, self.words_end, len(self.rows.classes))

    def held_out(
        self, counts: csr_array, folds: np.ndarray, fold_of_unit: np.ndarray, progress: Progress
    ) -> Opinion:
        """What planes say of every unit that saw neither it nor its group.

        ``counts`` [units, grams]; ``folds`` [rows] and ``fold_of_unit`` [units] say which fold must
        not be seen.
        """
        found = Opinion.empty(counts.shape[0], self.rows.columns)
        numbers = np.unique(folds).tolist()
        for done, fold in enumerate(numbers):
            progress(f"Judging unseen rows, fold {done + 1}", 0.1 + 0.7 * done / len(numbers))
            planes, _ = self.fit(np.flatnonzero(folds != fold))
            unseen = np.flatnonzero(fold_of_unit == fold)
            found.put(unseen, self.opinion(planes, keep(counts, unseen)))
        return found

    def stand_ins(self, folds: int = 5) -> Opinion | None:
        """What planes say of rows whose intent they were never shown; None where real
        out-of-scope rows are there or intents are too few to leave some out.
        """
        intents = len(self.rows.classes)
        if self.rows.outside.any() or intents < 2 * folds:
            return None
        found = Opinion.empty(len(self.rows.labels), self.rows.columns)
        for fold in range(folds):
            hidden = self.rows.labels % folds == fold
            planes, _ = self.fit(np.flatnonzero(~hidden))
            unseen = np.flatnonzero(hidden)
            found.put(unseen, self.opinion(planes, keep(self.counts, unseen)))
        return found
