"""Which language a text is in, as far as script and stop words tell, and whether it is text."""

import re
import unicodedata
from collections import Counter
from functools import lru_cache

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STOP_WORDS: dict[str, frozenset[str]] = {
    "en": _words(
        "the a an and or but if of to in on at for with from by is are was were be been am do "
        "does did have has had i you he she it we they my your our their his her me us them "
        "this that these those what which who when where why how can could would should will "
        "not no yes there here please any some all just still so as than then about into out "
        "up now get got want need like know i'm i've i'd it's don't can't didn't isn't won't "
        "u ur im ive dont cant must more only make also been after before again their both "
        "each over per"
    ),
    "de": _words(
        "der die das den dem des ein eine einen einem einer und oder aber wenn ist sind war "
        "waren habe haben hat hatte ich du er sie es wir ihr mein meine meinen meiner mir "
        "mich uns nicht kein keine wie wo wann warum was wer kann können möchte will bitte "
        "noch schon auch für mit von zu auf im am bei nach aus über werden wurde sehr hier"
    ),
    "fr": _words(
        "le la les un une des du de et ou mais si est sont était je tu il elle nous vous ils "
        "mon ma mes votre vos notre pas ne que qui quoi quand où comment pourquoi avec pour "
        "dans sur par ce cette ces j'ai c'est n'ai être avoir fait peux pouvez voudrais "
        "encore aussi très bonjour merci au aux"
    ),
    "es": _words(
        "el la los las un una unos unas y o pero si es son era está están yo tú él ella "
        "nosotros ustedes mi mis su sus no que qué quien cuándo cuando dónde donde cómo como "
        "por para con en de del al se me lo le he ha puedo puede quiero necesito hola gracias "
        "más muy ya todavía también este esta"
    ),
    "it": _words(
        "il lo la i gli le un uno una e o ma se è sono era io tu lui lei noi voi mio mia miei "
        "suo non che chi quando dove come perché con per di da del della dei in su al alla mi "
        "si ho ha hai posso vorrei ancora anche molto grazie questo questa cosa"
    ),
    "nl": _words(
        "de het een en of maar als is zijn was waren ik jij hij zij wij jullie mijn uw ons "
        "niet geen wat wie wanneer waar waarom hoe kan kunnen wil graag nog ook voor met van "
        "naar op in aan bij te heb heeft had dit dat deze er bedankt alstublieft mij"
    ),
    # in Latin letters, as it is typed
    "hi": _words(
        "hai hain he h ka ki ke ko se me mein main mai mujhe mera meri mere aap apka apna "
        "aapke kya kyu kyun kaise kaisa kab kaha kahan kitna kitne kitni nahi nhi nahin karna "
        "karu kar karo karta krna kr kro krta hoga hota ho hua hui raha rha rahi rhi liye lie "
        "chahiye chaiye btao batao bhai bhi bhut bahut aur ya par pe ye yeh wo woh tak sahi "
        "konsa kaun kon koi gya gaya mila milega milta abhi phir jo tha thi sakte sakta hu "
        "hun hoon na"
    ),
    "pt": _words(
        "o a os as um uma e ou mas se é são era eu você ele ela nós meu minha meus seu sua "
        "não que quem quando onde como por para com em de do da dos das no na me tenho tem "
        "posso quero preciso ainda também muito obrigado obrigada este esta isso"
    ),
}
# What a message that only greets is made of, letters that are held down counted once.
GREETING_WORDS = _words(
    "hi hy hie hey heya hiya yo helo hlo hlw halo hola hallo bonjour ciao salut namaste "
    "greetings greting gretings god morning afternon evening night day to you al everyone "
    "everybody there team sir madam mam dear support friend bro bhai guys folks again and the"
)
REPEATED = re.compile(r"(.)\1+")
# Rows of a keyboard as hands run along them; no English word holds five in a row.
KEYBOARD_RUNS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "poiuytrewq", "lkjhgfdsa", "mnbvcxz")
VOWELS = frozenset("aeiouyáéíóúàèìòùäëïöüâêîôûæøåœ")
LONGEST_WORD = 30
# A foreign language is only called so with this many of its stop words.
FOREIGN_STOP_WORDS = 2
# Six words of English without a single stop word are rarer than other languages are.
WORDS_TO_EXPECT_A_STOP_WORD = 8


def script_of(text: str) -> str | None:
    """Script most letters belong to, such as "LATIN" or "CYRILLIC"; None without letters.

    At most the first 1,000 letters are looked at.
    """
    if text.isascii():
        return "LATIN" if any(c.isalpha() for c in text) else None
    letters = Counter(c for c in text[:4000] if c.isalpha())
    scripts: Counter[str] = Counter()
    for letter, count in letters.items():
        scripts[unicodedata.name(letter, "UNKNOWN").split()[0]] += count
    return scripts.most_common(1)[0][0] if scripts else None


def guess_language(words: list[str], expected: str) -> str | None:
    """Two-letter code of the language these lower-case words are in; None when nothing tells.

    ``expected`` wins unless another language clearly shows more stop words.
    """
    distinct = set(words)
    at_home = len(distinct & STOP_WORDS[expected])
    if at_home * 5 >= len(distinct) and at_home:
        return expected
    counts = {code: len(distinct & stop) for code, stop in STOP_WORDS.items()}
    best = max(counts, key=lambda code: (counts[code], code == expected, code))
    if counts[best] >= FOREIGN_STOP_WORDS and counts[best] > 2 * at_home:
        return best
    if at_home:
        return expected
    return "unknown" if len(distinct) >= WORDS_TO_EXPECT_A_STOP_WORD else None


def only_greets(words: list[str]) -> bool:
    """Whether a message is nothing but "Hello sir" or "Hiii" in lower-case words."""
    return 0 < len(words) <= 6 and all(REPEATED.sub(r"\1", w) in GREETING_WORDS for w in words)


def is_gibberish(words: list[str]) -> bool:
    """Whether most letters stand in words that no hand meant to write."""
    total = sum(map(len, words))
    odd = sum(len(word) for word in words if len(word) > LONGEST_WORD or looks_random(word))
    return total > 0 and odd * 2 > total


@lru_cache(maxsize=20_000)
def looks_random(word: str) -> bool:
    """Whether a lower-case word cannot be a word: keyboard runs, no vowels, one letter repeated.

    Short words without vowels are left alone: people write "pls", "thx", "pkg" and "ssl".
    """
    size = len(word)
    if size < 4:
        return False
    if len(set(word)) <= max(1, size // 5):
        return True
    if _has_keyboard_run(word):
        return True
    if size >= 5 and not any(c in VOWELS for c in word):
        return True
    return size >= 6 and _longest_consonant_run(word) >= 6


def _has_keyboard_run(word: str) -> bool:
    fours = 5 if len(word) > 5 else 4
    return any(
        word[i : i + fours] in row for i in range(len(word) - fours + 1) for row in KEYBOARD_RUNS
    )


def _longest_consonant_run(word: str) -> int:
    longest = run = 0
    for letter in word:
        run = 0 if letter in VOWELS or not letter.isalpha() else run + 1
        longest = max(longest, run)
    return longest
