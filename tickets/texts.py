"""What may stand in a text that somebody sends. Pure: no Django."""

import unicodedata

# Letters and symbols by category, yet nothing is seen of them.
BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
VISIBLE = frozenset("LNPS")


def has_visible(text: str) -> bool:
    """False for an empty text and for one of spaces, format characters and bare accents only."""
    return any(unicodedata.category(ch)[0] in VISIBLE and ch not in BLANK for ch in text)


def has_surrogate(text: str) -> bool:
    """Half of a character, which no encoding can store."""
    return any("\ud800" <= ch <= "\udfff" for ch in text)


def has_control(text: str) -> bool:
    """Control characters, line breaks among them: nothing for a name or a mail header."""
    return any(unicodedata.category(ch) in {"Cc", "Zl", "Zp"} for ch in text)


def displayable(text: str) -> str:
    """The text with everything replaced that an HTML page cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "�")


def plain_lines(text: str) -> str:
    """The text with the line ends of every system turned into one kind."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
