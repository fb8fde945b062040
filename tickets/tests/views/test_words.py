"""Words of pages and mails: German is complete, and mails say what they must."""

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils.translation import override

from tickets import tracking
from tickets.codes import OutboxKind
from tickets.outbox import deliver
from tickets.tests.factories import MessageFactory, OutboxFactory

GERMAN = Path(settings.LOCALE_PATHS[0]) / "de" / "LC_MESSAGES"
TEMPLATES = settings.BASE_DIR / "templates"
OURS = ["customer/*.html", "mail/*.txt", "403.html", "404.html"]
TRANSLATE = re.compile(r'{% translate "((?:[^"\\]|\\.)*)"')
BLOCK = re.compile(r"{% blocktranslate.*?%}(.*?){% endblocktranslate %}", re.DOTALL)
LAZY = re.compile(r'\b_\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
VARIABLE = re.compile(r"{{ (\w+) }}")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    """What the compiled file says, by its English words."""
    with (GERMAN / "django.mo").open("rb") as file:
        words = gettext.GNUTranslations(file)._catalog
    return {english: german for english, german in words.items() if english}


def spoken() -> set[str]:
    """Every English sentence of ours, as the catalogue names it."""
    found = set()
    for pattern in OURS:
        for path in TEMPLATES.glob(pattern):
            text = path.read_text()
            found |= set(TRANSLATE.findall(text))
            found |= {VARIABLE.sub(r"%(\1)s", block) for block in BLOCK.findall(text)}
    for name in ("forms.py", "outbox/deliver.py", "views/problems.py"):
        for pieces in LAZY.findall((settings.BASE_DIR / "tickets" / name).read_text()):
            found.add("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', pieces)))
    return found


def test_every_sentence_has_its_german(catalogue):
    assert len(spoken()) > 90
    assert sorted(spoken() - catalogue.keys()) == []


def test_no_german_is_left_over(catalogue):
    formats = {"j F Y, H:i", "l, j F"}
    assert sorted(catalogue.keys() - spoken() - formats) == []


def test_translations_name_the_same_values(catalogue):
    for english, german in catalogue.items():
        assert sorted(PLACEHOLDER.findall(german)) == sorted(PLACEHOLDER.findall(english)), english


def test_the_compiled_file_says_what_the_source_says(catalogue):
    source = (GERMAN / "django.po").read_text()
    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.*)"$', source, re.MULTILINE)
    written = {a.replace('\\"', '"'): b.replace('\\"', '"') for a, b in pairs}
    assert written == catalogue


def test_no_translation_is_a_guess_or_left_empty():
    source = (GERMAN / "django.po").read_text()
    assert "fuzzy" not in source
    assert not re.search(r'^msgstr ""\n\n', source, re.MULTILINE)
    assert "#~" not in source


def test_a_browser_that_asks_for_german_gets_it(client):
    response = client.get("/ui/", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    page = response.content.decode()
    assert '<html lang="de">' in page
    assert "Wie können wir helfen?" in page
    assert "Accept-Language" in response["Vary"]


@pytest.mark.parametrize(
    ("language", "subject", "words"),
    [
        ("en", "We have received your message", "a person from our team will answer it"),
        ("de", "Wir haben Ihre Nachricht erhalten", "jemand aus unserem Team wird sie beantworten"),
    ],
)
def test_the_confirmation_names_reference_and_link(db, settings, language, subject, words):
    settings.PUBLIC_URL = "https://help.example.com"
    row = OutboxFactory()
    row.requester.name = "Buy now http://spam.example"
    with override(language):
        mail = deliver.compose(row)
    assert mail.subject == f"{subject} [{row.ticket.reference}]"
    assert words in mail.body
    assert tracking.link(row.ticket) in mail.body.splitlines()
    assert mail.body.index("\n-- \n") > mail.body.index(tracking.link(row.ticket))
    # Anybody can write any name to any address, so no mail carries it there.
    assert "spam.example" not in mail.body
    assert not re.search(r"[{}%]", mail.body)


@pytest.mark.parametrize(
    ("automatic", "words"),
    [
        (True, "This is an automatic answer; no person wrote it."),
        (False, "The whole conversation is here, and you can reply there:"),
    ],
)
def test_an_answer_by_mail_says_who_wrote_it_and_where_to_go(db, automatic, words):
    row = OutboxFactory(kind=OutboxKind.REPLY, automatic=automatic)
    row.message = MessageFactory(
        ticket=row.ticket, number=2, author="machine", subject="Your order", body="It's <here> & ok"
    )
    mail = deliver.compose(row)
    assert mail.body.startswith("It's <here> & ok\n\n-- \n")
    assert words in mail.body
    assert ("talk to a person" in mail.body) == automatic
    assert tracking.link(row.ticket) in mail.body.splitlines()
