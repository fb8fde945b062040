"""How good a classifier is on labelled messages, as one plain dictionary that JSON can hold.

Out-of-scope messages are judged too: naming an intent for one is an error like any other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import bdtr

from classification.contract import Classifier, OutOfFold, Prediction
from classification.shared.calibration import calibration_error, perfect_range

RISKS = (0.01, 0.02, 0.05)
DOUBT = 0.05
THRESHOLDS = 40
MOST_CONFUSIONS = 20
CURVE_POINTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TrainedOn = Callable[[list[str], list[str]], Classifier]


@dataclass(frozen=True)
class Judged:
    """Predictions beside the truth, as arrays of equal length.

    ``truth`` and ``guess`` number the same intents; out of scope is -1. ``confidence`` is minus
    infinity where the classifier abstained, so that no threshold ever accepts the row.
    """

    intents: tuple[str, ...]
    truth: np.ndarray
    guess: np.ndarray
    stated: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, predictions: Sequence[Prediction], truths: Sequence[str], outside: str) -> "Judged":
        intents = tuple(sorted({t for t in truths if t != outside} | {*_guesses(predictions)}))
        number = {intent: i for i, intent in enumerate(intents)} | {outside: -1}
        called = np.array([p.intent is not None for p in predictions], bool)
        stated = np.array([p.confidence for p in predictions], np.float64)
        return cls(
            intents=intents,
            truth=np.array([number[t] for t in truths], np.int64),
            guess=np.array([number[p.best_guess] for p in predictions], np.int64),
            stated=stated,
            confidence=np.where(called, stated, -np.inf),
        )

    @classmethod
    def of_held_out(cls, kept: OutOfFold, truths: Sequence[str], outside: str) -> "Judged":
        """What a classifier said of its training rows while it had not seen them."""
        intents = tuple(sorted({t for t in truths if t != outside} | {*kept.best_guess}))
        number = {intent: i for i, intent in enumerate(intents)} | {outside: -1}
        stated = np.array(kept.confidence, np.float64)
        return cls(
            intents=intents,
            truth=np.array([number[t] for t in truths], np.int64),
            guess=np.array([number[guess] for guess in kept.best_guess], np.int64),
            stated=stated,
            confidence=np.where(np.array(kept.abstained, bool), -np.inf, stated),
        )

    @property
    def inside(self) -> np.ndarray:
        return np.asarray(self.truth >= 0)

    @property
    def called(self) -> np.ndarray:
        """Where an intent was named: bool [rows]."""
        return np.isfinite(self.confidence)

    @property
    def correct(self) -> np.ndarray:
        """Where an intent was named and is the right one: bool [rows]."""
        return np.asarray(self.called & (self.guess == self.truth))


def _guesses(predictions: Sequence[Prediction]) -> set[str]:
    return {p.best_guess for p in predictions}


def evaluate(
    predictions: Sequence[Prediction], truths: Sequence[str], *, outside: str = "out_of_scope"
) -> dict[str, Any]:
    """Every figure of one classifier on one labelled set.

    Raises ValueError when nothing in scope is among the rows or the lengths differ.
    """
    if len(predictions) != len(truths):
        raise ValueError("Predictions and true intents must be equally many.")
    rows = Judged.of(predictions, truths, outside)
    if not rows.inside.any():
        raise ValueError("There is no row in scope to judge by.")
    return {
        "rows": len(truths),
        "accuracy": float(rows.correct[rows.inside].mean()),
        "best_guess_accuracy": float((rows.guess == rows.truth)[rows.inside].mean()),
        "abstained": float((~rows.called)[rows.inside].mean()),
        "macro_f1": macro_f1(rows),
        "calibration": calibration(rows),
        "intents": per_intent(rows),
        "confusions": confusions(rows),
        "out_of_scope": out_of_scope(rows),
        "risk_coverage": risk_coverage(rows),
        "certified": {str(risk): certified_coverage(rows, risk) for risk in RISKS},
    }


def macro_f1(rows: Judged) -> float:
    """Mean over the intents that occur of the harmonic mean of precision and recall, in scope."""
    truth = rows.truth[rows.inside]
    called = np.where(rows.called, rows.guess, -1)[rows.inside]
    return float(np.mean([_f1(truth == i, called == i) for i in np.unique(truth)]))


def _f1(truth: np.ndarray, called: np.ndarray) -> float:
    return float(2 * (truth & called).sum() / (truth.sum() + called.sum()))


def calibration(rows: Judged) -> dict[str, float]:
    """Calibration error in scope, and the range a perfect model shows by chance on these rows."""
    confidence = rows.stated[rows.inside]
    right = (rows.guess == rows.truth)[rows.inside]
    low, high = perfect_range(confidence)
    return {
        "ece": calibration_error(confidence, right),
        "perfect_low": low,
        "perfect_high": high,
    }


def reliability(rows: Judged, bins: int = 10) -> list[dict[str, float | int]]:
    """Stated confidence against the share right, in bins of equal width; empty ones left out.

    An out-of-scope row is never right, so the diagram speaks of traffic as it was judged.
    """
    right = rows.guess == rows.truth
    place = np.clip(np.ceil(rows.stated * bins).astype(int) - 1, 0, bins - 1)
    return [
        {
            "rows": int((place == number).sum()),
            "stated": float(rows.stated[place == number].mean()),
            "right": float(right[place == number].mean()),
        }
        for number in np.unique(place).tolist()
    ]


def per_intent(rows: Judged) -> dict[str, dict[str, float | int | None]]:
    """Precision and recall of each intent over all rows; None where it was never named or true."""
    found: dict[str, dict[str, float | int | None]] = {}
    for number, intent in enumerate(rows.intents):
        truth, called = rows.truth == number, rows.called & (rows.guess == number)
        right = int((truth & called).sum())
        found[intent] = {
            "rows": int(truth.sum()),
            "precision": right / int(called.sum()) if called.any() else None,
            "recall": right / int(truth.sum()) if truth.any() else None,
        }
    return found


def confusions(rows: Judged) -> list[dict[str, Any]]:
    """Pairs (true intent, named intent) taken for one another, the most frequent first."""
    wrong = rows.called & ~rows.correct & rows.inside
    pairs, counts = np.unique(
        np.column_stack([rows.truth, rows.guess])[wrong], axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")[:MOST_CONFUSIONS]
    return [
        {
            "true": rows.intents[pairs[i][0]],
            "named": rows.intents[pairs[i][1]],
            "rows": int(counts[i]),
        }
        for i in order
    ]


def out_of_scope(rows: Judged) -> dict[str, float | int] | None:
    """How well confidence tells messages that fit no intent; None where there are none.

    ``fpr_at_95_tpr`` is the share of them still accepted where 95 % of those in scope are.
    ``matthews`` is the best correlation over all thresholds, of intents and out of scope together,
    as HINT3 (2020) judges.
    """
    inside = rows.inside
    if inside.all():
        return None
    # abstained rows are less sure than every other, and among each other by what was stated
    sure = np.where(rows.called, rows.stated + 1, rows.stated)
    correlation, threshold = best_matthews(rows)
    lowest = np.sort(sure[inside])[int(0.05 * inside.sum())]
    return {
        "rows": int((~inside).sum()),
        "abstained": float((~rows.called)[~inside].mean()),
        "auroc": auroc(sure[inside], sure[~inside]),
        "fpr_at_95_tpr": float((sure[~inside] >= lowest).mean()),
        "matthews": correlation,
        "matthews_threshold": threshold,
    }


def auroc(higher: np.ndarray, lower: np.ndarray) -> float:
    """Chance that one of ``higher`` is above one of ``lower``; ties count half."""
    ordered = np.sort(lower)
    below = np.searchsorted(ordered, higher, side="left")
    up_to = np.searchsorted(ordered, higher, side="right")
    return float((below + up_to).sum() / (2 * len(higher) * len(lower)))


def best_matthews(rows: Judged) -> tuple[float, float]:
    """(best Matthews correlation over thresholds, its threshold); no threshold names an abstained
    row.
    """
    levels = np.linspace(0, 0.99, 100)
    candidates = np.unique(np.quantile(rows.stated, levels, method="higher"))
    scored = [
        (matthews(rows.truth, np.where(rows.confidence >= t, rows.guess, -1)), float(t))
        for t in candidates
    ]
    return max(scored, key=lambda pair: pair[0])


def matthews(truth: np.ndarray, called: np.ndarray) -> float:
    """Matthews correlation of several classes (Gorodkin 2004); 0 where it is not defined."""
    classes, numbers = np.unique(np.concatenate([truth, called]), return_inverse=True)
    width = len(classes)
    true_counts = np.bincount(numbers[: len(truth)], minlength=width).astype(float)
    called_counts = np.bincount(numbers[len(truth) :], minlength=width).astype(float)
    rows = float(len(truth))
    covariance = (truth == called).sum() * rows - true_counts @ called_counts
    spread = (rows**2 - true_counts @ true_counts) * (rows**2 - called_counts @ called_counts)
    return float(covariance / np.sqrt(spread)) if spread > 0 else 0.0


def risk_coverage(rows: Judged) -> list[dict[str, float]]:
    """Share of wrong rows among the surest tenth, fifth and so on; out of scope counts as wrong."""
    order = np.argsort(-rows.confidence, kind="stable")
    wrong = np.cumsum(~rows.correct[order])
    points = [max(1, round(share * len(order))) for share in CURVE_POINTS]
    return [
        {
            "coverage": n / len(order),
            "risk": float(wrong[n - 1] / n),
            "threshold": max(float(rows.confidence[order[n - 1]]), 0.0),
        }
        for n in points
    ]


def certified_threshold(
    confidence: np.ndarray, correct: np.ndarray, risk: float, *, doubt: float = DOUBT
) -> float | None:
    """Lowest threshold that a walk from two starts certifies, or None.

    Learn then Test (arXiv 2110.01052): 40 thresholds fixed from the confidences alone; from each
    start towards lenient while an exact binomial test at doubt / 2 passes.
    """
    finite = confidence[np.isfinite(confidence)]
    if not len(finite):
        return None
    levels = np.linspace(0.0, 0.98, THRESHOLDS)
    grid = np.unique(np.quantile(finite, levels, method="higher"))[::-1]
    order = np.argsort(-confidence, kind="stable")
    errors_up_to = np.concatenate([[0], np.cumsum(~correct[order])])
    accepted = np.searchsorted(-confidence[order], -grid, side="right")
    errors = errors_up_to[accepted]
    passes = bdtr(errors, accepted, risk) <= doubt / 2
    feasible = np.flatnonzero((1 - risk) ** accepted <= doubt / 2)
    if not len(feasible):
        return None
    first, best = int(feasible[0]), -1
    for start in (first, first + (len(grid) - first) // 2):
        place = start
        while place < len(grid) and passes[place]:
            best = max(best, place)
            place += 1
    return float(grid[best]) if best >= 0 else None


def certified_coverage(
    rows: Judged, risk: float, *, repeats: int = 200, seed: int = 0
) -> dict[str, float]:
    """Mean share automated at thresholds certified on one half and applied to the other.

    ``violated`` is the share of repeats in which the other half was wrong more often than
    ``risk``; it carries that half's own chance, so it may lie a little above the doubt of 5 %.
    """
    chance = np.random.default_rng(seed)
    confidence, correct = rows.confidence, rows.correct
    half = len(confidence) // 2
    coverage, violated, none = [], 0, 0
    for _ in range(repeats):
        order = chance.permutation(len(confidence))
        known, other = order[:half], order[half:]
        threshold = certified_threshold(confidence[known], correct[known], risk)
        if threshold is None:
            coverage.append(0.0)
            none += 1
            continue
        accepted = confidence[other] >= threshold
        coverage.append(float(accepted.mean()))
        violated += bool((~correct[other][accepted]).sum() > risk * accepted.sum() + 1e-9)
    return {
        "coverage": float(np.mean(coverage)),
        "violated": violated / repeats,
        "none": none / repeats,
    }


def learning_curve(
    train: TrainedOn,
    rows: tuple[Sequence[str], Sequence[str]],
    test: tuple[Sequence[str], Sequence[str]],
    *,
    sizes: Sequence[int] = (10, 20, 30),
    seeds: Sequence[int] = (0, 1, 2),
) -> list[dict[str, float]]:
    """Best-guess accuracy with so many examples per intent, over random draws.

    ``rows`` and ``test`` are (texts, intents). An intent with fewer rows gives all it has.
    """
    points = []
    for size in sizes:
        found = []
        for seed in seeds:
            model = train(*some_of_each(*rows, size=size, seed=seed))
            pairs = zip(model.predict(list(test[0])), test[1], strict=True)
            found.append(float(np.mean([p.best_guess == intent for p, intent in pairs])))
        points.append(
            {
                "examples_per_intent": size,
                "accuracy": float(np.mean(found)),
                "lowest": min(found),
                "highest": max(found),
            }
        )
    return points


def some_of_each(
    texts: Sequence[str], intents: Sequence[str], *, size: int, seed: int
) -> tuple[list[str], list[str]]:
    """(texts, intents) with at most ``size`` random rows of each intent."""
    chance = np.random.default_rng(seed)
    labels = np.array(intents, dtype=object)
    chosen = [
        row
        for intent in sorted(set(intents))
        for row in chance.permutation(np.flatnonzero(labels == intent))[:size].tolist()
    ]
    return [texts[row] for row in chosen], [intents[row] for row in chosen]
