"""One test of the contract for every classifier that ships."""

import inspect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classification.contract import Classifier, ClassifierUnavailable, ModelDamaged, Prediction
from classification.keywords import KeywordClassifier
from classification.registry import CLASSIFIERS, load_classifier, make_classifier
from classification.store import save
from classification.tests.corpus import rows, trained_linear
from classification.tests.encoders import trained_encoder
from tickets.codes import NoIntent

HOSTILE = {
    "empty": "",
    "blank": " \n\t",
    "nul": "\x00where is my order\x00",
    "lone surrogate": "\ud800 where is \udfff my order",
    "one word of 20,000 letters": "a" * 20_000,
    "20,000 characters": ("where is my order " * 1200)[:20_000],
    "emoji": "😀🎉👩‍👩‍👧‍👦",
    "right to left": "أين طلبي؟ \u202e where is my order",
    "combining": "e\u0301" * 500,
    "digits": "1234567890",
    "html": "<script>alert(1)</script> where is my order",
}


def trained(name):
    if name == "linear":
        return trained_linear()
    if name == "keywords":
        return KeywordClassifier()
    return trained_encoder()


@pytest.fixture(params=sorted(CLASSIFIERS), ids=sorted(CLASSIFIERS))
def model(request):
    return trained(request.param)


def check(prediction: Prediction, model: Classifier) -> None:
    assert (prediction.intent is None) == (prediction.reason is not None)
    assert prediction.intent in (None, prediction.best_guess)
    assert prediction.reason is None or isinstance(prediction.reason, NoIntent)
    assert 0 < prediction.confidence <= 1
    assert 0 <= prediction.margin <= 1
    assert prediction.alternatives[0][0] == prediction.best_guess
    assert prediction.alternatives[1][0] == prediction.runner_up
    chances = [chance for _, chance in prediction.alternatives]
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= chance <= 1 for chance in chances)
    assert sum(chances) <= 1 + 1e-9
    assert {intent for intent, _ in prediction.alternatives} <= set(model.classes_)
    assert prediction.parts >= 0


def test_it_is_a_classifier(model):
    assert isinstance(model, Classifier)
    assert list(model.classes_) == sorted(model.classes_)
    assert model.version.startswith(f"{model.name}-")


def test_the_constructor_only_stores_its_parameters(model):
    parameters = inspect.signature(type(model).__init__).parameters
    marks = {name: object() for name in parameters if name != "self"}

    made = type(model)(**marks)

    assert vars(made) == marks


def test_no_text_raises_and_every_answer_is_valid(model):
    for prediction in model.predict(list(HOSTILE.values())):
        check(prediction, model)
    for text in HOSTILE.values():
        model.explain(text)


def test_no_texts_no_predictions(model):
    assert model.predict([]) == []


@pytest.mark.parametrize(
    "name", ["empty", "blank", "emoji", "digits", "one word of 20,000 letters"]
)
def test_nothing_to_read_is_no_intent(model, name):
    prediction = model.predict([HOSTILE[name]])[0]

    assert prediction.reason == NoIntent.UNREADABLE
    assert prediction.confidence <= 0.05


def test_the_same_text_has_the_same_answer_alone_and_in_any_company(model):
    several = "I forgot my password. Please send the invoice too."
    texts = [*rows()[0][:12], *HOSTILE.values(), several]
    alone = [model.predict([text])[0] for text in texts]

    assert model.predict(texts) == alone
    assert model.predict([*texts[3::-1], *texts]) == [*alone[3::-1], *alone]


@settings(deadline=None)  # the first example trains
@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_is_written_gets_a_valid_answer_that_its_neighbours_do_not_change(texts):
    for name in ("keywords", "linear"):
        model = trained(name)
        predictions = model.predict(texts)
        assert predictions == [model.predict([text])[0] for text in texts]
        for prediction in predictions:
            check(prediction, model)


def test_a_stored_model_answers_the_same_and_a_damaged_one_is_refused(model, tmp_path):
    saved = save(model, tmp_path / "model")
    texts = [*rows()[0][:10], *HOSTILE.values()]
    assert load_classifier(saved.directory, saved.sha256).predict(texts) == model.predict(texts)

    facts = saved.directory / "facts.json"
    facts.write_bytes(facts.read_bytes()[:-2])

    with pytest.raises(ModelDamaged, match=r"facts\.json"):
        load_classifier(saved.directory, saved.sha256)


@pytest.mark.parametrize("name", ["linear", "encoder"])
def test_an_untrained_classifier_is_unavailable(name):
    with pytest.raises(ClassifierUnavailable):
        make_classifier(name).predict(["where is my order"])


def test_keywords_are_never_sure():
    texts, _ = rows()

    assert max(p.confidence for p in KeywordClassifier().predict(texts)) <= 0.5
