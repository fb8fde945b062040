import subprocess
import sys

import numpy as np
import pytest

from classification.linear.classifier import LinearClassifier
from classification.shared.tfidf import Vocabulary, count, letter_grams, rarity, weigh, word_grams
from classification.tests.corpus import rows, trained_linear
from tickets.codes import NoIntent


def test_clear_messages_get_their_intent():
    texts = [
        "I forgot my password",
        "where is my order",
        "please send the invoice as PDF",
        "cancel my subscription please",
    ]

    found = [p.intent for p in trained_linear().predict(texts)]

    assert found == ["account_access", "order_status", "invoice_request", "subscription_cancel"]


def test_a_greeting_signature_and_quotation_change_nothing():
    plain = "please send me the invoice as a PDF"
    mail = (
        f"Dear Support Team,\n\n{plain}\n\nKind regards,\nAda Lovelace\n\n"
        "On Mon, 3 Mar 2025 at 10:12, Shop <s@s.example> wrote:\n> your order was cancelled\n"
    )

    alone, mailed = trained_linear().predict([plain, mail])

    assert mailed == alone


def test_two_requests_in_one_mail_are_less_sure_than_each():
    one, other = "I forgot my password and cannot log in.", "Please send me the invoice as a PDF."

    first, second, both = trained_linear().predict([one, other, f"{one} {other}"])

    assert both.parts == 2
    assert both.confidence < min(first.confidence, second.confidence)


@pytest.mark.parametrize(
    "text", ["tell me a joke about penguins", "the weather is lovely in spring"]
)
def test_what_fits_no_intent_has_none(text):
    prediction = trained_linear().predict([text])[0]

    assert prediction.intent is None
    assert prediction.reason == NoIntent.OUT_OF_SCOPE


@pytest.mark.parametrize("text", ["", "asdfghjkl qwertyuiop", "Где мой заказ?", "12345"])
def test_what_cannot_be_read_has_no_intent_and_no_confidence(text):
    prediction = trained_linear().predict([text])[0]

    assert (prediction.intent, prediction.reason) == (None, NoIntent.UNREADABLE)
    assert prediction.confidence <= 0.01


def test_out_of_fold_predictions_cover_every_row_in_order():
    texts, intents = rows()
    held_out = trained_linear().out_of_fold_

    assert held_out.ids == tuple(map(str, range(len(texts))))
    assert len(held_out.confidence) == len(held_out.margin) == len(held_out.abstained) == len(texts)
    right = [guess == intent for guess, intent in zip(held_out.best_guess, intents, strict=True)]
    assert list(held_out.correct) == right
    assert np.mean([c for c, i in zip(right, intents, strict=True) if i != "out_of_scope"]) > 0.9


def test_out_of_scope_rows_are_never_counted_as_right():
    intents = rows()[1]

    pairs = zip(trained_linear().out_of_fold_.correct, intents, strict=True)

    assert not any(correct for correct, intent in pairs if intent == "out_of_scope")


def test_groups_keep_copies_out_of_the_judging():
    """Labels are chance here, so only a model that knows a row's copy can be right about it."""
    texts = [f"{'bcdfg'[n % 5]}a{'lmnrs'[n // 5 % 5]}o {'ptkvz'[n // 25]}e" for n in range(125)]
    labels = [("one", "two", "three", "four")[n * 7919 % 31 % 4] for n in range(125)]
    copies = [*range(125), *range(125)]

    grouped = LinearClassifier().fit(texts * 2, labels * 2, groups=copies).out_of_fold_
    split = LinearClassifier().fit(texts * 2, labels * 2, groups=range(250)).out_of_fold_

    assert sum(grouped.correct) < 100 < 150 < sum(split.correct)


def test_training_twice_gives_the_same_version():
    assert LinearClassifier().fit(*rows()).version == trained_linear().version


def test_training_tells_its_progress_from_start_to_end():
    shares = []
    LinearClassifier().fit(*rows(), progress=lambda _sentence, share: shares.append(share))

    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("texts", "intents", "message"),
    [
        (["a b"], ["one"], "at least two intents"),
        (["a b", "c d", "e f"], ["one", "two"], "equally many"),
    ],
)
def test_rows_that_do_not_fit_are_refused(texts, intents, message):
    with pytest.raises(ValueError, match=message):
        LinearClassifier().fit(texts, intents)


def test_two_intents_and_few_rows_are_enough_to_train():
    texts = ["red apple pie", "sweet apple tart", "fast red car", "slow blue car"]

    model = LinearClassifier().fit(texts, ["food", "food", "car", "car"])

    assert [p.best_guess for p in model.predict(["apple cake", "old car"])] == ["food", "car"]


def test_an_explanation_names_the_word_that_carried_the_guess_and_the_nearest_rows():
    texts, intents = rows()
    explanation = trained_linear().explain("please send me the invoice")

    assert explanation.terms[0].text == "invoice"
    nearest, similarity = explanation.nearest[0]
    assert intents[int(nearest)] == "invoice_request"
    assert "invoice" in texts[int(nearest)]
    assert 0 < similarity <= 1
    assert trained_linear().explain("please send me the invoice", nearest=0).nearest == ()


def test_prediction_does_not_load_scikit_learn():
    code = "import sys, classification.linear; print('sklearn' in sys.modules)"

    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert answer.stdout.strip() == "False"


def test_word_grams_and_letter_grams_are_what_they_say():
    assert word_grams("my card, please") == ["my", "card", "please", "my card", "card please"]
    assert letter_grams("ab") == [" a", "ab", "b ", " ab", "ab ", " ab "]
    assert len(letter_grams("x" * 20_000)) < 200


def test_weights_are_those_of_scikit_learn():
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = ["my card is my card", "where is it", "card lost"]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    theirs = vectorizer.fit_transform(texts).toarray()
    vocabulary = Vocabulary().learn(texts)
    counts = count(vocabulary, texts)
    ours = weigh(counts, rarity(counts), vocabulary.words_end).toarray()

    order = [vocabulary.words[gram] for gram in vectorizer.get_feature_names_out()]
    assert ours[:, order] == pytest.approx(theirs * 0.8)
    assert (ours**2).sum(axis=1) == pytest.approx([2, 2, 2])
