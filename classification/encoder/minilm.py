"""all-MiniLM-L6-v2 in NumPy: the reference that every converted form is compared with.

A BERT of six layers (Devlin 2018; Wang 2020), mean of the last layer's tokens, length one, as
sentence-transformers does. One text at a time, so nothing is padded and nothing depends on others.
"""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

HEADS, LAYERS, WIDTH = 12, 6, 384

EPSILON = 1e-12

Weights = dict[str, np.ndarray]


def load_weights(directory: Path) -> Weights:
    """The published float32 weights by name. Raises ValueError for another architecture."""
    config = json.loads((directory / "config.json").read_text())
    shape = (config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"])
    if shape != (LAYERS, HEADS, WIDTH):
        raise ValueError(f"layers, heads and width are {shape}, not {(LAYERS, HEADS, WIDTH)}")
    return load_file(directory / "model.safetensors")


def embed(weights: Weights, tokens: list[int]) -> np.ndarray:
    """Embedding of one text's token numbers: float32 [WIDTH], length 1."""
    state = weights["embeddings.word_embeddings.weight"][tokens]
    state = state + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    state = state + weights["embeddings.token_type_embeddings.weight"][0]
    state = _normalise(weights, "embeddings.LayerNorm", state)
    for number in range(LAYERS):
        state = _layer(weights, f"encoder.layer.{number}", state)
    mean = state.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


def _layer(weights: Weights, name: str, state: np.ndarray) -> np.ndarray:
    attended = _attend(weights, f"{name}.attention.self", state)
    attended = _linear(weights, f"{name}.attention.output.dense", attended)
    state = _normalise(weights, f"{name}.attention.output.LayerNorm", state + attended)
    inner = _linear(weights, f"{name}.intermediate.dense", state)
    inner = inner * 0.5 * (1 + erf(inner / np.float32(np.sqrt(2))))
    outer = _linear(weights, f"{name}.output.dense", inner)
    return _normalise(weights, f"{name}.output.LayerNorm", state + outer)


def _attend(weights: Weights, name: str, state: np.ndarray) -> np.ndarray:
    def heads(part: str) -> np.ndarray:
        projected = _linear(weights, f"{name}.{part}", state)
        return projected.reshape(len(state), HEADS, -1).transpose(1, 0, 2)

    query, key, value = heads("query"), heads("key"), heads("value")
    scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(WIDTH / HEADS))
    chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
    chances /= chances.sum(axis=-1, keepdims=True)
    return np.asarray((chances @ value).transpose(1, 0, 2).reshape(len(state), WIDTH))


def _linear(weights: Weights, name: str, state: np.ndarray) -> np.ndarray:
    return np.asarray(state @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _normalise(weights: Weights, name: str, state: np.ndarray) -> np.ndarray:
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    centred = state - state.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
    return np.asarray(centred / spread * scale + shift)
