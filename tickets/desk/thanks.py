"""Whether a reply only says thanks. Pure: no Django."""

import re

MOST_WORDS = 12
THANKS = frozenset(
    (
        "thanks thank thx ty cheers thankyou danke dank dankeschön merci gracias "
        "perfect great awesome wonderful brilliant super prima 👍 🙏 ❤️ 😊 🙂"
    ).split()
)
FILLERS = frozenset(
    (
        "you u so very much many lots a lot ok okay all good great perfect for your the quick "
        "fast help reply answer response that's that is was helpful helped me really appreciated "
        "appreciate it worked works now got hi hello team everyone best "
        "regards vielen lieben dank schön für die ihre hilfe schnelle antwort alles klar gut sehr "
        "das hat geholfen und mate solved this sorted and i"
    ).split()
)
# Words that are courtesy in these places only: "I have this problem again" is a new problem.
COURTESY = re.compile(
    r"\b(?:have an? (?:nice|good|great|lovely) (?:day|evening|weekend)"
    r"|(?:thanks|thank you) (?:once )?again"
    r"|(?:solved|sorted|fixed) (?:my|the|this) (?:problem|issue)"
    r"|(?:my|the|this) (?:problem|issue) (?:is|was|has been) (?:solved|sorted|fixed))\b"
)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|👍|🙏|❤️|😊|🙂")
# A line that ends a letter; behind it stands a name.
CLOSING = re.compile(
    r"(?:(?:best|kind|warm|many) )*(?:regards|wishes)|(?:with )?love|yours(?: sincerely)?|sincerely"
    r"|(?:viele|liebe|beste|schöne|mit freundlichen) grü(?:ß|ss)en?|mfg|lg|vg"
)
LONGEST_NAME = 4  # words


def is_only_thanks(text: str) -> bool:
    """True for a short message of thanks without a question or anything else to do."""
    if "?" in text:
        return False
    text = _without_name(text)
    said = COURTESY.sub(" thanks ", " ".join(text.casefold().replace("’", "'").split()))
    words = WORD.findall(said)
    if not words or len(words) > MOST_WORDS or any(ch.isdigit() for ch in text):
        return False
    return any(word in THANKS for word in words) and all(
        word in THANKS or word in FILLERS for word in words
    )


def _without_name(text: str) -> str:
    """The text without the closing line of a letter and the name behind it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines[1:], 1):
        if CLOSING.fullmatch(line.casefold().rstrip(" ,.!")):
            name = " ".join(lines[number + 1 :])
            return "\n".join(lines[:number]) if len(name.split()) <= LONGEST_NAME else text
    return text
