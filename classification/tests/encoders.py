"""One trained encoder classifier for tests, where the prepared weights are at hand."""

import importlib.util
from functools import cache

import pytest

from classification.encoder.classifier import EncoderClassifier
from classification.encoder.weights import DEFAULT_DIRECTORY
from classification.tests.corpus import OPENINGS, rows

# Each text takes milliseconds, so the encoder learns from fewer of them.
ROWS = rows(OPENINGS[:2])
LIBRARIES = ("onnxruntime", "tokenizers")


def skip_without_weights() -> None:
    absent = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} is not installed")
    if not (DEFAULT_DIRECTORY / "encoder.json").exists():
        pytest.skip(f"the encoder has not been prepared in {DEFAULT_DIRECTORY}: make encoder")


def trained_encoder() -> EncoderClassifier:
    skip_without_weights()
    return _trained()


@cache
def _trained() -> EncoderClassifier:
    return EncoderClassifier().fit(*ROWS)
