import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classification.reading.read import MOST_PARTS, read

REQUEST = "The blue lamp came broken. How do I send it back?"

QUOTES = {
    "english": (
        "On Mon, 3 Mar 2025 at 10:12, Lamp Shop <help@lamps.example> wrote:\n> Dear Ada,\n> sent."
    ),
    "english in two lines": (
        "On Monday, 3 March 2025 at 10:12, Lamp Shop\n<help@lamps.example> wrote:\n> We sent it."
    ),
    "german": "Am 03.03.2025 um 10:12 schrieb Lampenladen <hilfe@lampen.example>:\n> Guten Tag",
    "german, verb last": "Am Mo., 3. März 2025 hat Lampenladen <h@l.example> schrieb:\nGuten Tag",
    "french": "Le lun. 3 mars 2025 à 10:12, Lampes <aide@l.example> a écrit\xa0:\n> Bonjour",
    "spanish": "El lun, 3 mar 2025 a las 10:12, Tienda <a@tienda.example> escribió:\n> Hola",
    "italian": "Il giorno lun 3 mar 2025 Negozio <n@n.example> ha scritto:\n> Salve",
    "dutch": "Op ma 3 mrt 2025 om 10:12 schreef Winkel <w@w.example>:\n> Hallo",
    "outlook": "From: Lamp Shop\nSent: Monday, 3 March 2025\nTo: Ada\nSubject: Order\n\nDear Ada",
    "german outlook": "Von: Laden\nGesendet: Montag, 3. März\nAn: Ada\nBetreff: Lampe\n\nGuten Tag",
    "french outlook": "De : Lampes\nEnvoyé : 3 mars\nÀ : Ada\nObjet : Commande\n\nBonjour",
    "original message": "-----Original Message-----\nDear Ada, where is the login page?",
    "german original": "-----Ursprüngliche Nachricht-----\nGuten Tag",
    "marks alone": "> Dear Ada,\n> your refund is on its way.\n> Lamp Shop",
}


@pytest.mark.parametrize("quote", QUOTES.values(), ids=QUOTES)
def test_a_quoted_thread_is_cut(quote):
    assert read(f"{REQUEST}\n\n{quote}").core == REQUEST


def test_a_quote_flattened_into_one_line_is_cut():
    text = f"{REQUEST} On Mon, 3 Mar 2025 at 10:12 Lamp Shop <help@lamps.example> wrote: > Dear Ada"

    assert read(text).core == REQUEST


def test_an_answer_below_the_quotation_is_kept():
    text = f"On 3 Mar 2025, Shop <s@s.example> wrote:\n> What is wrong?\n> Shop\n\n{REQUEST}"

    assert read(text).core == REQUEST


def test_a_forwarded_message_without_words_of_its_own_is_read_itself():
    heading = "---------- Forwarded message ---------\nFrom: Ada <a@a.example>\nDate: 3 Mar 2025"
    text = f"{heading}\n\n{REQUEST}"

    assert read(text).core == REQUEST


def test_a_customer_who_wrote_on_monday_is_not_a_quotation():
    text = "On Monday I wrote:\nmy lamp is broken and nobody answered."

    assert read(text).core.startswith("On Monday I wrote:")


@pytest.mark.parametrize(
    "closing",
    [
        "Kind regards,\nAda Lovelace\nTel. 030 1234567",
        "Best,\nAda",
        "Thanks,\nAda",
        "-- \nAda Lovelace, Analyst\nwww.ada.example",
        "Mit freundlichen Grüßen\nAda",
        "Cordialement,\nAda",
        "Saludos,\nAda",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS",
    ],
)
def test_a_signature_is_cut(closing):
    assert read(f"{REQUEST}\n\n{closing}").core == REQUEST


@pytest.mark.parametrize(
    "greeting",
    [
        "Hi,",
        "Hello there,",
        "Dear Sir or Madam,",
        "Hi Support Team!",
        "Good morning,",
        "Dear Mrs. Smith,",
    ],
)
def test_a_greeting_is_cut(greeting):
    assert read(f"{greeting}\n\n{REQUEST}").core == REQUEST
    assert read(f"{greeting} {REQUEST}").core == REQUEST


def test_a_request_right_behind_the_greeting_is_kept():
    assert read("hi cancel my order, please").core == "cancel my order, please"


def test_a_postscript_below_the_signature_is_kept():
    text = "The lamp is broken.\nKind regards\nAda\nPS: please also cancel my subscription"

    assert read(text).parts == ("The lamp is broken.", "PS: please also cancel my subscription")


@pytest.mark.parametrize("text", ["Thanks!", "Hello", "Thank you so much", "Kind regards"])
def test_what_is_nothing_but_courtesy_stays(text):
    assert read(text).core == text


def test_sentences_become_parts_and_short_ones_join_their_neighbour():
    reading = read("My order is late. Help please! Can you also send the invoice?")

    assert reading.parts == ("My order is late.", "Help please! Can you also send the invoice?")


def test_wrapped_lines_are_one_sentence_and_ended_lines_are_two():
    wrapped = "I ordered a lamp in the first week of March and it has\nnot come yet"
    ended = "the lamp is broken\nplease send an invoice"

    assert read(wrapped).parts == (wrapped.replace("\n", " "),)
    assert read(ended).parts == ("the lamp is broken", "please send an invoice")


def test_no_part_is_lost_when_there_are_very_many():
    reading = read(" ".join(f"This is sentence {n}." for n in range(100)))

    assert len(reading.parts) == MOST_PARTS
    assert reading.parts[-1].endswith("This is sentence 99.")


def test_an_abbreviation_ends_no_sentence():
    assert read("I talked to Mr. Smith about it").parts == ("I talked to Mr. Smith about it",)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty"),
        ("  \n\t ", "empty"),
        ("> only quoted", "empty"),
        ("12345 !?", "no_letters"),
        ("😀😀", "no_letters"),
        ("k", "too_short"),
        ("Где мой заказ?", "other_script"),
        ("أين طلبي من فضلك", "other_script"),
        ("我的订单在哪里", "other_script"),
        ("Ich möchte mein Konto löschen und mein Geld zurück", "other_language"),
        ("Où est ma commande, je ne la trouve pas", "other_language"),
        ("¿Dónde está mi pedido? No ha llegado todavía", "other_language"),
        ("Gdzie jest moje zamówienie bo czekam już dwa tygodnie na paczkę", "other_language"),
        ("mujhe weight gain ke liye kya karna hai", "other_language"),
        ("Hello", "only_greeting"),
        ("Hiii sir!", "only_greeting"),
        ("Good morning to you all", "only_greeting"),
        ("asdfghjkl qwertyuiop", "gibberish"),
        ("xkcdqwrt bvnmzxlk prtgh", "gibberish"),
        ("aaaaaaaaaaaa", "gibberish"),
    ],
)
def test_what_cannot_be_read_says_why(text, code):
    assert read(text).unreadable == code


@pytest.mark.parametrize(
    "text",
    ["order status", "pls refund thx", "𝓘 want to cancel", "VAT pdf", "Login?", "u guys rock"],
)
def test_short_and_careless_english_is_readable(text):
    assert read(text).unreadable is None


def test_the_language_is_guessed():
    assert read("where is my order").language == "en"
    assert read("wo ist meine Bestellung und wann kommt sie").language == "de"
    assert read("order status").language is None


def test_another_expected_language_turns_the_judgement_round():
    reading = read("Wo ist meine Bestellung?", expected_language="de")

    assert (reading.language, reading.unreadable) == ("de", None)


def test_questions_are_counted_by_runs_of_marks():
    assert read("Where is it??? And when does it come? Now").questions == 2


def test_invisible_characters_and_broken_surrogates_do_not_stay():
    assert read("ref\u200bund\ud800 my\x00 order\u202e").core == "ref und my order"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_can_be_read(text):
    reading = read(text)

    assert reading.length == len(reading.core)
    assert bool(reading.parts) == bool(reading.core)
    assert len(reading.parts) != 1 or reading.parts == (reading.core,)


@settings(deadline=None)
@given(st.text(alphabet="abc .?!\n>-", max_size=120))
def test_reading_what_was_read_changes_nothing_more(text):
    core = read(text).core

    assert read(core).length <= len(core)


HOSTILE = [
    "a",
    "> ",
    "on ",
    "On 3 wrote: ",
    "On 3 wrote:\n",
    "from:\n",
    "hi ",
    "A. ",
    "?",
    "Thanks.\n",
]
HOSTILE += [
    "\n",
    " ",
    "-",
    "also ",
    ", ",
    "é",
    "ﷺ",
    "\ud800",
    "\u202e",
    "1. ",
    "--\n",
    "Am 3 schrieb \n",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_length_and_no_faster(piece):
    """Eight times the text may take at most twenty-four times as long; quadratic would be 64."""

    def seconds(length):
        text = (piece * length)[:length]
        runs = []
        for _ in range(3):
            start = time.process_time()
            read(text)
            runs.append(time.process_time() - start)
        return min(runs)

    assert seconds(20_000) <= 24 * seconds(2_500) + 0.002


@pytest.mark.parametrize("space", ["\u2028", "\x85", "\u2029", "\u3000", "\x1c", " ", "\t"])
def test_a_run_of_any_space_is_one_space(space):
    """Left as they are, runs cost the square of their length."""
    found = read(f"Where is my order{space * 19_000}and also how do I pay?")
    assert max(map(len, found.parts)) < 60
    assert found.length < 60
