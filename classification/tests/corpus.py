"""A small corpus for tests: six intents and out-of-scope messages, made of openings and wishes."""

from functools import cache

from classification.linear.classifier import LinearClassifier

OPENINGS = ("", "I need help: ", "Quick question, ", "Since yesterday ", "As a customer I ask: ")
WISHES = {
    "account_access": (
        "I cannot log in with my password",
        "the login page says my account is locked",
        "no verification code arrives when I sign in",
        "I forgot my password and the reset link is dead",
    ),
    "order_status": (
        "where is my order right now",
        "the tracking page shows nothing about my order",
        "when will the parcel with my order arrive",
        "what is the expected delivery date of the order",
    ),
    "refund_status": (
        "when does the promised refund reach my bank",
        "my refund was approved but the money is not here",
        "how long until a refund shows on the statement",
        "the refund you announced is still missing",
    ),
    "invoice_request": (
        "please send me the invoice as a PDF",
        "our accountant needs a receipt with VAT",
        "the invoice carries the wrong company name",
        "where can I download invoices for last year",
    ),
    "subscription_cancel": (
        "I want to cancel my subscription at once",
        "please stop the renewal of my plan",
        "end my trial before it becomes a paid plan",
        "how do I cancel the yearly membership",
    ),
    "item_problem": (
        "the lamp came broken in its box",
        "a part is missing from the parcel I opened",
        "the shoes are damaged on one side",
        "you sent the wrong item, not the blue jacket",
    ),
}
OUTSIDE = (
    "good morning to you all",
    "the weather is lovely in spring",
    "my cat sleeps on the keyboard",
    "who won the football match last night",
    "tell me a joke about penguins",
    "buy cheap watches from our catalogue today",
)


def rows(openings: tuple[str, ...] = OPENINGS) -> tuple[list[str], list[str]]:
    """(texts, intents), 30 rows for each opening, always the same."""
    labelled = [
        (opening + wish, intent)
        for opening in openings
        for intent, wishes in {**WISHES, "out_of_scope": OUTSIDE}.items()
        for wish in wishes
    ]
    return [text for text, _ in labelled], [intent for _, intent in labelled]


@cache
def trained_linear() -> LinearClassifier:
    """One linear classifier for all tests that only look at it."""
    return LinearClassifier().fit(*rows())
