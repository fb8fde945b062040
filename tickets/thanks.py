"""Whether a reply only says thanks. Pure: no Django."""

import re

MOST_WORDS = 12
THANKS = frozenset(
    (
        "thanks thank thx ty cheers thankyou danke dank dankeschön merci gracias "
        "perfect great awesome wonderful brilliant super"
    ).split()
)
FILLERS = frozenset(
    (
        "you u so very much many lots a lot ok okay all good great perfect for your the quick "
        "fast help reply answer response that's that is was helpful helped me really appreciated "
        "appreciate it worked works now got hi hello team everyone best "
        "regards vielen dank für die hilfe schnelle antwort alles klar solved this "
        "sorted and i"
    ).split()
)
# Words that are courtesy in these places only: "I have this problem again" is a new problem.
COURTESY = re.compile(
    r"\b(?:have an? (?:nice|good|great|lovely) (?:day|evening|weekend)"
    r"|(?:thanks|thank you) (?:once )?again"
    r"|(?:solved|sorted|fixed) (?:my|the|this) (?:problem|issue)"
    r"|(?:my|the|this) (?:problem|issue) (?:is|was|has been) (?:solved|sorted|fixed))\b"
)
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def is_only_thanks(text: str) -> bool:
    """True for a short message of thanks without a question or anything else to do."""
    if "?" in text:
        return False
    said = COURTESY.sub(" thanks ", " ".join(text.casefold().replace("’", "'").split()))
    words = WORD.findall(said)
    if not words or len(words) > MOST_WORDS or any(ch.isdigit() for ch in text):
        return False
    return any(word in THANKS for word in words) and all(
        word in THANKS or word in FILLERS for word in words
    )
