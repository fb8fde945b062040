"""all-MiniLM-L6-v2 in NumPy: the reference that every converted form is compared with.

A BERT of six layers (Devlin 2018; Wang 2020), mean of the last layer's tokens, length one, as
sentence-transformers does. One text at a time, so nothing is padded and nothing depends on others.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

HEADS, LAYERS, WIDTH = 12, 6, 384

EPSILON = 1e-12

Weights = dict[str, np.ndarray]
# The largest absolute input seen per channel of a product, by the product's name.
Peaks = dict[str, np.ndarray]


def load_weights(directory: Path) -> Weights:
    """The published float32 weights by name. Raises ValueError for another architecture."""
    config = json.loads((directory / "config.json").read_text())
    shape = (config["num_hidden_layers"], config["num_attention_heads"], config["hidden_size"])
    if shape != (LAYERS, HEADS, WIDTH):
        raise ValueError(f"layers, heads and width are {shape}, not {(LAYERS, HEADS, WIDTH)}")
    return load_file(directory / "model.safetensors")


def embed(weights: Weights, tokens: list[int], peaks: Peaks | None = None) -> np.ndarray:
    """Embedding of one text's token numbers: float32 [WIDTH], length 1.

    ``peaks`` is brought up to date with what the products were given, for the eight bits.
    """
    network = _Network(weights, peaks)
    state = weights["embeddings.word_embeddings.weight"][tokens]
    state = state + weights["embeddings.position_embeddings.weight"][: len(tokens)]
    state = state + weights["embeddings.token_type_embeddings.weight"][0]
    state = network.normalise("embeddings.LayerNorm", state)
    for number in range(LAYERS):
        state = network.layer(f"encoder.layer.{number}", state)
    mean = state.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


@dataclass(frozen=True)
class _Network:
    weights: Weights
    peaks: Peaks | None

    def layer(self, name: str, state: np.ndarray) -> np.ndarray:
        attended = self.attend(f"{name}.attention.self", state)
        attended = self.linear(f"{name}.attention.output.dense", attended)
        state = self.normalise(f"{name}.attention.output.LayerNorm", state + attended)
        inner = self.linear(f"{name}.intermediate.dense", state)
        inner = inner * 0.5 * (1 + erf(inner / np.float32(np.sqrt(2))))
        outer = self.linear(f"{name}.output.dense", inner)
        return self.normalise(f"{name}.output.LayerNorm", state + outer)

    def attend(self, name: str, state: np.ndarray) -> np.ndarray:
        def heads(part: str) -> np.ndarray:
            projected = self.linear(f"{name}.{part}", state)
            return projected.reshape(len(state), HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(WIDTH / HEADS))
        chances = np.exp(scores - scores.max(axis=-1, keepdims=True))
        chances /= chances.sum(axis=-1, keepdims=True)
        return np.asarray((chances @ value).transpose(1, 0, 2).reshape(len(state), WIDTH))

    def linear(self, name: str, state: np.ndarray) -> np.ndarray:
        if self.peaks is not None:
            largest = np.abs(state).max(axis=0)
            self.peaks[name] = np.maximum(self.peaks.get(name, largest), largest)
        return np.asarray(state @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def normalise(self, name: str, state: np.ndarray) -> np.ndarray:
        scale, shift = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        return np.asarray(centred / spread * scale + shift)
