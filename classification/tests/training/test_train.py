"""Training data, the starter corpus, and models as versions."""

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from classification import store
from classification.contract import OutOfFold
from classification.models import Intent, ModelVersion
from classification.starter.corpus import OUT_OF_SCOPE, held_out_examples, training_examples
from classification.tests.corpus import rows
from classification.training import starter_intents
from classification.training import train as training_train
from classification.training.train import DataUnusable, TrainingData, read_csv
from tickets.codes import RiskClass

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
HELD_OUT_WRITERS = {"04", "09"}


def data(texts: int = 60) -> TrainingData:
    words, intents = rows()
    return TrainingData([str(n) for n in range(texts)], words[:texts], intents[:texts])


# --- Reading files --------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tickets.csv"

    def write(content: str | bytes):
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path, text="text", intent="intent", outside="none") -> TrainingData:
    return read_csv(path, text_column=text, intent_column=intent, out_of_scope_label=outside)


def test_a_file_is_read_with_its_own_names_for_things(file):
    path = file('id,body,label\n1,"Where, is\nit?",order_status\n2,Hi,other\n')
    found = read(path, text="body", intent="label", outside="other")
    assert found.texts == ["Where, is\nit?", "Hi"]
    assert found.intents == ["order_status", "out_of_scope"]
    assert (found.ids, found.groups) == (["tickets-0", "tickets-1"], None)


def test_the_mark_that_spreadsheets_put_first_is_no_part_of_a_name(file):
    assert read(file(b"\xef\xbb\xbftext,intent\nHi,praise\n")).texts == ["Hi"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "tickets.csv has no column named 'text'."),
        ("message,intent\nHi,praise\n", "tickets.csv has no column named 'text'."),
        ("text,label\nHi,praise\n", "tickets.csv has no column named 'intent'."),
        ("text,intent\nHi,praise\n,praise\n", "tickets.csv, line 3: empty text or label."),
        ("text,intent\n  ,praise\n", "tickets.csv, line 2: empty text or label."),
        ("text,intent\nHi,\n", "tickets.csv, line 2: empty text or label."),
        ("text,intent\nHi, \n", "tickets.csv, line 2: empty text or label."),
        ("text,intent\nHi\n", "tickets.csv, line 2: empty text or label."),
        ('text,intent\n"a\nb",praise\nHi,\n', "tickets.csv, line 4: empty text or label."),
        ("text,intent\nHi,praise\n" + "x" * 140_000 + ",praise\n", "tickets.csv, line 3: field"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(file, content, words):
    with pytest.raises(DataUnusable) as refused:
        read(file(content))
    assert str(refused.value).startswith(words)


def test_a_file_that_cannot_be_read_is_named(file, tmp_path):
    with pytest.raises(DataUnusable, match=r"absent\.csv cannot be read"):
        read(tmp_path / "absent.csv")
    with pytest.raises(DataUnusable, match=r"tickets\.csv cannot be read"):
        read(file(b"text,intent\n\xff\xfe,praise\n"))


@pytest.mark.parametrize(
    ("texts", "intents", "words"),
    [
        (19, ["a", "b"], "19 messages are too few; at least 20 are needed."),
        (20, ["a", "a"], "At least two intents are needed."),
        (20, ["a", "out_of_scope"], "At least two intents are needed."),
    ],
)
def test_data_that_nothing_can_be_learned_from_are_refused(texts, intents, words):
    labels = [intents[n % 2] for n in range(texts)]
    made = TrainingData([str(n) for n in range(texts)], ["x"] * texts, labels)
    with pytest.raises(DataUnusable) as refused:
        training_train.check(made)
    assert str(refused.value) == words


def test_enough_data_pass():
    training_train.check(data(20))


def test_labels_that_the_business_does_not_know_are_named(starter):
    made = TrainingData(list("abcd"), list("abcd"), ["praise", "zebra", "out_of_scope", "ape"])
    assert training_train.unknown_intents(made) == ["ape", "zebra"]
    assert training_train.unknown_intents(training_train.starter_training_data()) == []


# --- Models as versions ---------------------------------------------------------------------------


@pytest.fixture
def model_dir(settings, tmp_path):
    settings.MODEL_DIR = tmp_path / "models"
    return settings.MODEL_DIR


def train(made: TrainingData, *, name="test", classifier="linear") -> training_train.Trained:
    return training_train.train(classifier, made, name=name, now=NOW)


def test_a_trained_model_is_a_version_with_its_scores(db, model_dir):
    trained = train(data())
    version = ModelVersion.objects.get()
    assert (trained.version, trained.repeated) == (version, False)
    assert (version.classifier, version.name, version.trained_at) == ("linear", "test", NOW)
    assert version.training_rows == 60
    assert version.training_sha256 == store.training_hash(data().texts, data().intents)
    manifest = store.read_manifest(model_dir / version.version, version.manifest_sha256)
    assert manifest["scores"] == version.scores
    assert version.scores["rows"] == 60
    assert len(trained.scores.intents) == len(trained.scores.right) == 60


def test_the_same_data_make_the_same_version_again_and_no_second_row(db, model_dir):
    first, again = train(data()), train(data(), name="other name")
    assert (again.version, again.repeated) == (first.version, True)
    assert ModelVersion.objects.get().name == "test"
    assert [path.name for path in model_dir.iterdir()] == [first.version.version]


def test_other_data_make_another_version(db, model_dir):
    first, other = train(data()), train(data(90))
    assert other.version.version != first.version.version
    assert ModelVersion.objects.count() == 2


def test_training_again_leaves_the_files_that_are_in_force_alone(db, model_dir, monkeypatch):
    """Another library of another number would write another manifest around the same model."""
    version = train(data()).version
    monkeypatch.setattr(store, "library_versions", lambda: {"numpy": "99"})
    assert train(data()).version == version
    store.read_manifest(model_dir / version.version, version.manifest_sha256)


def test_training_again_mends_files_that_were_damaged(db, model_dir):
    version = train(data()).version
    (model_dir / version.version / "facts.json").write_text("{}")
    assert train(data()).repeated
    assert training_train._is_sound(version)


def test_damaged_files_that_cannot_be_mended_are_not_passed_off_as_the_model(
    db, model_dir, monkeypatch
):
    version = train(data()).version
    (model_dir / version.version / "facts.json").write_text("{}")
    monkeypatch.setattr(store, "library_versions", lambda: {"numpy": "99"})
    with pytest.raises(DataUnusable, match="exists with another manifest"):
        train(data())
    assert ModelVersion.objects.count() == 1


def test_scores_speak_of_rows_the_model_had_not_seen():
    """Row b is right but abstained; row c is wrong; row d fits no intent and was answered."""
    made = TrainingData(list("abcd"), list("abcd"), ["x", "x", "y", "out_of_scope"])
    kept = OutOfFold(
        ids=tuple("abcd"),
        best_guess=("x", "x", "x", "y"),
        confidence=(0.9, 0.2, 0.6, 0.3),
        margin=(0.5, 0.1, 0.3, 0.1),
        abstained=(False, True, False, False),
        correct=(True, True, False, False),
    )
    scores = training_train.HeldOutScores(
        intents=["x", None, "x", "y"],
        confidences=[0.9, 0.2, 0.6, 0.3],
        right=[True, True, False, False],
    )
    summary = training_train.summarise(scores, kept, made)
    shares = {name: summary[name] for name in list(summary)[:6]}
    assert shares == {
        "rows": 4,
        "intents": 2,
        "accuracy": 0.6667,
        "answered": 0.75,
        "out_of_scope_answered": 1.0,
        "method": "out of fold",
    }
    assert summary["confusions"] == [{"true": "y", "named": "x", "rows": 1}]
    assert summary["per_intent"]["x"] == {"rows": 2, "precision": 0.5, "recall": 0.5}
    assert summary["reliability"] == [
        {"rows": 1, "stated": 0.2, "right": 1.0},
        {"rows": 1, "stated": 0.3, "right": 0.0},
        {"rows": 1, "stated": 0.6, "right": 0.0},
        {"rows": 1, "stated": 0.9, "right": 1.0},
    ]
    assert json.loads(json.dumps(summary)) == summary


# --- The starter corpus ---------------------------------------------------------------------------


def plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def test_there_are_at_least_100_messages_of_each_intent_and_30_percent_are_hard():
    everything = training_examples() + held_out_examples()
    by_intent = Counter(example.intent for example in everything)
    hard = Counter(example.intent for example in everything if example.hard)
    assert len(by_intent) == 28
    assert {intent: number for intent, number in by_intent.items() if number < 100} == {}
    assert {i: hard[i] / n for i, n in by_intent.items() if hard[i] / n < 0.3} == {}


def test_no_message_is_there_twice():
    everything = training_examples() + held_out_examples()
    texts = Counter(plain(example.text) for example in everything)
    assert [text for text, number in texts.items() if number > 1] == []
    assert len({example.id for example in everything}) == len(everything)


def test_what_held_out_writers_wrote_is_never_trained_on():
    assert {example.writer for example in held_out_examples()} == HELD_OUT_WRITERS
    trained_on = training_train.starter_training_data()
    assert not set(trained_on.groups) & HELD_OUT_WRITERS
    assert len(set(trained_on.groups)) == 8
    assert not set(trained_on.texts) & {example.text for example in held_out_examples()}


def test_every_message_is_labelled_with_an_intent_that_ships(starter):
    known = set(Intent.objects.values_list("slug", flat=True)) | {OUT_OF_SCOPE}
    everything = training_examples() + held_out_examples()
    assert {example.intent for example in everything} == known
    assert all(example.text.strip() for example in everything)
    outside = [e for e in everything if e.intent == OUT_OF_SCOPE]
    assert all(example.kind for example in outside)


def test_installing_intents_twice_adds_none_and_keeps_what_a_business_changed(starter):
    Intent.objects.filter(slug="praise").update(description="Ours", risk=RiskClass.RESTRICTED)
    assert starter_intents.install_intents() == 0
    kept = Intent.objects.get(slug="praise")
    assert (kept.description, kept.risk) == ("Ours", RiskClass.RESTRICTED)
    Intent.objects.filter(slug="praise").delete()
    assert starter_intents.install_intents() == 1
