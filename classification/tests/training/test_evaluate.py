import csv
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from classification.contract import Prediction
from classification.linear.classifier import LinearClassifier
from classification.tests.corpus import rows, trained_linear
from classification.training.evaluate import (
    Judged,
    auroc,
    certified_threshold,
    evaluate,
    learning_curve,
    matthews,
    some_of_each,
)
from tickets.codes import NoIntent

SCORER = Path(__file__).resolve().parents[4].joinpath("shared/bench/score_predictions.py")


def said(intent, confidence, *, abstained=False):
    return Prediction(
        intent=None if abstained else intent,
        reason=NoIntent.AMBIGUOUS if abstained else None,
        confidence=confidence,
        best_guess=intent,
        runner_up=None,
        margin=confidence,
        alternatives=((intent, confidence),),
        language="en",
        parts=1,
    )


SAID = [
    said("a", 0.9),
    said("a", 0.8),
    said("b", 0.7),
    said("b", 0.6, abstained=True),
    said("b", 0.95),
    said("a", 0.3),
]
TRUE = ["a", "b", "b", "b", "b", "out_of_scope"]


def test_accuracy_counts_an_abstention_as_wrong_and_the_best_guess_as_right():
    found = evaluate(SAID, TRUE)

    assert found["accuracy"] == pytest.approx(3 / 5)
    assert found["best_guess_accuracy"] == pytest.approx(4 / 5)
    assert found["abstained"] == pytest.approx(1 / 5)


def test_precision_and_recall_of_each_intent():
    found = evaluate(SAID, TRUE)["intents"]

    assert found["a"] == {"rows": 1, "precision": pytest.approx(1 / 3), "recall": 1.0}
    assert found["b"] == {"rows": 4, "precision": 1.0, "recall": 0.5}


def test_confusions_name_the_true_and_the_named_intent():
    assert evaluate(SAID, TRUE)["confusions"] == [{"true": "b", "named": "a", "rows": 1}]


def test_macro_f1_is_the_mean_over_true_intents():
    # a: 2 * 1 / (1 + 2); b: 2 * 2 / (4 + 2)
    assert evaluate(SAID, TRUE)["macro_f1"] == pytest.approx((2 / 3 + 2 / 3) / 2)


def test_an_out_of_scope_message_counts_as_an_error_at_full_coverage():
    last = evaluate(SAID, TRUE)["risk_coverage"][-1]

    assert last == {"coverage": 1.0, "risk": pytest.approx(3 / 6), "threshold": 0.0}


def test_out_of_scope_figures_of_known_rows():
    found = evaluate(SAID, TRUE)["out_of_scope"]

    assert found["rows"] == 1
    assert found["abstained"] == 0
    # 4 of 5 in scope are surer; the abstained one is not
    assert found["auroc"] == pytest.approx(0.8)
    # at a threshold above 0.3 all but one of six are named rightly
    assert found["matthews_threshold"] == pytest.approx(0.6)


def test_without_out_of_scope_rows_there_are_no_such_figures():
    assert evaluate(SAID[:5], TRUE[:5])["out_of_scope"] is None


def test_the_result_is_plain_json():
    found = evaluate(SAID, TRUE)

    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("predictions", "truths", "message"),
    [(SAID, TRUE[:2], "equally many"), (SAID[:1], ["out_of_scope"], "in scope")],
)
def test_rows_that_cannot_be_judged_are_refused(predictions, truths, message):
    with pytest.raises(ValueError, match=message):
        evaluate(predictions, truths)


def test_auroc_counts_ties_half():
    assert auroc(np.array([2.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx((1 + 1 + 0.5 + 1) / 4)


def test_matthews_correlation_agrees_with_scikit_learn():
    from sklearn.metrics import matthews_corrcoef

    chance = np.random.default_rng(0)
    truth, called = chance.integers(-1, 4, 200), chance.integers(-1, 4, 200)

    assert matthews(truth, called) == pytest.approx(matthews_corrcoef(truth, called))
    assert matthews(truth, truth) == pytest.approx(1.0)
    assert matthews(truth, np.zeros(200)) == 0.0


@pytest.mark.parametrize(("errors", "enough", "too_few"), [(0, 183, 182), (1, 277, 276)])
def test_a_threshold_needs_as_many_rows_as_the_design_says(errors, enough, too_few):
    """Accepted rows needed at 2 % and doubt 5 % with 0 and 1 errors: 183 and 277."""

    def certify(n):
        correct = np.ones(n, bool)
        correct[:errors] = False
        return certified_threshold(np.full(n, 0.9), correct, 0.02)

    assert certify(enough) == 0.9
    assert certify(too_few) is None


def test_abstained_rows_are_never_certified():
    assert certified_threshold(np.full(500, -np.inf), np.zeros(500, bool), 0.05) is None


@pytest.fixture
def scorer():
    if not SCORER.exists():
        pytest.skip(f"{SCORER} is absent")
    spec = importlib.util.spec_from_file_location("score_predictions", SCORER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulated(count=1500):
    """Predictions of a calibrated classifier of three intents with out-of-scope messages."""
    chance = np.random.default_rng(3)
    intents = ("a", "b", "c")
    predictions, truths = [], []
    for confidence in chance.beta(5, 0.4, count):
        truth, other = chance.choice(intents, 2, replace=False)
        right = chance.random() < confidence
        outside = not right and chance.random() < 0.5
        abstained = chance.random() < 0.05
        predictions.append(said(truth if right else other, confidence, abstained=abstained))
        truths.append("out_of_scope" if outside else truth)
    return predictions, truths


def test_the_figures_agree_with_the_scorer_for_any_product(scorer):
    predictions, truths = simulated()
    found = evaluate(predictions, truths)
    theirs = scorer.score(
        truths,
        [p.intent or "" for p in predictions],
        [p.confidence for p in predictions],
        oos_label="out_of_scope",
        methods=("mfst",),
        deltas=(0.05,),
        modes=("split",),
    )

    assert found["accuracy"] == pytest.approx(theirs["accuracy"])
    assert found["macro_f1"] == pytest.approx(theirs["macro_f1"])
    assert found["out_of_scope"]["rows"] == theirs["n_oos"]
    for risk in ("0.01", "0.02", "0.05"):
        expected = theirs["joint"]["certified"][risk]["0.05"]["mfst"]["split"]
        assert found["certified"][risk]["coverage"] == pytest.approx(expected["cov"], abs=1e-4)
        assert found["certified"][risk]["violated"] == pytest.approx(expected["viol"], abs=1e-3)


def test_the_calibration_error_agrees_with_the_scorer(scorer):
    predictions, truths = simulated()
    called = [(p, t) for p, t in zip(predictions, truths, strict=True) if p.intent]
    stated = np.array([p.confidence for p, t in called if t != "out_of_scope"])
    right = np.array([p.intent == t for p, t in called if t != "out_of_scope"], float)

    found = evaluate(*zip(*called, strict=True))["calibration"]

    assert found["ece"] == pytest.approx(scorer.ece(stated, right)[0])
    assert found["perfect_low"] < found["perfect_high"]


def test_some_of_each_takes_so_many_rows_of_every_intent():
    texts, intents = some_of_each(*rows(), size=3, seed=0)

    assert sorted(intents) == sorted(3 * list(set(rows()[1])))
    assert set(texts) <= set(rows()[0])
    assert (texts, intents) == some_of_each(*rows(), size=3, seed=0)


def test_a_learning_curve_rises_with_the_examples():
    def train(texts, intents):
        return LinearClassifier().fit(texts, intents)

    texts, intents = zip(
        *[(t, i) for t, i in zip(*rows(), strict=True) if i != "out_of_scope"], strict=True
    )
    curve = learning_curve(train, (texts, intents), (texts, intents), sizes=(2, 12), seeds=(0,))

    assert [point["examples_per_intent"] for point in curve] == [2, 12]
    assert curve[0]["accuracy"] < curve[1]["accuracy"]
    assert curve[1]["lowest"] == curve[1]["highest"] == curve[1]["accuracy"]


def test_a_trained_classifier_can_be_evaluated():
    texts, intents = rows()

    found = evaluate(trained_linear().predict(texts), intents)

    assert found["accuracy"] > 0.95
    assert found["out_of_scope"]["auroc"] > 0.95


@pytest.fixture
def platform_rows():
    path = SCORER.parents[1] / "data/curekart/platform_predictions.csv"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_published_figure_of_a_product_is_reproduced(platform_rows):
    """Rasa is right on 0.841 of the in-scope messages of HINT3's Curekart."""
    truth = [row["intent"] for row in platform_rows]
    predictions = [said(row["rasa"], float(row["rasa_confidence"] or 0)) for row in platform_rows]

    judged = Judged.of(predictions, truth, "NO_NODES_DETECTED")

    assert judged.correct[judged.inside].mean() == pytest.approx(0.841, abs=5e-4)
