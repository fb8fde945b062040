"""Reading a message as people write it: what is said in it now, in which pieces, if anything is.

``read`` takes whatever arrives and always answers. Time is linear in the length of the text.
"""

import re
import unicodedata
from dataclasses import dataclass

from classification.reading.language import (
    WORD,
    guess_language,
    is_gibberish,
    only_greets,
    script_of,
)
from classification.reading.strip import (
    CLOSINGS,
    THANKS,
    cut_greeting,
    cut_inline_quote,
    cut_quotes,
    cut_signature,
)

MOST_PARTS = 20
WORDS_OF_A_PART = 3
# A mail program breaks lines near column 72; a shorter line ended because its writer ended it.
SHORTEST_WRAPPED_LINE = 50
CODE_POINTS_TO_DROP = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
PUNCTUATION = str.maketrans("‘’‚‛`´“”„\xa0\u202f", "''''''\"\"\"  ")
SPACES = re.compile(r"[^\S\n]+")  # whatever Unicode calls a space: runs would cost their square
SENTENCE_END = re.compile(
    r"(?<=[.!?…])[\"')\]]*\s+|\n+|;\s+|,?\s+(?:and|but|also)\s+also\s+|,?\s+additionally\s*,?\s+",
    re.IGNORECASE,
)
MAY_END = re.compile(r"[.!?…;\n]|\b(?:also|additionally)\b", re.IGNORECASE)
LIST_ITEM = re.compile(r"(?:[-*•–]|\d{1,2}[.)])\s")
QUESTION = re.compile(r"\?+")
ABBREVIATIONS = (
    "mr.",
    "mrs.",
    "ms.",
    "dr.",
    "no.",
    "nr.",
    "e.g.",
    "i.e.",
    "approx.",
    "vs.",
    "ref.",
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A message as read.

    ``core`` is the text without quotation, greeting and signature; ``parts`` are its sentences or
    paragraphs, at least one unless ``core`` is empty; a single part equals ``core``. ``language``
    is a two-letter code, "unknown" for a language we have no words of, or None when nothing tells.
    ``unreadable`` is None or a code: empty, no_letters, too_short, other_script, other_language,
    gibberish, only_greeting. ``questions`` counts question marks (runs count once), ``length`` the
    characters of ``core``.
    """

    core: str
    parts: tuple[str, ...]
    language: str | None
    unreadable: str | None
    questions: int
    length: int


def read(text: str, expected_language: str = "en") -> Reading:
    """Read one message. Never raises, whatever the text holds."""
    core = core_of(text)
    words = WORD.findall(core.lower())
    language, unreadable = judge(core, words, expected_language)
    return Reading(
        core=core,
        parts=split(core) if unreadable is None else (core,) if core else (),
        language=language,
        unreadable=unreadable,
        questions=len(QUESTION.findall(core)) if "?" in core else 0,
        length=len(core),
    )


def judge(core: str, words: list[str], expected_language: str) -> tuple[str | None, str | None]:
    """(language, code of what makes the text unreadable), each None where there is none."""
    if not core:
        return None, "empty"
    if not words:
        return None, "no_letters"
    script = script_of(core)
    if script != "LATIN":
        return None, "other_script"
    if sum(map(len, words)) < 2:
        return None, "too_short"
    language = guess_language(words, expected_language)
    if only_greets(words):
        return language, "only_greeting"
    if is_gibberish(words):
        return language, "gibberish"
    return language, None if language in (None, expected_language) else "other_language"


def core_of(text: str) -> str:
    """What the sender says now, without quotation, greeting and signature."""
    text = clean(text)
    if "\n" in text or text.lstrip().startswith(">"):
        lines = [SPACES.sub(" ", line).strip() for line in text.split("\n")]
        lines = cut_signature(cut_quotes(lines))
        text = _join(lines)
    else:
        text = SPACES.sub(" ", text).strip()
    return cut_closing(cut_greeting(cut_inline_quote(text))).strip()


def clean(text: str) -> str:
    """Text with plain quotes and line ends, composed letters and nothing invisible."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(PUNCTUATION)
    if text.isprintable():
        return text
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return CODE_POINTS_TO_DROP.sub(" ", text)


def _join(lines: list[str]) -> str:
    """Lines as running text: a wrapped line continues, an ended one keeps its end."""
    pieces: list[str] = []
    previous = ""
    for line in lines:
        if not line:
            previous = ""
            continue
        wrapped = len(previous) >= SHORTEST_WRAPPED_LINE and previous[-1] not in ".!?:;"
        if pieces:
            pieces.append(" " if wrapped and not LIST_ITEM.match(line) else "\n")
        pieces.append(line)
        previous = line
    return "".join(pieces)


def cut_closing(text: str) -> str:
    """Text of one line without "Thanks, Ann" or "Kind regards, Ann Lee" at its end."""
    at = max(text.rfind(mark, 0, len(text) - 1) for mark in (". ", "! ", "? ", "\n"))
    if at <= 0:
        return text
    last = text[at + 1 :].strip().lower()
    words = len(last.split())
    if "?" in last or not (last.strip(" ,.!") + ",").startswith(CLOSINGS + THANKS):
        return text
    closing = words <= 6 if last.startswith(CLOSINGS) else words <= 4
    return text[: at + 1].rstrip() if closing else text


def split(core: str) -> tuple[str, ...]:
    """Sentences or paragraphs of a text, short ones joined to their neighbour.

    At most ``MOST_PARTS``; the last one then holds all the rest, so that nothing is lost.
    """
    if not MAY_END.search(core, 0, len(core) - 1):  # most messages: one sentence
        return (core,) if core else ()
    pieces = [piece for piece in SENTENCE_END.split(core) if piece]
    if len(pieces) < 2:
        return (core,) if core else ()
    parts: list[str] = []
    open_part = ""
    for piece in pieces:
        open_part = f"{open_part} {piece}" if open_part else piece
        enough = open_part.count(" ") >= WORDS_OF_A_PART - 1
        if enough and not open_part.lower().endswith(ABBREVIATIONS):
            parts.append(open_part)
            open_part = ""
    if open_part:
        parts[-1:] = [f"{parts[-1]} {open_part}"] if parts else [open_part]
    if len(parts) > MOST_PARTS:
        parts[MOST_PARTS - 1 :] = [" ".join(parts[MOST_PARTS - 1 :])]
    return tuple(parts) if len(parts) > 1 else (core,)
