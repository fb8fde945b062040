"""Predictions by the API."""

import pytest

from classification import services
from classification.contract import Explanation, Term
from classification.models import Prediction
from tickets.codes import NoIntent, Scope
from tickets.models import Ticket
from tickets.tests.calling import client_with, send

PREDICTIONS = "/api/v1/predictions/"


@pytest.fixture
def api(starter, issue_key):
    return client_with(issue_key(Scope.PREDICTIONS_READ))


def ask(api, **body):
    return send(api, body, PREDICTIONS)


def test_a_prediction_says_what_it_is_and_what_carried_it(api, says, monkeypatch):
    scripted = says("order_status", confidence=0.97)
    terms = (Term("order", 0.5), Term("refund", -0.25))
    monkeypatch.setattr(
        scripted, "explain", lambda text, nearest: Explanation(terms=terms, nearest=())
    )
    response = ask(api, text="Where is my order?")
    assert response.status_code == 200
    assert response.json() == [
        {
            "intent": "order_status",
            "confidence": 0.97,
            "abstained": False,
            "reason": None,
            "alternatives": [{"intent": "order_status", "confidence": 0.97}],
            "terms": [{"text": "order", "weight": 0.5}, {"text": "refund", "weight": -0.25}],
            "model": "scripted-1",
        }
    ]
    assert scripted.asked == ["Where is my order?"]


def test_an_abstention_keeps_the_best_guess_among_the_alternatives(api, says):
    says(None, reason=NoIntent.AMBIGUOUS, best_guess="refund_status", confidence=0.4)
    (told,) = ask(api, text="It is about the thing.").json()
    assert (told["intent"], told["abstained"], told["reason"]) == (None, True, "ambiguous")
    assert told["confidence"] == 0.4
    assert told["alternatives"][0] == {"intent": "refund_status", "confidence": 0.4}


def test_a_failure_is_an_abstention_with_its_reason(api, says):
    says(raises=RuntimeError("broken"))
    (told,) = ask(api, text="Where is my order?").json()
    assert told == {
        "intent": None,
        "confidence": None,
        "abstained": True,
        "reason": "classifier_raised",
        "alternatives": [],
        "terms": [],
        "model": None,
    }


def test_a_missing_explanation_costs_only_the_terms(api, says, monkeypatch):
    scripted = says("order_status")

    def explain(text, nearest):
        raise RuntimeError("broken")

    monkeypatch.setattr(scripted, "explain", explain)
    (told,) = ask(api, text="Where is my order?").json()
    assert (told["intent"], told["terms"]) == ("order_status", [])


def test_a_thousand_texts_are_one_batch_in_their_order(api, says, monkeypatch):
    scripted = says("order_status")
    texts = [f"Order {number}" for number in range(1000)]
    told = ask(api, texts=texts).json()
    assert len(told) == 1000
    assert scripted.asked == texts


def test_nothing_is_stored(api, says):
    says("order_status")
    ask(api, texts=["Where is my order?", "Hello?"])
    assert (Ticket.objects.count(), Prediction.objects.count()) == (0, 0)


def test_one_text_or_a_thousand_take_one_query(api, says, django_assert_num_queries):
    says("order_status")
    ask(api, text="first")
    with django_assert_num_queries(1):  # key
        ask(api, texts=["x"] * 50)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": "x", "texts": ["x"]}, "text"),
        ({"text": ""}, "text"),
        ({"text": "\u200b"}, "text"),
        ({"text": 5}, "text"),
        ({"text": ["x"]}, "text"),
        ({"text": None}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"texts": []}, "texts"),
        ({"texts": "x"}, "texts"),
        ({"texts": {"0": "x"}}, "texts"),
        ({"texts": ["x"] * 1001}, "texts"),
        ({"texts": ["x", None]}, "texts.1"),
        ({"texts": ["x", ["x"]]}, "texts.1"),
        ({"texts": ["x", "y" * 20_001]}, "texts.1"),
        ({"text": "x", "model": "y"}, "model"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(api, says, body, field):
    scripted = says("order_status")
    response = ask(api, **body)
    assert response.status_code == 400
    assert list(response.json()["error"]["fields"]) == [field]
    assert scripted.asked == []


def test_a_large_batch_is_taken_and_a_larger_one_is_a_413(api, says):
    says("order_status")
    assert ask(api, texts=["x" * 1_500] * 1_000).status_code == 200
    assert ask(api, texts=["x" * 20_000] * 1_000).status_code == 413


def test_the_keyword_classifier_answers_where_none_was_trained(api):
    (told,) = ask(api, text="Where is my order? I have been waiting for my parcel.").json()
    assert told["model"] == services.serving_version()
    assert told["model"].startswith("keywords")
    assert told["alternatives"]
