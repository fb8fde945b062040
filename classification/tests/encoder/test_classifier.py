import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.encoder import weights
from classification.encoder.classifier import EncoderClassifier
from classification.encoder.kernel import (
    Features,
    Ridge,
    closest,
    kernel,
    see_rows_without,
    see_without,
)
from classification.encoder.weights import DEFAULT_DIRECTORY, is_prepared, prepare_encoder
from classification.tests.encoders import ROWS, skip_without_weights, trained_encoder
from tickets.codes import NoIntent


@pytest.fixture
def prepared():
    skip_without_weights()
    return DEFAULT_DIRECTORY


def made_up(count=40, width=6, seed=0):
    """Features and labels of three kinds of texts that never were."""
    chance = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    meaning = np.eye(width)[labels] + chance.normal(0, 0.4, (count, width))
    meaning /= np.linalg.norm(meaning, axis=1, keepdims=True)
    words = chance.random((count, 12)) * (chance.random((count, 12)) < 0.4) + 1e-3
    words *= np.sqrt(2) / np.linalg.norm(words, axis=1, keepdims=True)
    return Features(csr_array(words.astype(np.float32)), meaning.astype(np.float32)), labels


def test_a_row_is_as_like_itself_as_can_be():
    features, _ = made_up()

    matrix, cosines = kernel(features, features)

    assert np.diag(cosines) == pytest.approx(1, abs=1e-6)
    assert np.diag(matrix) == pytest.approx(2, abs=1e-6)
    assert matrix == pytest.approx(matrix.T)


@pytest.mark.parametrize("hidden", [[0], [3, 4], [0, 3, 6, 9, 12]])
def test_the_closed_form_is_what_training_without_the_rows_gives(hidden):
    features, labels = made_up()
    out, kept = np.array(hidden), np.setdiff1d(np.arange(len(labels)), hidden)
    ridge = Ridge.fit(features, labels, columns=3)
    smaller = Ridge.fit(features.of(kept), labels[kept], columns=3)
    matrix, cosines = kernel(features.of(out), smaller.features)

    of_rows = see_rows_without(ridge, [out, kept]).of(out)
    of_texts = see_without(ridge, features.of(out), [out] * len(out))

    for seen in (of_rows, of_texts):
        assert seen.scores == pytest.approx(matrix @ smaller.coefficients)
        assert seen.near == pytest.approx(closest(cosines), abs=1e-6)


def test_the_closest_rows_come_in_falling_order_and_few_rows_are_filled_up():
    assert closest(np.array([[0.1, 0.9, 0.3]])).tolist() == [[0.9, 0.3, 0.1, 0, 0]]
    many = np.array([[0.2, 0.7, -0.5, 0.6, 0.1, 0.3, 0.9]])
    assert closest(many).tolist() == [[0.9, 0.7, 0.6, 0.3, 0.2]]


def test_words_it_never_saw_are_understood():
    model = trained_encoder()
    texts = ["I can't get into my profile anymore", "has my purchase been shipped yet?"]

    assert [p.best_guess for p in model.predict(texts)] == ["account_access", "order_status"]


def test_two_requests_in_one_mail_are_less_sure_than_each():
    one, other = "I forgot my password and cannot log in.", "Please send me the invoice as a PDF."

    first, second, both = trained_encoder().predict([one, other, f"{one} {other}"])

    assert both.confidence < min(first.confidence, second.confidence)


@pytest.mark.parametrize("text", ["", "asdfghjkl qwertyuiop", "Где мой заказ?"])
def test_what_cannot_be_read_has_no_intent(text):
    prediction = trained_encoder().predict([text])[0]

    assert (prediction.intent, prediction.reason) == (None, NoIntent.UNREADABLE)


def test_left_out_predictions_cover_every_row_in_order():
    held_out = trained_encoder().out_of_fold_
    intents = ROWS[1]

    right = [guess == true for guess, true in zip(held_out.best_guess, intents, strict=True)]
    assert list(held_out.correct) == right
    assert np.mean([c for c, i in zip(right, intents, strict=True) if i != "out_of_scope"]) > 0.9


def test_an_explanation_names_words_and_the_closest_messages():
    explanation = trained_encoder().explain("please send me the invoice")

    assert "invoice" in [term.text for term in explanation.terms]
    assert ROWS[1][int(explanation.nearest[0][0])] == "invoice_request"


def test_training_twice_gives_the_same_version():
    skip_without_weights()
    assert EncoderClassifier().fit(*ROWS).version == trained_encoder().version


def test_too_many_rows_are_sampled_and_still_all_judged(monkeypatch):
    skip_without_weights()
    monkeypatch.setattr("classification.encoder.training.MOST_ROWS", 40)
    monkeypatch.setattr("classification.encoder.training.SAMPLE_FOLDS", 5)

    model = EncoderClassifier().fit(*ROWS)

    assert 30 <= len(model.ids_) <= 45
    assert model.out_of_fold_.ids == tuple(map(str, range(len(ROWS[0]))))
    right = [g == i for g, i in zip(model.out_of_fold_.best_guess, ROWS[1], strict=True)]
    assert list(model.out_of_fold_.correct) == right
    assert {near for near, _ in model.explain("my invoice").nearest} <= set(model.ids_)


def test_the_heavy_libraries_load_only_when_a_text_comes():
    heavy = ("onnxruntime", "tokenizers", "onnx", "sklearn")
    code = f"import sys, classification.encoder; print([m for m in {heavy} if m in sys.modules])"

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "[]"


def test_unprepared_weights_are_named_in_one_sentence(tmp_path):
    skip_without_weights()

    with pytest.raises(ClassifierUnavailable, match="has not been prepared in"):
        EncoderClassifier(weights=tmp_path).fit(*ROWS)


def test_preparing_what_is_ready_does_nothing(prepared):
    before = (prepared / "encoder.onnx").stat().st_mtime_ns
    told = []

    assert prepare_encoder(prepared, lambda sentence, share: told.append(share)) == prepared

    assert told == [1.0]
    assert (prepared / "encoder.onnx").stat().st_mtime_ns == before


def test_the_conversion_was_faithful(prepared):
    facts = json.loads((prepared / "encoder.json").read_text())

    assert facts["cosine"] > 0.999
    assert facts["source_sha256"] == weights.SOURCE_SHA256


@pytest.fixture
def copied(prepared, tmp_path):
    for path in prepared.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_a_damaged_encoder_is_refused_and_named(copied, name):
    path = copied / name
    path.write_bytes(path.read_bytes()[:-1])

    assert not is_prepared(copied)
    with pytest.raises(ModelDamaged, match=name):
        EncoderClassifier(weights=copied).embed(["hello"])


def test_a_local_source_that_lacks_files_is_named(tmp_path):
    skip_without_weights()
    (tmp_path / "config.json").write_text("{}")

    with pytest.raises(ClassifierUnavailable, match=r"lacks model\.safetensors, tokenizer\.json"):
        prepare_encoder(tmp_path / "encoder", source=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_weights_that_are_not_the_published_ones_are_refused(tmp_path):
    skip_without_weights()
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (tmp_path / name).write_text("{}")

    with pytest.raises(ClassifierUnavailable, match="not the published one"):
        prepare_encoder(tmp_path / "encoder", source=tmp_path)
    assert not (tmp_path / "encoder").exists()


def test_a_failed_download_says_what_pip_said(tmp_path, monkeypatch):
    skip_without_weights()

    def refuse(command, **options):
        return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No route to index")

    monkeypatch.setattr("classification.encoder.weights.subprocess.run", refuse)

    with pytest.raises(ClassifierUnavailable, match="could not be downloaded: ERROR: No route"):
        prepare_encoder(tmp_path / "encoder")
