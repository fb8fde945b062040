"""What certificates cover on public data, and how often they turn out wrong.

BANKING77: thresholds earned on out-of-fold answers of the training messages, applied to the test
messages. Curekart: one half of the test messages as live reviews, looked at every 25 rows, applied
to the other half; 54 % of them fit no intent, and each of those is an error when it is automated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classification.contract import ClassifierUnavailable
from decisions.bounds.binomial import LIVE_END, grid_of, permit
from decisions.rules.acceptance import LOWEST_TESTED
from supportops.benchmarks.quality import known_risk
from supportops.benchmarks.quality.classifiers import Labelled, read, train

ALPHAS = (0.02, 0.05)
SPLITS = 20
SEED = 20_261_128


@dataclass(frozen=True, slots=True)
class Answered:
    """Confidence and wrongness of each message; minus infinity where the model abstained."""

    stated: np.ndarray
    wrong: np.ndarray

    def of(self, rows: np.ndarray) -> "Answered":
        return Answered(self.stated[rows], self.wrong[rows])

    def __len__(self) -> int:
        return len(self.stated)


def lines(data: Path, classifiers: Sequence[str]) -> Iterator[str]:
    if not (data / "banking77/test.csv").is_file():
        yield f"\nThere is no public data in {data}; coverage was not measured."
        return
    for name in classifiers:
        try:
            yield f"\n{name}"
            yield from _banking(name, data)
            yield from _curekart(name, data)
        except ClassifierUnavailable as error:
            yield f"  left out: {error}"


def _banking(name: str, data: Path) -> Iterator[str]:
    test = read(data / "banking77/test.csv")
    model = train(name, read(data / "banking77/train.csv"))
    kept, answered = model.out_of_fold_, answers(model, test)
    away = np.asarray(kept.abstained)
    own = Answered(np.where(away, -np.inf, kept.confidence), ~np.asarray(kept.correct, dtype=bool))
    for alpha in ALPHAS:
        tried = own.stated >= LOWEST_TESTED
        found = permit(
            own.stated[tried].tolist(),
            own.wrong[tried].tolist(),
            alpha=alpha,
            delta=known_risk.DELTA,
            of=len(own),
        )
        yield _taken(
            f"BANKING77 held-out to test, {alpha:.0%}", found.threshold if found else None, answered
        )
    live = [_live(answered, alpha, np.random.default_rng(SEED)) for alpha in ALPHAS]
    for alpha, (threshold, _, other) in zip(ALPHAS, live, strict=True):
        yield _taken(f"BANKING77 half of the test as live reviews, {alpha:.0%}", threshold, other)


def _curekart(name: str, data: Path) -> Iterator[str]:
    answered = answers(
        train(name, read(data / "curekart/train.csv")), read(data / "curekart/test.csv")
    )
    for alpha in ALPHAS:
        coverage, errors, automated, granted, broken = [], 0, 0, 0, 0
        for split in range(SPLITS):
            threshold, _, other = _live(answered, alpha, np.random.default_rng(SEED + split))
            taken = other.stated >= (np.inf if threshold is None else threshold)
            coverage.append(float(taken.mean()))
            granted += threshold is not None
            errors += int(other.wrong[taken].sum())
            automated += int(taken.sum())
            broken += bool(other.wrong[taken].sum() > alpha * taken.sum() + 1e-9)
        rate = f"{errors / automated:.2%} wrong" if automated else "nothing automated"
        yield (
            f"  Curekart halves as live reviews, {alpha:.0%}, {SPLITS} splits: certificates in "
            f"{granted}, mean coverage {np.mean(coverage):.1%}, {rate}, above {alpha:.0%} in "
            f"{broken} halves of about {len(answered) // 2} messages"
        )


def _live(
    answered: Answered, alpha: float, chance: np.random.Generator
) -> tuple[float | None, Answered, Answered]:
    """The threshold that one half earns as live reviews, with both halves."""
    order = chance.permutation(len(answered))
    known, other = (
        answered.of(order[: len(answered) // 2]),
        answered.of(order[len(answered) // 2 :]),
    )
    # The thresholds come from confidences outside of the labelled half.
    steps = grid_of(other.stated[other.stated >= LOWEST_TESTED], end=LIVE_END)
    looks = np.arange(24, len(known), 25)
    reached = known_risk.ever_reached(known.stated, known.wrong, steps, looks, alpha)
    return (float(steps[max(reached)]) if reached else None), known, other


def answers(model: Any, test: Labelled) -> Answered:
    predictions = model.predict(test.texts)
    return Answered(
        np.array([p.confidence if p.intent is not None else -np.inf for p in predictions]),
        np.array([p.intent != truth for p, truth in zip(predictions, test.intents, strict=True)]),
    )


def _taken(what: str, threshold: float | None, answered: Answered) -> str:
    if threshold is None:
        return f"  {what}: no certificate"
    taken = answered.stated >= threshold
    errors, rows = int(answered.wrong[taken].sum()), int(taken.sum())
    return (
        f"  {what}: threshold {threshold:.3f}, coverage {taken.mean():.1%}, "
        f"{errors} of {rows} wrong, {errors / max(1, rows):.2%}"
    )
