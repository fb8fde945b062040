"""Whether a text shows anything at all. Pure: no Django."""

import unicodedata

# Spaces, line ends, controls and formatting. Unassigned characters count as visible: an emoji newer
# than Python's tables is one of them.
UNSEEN_CATEGORIES = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
# Characters that Unicode calls letters, marks or symbols although they show nothing.
UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")


def is_visible(text: str) -> bool:
    """True when at least one character of the text leaves a mark on a screen."""
    return any(_shows(character) for character in text)


def _shows(character: str) -> bool:
    if character in UNSEEN or _is_variation_selector(character):
        return False
    return unicodedata.category(character) not in UNSEEN_CATEGORIES


def _is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
