"""The words by which a text is found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.search.words import LONGEST_WORD, MOST_OF_A_TEXT, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Where is my ORDER?", ["where", "is", "my", "order"]),
        ("Café, Müller & Łódź", ["cafe", "muller", "łodz"]),
        ("Straße", ["strasse"]),
        ("İstanbul", ["istanbul"]),
        ("ada.lovelace@shop-one.example", ["ada", "lovelace", "shop", "one", "example"]),
        ("T-7K3M-Q9XD", ["t", "7k3m", "q9xd"]),
        ("snake_case", ["snake", "case"]),
        ("order order Order", ["order"]),
        ("где мой Заказ", ["где", "мои", "заказ"]),
        ("我的订单 42", ["我", "的", "订", "单", "42"]),
        ("ﬁne", ["fine"]),
        ("% \" * ( ) ' -- \0 🙂", []),
        ("", []),
    ],
)
def test_case_accents_and_signs_make_no_difference(text, words):
    assert words_of(text) == words


def test_texts_are_read_as_one():
    assert words_of("Ada Lovelace", "", "ada writes") == ["ada", "lovelace", "writes"]


def test_long_words_and_long_texts_are_cut():
    assert words_of("W" * 20_000) == ["w" * LONGEST_WORD]
    assert words_of("й" * 100) == ["и" * (LONGEST_WORD // 2)]
    assert len(words_of(" ".join(str(n) for n in range(9_000)))) == MOST_OF_A_TEXT


@given(st.text())
def test_words_are_words_and_reading_them_again_changes_nothing(text):
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert all(0 < len(word.encode()) <= LONGEST_WORD for word in words)
    assert not any(sign in word for word in words for sign in " \0\"'*\\:&|!()<>-")
