"""Measures the classifiers on public data and prints them beside their targets.

    python -m supportops.benchmarks.quality.classifiers --data DIRECTORY [--quick]

The directory holds `banking77/{train,test}.csv` and `curekart/{train,test}.csv` with the columns
`text` and `intent`. Nothing here asserts anything: figures of speed belong to the machine.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from classification import registry, store
from classification.contract import ClassifierUnavailable
from classification.training.evaluate import evaluate, learning_curve
from decisions.bounds.binomial import permit

OUTSIDE = "out_of_scope"
OUTSIDE_THERE = "NO_NODES_DETECTED"  # what the shop data call it
SEEDS = (0, 1, 2)
DRAWS = 5
REVIEWED = 200
ODD_TEXTS = ["", " ", "🙂🙂🙂", "asdfgh qwer zxcv", "где мой заказ", "我的订单在哪里", "…?!", "x"]


@dataclass(frozen=True, slots=True)
class Labelled:
    texts: list[str]
    intents: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def of(self, rows: Sequence[int]) -> "Labelled":
        return Labelled([self.texts[i] for i in rows], [self.intents[i] for i in rows])


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: what, the target of each classifier, what was reached."""

    what: str
    target: str
    reached: str


def read(path: Path) -> Labelled:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    intents = [OUTSIDE if row["intent"] == OUTSIDE_THERE else row["intent"] for row in rows]
    return Labelled([row["text"] for row in rows], intents)


def train(name: str, data: Labelled) -> Any:
    return registry.train_classifier(name, data.texts, data.intents)


# Targets, as (linear, encoder).
TARGETS = {
    "accuracy": ("≥ 91.3 %", "≥ 94.0 %"),
    "few": ("≥ 73 / 81 / 84 %", "≥ 85 / 89 / 91 %"),
    "ece": ("≤ 0.020", "≤ 0.015"),
    "coverage": ("≥ 78 %", "≥ 85 %"),
    "shop": ("≥ 0.84 / 0.66", "≥ 0.88 / 0.70"),
    "loop": ("–", "≥ 0.74"),
    "odd": ("0", "0"),
    "one": ("≤ 2 / 3 ms", "≤ 6 / 12 ms"),
    "batch": ("≥ 9,000/s", "≥ 400/s"),
    "load": ("≤ 1.5 s, 120 MB", "≤ 2 s, 250 MB"),
    "training": ("≤ 40 s", "≤ 120 s"),
}


def measure(name: str, data: Path, *, quick: bool) -> Iterator[Line]:
    """All rows of the table for one classifier, as they are measured."""
    column = 1 if name == "encoder" else 0

    def line(key: str, what: str, reached: str) -> Line:
        return Line(what, TARGETS[key][column], reached)

    rows, test = read(data / "banking77/train.csv"), read(data / "banking77/test.csv")
    started = time.process_time()  # of this process: a busy machine does not count
    model = train(name, rows)
    seconds = time.process_time() - started
    figures = evaluate(model.predict(test.texts), test.intents, outside=OUTSIDE)
    yield line("accuracy", "BANKING77 accuracy", f"{figures['accuracy']:.1%}")
    calibration = figures["calibration"]
    ranged = f"{calibration['perfect_low']:.3f} to {calibration['perfect_high']:.3f}"
    reached = f"{calibration['ece']:.3f} (a perfect model {ranged})"
    yield line("ece", "Calibration error", reached)
    yield line("coverage", "Certified at 2 %, held-out to test", certified(model, test))
    if not quick:
        curve = learning_curve(
            lambda texts, intents: train(name, Labelled(texts, intents)),
            (rows.texts, rows.intents),
            (test.texts, test.intents),
            seeds=SEEDS,
        )
        shown = " / ".join(f"{point['accuracy']:.1%}" for point in curve)
        yield line("few", "10 / 20 / 30 examples an intent", shown)
    yield from shop(name, data, line, quick=quick)
    yield line("odd", "Odd texts answered", str(answered(model, ODD_TEXTS)))
    p50, p99 = latency(model, test.texts[:500])
    yield line("one", "One message, p50 / p99", f"{p50:.1f} / {p99:.1f} ms")
    yield line("batch", "Batch", f"{batch_rate(model, test.texts):,.0f}/s")
    yield line("load", "Load, memory", loading(model))
    yield line("training", f"Training, {len(rows):,} rows", f"{seconds:.0f} s")


def certified(model: Any, test: Labelled) -> str:
    """The threshold that out-of-fold answers earn at 2 %, applied to the test messages."""
    kept = model.out_of_fold_
    stated = [c for c, away in zip(kept.confidence, kept.abstained, strict=True) if not away]
    wrong = [not r for r, away in zip(kept.correct, kept.abstained, strict=True) if not away]
    found = permit(stated, wrong, alpha=0.02, delta=0.05, of=len(kept.confidence))
    if found is None:
        return "nothing"
    predictions = model.predict(test.texts)
    accepted = [
        p.intent == truth
        for p, truth in zip(predictions, test.intents, strict=True)
        if p.intent is not None and p.confidence >= found.threshold
    ]
    errors = len(accepted) - sum(accepted)
    return f"{len(accepted) / len(test):.1%}, {errors / max(1, len(accepted)):.2%} wrong"


def shop(
    name: str, data: Path, line: Callable[[str, str, str], Line], *, quick: bool
) -> Iterator[Line]:
    """A small business as it is: few examples, half of the messages out of scope."""
    rows, test = read(data / "curekart/train.csv"), read(data / "curekart/test.csv")
    model = train(name, rows)
    figures = evaluate(model.predict(test.texts), test.intents, outside=OUTSIDE)
    outside = figures["out_of_scope"]
    reached = f"{figures['best_guess_accuracy']:.3f} / {outside['matthews']:.3f}"
    yield line("shop", "Curekart accuracy in scope / Matthews", reached)
    if quick:
        return
    found = [reviewed(name, rows, test, seed) for seed in range(DRAWS)]
    yield line(
        "loop", f"… after {REVIEWED} reviewed messages, mean of {DRAWS}", f"{np.mean(found):.3f}"
    )


def reviewed(name: str, rows: Labelled, test: Labelled, seed: int) -> float:
    """Matthews correlation on the rest, once a random 200 live messages were reviewed."""
    order = np.random.default_rng(seed).permutation(len(test))
    taken, rest = test.of(order[:REVIEWED].tolist()), test.of(order[REVIEWED:].tolist())
    known = set(rows.intents) | {OUTSIDE}
    usable = [i for i, intent in enumerate(taken.intents) if intent in known]
    more = taken.of(usable)
    model = train(name, Labelled(rows.texts + more.texts, rows.intents + more.intents))
    figures = evaluate(model.predict(rest.texts), rest.intents, outside=OUTSIDE)
    return float(figures["out_of_scope"]["matthews"])


def answered(model: Any, texts: Sequence[str]) -> int:
    return sum(p.intent is not None for p in model.predict(list(texts)))


def latency(model: Any, texts: Sequence[str]) -> tuple[float, float]:
    """Milliseconds of CPU time for one message, median and 99th percentile."""
    model.predict(list(texts[:5]))
    times = []
    for text in texts:
        started = time.process_time()
        model.predict([text])
        times.append((time.process_time() - started) * 1000)
    p50, p99 = np.percentile(times, [50, 99])
    return float(p50), float(p99)


def batch_rate(model: Any, texts: Sequence[str]) -> float:
    """Messages a second of CPU time."""
    started = time.process_time()
    model.predict(list(texts))
    return len(texts) / (time.process_time() - started)


LOADING = """
import sys, time
def memory():
    lines = open("/proc/self/status").read().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024
bare, started = memory(), time.process_time()
from classification import registry
registry.load_classifier(sys.argv[1]).predict(["hello there"])
print(time.process_time() - started, memory() - bare)
"""


def loading(model: Any) -> str:
    """Seconds and memory of loading and the first answer, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        saved = store.save(model, Path(folder) / "model")
        command = [sys.executable, "-c", LOADING, str(saved.directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    seconds, memory = map(float, done.stdout.split())
    return f"{seconds:.1f} s, {memory:.0f} MB"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--classifier", nargs="+", default=["linear", "encoder"])
    parser.add_argument("--quick", action="store_true", help="without what trains many models")
    options = parser.parse_args()
    if not (options.data / "banking77/test.csv").is_file():
        sys.stdout.write(f"There is no public data in {options.data}; nothing was measured.\n")
        return 1
    for name in options.classifier:
        sys.stdout.write(f"\n{name:<46}{'target':>20}   reached\n")
        try:
            for row in measure(name, options.data, quick=options.quick):
                sys.stdout.write(f"{row.what:<46}{row.target:>20}   {row.reached}\n")
                sys.stdout.flush()
        except ClassifierUnavailable as error:
            sys.stdout.write(f"  left out: {error}\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"\nPeak memory of this run: {peak:.0f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
