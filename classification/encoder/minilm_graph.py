"""all-MiniLM-L6-v2 as an ONNX graph, written operator by operator.

There is no exporter that could be silently wrong. The products stay in float32: in eight bits they
missed a cosine of 0.999 to the published weights, with one scale for a whole activation (0.989), a
scale for each token (0.993), and large channels smoothed away (0.998, SmoothQuant); with a scale
for every 32 inputs (``MatMulNBits``) they reached it and were hardly faster.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from classification.encoder.minilm import EPSILON, HEADS, LAYERS, WIDTH, Weights

CONTRIB = "com.microsoft"


@dataclass
class GraphWriter:
    """Collects nodes and constants; ``add`` names the value that a node gives."""

    weights: Weights
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

    def linear(self, state: str, *names: str) -> str:
        """state @ weight.T + bias, the weights of ``names`` one below the other."""
        weight = np.vstack([self.weights[f"{name}.weight"] for name in names])
        bias = np.concatenate([self.weights[f"{name}.bias"] for name in names])
        product = self.add("MatMul", state, self.constant(weight.T))
        return self.add("Add", product, self.constant(bias))

    def normalised(self, name: str, state: str) -> str:
        scale, shift = (
            self.constant(self.weights[f"{name}.{part}"]) for part in ("weight", "bias")
        )
        return self.add("LayerNormalization", state, scale, shift, axis=-1, epsilon=EPSILON)


def build(weights: Weights) -> bytes:
    """Graph from ``tokens`` int64 [1, tokens] to ``embedding`` float32 [1, WIDTH] of length 1."""
    graph = GraphWriter(weights)
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
    together = graph.linear(state, *own)
    split = [f"{together}_{part}" for part in range(3)]
    graph.nodes.append(helper.make_node("Split", [together], split, axis=2, num_outputs=3))
    attended = graph.add("MultiHeadAttention", *split, domain=CONTRIB, num_heads=HEADS)
    attended = graph.linear(attended, f"{name}.attention.output.dense")
    state = graph.add("Add", state, attended)
    state = graph.normalised(f"{name}.attention.output.LayerNorm", state)
    inner = graph.add("Gelu", graph.linear(state, f"{name}.intermediate.dense"))
    outer = graph.linear(inner, f"{name}.output.dense")
    return graph.normalised(f"{name}.output.LayerNorm", graph.add("Add", state, outer))
