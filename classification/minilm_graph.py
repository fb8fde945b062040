"""all-MiniLM-L6-v2 as an ONNX graph, most of it in eight bits.

The graph is written here operator by operator: there is no exporter that could be silently wrong.
One scale serves a whole activation, so single channels that are much larger than the rest would
ruin the others; they are scaled down before and their weights up (SmoothQuant, arXiv 2211.10438).
The last product of each layer suffers even so and stays in float32. A text is always run alone:
the scale would otherwise depend on its neighbours, and so would its embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from classification.minilm import EPSILON, HEADS, LAYERS, WIDTH, Peaks, Weights

CONTRIB = "com.microsoft"
# How much of a channel's size goes into its weights; measured: 0.5 and 0.8 are worse.
SMOOTHING = 0.6
SMALLEST = 1e-3


@dataclass
class GraphWriter:
    """Collects nodes and constants; ``add`` names the value that a node gives.

    ``peaks`` holds the largest input of each channel by product; None writes all in float32.
    """

    weights: Weights
    peaks: Peaks | None
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        name = f"v{len(self.nodes)}"
        node = helper.make_node(operator, list(inputs), [name], domain=domain, **attributes)
        self.nodes.append(node)
        return name

    def constant(self, value: np.ndarray) -> str:
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def linear(self, names: Sequence[str], state: str, *, exact: bool = False) -> str:
        """state @ weight.T + bias, the weights of ``names`` one below the other."""
        weight = np.vstack([self.weights[f"{name}.weight"] for name in names])
        bias = self.constant(np.concatenate([self.weights[f"{name}.bias"] for name in names]))
        if exact or self.peaks is None:
            return self.add("Add", self.add("MatMul", state, self.constant(weight.T)), bias)
        factors = smoothing(self.peaks[names[0]], weight)
        levels, scales = in_eight_bits(weight * factors)
        state = self.add("Mul", state, self.constant(1 / factors))
        inputs = (self.constant(levels.T), self.constant(scales), "", bias)
        return self.add("DynamicQuantizeMatMul", state, *inputs, domain=CONTRIB)

    def normalised(self, name: str, state: str) -> str:
        scale, shift = (
            self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return self.add("LayerNormalization", state, scale, shift, axis=-1, epsilon=EPSILON)


def smoothing(peaks: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Factor per input channel, 1 in the geometric mean: float32 [inputs]."""
    largest_weight = np.maximum(np.abs(weight).max(axis=0), SMALLEST)
    factors = np.maximum(peaks, SMALLEST) ** SMOOTHING / largest_weight ** (1 - SMOOTHING)
    return np.asarray(factors / np.exp(np.log(factors).mean()), np.float32)


def in_eight_bits(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(levels int8 [outputs, inputs], scale of each output float32 [outputs])."""
    scales = np.maximum(np.abs(weight).max(axis=1), 1e-9) / 127
    levels = np.clip(np.rint(weight / scales[:, None]), -127, 127)
    return levels.astype(np.int8), scales.astype(np.float32)


def build(weights: Weights, peaks: Peaks | None) -> bytes:
    """Graph from ``tokens`` int64 [1, tokens] to ``embedding`` float32 [1, WIDTH] of length 1."""
    graph = GraphWriter(weights, peaks)
    state = _embeddings(graph)
    for number in range(LAYERS):
        state = _layer(graph, f"encoder.layer.{number}", state)
    mean = graph.add("ReduceMean", state, graph.constant(np.array([1])), keepdims=0)
    length = graph.add("ReduceL2", mean, graph.constant(np.array([1])), keepdims=1)
    graph.nodes.append(helper.make_node("Div", [mean, length], ["embedding"]))
    tokens = helper.make_tensor_value_info("tokens", TensorProto.INT64, [1, "tokens"])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, WIDTH])
    written = helper.make_graph(
        graph.nodes, "all-MiniLM-L6-v2", [tokens], [embedding], graph.constants
    )
    operators = [helper.make_opsetid("", 20), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(written, opset_imports=operators, ir_version=9)
    return bytes(model.SerializeToString())


def _embeddings(graph: GraphWriter) -> str:
    weights = graph.weights
    # half the size, and far more exact than what follows
    words = graph.constant(weights["embeddings.word_embeddings.weight"].astype(np.float16))
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    places = graph.constant(weights["embeddings.position_embeddings.weight"] + kind)
    end = graph.add("Shape", "tokens", start=1, end=2)
    zero, one = graph.constant(np.array([0])), graph.constant(np.array([1]))
    place = graph.add("Slice", places, zero, end, zero, one)
    word = graph.add("Cast", graph.add("Gather", words, "tokens"), to=TensorProto.FLOAT)
    return graph.normalised("embeddings.LayerNorm", graph.add("Add", word, place))


def _layer(graph: GraphWriter, name: str, state: str) -> str:
    own = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
    together = graph.linear(own, state)
    split = [f"{together}_{part}" for part in range(3)]
    graph.nodes.append(helper.make_node("Split", [together], split, axis=2, num_outputs=3))
    attended = graph.add("MultiHeadAttention", *split, domain=CONTRIB, num_heads=HEADS)
    attended = graph.linear([f"{name}.attention.output.dense"], attended)
    state = graph.add("Add", state, attended)
    state = graph.normalised(f"{name}.attention.output.LayerNorm", state)
    inner = graph.add("Gelu", graph.linear([f"{name}.intermediate.dense"], state))
    outer = graph.linear([f"{name}.output.dense"], inner, exact=True)
    return graph.normalised(f"{name}.output.LayerNorm", graph.add("Add", state, outer))
