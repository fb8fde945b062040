"""The last resort: words that give an intent away. No training, no arrays, little confidence.

It exists so that a ticket still gets a likely queue when no model is there, and as the baseline
every model has to beat. Its confidence stays far below any threshold that could be certified.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from classification.contract import Explanation, OutOfFold, Prediction, Progress, Term
from classification.reading.read import Reading, read
from classification.shared.combine import WHY_UNREAD
from classification.store import fingerprint
from tickets.codes import NoIntent

# More words seen make a guess likelier, but never likely.
CONFIDENCE_OF_ONE_WORD, CONFIDENCE_PER_WORD, MOST_CONFIDENCE = 0.3, 0.08, 0.5
NO_WORD_CONFIDENCE = 0.05
WORDS = re.compile(r"[a-z']+")

# Keywords of the starter intents; of several words all must stand in the message.
STARTER_KEYWORDS: dict[str, tuple[str, ...]] = {
    "account_access": ("log in", "login", "password", "locked out", "verification code"),
    "account_details": ("change email", "change name", "change phone", "newsletter"),
    "account_closure": ("close account", "delete account", "erase data", "delete data"),
    "order_status": ("where order", "track", "tracking", "when arrive", "expected delivery"),
    "order_change": ("change order", "change size order", "different size", "wrong address order"),
    "order_cancel": ("cancel order", "cancel purchase"),
    "delivery_problem": ("late", "lost parcel", "not arrived", "never arrived", "says delivered"),
    "item_problem": ("damaged", "defective", "broken", "wrong item", "missing item", "warranty"),
    "return_exchange": ("return", "exchange", "send back", "return label"),
    "refund_request": ("want refund", "money back", "refund me", "request refund"),
    "refund_status": ("where refund", "when refund", "refund yet", "refund status"),
    "billing_dispute": ("charged twice", "wrong amount", "overcharged", "unknown charge"),
    "payment_failure": ("declined", "payment failed", "payment fails", "payment methods"),
    "invoice_request": ("invoice", "receipt", "vat"),
    "pricing_question": ("price", "cost", "discount", "coupon", "promo", "fees"),
    "subscription_change": ("upgrade", "downgrade", "seats", "pause subscription", "annual plan"),
    "subscription_cancel": ("cancel subscription", "cancel plan", "cancel trial", "stop renewal"),
    "product_question": ("in stock", "compatible", "available again", "does it have"),
    "how_to": ("how set up", "how do i use", "how install", "how configure", "instructions"),
    "technical_issue": ("error", "crash", "crashes", "bug", "outage", "not working"),
    "feature_request": ("feature request", "would be great", "please add", "wish could"),
    "complaint": ("complaint", "unacceptable", "terrible", "worst", "disappointed", "rude"),
    "praise": ("great service", "love", "excellent", "amazing", "well done"),
    "human_request": ("speak human", "talk person", "real person", "call me", "manager", "agent"),
    "security_incident": ("hacked", "phishing", "stolen card", "unauthorised", "unauthorized"),
    "legal_privacy": ("lawyer", "gdpr", "legal action", "data protection", "subject access"),
    "business_inquiry": ("partnership", "wholesale", "press", "sales quote", "job", "reseller"),
}


class KeywordClassifier:
    """Counts keywords. Needs no training; ``fit`` only narrows it to the intents it is given."""

    name: ClassVar[str] = "keywords"

    def __init__(
        self, *, language: str = "en", keywords: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self.language = language
        self.keywords = keywords

    @property
    def _keywords(self) -> Mapping[str, Sequence[str]]:
        return STARTER_KEYWORDS if self.keywords is None else self.keywords

    @property
    def classes_(self) -> tuple[str, ...]:
        return tuple(sorted(self._keywords))

    @property
    def version(self) -> str:
        return f"{self.name}-{fingerprint(self.arrays(), self.facts())}"

    def fit(
        self,
        texts: Sequence[str],
        intents: Sequence[str],
        *,
        groups: Sequence[object] | None = None,
        ids: Sequence[str] | None = None,
        out_of_scope_label: str = "out_of_scope",
        progress: Progress | None = None,
    ) -> "KeywordClassifier":
        """Learn nothing; the predictions for the rows stand in for out-of-fold ones."""
        predictions = self.predict(texts)
        self.out_of_fold_ = OutOfFold(
            ids=tuple(ids) if ids is not None else tuple(map(str, range(len(texts)))),
            best_guess=tuple([p.best_guess for p in predictions]),
            confidence=tuple([p.confidence for p in predictions]),
            margin=tuple([p.margin for p in predictions]),
            abstained=tuple([p.intent is None for p in predictions]),
            correct=tuple([p.best_guess == i for p, i in zip(predictions, intents, strict=True)]),
        )
        return self

    def predict(self, texts: Sequence[str]) -> list[Prediction]:
        """One prediction per text, in order. No text raises."""
        return [self._predict(read(text, self.language)) for text in texts]

    def _predict(self, reading: Reading) -> Prediction:
        found = {intent: len(hits) for intent, hits in self._hits(reading.core).items() if hits}
        ranked = sorted(self.classes_, key=lambda intent: (-found.get(intent, 0), intent))[:3]
        best, runner_up = ranked[0], ranked[1] if len(ranked) > 1 else None
        words, second = found.get(best, 0), found.get(runner_up or "", 0)
        total = sum(found.values())
        share = confidence_of(words, total)
        alternatives = [(i, share * found.get(i, 0) / words if words else share) for i in ranked]
        return Prediction(
            intent=None if (reason := _why_none(reading, words, second)) else best,
            reason=reason,
            confidence=NO_WORD_CONFIDENCE if reading.unreadable else share,
            best_guess=best,
            runner_up=runner_up,
            margin=alternatives[0][1] - alternatives[1][1] if runner_up else 1.0,
            alternatives=tuple(alternatives),
            language=reading.language,
            parts=len(reading.parts),
        )

    def _hits(self, core: str) -> dict[str, list[str]]:
        """Keywords found, per intent; a keyword of several words needs all of them."""
        words = set(WORDS.findall(core.lower()))
        return {
            intent: [keyword for keyword in keywords if words.issuperset(keyword.split())]
            for intent, keywords in self._keywords.items()
        }

    def explain(self, text: str, *, nearest: int = 5) -> Explanation:
        """The keywords found for the best guess."""
        reading = read(text, self.language)
        hits = self._hits(reading.core)[self._predict(reading).best_guess]
        return Explanation(terms=tuple([Term(keyword, 1.0) for keyword in hits]), nearest=())

    def arrays(self) -> dict[str, Any]:
        return {}

    def facts(self) -> dict[str, Any]:
        keywords = {intent: list(words) for intent, words in self._keywords.items()}
        return {"language": self.language, "keywords": keywords}

    def restore(self, arrays: Mapping[str, Any], facts: Mapping[str, Any]) -> "KeywordClassifier":
        """Take up what ``facts`` gave."""
        self.language = str(facts["language"])
        self.keywords = {intent: tuple(words) for intent, words in facts["keywords"].items()}
        return self


def confidence_of(words: int, total: int) -> float:
    """Confidence of a guess with ``words`` of all ``total`` keywords found in the message."""
    if not words:
        return NO_WORD_CONFIDENCE
    best = min(MOST_CONFIDENCE, CONFIDENCE_OF_ONE_WORD + CONFIDENCE_PER_WORD * (words - 1))
    return best * words / total


def _why_none(reading: Reading, words: int, second: int) -> NoIntent | None:
    if reading.unreadable is not None:
        return WHY_UNREAD.get(reading.unreadable, NoIntent.UNREADABLE)
    if not words:
        return NoIntent.OUT_OF_SCOPE
    return NoIntent.AMBIGUOUS if words == second else None
