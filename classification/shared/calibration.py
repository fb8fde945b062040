"""Confidence that means what it says: of the messages called 90 % sure, nine in ten are right.

Scores become probabilities by one temperature (Guo 2017); whether the best guess is right is then
judged by a logistic regression on the shape of those probabilities, fitted on predictions for
messages the model was not trained on.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LOWEST, HIGHEST = 1e-4, 0.9999
LOWEST_FLOOR, HIGHEST_FLOOR = 0.1, 0.5
BINS = 15
LETTERS = re.compile(r"[^\W\d_]+")


def softmax(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities [rows, classes] of scores of the same shape."""
    shifted = (scores - scores.max(axis=1, keepdims=True)) / temperature
    exponentials = np.exp(shifted.astype(np.float64))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def fit_temperature(scores: np.ndarray, labels: np.ndarray) -> float:
    """Temperature with the least log loss for class numbers ``labels``, by golden section."""

    def loss(log_temperature: float) -> float:
        chosen = softmax(scores, float(np.exp(log_temperature)))[np.arange(len(labels)), labels]
        return float(-np.log(np.maximum(chosen, 1e-12)).mean())

    low, high, ratio = -5.0, 3.0, (np.sqrt(5) - 1) / 2
    for _ in range(30):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))


def shape_of(probabilities: np.ndarray, intents: int) -> np.ndarray:
    """[logit p1, log p1 - log p2, entropy] per row: float64 [rows, 3].

    p1 is the best among the first ``intents`` columns, p2 the best of all other columns, so a
    column for out-of-scope messages behind them counts against the guess.
    """
    rows = np.arange(len(probabilities))
    safe = np.clip(probabilities, 1e-9, 1 - 1e-9)
    best = np.argmax(safe[:, :intents], axis=1)
    first = safe[rows, best]
    others = safe.copy()
    others[rows, best] = 0
    second = np.maximum(others.max(axis=1), 1e-9)
    entropy = -(safe * np.log(safe)).sum(axis=1)
    logit = np.log(first) - np.log1p(-first)
    return np.column_stack([logit, np.log(first) - np.log(second), entropy])


@dataclass(frozen=True)
class Logistic:
    """A logistic regression: P = 1 / (1 + exp(-(intercept + weights · (x - mean) / scale)))."""

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    intercept: float

    def logit(self, features: np.ndarray) -> np.ndarray:
        # a sum per row, not a matrix product: that may round differently for one row than for many
        return ((features - self.mean) / self.scale * self.weights).sum(axis=1) + self.intercept

    def probability(self, features: np.ndarray) -> np.ndarray:
        """P(correct) per row, kept within [LOWEST, HIGHEST]: float64 [rows]."""
        return np.clip(sigmoid(self.logit(features)), LOWEST, HIGHEST)

    def rescaled(self, scale: "Logistic") -> "Logistic":
        """This one followed by another of one feature, which takes this one's logit."""
        factor = float(scale.weights[0] / scale.scale[0])
        intercept = (self.intercept - float(scale.mean[0])) * factor + scale.intercept
        return Logistic(self.mean, self.scale, self.weights * factor, intercept)

    def as_array(self) -> np.ndarray:
        """All numbers in one row: mean, scale, weights, intercept."""
        return np.concatenate([self.mean, self.scale, self.weights, [self.intercept]])

    @classmethod
    def from_array(cls, numbers: np.ndarray) -> "Logistic":
        width = (len(numbers) - 1) // 3
        mean, scale, weights = numbers[:-1].reshape(3, width)
        return cls(mean, scale, weights, float(numbers[-1]))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logits, -40, 40)))


def fit_logistic(
    features: np.ndarray,
    correct: np.ndarray,
    *,
    row_weights: np.ndarray | None = None,
    ridge: float = 1.0,
) -> Logistic:
    """Newton's method for a logistic regression with a small ridge on standardised features.

    ``correct`` is 0 or 1 per row. Rows that are all alike give the share of correct ones.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    design = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    weights = np.ones(len(features)) if row_weights is None else row_weights
    penalty = np.diag([ridge] * features.shape[1] + [1e-3])
    solution = np.zeros(design.shape[1])
    for _ in range(50):
        chance = sigmoid(design @ solution)
        gradient = design.T @ (weights * (chance - correct)) + penalty @ solution
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design + penalty
        step = np.linalg.solve(curvature, gradient)
        solution -= np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(mean, scale, solution[:-1], float(solution[-1]))


def fit_directed(
    features: np.ndarray,
    correct: np.ndarray,
    directions: Sequence[int],
    *,
    row_weights: np.ndarray | None = None,
) -> Logistic:
    """A logistic regression in which every feature speaks its own way or not at all.

    Features that go together, such as the nearest message and the mean of the five nearest, else
    get large weights of opposite signs, which serve the training rows and mislead on others. The
    one that speaks most against its direction (1 or -1) is left out, until none does.
    """
    ways, kept = np.asarray(directions), np.ones(len(directions), bool)
    found = fit_logistic(features, correct, row_weights=row_weights)
    weights = found.weights
    while (weights * ways < 0).any():
        kept[np.argmin(weights * ways)] = False
        part = fit_logistic(features[:, kept], correct, row_weights=row_weights)
        weights = np.zeros(len(ways))
        weights[kept] = part.weights
        found = Logistic(found.mean, found.scale, weights, part.intercept)
    return found


def fit_floor(confidence: np.ndarray, correct: np.ndarray, outside: np.ndarray) -> float:
    """Confidence below which a guess had better not be called an intent.

    With out-of-scope rows: the floor that settles most rows rightly (right intents called,
    out-of-scope ones not), either kind counting as half of the traffic, as real traffic is.
    Without them ``LOWEST_FLOOR``.
    """
    if not outside.any() or outside.all():
        return LOWEST_FLOOR
    floors = np.linspace(LOWEST_FLOOR, HIGHEST_FLOOR, 81)
    called = confidence[:, None] >= floors
    inside_right = (called & correct[:, None])[~outside].mean(axis=0)
    outside_right = (~called)[outside].mean(axis=0)
    return float(floors[np.argmax(inside_right + outside_right)])


def near_duplicates(texts: Sequence[str]) -> np.ndarray:
    """Group number per text; texts with the same set of words share a group: int64 [texts]."""
    numbers: dict[frozenset[str], int] = {}
    keys = [frozenset(LETTERS.findall(text.lower())) for text in texts]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def fold_numbers(groups: Sequence[object], labels: Sequence[object], folds: int = 5) -> np.ndarray:
    """Fold per row, from 0: a group stays together and every label is dealt out evenly.

    Groups are dealt in order of label and first row, so the same rows always give the same folds.
    """
    first_row: dict[object, int] = {}
    for row, group in enumerate(groups):
        first_row.setdefault(group, row)
    order = sorted(first_row, key=lambda group: (str(labels[first_row[group]]), first_row[group]))
    fold_of = {group: position % folds for position, group in enumerate(order)}
    return np.array([fold_of[group] for group in groups], np.int64)


def calibration_error(confidence: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over bins of equal width, in [0, 1] (Naeini 2015)."""
    if len(confidence) == 0:
        return 0.0
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(place, weights=confidence - correct, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def perfect_range(
    confidence: np.ndarray, *, draws: int = 1000, seed: int = 0, bins: int = BINS
) -> tuple[float, float]:
    """The middle 95 % of the error a perfectly calibrated model shows by chance on these rows.

    Correctness is drawn as Bernoulli(confidence); the error is biased upwards on few rows, so a
    measured one says little without this range beside it.
    """
    chance = np.random.default_rng(seed)
    errors = [
        calibration_error(confidence, chance.random(len(confidence)) < confidence, bins)
        for _ in range(draws)
    ]
    return float(np.quantile(errors, 0.025)), float(np.quantile(errors, 0.975))
