import json

import numpy as np
import pytest

from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.linear.classifier import LinearClassifier
from classification.registry import load_classifier, make_classifier, train_classifier
from classification.store import MANIFEST, save, training_hash
from classification.tests.corpus import rows, trained_linear

TEXTS = ["where is my order", "I forgot my password. Also send the invoice.", "hello", ""]


@pytest.fixture
def stored(tmp_path):
    return save(trained_linear(), tmp_path / "model", training_sha256=training_hash(*rows()))


def test_a_loaded_model_answers_as_the_saved_one(stored):
    loaded = load_classifier(stored.directory, stored.sha256)

    assert loaded.version == trained_linear().version == stored.version
    assert loaded.classes_ == trained_linear().classes_
    assert loaded.predict(TEXTS) == trained_linear().predict(TEXTS)
    assert loaded.out_of_fold_ == trained_linear().out_of_fold_
    assert loaded.explain(TEXTS[0]).terms == trained_linear().explain(TEXTS[0]).terms


def test_the_same_model_gives_the_same_bytes(stored, tmp_path):
    again = save(
        LinearClassifier().fit(*rows()), tmp_path / "again", training_sha256=training_hash(*rows())
    )

    assert again.sha256 == stored.sha256
    assert {p.name: p.read_bytes() for p in again.directory.iterdir()} == {
        p.name: p.read_bytes() for p in stored.directory.iterdir()
    }


def test_the_manifest_says_what_the_model_was_made_from(stored):
    manifest = json.loads((stored.directory / MANIFEST).read_text())

    assert manifest["classifier"] == "linear"
    assert manifest["version"] == stored.version
    assert manifest["training_sha256"] == training_hash(*rows())
    assert set(manifest["libraries"]) >= {"python", "numpy", "scikit-learn"}


def test_no_training_text_is_in_the_model(stored):
    content = b"".join(p.read_bytes() for p in stored.directory.iterdir())

    assert not any(text.encode() in content for text in rows()[0])


def files_of_a_model():
    return sorted([*(f"{name}.npy" for name in trained_linear().arrays()), "facts.json"])


@pytest.mark.parametrize("name", files_of_a_model())
@pytest.mark.parametrize("damage", ["flipped", "truncated", "emptied", "removed"])
def test_a_damaged_file_is_refused_and_named(stored, name, damage):
    path = stored.directory / name
    content = path.read_bytes()
    if damage == "removed":
        path.unlink()
    else:
        flipped = content[:-1] + bytes([content[-1] ^ 1])
        path.write_bytes({"flipped": flipped, "truncated": content[:-1], "emptied": b""}[damage])

    with pytest.raises(ModelDamaged, match=name):
        load_classifier(stored.directory, stored.sha256)


def test_a_file_that_does_not_belong_there_is_refused_and_named(stored):
    (stored.directory / "extra.npy").write_bytes(b"x")

    with pytest.raises(ModelDamaged, match=r"extra\.npy"):
        load_classifier(stored.directory)


def test_two_swapped_files_are_refused(stored):
    one, other = stored.directory / "bias.npy", stored.directory / "selector.npy"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)

    with pytest.raises(ModelDamaged, match=r"bias\.npy"):
        load_classifier(stored.directory)


def test_a_whole_other_model_is_refused_when_the_sum_is_known(stored, tmp_path):
    texts, intents = rows()
    other = save(LinearClassifier().fit(texts[:120], intents[:120]), tmp_path / "other")

    with pytest.raises(ModelDamaged, match=MANIFEST):
        load_classifier(other.directory, stored.sha256)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 99, "files": {}}', b'{"format": 1}']
)
def test_a_foreign_manifest_is_refused(stored, content):
    (stored.directory / MANIFEST).write_bytes(content)

    with pytest.raises(ModelDamaged, match=MANIFEST):
        load_classifier(stored.directory)


def test_a_manifest_cannot_reach_outside_its_directory(stored):
    manifest = json.loads((stored.directory / MANIFEST).read_text())
    manifest["files"]["../evil.npy"] = "0" * 64
    (stored.directory / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(ModelDamaged, match="outside"):
        load_classifier(stored.directory)


def test_an_array_that_would_run_code_is_not_loaded(stored):
    """A manifest with the right sums does not make an object array acceptable."""
    import hashlib

    path = stored.directory / "bias.npy"
    np.save(path, np.array([print], dtype=object), allow_pickle=True)
    manifest = json.loads((stored.directory / MANIFEST).read_text())
    manifest["files"]["bias.npy"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (stored.directory / MANIFEST).write_text(json.dumps(manifest))

    with pytest.raises(ModelDamaged):
        load_classifier(stored.directory)


def test_a_missing_directory_is_refused(tmp_path):
    with pytest.raises(ModelDamaged, match="cannot be read"):
        load_classifier(tmp_path / "nowhere")


def test_saving_over_a_model_replaces_it_and_leaves_nothing_beside(stored):
    again = save(trained_linear(), stored.directory, training_sha256="other")

    assert again.sha256 != stored.sha256
    load_classifier(stored.directory, again.sha256)
    assert [p.name for p in stored.directory.parent.iterdir()] == ["model"]


def test_a_failed_save_leaves_the_old_model_whole(stored, monkeypatch):
    def fail(path, content):
        raise OSError("disk full")

    monkeypatch.setattr("classification.store.write_file", fail)

    with pytest.raises(OSError, match="disk full"):
        save(trained_linear(), stored.directory)
    load_classifier(stored.directory, stored.sha256)
    assert [p.name for p in stored.directory.parent.iterdir()] == ["model"]


def test_an_unknown_classifier_is_unavailable_in_one_sentence():
    with pytest.raises(ClassifierUnavailable, match="There is no classifier named 'oracle'"):
        make_classifier("oracle")


def test_a_classifier_is_trained_by_name():
    model = train_classifier("linear", *rows(), ids=[f"row-{n}" for n in range(len(rows()[0]))])

    assert model.explain("where is my order").nearest[0][0].startswith("row-")
