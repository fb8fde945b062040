"""From the published weights to a graph that runs fast, with the proof that it says the same.

Needs onnx, safetensors and all the encoder needs; loaded only while weights are prepared.
"""

import hashlib
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from classification.encoder.minilm import Weights, embed, load_weights
from classification.encoder.minilm_graph import build
from classification.encoder.sentences import open_session, open_tokenizer

LEAST_COSINE = 0.999
# Written for this: what customers write, short and long, careful and careless.
OPENINGS = (
    "",
    "Hi, ",
    "hello team!! ",
    "Since last Tuesday I have been waiting and nobody answers me: ",
    "I bought two of them in March, one for my mother. ",
)
CORES = (
    "where is my order?",
    "the parcel with order 48213 never arrived",
    "I forgot my password and the reset mail does not come",
    "please change the e-mail address of my account",
    "delete my account and everything you know about me",
    "can I still swap the size from M to L",
    "cancel order #9931 pls",
    "the kettle came with a crack in the lid",
    "how do I send back shoes that do not fit",
    "I want my money back",
    "when will the refund reach my bank?",
    "you charged my card twice, 39.90 each",
    "my Visa was declined at checkout",
    "could you send the invoice with our VAT number as a PDF",
    "is the student discount valid on the yearly plan",
    "upgrade us to ten seats from next month",
    "stop the renewal of my subscription",
    "does the lamp work with 110 volts",
    "how do I pair the headset with two phones",
    "the app crashes on Android 14 as soon as I open the map",
    "it would be great to export reports to Excel",
    "this is the third time I complain, your service is terrible",
    "thank you so much, Ada from support was wonderful",
    "I would like to talk to a real person",
    "somebody logged into my account from another country",
    "my lawyer will contact you about the data you hold",
    "we run three shops and would like wholesale prices",
    "good morning",
    "asap",
    "Le colis n'est pas arrivé",
    "what is the weather like in Lisbon in November",
    "ref 77-AB/2025 €12,50 (incl. tax)",
    "is it gluten free & vegan?",
    "SCREEN IS BLACK!!! nothing works anymore, I pressed every button for an hour",
    "do you ship to Norway and how much is it",
    "the coupon SPRING20 says it has expired but it is still May",
    "I moved house; the new street is Elm Road 4",
    "may I pause my plan over the summer holidays",
    "which of the two tents is lighter",
    "never mind, found it",
)


@dataclass(frozen=True)
class Converted:
    """A graph and tokenizer, and the least cosine to the published weights over the probes."""

    graph: bytes
    tokenizer: bytes
    vocabulary_sha256: str
    cosine: float


def probes() -> list[str]:
    """Two hundred messages."""
    return [opening + core for opening, core in product(OPENINGS, CORES)]


def convert(source: Path) -> Converted:
    """Write the graph and compare it with the weights.

    Raises ValueError when it does not reproduce them, OSError for unreadable files.
    """
    weights, content = load_weights(source), (source / "tokenizer.json").read_bytes()
    tokenizer = open_tokenizer(content)
    graph = build(weights)
    cosine = least_cosine(graph, weights, [tokenizer.encode(text).ids for text in probes()])
    if cosine <= LEAST_COSINE:
        raise ValueError(f"what was converted differs from the weights, cosine {cosine:.4f}")
    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    lines = "".join(f"{token}\n" for token, _ in vocabulary)
    return Converted(graph, content, hashlib.sha256(lines.encode()).hexdigest(), cosine)


def least_cosine(graph: bytes, weights: Weights, tokens: list[list[int]]) -> float:
    """The worst agreement of a graph with its weights over these texts."""
    session = open_session(graph)
    return min(
        float(session.run(None, {"tokens": np.array([ids], np.int64)})[0][0] @ embed(weights, ids))
        for ids in tokens
    )
