"""The prepared sentence encoder at work: text in, embedding out. Needs onnxruntime, tokenizers."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from classification.contract import ClassifierUnavailable, ModelDamaged

GRAPH, TOKENIZER, PREPARED = "encoder.onnx", "tokenizer.json", "encoder.json"
MOST_TOKENS = 128
WIDTH = 384


class SentenceEncoder:
    """Embeds texts one at a time, so that no text's embedding depends on another's."""

    def __init__(self, directory: Path) -> None:
        """Open what ``weights.prepare_encoder`` made.

        Raises ClassifierUnavailable when it was never prepared, ModelDamaged when a file differs
        from what was prepared.
        """
        prepared = read_prepared(directory)
        self.sha256 = str(prepared["source_sha256"])
        for name in (GRAPH, TOKENIZER):
            _check(directory / name, prepared)
        self._session = open_session(str(directory / GRAPH))
        self._tokenizer = open_tokenizer((directory / TOKENIZER).read_bytes())

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embeddings of length 1: float32 [texts, 384]."""
        found = np.empty((len(texts), WIDTH), np.float32)
        for row, text in enumerate(texts):
            tokens = np.array([self._tokenizer.encode(text).ids], np.int64)
            found[row] = self._session.run(None, {"tokens": tokens})[0][0]
        return found


def open_session(graph: bytes | str) -> onnxruntime.InferenceSession:
    """The graph, on one thread: a server answers several messages at a time anyway.

    Given as a path rather than bytes it takes 64 MB less.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def open_tokenizer(content: bytes) -> Tokenizer:
    """The tokenizer, cutting at ``MOST_TOKENS`` and never padding."""
    tokenizer = Tokenizer.from_str(content.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    return tokenizer


def read_prepared(directory: Path) -> dict[str, Any]:
    """What was prepared there. Raises ClassifierUnavailable or ModelDamaged, in one sentence."""
    path = directory / PREPARED
    if not path.exists():
        raise ClassifierUnavailable(
            f"The sentence encoder has not been prepared in {directory}: run make encoder."
        )
    try:
        found = json.loads(path.read_bytes())
        return {key: found[key] for key in ("source_sha256", "files", "cosine")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelDamaged(f"{path} is not what the preparation wrote.") from error


def _check(path: Path, prepared: dict[str, Any]) -> None:
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelDamaged(f"{path} cannot be read: {error.strerror}.") from error
    if sha256 != prepared["files"].get(path.name):
        raise ModelDamaged(f"{path} is damaged: its SHA-256 is not the prepared one.")
