"""Which classifier serves, what is taken from it on trust (nothing), and what goes on record."""

import threading
from dataclasses import replace

import pytest
from django.db import OperationalError

from classification import registry, services
from classification.contract import ClassifierUnavailable, Explanation, ModelDamaged, Prediction
from classification.keywords import STARTER_KEYWORDS, KeywordClassifier
from classification.models import Intent, Promotion
from classification.models import Prediction as PredictionRow
from classification.services import LOOK_AGAIN_SECONDS, predict, predict_many, promote
from classification.tests.factories import ModelVersionFactory
from supportops.tests import clean_slate
from tickets.codes import AuditKind, NoIntent
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.tests.arriving import NOW, in_threads
from tickets.tests.factories import TicketFactory

OTHER = {"refund_status": ["parcel"], "praise": ["lovely"]}
KEYWORDS_VERSION = KeywordClassifier().version


@pytest.fixture(autouse=True)
def models(settings, tmp_path, starter):
    settings.MODEL_DIR = tmp_path / "models"
    return settings.MODEL_DIR


@pytest.fixture
def clock(monkeypatch):
    """The clock by which a process looks at the rows again; `clock.now` moves it."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(services.time, "monotonic", lambda: Clock.now)
    return Clock


def put_in_force(model, *, by_other_process: bool = False) -> Promotion:
    if by_other_process:
        return Promotion.objects.create(model=model, reason="Better", at=NOW)
    return promote(model, actor=Actor.machine(), reason="Better", now=NOW)


# --- Which one serves -----------------------------------------------------------------------------


def test_without_a_promotion_keywords_are_the_last_resort():
    answer = predict("Where is my refund?")
    assert (answer.classifier, answer.failed) == (KEYWORDS_VERSION, False)
    assert answer.prediction.intent == "refund_status"
    assert answer.prediction.confidence <= 0.5


def test_a_promotion_in_this_process_counts_with_the_next_prediction():
    assert predict("my parcel").classifier == KEYWORDS_VERSION
    model = ModelVersionFactory()
    promotion = put_in_force(model)
    assert predict("my parcel").classifier == model.version
    assert (promotion.reason, promotion.model) == ("Better", model)
    link = AuditRecord.objects.get(kind=AuditKind.PROMOTION)
    assert (link.subject, link.actor) == (f"model:{model.pk}", "machine")
    assert model.manifest_sha256 in link.body


def test_a_promotion_elsewhere_counts_within_one_look(clock):
    first, second = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    put_in_force(first)
    assert predict("my parcel").prediction.intent == "order_status"
    put_in_force(second, by_other_process=True)
    clock.now += LOOK_AGAIN_SECONDS - 0.1
    assert predict("my parcel").prediction.intent == "order_status"
    clock.now += 0.2
    assert predict("my parcel").prediction.intent == "refund_status"
    assert services.serving_version() == second.version


def test_going_back_is_promoting_again(clock):
    first, second = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    for model in (first, second, first):
        put_in_force(model)
        assert services.serving_version() == model.version


def test_between_looks_nothing_is_read_from_the_database(clock, django_assert_num_queries):
    put_in_force(ModelVersionFactory())
    predict("my parcel")
    with django_assert_num_queries(0):
        predict("my parcel")
    clock.now += LOOK_AGAIN_SECONDS
    with django_assert_num_queries(2):
        predict("my parcel")


def test_an_intent_that_was_taken_out_counts_within_one_look(clock):
    assert predict("Where is my refund?").risk == "open"
    Intent.objects.filter(slug="refund_status").update(active=False)
    clock.now += LOOK_AGAIN_SECONDS
    assert predict("Where is my refund?").failure == "unknown_intent"


# --- Damaged models -------------------------------------------------------------------------------


def damage(model, models, how: str) -> None:
    folder = models / model.version
    ways = {
        "manifest": lambda: (folder / "manifest.json").write_text("{}"),
        "facts": lambda: (folder / "facts.json").write_text('{"language": "de"}'),
        "stranger": lambda: (folder / "evil.pkl").write_bytes(b"\x80"),
        "missing": lambda: (folder / "facts.json").unlink(),
    }
    ways[how]()


@pytest.mark.parametrize("how", ["manifest", "facts", "stranger", "missing"])
def test_a_damaged_model_is_refused_and_the_one_before_serves_on(models, how, caplog):
    good, bad = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    put_in_force(good)
    assert services.serving_version() == good.version
    damage(bad, models, how)
    put_in_force(bad)
    assert predict("my parcel").prediction.intent == "order_status"
    assert f"model refused: {bad.version}" in caplog.text
    clean_slate.forget_loaded()  # a process that starts after the damage
    assert services.serving_version() == good.version


def test_a_damaged_model_is_tried_once_for_each_promotion(models, clock, monkeypatch):
    good, bad = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    put_in_force(good)
    predict("my parcel")
    damage(bad, models, "manifest")
    put_in_force(bad)
    loads, load = [], registry.load_classifier
    monkeypatch.setattr(
        registry, "load_classifier", lambda *a, **k: loads.append(1) or load(*a, **k)
    )
    for _ in range(5):
        clock.now += LOOK_AGAIN_SECONDS
        predict("my parcel")
    assert len(loads) == 1


def test_when_all_models_are_damaged_keywords_serve(models):
    for keywords in (OTHER, {"praise": ["lovely"], "complaint": ["awful"]}):
        model = ModelVersionFactory(keywords=keywords)
        put_in_force(model)
        damage(model, models, "facts")
    clean_slate.forget_loaded()
    assert services.serving_version() == KEYWORDS_VERSION


@pytest.mark.parametrize(
    "error",
    [ModelDamaged("x"), ClassifierUnavailable("no library"), OSError(), MemoryError(), KeyError()],
)
def test_whatever_keeps_a_model_from_loading_it_is_refused(monkeypatch, error):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(registry, "load_classifier", fail)
    put_in_force(ModelVersionFactory())
    assert services.serving_version() == KEYWORDS_VERSION


# --- Threads --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_threads_that_come_while_the_first_model_loads_wait_for_it(monkeypatch):
    model = ModelVersionFactory()
    put_in_force(model)
    clean_slate.forget_loaded()
    loads, load, coming = [], registry.load_classifier, threading.Semaphore(0)

    def slow(*args, **kwargs):
        loads.append(1)
        for _ in range(8):
            coming.acquire(timeout=30)  # all of them are on their way
        return load(*args, **kwargs)

    def come():
        coming.release()
        return predict("my parcel")

    monkeypatch.setattr(registry, "load_classifier", slow)
    answers = in_threads([come] * 8)
    assert {answer.classifier for answer in answers} == {model.version}
    assert len(loads) == 1


@pytest.mark.django_db(transaction=True)
def test_while_another_model_loads_the_one_in_memory_goes_on(monkeypatch):
    first, second = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    put_in_force(first)
    predict("my parcel")
    put_in_force(second)
    loading, may_end, load = threading.Event(), threading.Event(), registry.load_classifier

    def slow(*args, **kwargs):
        loading.set()
        may_end.wait(30)
        return load(*args, **kwargs)

    def meanwhile():
        loading.wait(30)
        try:
            return predict("my parcel")
        finally:
            may_end.set()

    monkeypatch.setattr(registry, "load_classifier", slow)
    loaded, answered = in_threads([lambda: predict("my parcel"), meanwhile])
    assert (answered.classifier, loaded.classifier) == (first.version, second.version)


# --- Nothing raises -------------------------------------------------------------------------------


def test_no_message_is_no_answer():
    assert predict_many([]) == []


def test_answers_come_in_the_order_of_the_messages():
    answers = predict_many(["Where is my refund?", "", "I cannot log in"])
    assert [answer.prediction.best_guess for answer in answers][::2] == [
        "refund_status",
        "account_access",
    ]
    assert answers[1].prediction.reason == NoIntent.UNREADABLE
    assert all(answer.milliseconds > 0 for answer in answers)


@pytest.mark.parametrize("raising", ["looking", "predicting", "version"])
def test_nothing_that_goes_wrong_raises(says, monkeypatch, raising):
    class Broken:
        @property
        def version(self):
            raise AttributeError("no version")

        def predict(self, texts):
            return [None] * len(texts)

    if raising == "looking":

        def fail():
            raise OperationalError("database is locked")

        monkeypatch.setattr(services, "_current", fail)
    elif raising == "predicting":
        says(raises=RuntimeError("broken"))
    else:
        broken = services._Serving(classifier=Broken())
        monkeypatch.setattr(services, "_current", lambda: broken)
    answers = predict_many(["a", "b"])
    assert [answer.failure for answer in answers] == ["classifier_raised"] * 2
    assert all(answer.failed and answer.prediction is None for answer in answers)


def test_the_risk_class_is_the_businesss_word_and_not_the_models(says):
    says("refund_request", risk="open")
    assert predict("x").risk == Intent.objects.get(slug="refund_request").risk != "open"
    says(None)
    assert predict("x").risk is None


GOOD = Prediction("praise", None, 0.9, "praise", None, 0.9, (("praise", 0.9),), "en", 1)


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (GOOD, None),
        (replace(GOOD, confidence=1), None),
        (replace(GOOD, confidence=1e-9, margin=0), None),
        (replace(GOOD, intent=None, reason=NoIntent.AMBIGUOUS), None),
        (replace(GOOD, confidence=0), "confidence_invalid"),
        (replace(GOOD, confidence=1 + 1e-9), "confidence_invalid"),
        (replace(GOOD, margin=-1e-9), "margin_invalid"),
        (replace(GOOD, intent="nonsense", best_guess="nonsense"), "unknown_intent"),
        (replace(GOOD, intent=None), "intent_without_reason"),
        (replace(GOOD, reason=NoIntent.AMBIGUOUS), "intent_without_reason"),
        (replace(GOOD, best_guess="complaint"), "prediction_invalid"),
        (None, "no_prediction"),
    ],
)
def test_what_a_prediction_has_to_be(said, fault):
    assert services._fault(said, {"praise": "open"}) == fault


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "x" * 100_000, "🙂" * 50, "ß\u0301" * 5000])
def test_no_text_raises(text):
    assert predict(text).classifier == KEYWORDS_VERSION


# --- Explaining -----------------------------------------------------------------------------------


def test_an_explanation_names_the_version_and_the_terms():
    version, explanation = services.explain("I forgot my password")
    assert version == KEYWORDS_VERSION
    assert [term.text for term in explanation.terms] == ["password"]
    assert "password" in STARTER_KEYWORDS["account_access"]


def test_an_explanation_that_fails_holds_nobody_up(says, monkeypatch):
    says(raises=RuntimeError("broken"))
    assert services.explain("x") is None
    monkeypatch.setattr(services, "_current", lambda: services._Serving())
    assert services.explain("x") is None


def test_the_slower_half_can_be_left_out(says):
    asked = says("praise")
    asked.explain = lambda text, *, nearest=5: Explanation(terms=(), nearest=(("a", nearest),))
    assert services.explain("x", nearest=0)[1].nearest == (("a", 0),)


# --- On record ------------------------------------------------------------------------------------


def test_a_prediction_is_kept_as_codes_and_numbers(says):
    says("praise", confidence=0.9123456789, margin=0.5)
    ticket = TicketFactory(round=2, message="My secret plan")
    row = services.store(predict("My secret plan"), ticket, message_number=3, now=NOW)
    row.refresh_from_db()
    assert (row.intent, row.no_intent, row.best_guess) == ("praise", None, "praise")
    assert (row.confidence, row.margin) == (0.9123456789, 0.5)
    assert row.alternatives == [["praise", 0.912346]]
    assert (row.round, row.message_number, row.at, row.failure) == (2, 3, NOW, "")
    assert "secret" not in str(PredictionRow.objects.values().get())


def test_a_failure_is_kept_too(says):
    says(raises=RuntimeError("broken"))
    row = services.store(predict("x"), TicketFactory(), message_number=1, now=NOW)
    assert (row.failure, row.intent, row.confidence) == ("classifier_raised", None, None)


def test_a_model_that_arrives_after_its_promotion_serves_a_minute_later(models, clock):
    good, late = ModelVersionFactory(), ModelVersionFactory(keywords=OTHER)
    put_in_force(good)
    predict("my parcel")
    place = models / late.version
    place.rename(models / "elsewhere")
    put_in_force(late)
    clock.now += LOOK_AGAIN_SECONDS
    assert services.serving_version() == good.version
    (models / "elsewhere").rename(place)
    clock.now += services.AGAIN_SECONDS
    assert services.serving_version() == late.version
