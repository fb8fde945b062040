"""Cutting what the customer did not write now: quoted threads, greetings and signatures.

Everything here works line by line with plain string methods, so the time grows with the length
of the message and nothing else, whatever a hostile sender puts into it.
"""

import re

# What a line that introduces a quotation begins and ends with, per language.
QUOTE_OPENINGS = ("on ", "am ", "le ", "el ", "il ", "op ", "em ", "> on ", "> am ")
QUOTE_ENDINGS = (
    "wrote:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "escribió:",
    "ha scritto:",
    "schreef:",
    "escreveu:",
)
# German and Dutch put the sender behind the verb: "Am 3.3. schrieb Anna Amsel <a@b.de>:".
QUOTE_VERBS = (" schrieb ", " schreef ")

FORWARD_TITLES = frozenset(
    {
        "original message",
        "forwarded message",
        "begin forwarded message",
        "ursprüngliche nachricht",
        "weitergeleitete nachricht",
        "anfang der weitergeleiteten nachricht",
        "message d'origine",
        "message original",
        "message transféré",
        "début du message transféré",
        "mensaje original",
        "mensaje reenviado",
        "messaggio originale",
        "messaggio inoltrato",
        "oorspronkelijk bericht",
        "doorgestuurd bericht",
    }
)
SENDER_KEYS = ("from:", "von:", "de:", "de :", "da:", "van:")
HEADER_KEYS = (
    *("sent:", "to:", "subject:", "cc:", "date:"),
    *("gesendet:", "an:", "betreff:", "datum:"),
    *("envoyé:", "envoyé :", "à:", "à :", "objet:", "objet :", "date :"),
    *("enviado:", "enviado el:", "para:", "asunto:", "fecha:"),
    *("inviato:", "a:", "oggetto:", "data:"),
    *("verzonden:", "aan:", "onderwerp:"),
)

DEVICE_LINES = (
    *("sent from my ", "sent from mail for ", "sent from yahoo", "sent from outlook"),
    *("get outlook for ", "sent via ", "sent using "),
    *(
        "von meinem ",
        "gesendet von meine",
        "envoyé de mon ",
        "envoyé depuis ",
        "télécharger outlook",
    ),
    *("enviado desde mi ", "enviado desde ", "inviato da ", "verstuurd vanaf ", "verzonden vanaf "),
)
# After these nothing but a name and an address follows.
CLOSINGS = (
    *("kind regards", "best regards", "warm regards", "with regards", "regards", "best wishes"),
    *("yours sincerely", "yours faithfully", "yours truly", "sincerely", "respectfully", "cheers"),
    *("all the best", "with best", "best,", "kindly,", "br,", "thanks and regards", "thx and"),
    *("mit freundlichen grüßen", "mit freundlichen gruessen", "viele grüße", "beste grüße"),
    *("liebe grüße", "freundliche grüße", "mfg", "lg,", "vg,", "hochachtungsvoll"),
    *("cordialement", "bien cordialement", "bien à vous", "salutations", "meilleures salutations"),
    *("saludos", "un saludo", "atentamente", "cordiali saluti", "distinti saluti", "saluti"),
    *("met vriendelijke groet", "vriendelijke groet", "groeten", "mvg"),
)
# These close a mail as well, but may be the message itself: only cut when little follows.
THANKS = (
    *("thanks", "thank you", "many thanks", "thx", "ty", "thanking you", "much appreciated"),
    *("danke", "vielen dank", "merci", "gracias", "grazie", "bedankt", "dank u", "alvast bedankt"),
)
POSTSCRIPTS = ("ps ", "ps:", "ps.", "p.s", "pps")
GREETING = re.compile(
    r"(?:hi|hiya|hello|hey|heya|dear|greetings|good (?:morning|afternoon|evening|day)"
    r"|hallo|guten (?:tag|morgen|abend)|sehr geehrte[rs]?|liebe[rs]?|bonjour|bonsoir|salut|hola"
    r"|buenos d[ií]as|buenas tardes|estimad[oa]s?|ciao|buongiorno|salve|goedemorgen|goedendag"
    r"|beste|geachte)\b",
    re.IGNORECASE,
)
GREETED = frozenset(
    {
        *("there", "team", "all", "everyone", "everybody", "sir", "madam", "sirs", "ma'am"),
        *("support", "guys", "folks", "customer", "service", "care", "or", "and", "to", "whom"),
        *("it", "may", "concern", "again", "people", "mr", "mrs", "ms", "helpdesk", "desk"),
        *("damen", "und", "herren", "herr", "frau", "madame", "monsieur", "equipo", "zusammen"),
    }
)
ADDRESSEE = re.compile(r"[ \t]*([^\W\d_][\w'’-]{0,30})(?:\.(?= ))?")
LONGEST_QUOTE_HEADER = 250
LONGEST_SIGNATURE_LINES = 12


def cut_quotes(lines: list[str]) -> list[str]:
    """The lines the sender wrote now.

    What stands below a quotation's heading is dropped, unless everything does: then the message
    *is* the forwarded text and stays. Text below a quotation marked with ``>`` is an answer
    written underneath and stays too.
    """
    kept: list[str] = []
    for index, line in enumerate(lines):
        if line.startswith(">"):
            continue
        width = _quote_heading(lines, index)
        if width == 0:
            kept.append(line)
        elif _is_marked(lines, index + width):
            answer = [li for li in lines[index + width :] if not li.startswith(">")]
            return kept + _until_heading(answer)
        elif _has_words(kept):
            return kept
        else:
            return _below_heading(lines[index + width :])
    return kept


def _until_heading(lines: list[str]) -> list[str]:
    """Lines up to the next heading: an answer below one quotation, above another."""
    for index in range(len(lines)):
        if _quote_heading(lines, index):
            return lines[:index]
    return lines


def _has_words(lines: list[str]) -> bool:
    return any(any(c.isalpha() for c in line) for line in lines)


def _is_marked(lines: list[str], start: int) -> bool:
    for line in lines[start : start + 3]:
        if line:
            return line.startswith(">")
    return False


def _quote_heading(lines: list[str], index: int) -> int:
    """How many lines, from ``index`` on, are the heading of a quotation; 0 when they are none."""
    line = lines[index].lower()
    if line.startswith(QUOTE_OPENINGS):
        for width in (1, 2, 3):
            if introduces_quote(" ".join(lines[index : index + width]).lower()):
                return width
    if is_forward_title(line):
        return 1
    if line.lstrip("*_").startswith(SENDER_KEYS):
        following = [li.lower().lstrip("*_") for li in lines[index + 1 : index + 6]]
        found = sum(li.startswith(HEADER_KEYS) for li in following)
        return 1 + found if found >= 2 else 0
    return 0


def introduces_quote(text: str) -> bool:
    """Whether lower-case text is like "On 3 March at 10:00, Shop <s@shop.com> wrote:".

    A date or an address is asked for, so that "On Monday I wrote:" is not taken for one.
    """
    text = text.rstrip()
    if len(text) > LONGEST_QUOTE_HEADER or not text.endswith((":", "<", ">")):
        return False
    if not any(c.isdigit() or c == "@" for c in text) or text.endswith(" i wrote:"):
        return False
    return text.endswith(QUOTE_ENDINGS) or any(verb in text for verb in QUOTE_VERBS)


def is_forward_title(line: str) -> bool:
    """Whether a lower-case line is like "-----Original Message-----"."""
    bare = line.strip("-_=*~# \t")
    return bare.rstrip(": ") in FORWARD_TITLES and (bare != line or line.endswith(":"))


def _below_heading(lines: list[str]) -> list[str]:
    """Forwarded text without its own header lines and marks."""
    start = 0
    while start < len(lines) and (
        not lines[start] or lines[start].lower().lstrip("*_").startswith(HEADER_KEYS + SENDER_KEYS)
    ):
        start += 1
    return [line.lstrip("> ") for line in lines[start:]]


def cut_inline_quote(line: str) -> str:
    """Cut a quotation that a web form flattened into the line: "… On 3 May Shop wrote: > …"."""
    if "wrote:" not in line and "--" not in line:
        return line
    lower = line.lower()
    if len(lower) != len(line):  # a few letters change length; then positions would not agree
        return line
    for title in ("-----original message-----", "---- original message ----"):
        at = lower.find(title)
        if at > 0:
            return line[:at]
    at = lower.find(" wrote:")
    if at > 0:
        start = lower.rfind(" on ", max(0, at - LONGEST_QUOTE_HEADER), at)
        if start > 0 and introduces_quote(lower[start:at] + " wrote:"):
            return line[:start]
    return line


def cut_signature(lines: list[str]) -> list[str]:
    """Lines without the closing words and what stands below them.

    A postscript and questions below the closing are kept: a request must not be lost. Where
    nothing would be left, the lines come back as they were ("Thanks!" is a whole message).
    """
    lines = [line for line in lines if not line.lower().startswith(DEVICE_LINES)]
    filled = [index for index, line in enumerate(lines) if line]
    said_something = False
    for position, index in enumerate(filled):
        if said_something:
            below = len(filled) - position - 1
            if lines[index] == "--":
                return lines[:index]
            if _closes(lines, filled[position : position + 5], below):
                return lines[:index] + [li for li in lines[index + 1 :] if _is_late_request(li)]
        said_something = said_something or any(map(str.isalpha, lines[index]))
    return lines


def _closes(lines: list[str], indexes: list[int], below: int) -> bool:
    """Whether the first of these lines closes the mail, with ``below`` filled lines under it."""
    line = lines[indexes[0]].lower().strip(" ,.!-–—*_")
    if len(line) > 80 or not (line + ",").startswith(CLOSINGS + THANKS):
        return False
    words = line.count(" ") + 1
    if (line + ",").startswith(CLOSINGS):
        return words <= 4 or (words <= 6 and below <= LONGEST_SIGNATURE_LINES)
    after = [lines[index] for index in indexes[1:]]
    return words <= 7 and below <= 4 and all(len(li) <= 40 and "?" not in li for li in after)


def _is_late_request(line: str) -> bool:
    return line.lower().startswith(POSTSCRIPTS) or (line.endswith("?") and len(line) > 10)


def cut_greeting(text: str) -> str:
    """Text without "Hi there," or "Dear Sir or Madam,"; all of it when nothing else is left."""
    found = GREETING.match(text)
    if not found:
        return text
    rest = _after_addressee(text[found.end() :])
    return rest if any(c.isalpha() for c in rest) else text


def _after_addressee(rest: str) -> str:
    """What follows the addressee; up to four words, each a name or a word that greets."""
    position = 0
    for _ in range(4):
        found = ADDRESSEE.match(rest, position)
        if not found:
            break
        word = found.group(1)
        follows = rest[found.end() : found.end() + 1]
        if word.lower() not in GREETED and not (word[0].isupper() and word.lower() != "i"):
            break
        position = found.end()
        if follows in ",!.:;\n-":
            return rest[position:].lstrip(" ,!.:;-–—\n\t")
    greeted = rest[:position].lower().split()
    named = not all(word in GREETED for word in greeted)
    return rest[0 if named else position :].lstrip(" ,!.:;-–—\n\t")
