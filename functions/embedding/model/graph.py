"""The ONNX graph of a BERT sentence encoder: word pieces of one text in, one unit vector out.

Written straight from the published weights, without torch. Three choices make it fast on CPUs; each was
measured (tests/performance/embedding.py repeats it):

* One text a run. There is no padding, so there is no mask, and a vector never depends on its neighbours.
* int8 linear layers: weights per output channel ahead of time, activations at run time
  (`com.microsoft.DynamicQuantizeMatMul`); the word embeddings are int8 with one scale a row.
* Residual sums are an `Add` before `LayerNormalization`: the fused `SkipLayerNormalization` of ONNX Runtime
  takes ten times as long on CPUs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Precision = Literal["fp32", "int8"]
Array = npt.NDArray[Any]
Weights = Mapping[str, Array]

CONTRIB = "com.microsoft"
OPSET, CONTRIB_OPSET, IR_VERSION = 20, 1, 10
INT8_MAX = 127.0


@dataclass(frozen=True, slots=True)
class Architecture:
    """Shape of a BERT encoder.

    Attributes:
        layers: Transformer blocks.
        heads: Attention heads; they divide `hidden`.
        hidden: Width of the states and of the vector.
        epsilon: Added to variances.
        window: Word pieces a run may have at most, the two special ones included.
    """

    layers: int
    heads: int
    hidden: int
    epsilon: float
    window: int


class _Builder:
    """Collects nodes and initializers; names are a running number, so that equal graphs have equal bytes."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.initializers: dict[str, TensorProto] = {}

    def constant(self, name: str, values: Array) -> str:
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name

    def add(self, operator: str, inputs: Sequence[str], *, domain: str = "", **attributes: Any) -> str:
        return self.add_many(operator, inputs, 1, domain=domain, **attributes)[0]

    def add_many(
        self, operator: str, inputs: Sequence[str], outputs: int, *, domain: str = "", **attributes: Any
    ) -> list[str]:
        number = len(self.nodes)
        names = [f"{operator}_{number}_{output}" for output in range(outputs)]
        node = helper.make_node(
            operator, inputs, names, name=f"{operator}_{number}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return names


class EncoderGraph:
    """Builds the graph of one encoder.

    Args:
        weights: Tensors by their published names (`embeddings.word_embeddings.weight`, ...), float32.
        architecture: The encoder's shape.
        precision: `fp32`, or `int8` for quantised linear layers and word embeddings.
    """

    def __init__(self, weights: Weights, architecture: Architecture, precision: Precision) -> None:
        self._weights = weights
        self._shape = architecture
        self._quantised = precision == "int8"
        self._graph = _Builder()

    def build(self) -> ModelProto:
        """The model: `input_ids` int64 [1, pieces] to `embedding` float32 [1, hidden] of unit length.

        The second output are the states that it is the mean of, float32 [1, pieces, hidden]. It has the name
        that the last layer gives it: another one would be another revision of the very same vectors.
        """
        state = self._embeddings()
        for layer in range(self._shape.layers):
            state = self._feed_forward(self._attention(state, layer), layer)
        self._pool(state)
        graph = helper.make_graph(
            self._graph.nodes,
            "sentence-encoder",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "pieces"])],
            [
                helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, self._shape.hidden]),
                helper.make_tensor_value_info(state, TensorProto.FLOAT, [1, "pieces", self._shape.hidden]),
            ],
            list(self._graph.initializers.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIB, CONTRIB_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _embeddings(self) -> str:
        """Word, position and segment embeddings; every piece is of segment 0, which is folded in."""
        graph, table = self._graph, self._weights["embeddings.position_embeddings.weight"]
        segment = self._weights["embeddings.token_type_embeddings.weight"][0]
        positions = graph.constant("positions", table[: self._shape.window] + segment)
        axis = graph.constant("pieces_axis", np.array([1], np.int64))
        length = graph.add(
            "Slice", [graph.add("Shape", ["input_ids"]), axis, graph.constant("two", np.array([2], np.int64))]
        )
        start = graph.constant("zero", np.array([0], np.int64))
        used = graph.add("Unsqueeze", [graph.add("Slice", [positions, start, length]), start])
        return self._normalise(self._words(), used, "embeddings.LayerNorm")

    def _words(self) -> str:
        graph, words = self._graph, self._weights["embeddings.word_embeddings.weight"]
        if not self._quantised:
            return graph.add("Gather", [graph.constant("words", words), "input_ids"])
        values, scales = quantise(words.T)
        rows = graph.add("Gather", [graph.constant("words", values.T), "input_ids"])
        scale = graph.add("Gather", [graph.constant("words.scale", scales[:, None]), "input_ids"])
        return graph.add("Mul", [graph.add("Cast", [rows], to=TensorProto.FLOAT), scale])

    def _attention(self, state: str, layer: int) -> str:
        prefix = f"encoder.layer.{layer}.attention"
        names = [f"{prefix}.self.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([self._weights[f"{name}.weight"] for name in names])
        bias = np.concatenate([self._weights[f"{name}.bias"] for name in names])
        projected = self._linear(state, f"{prefix}.self", weight, bias)
        parts = self._graph.add_many("Split", [projected], 3, axis=2, num_outputs=3)
        mixed = self._graph.add("MultiHeadAttention", parts, domain=CONTRIB, num_heads=self._shape.heads)
        return self._normalise(
            self._dense(mixed, f"{prefix}.output.dense"), state, f"{prefix}.output.LayerNorm"
        )

    def _feed_forward(self, state: str, layer: int) -> str:
        prefix = f"encoder.layer.{layer}"
        inner = f"{prefix}.intermediate.dense"
        wide = self._linear(state, inner, self._weights[f"{inner}.weight"], None)
        bias = self._graph.constant(f"{inner}.bias", self._weights[f"{inner}.bias"])
        active = self._graph.add("BiasGelu", [wide, bias], domain=CONTRIB)
        narrow = self._dense(active, f"{prefix}.output.dense")
        return self._normalise(narrow, state, f"{prefix}.output.LayerNorm")

    def _pool(self, state: str) -> None:
        """Mean over the pieces, then unit length."""
        graph = self._graph
        mean = graph.add("ReduceMean", [state, "pieces_axis"], keepdims=0)
        length = graph.add("ReduceL2", [mean, "pieces_axis"], keepdims=1)
        graph.nodes.append(helper.make_node("Div", [mean, length], ["embedding"], name="embedding"))

    def _dense(self, state: str, name: str) -> str:
        return self._linear(state, name, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _linear(self, state: str, name: str, weight: Array, bias: Array | None) -> str:
        """`state @ weight.T + bias`, weight as published: [outputs, inputs]."""
        graph = self._graph
        biases = [graph.constant(f"{name}.bias", bias)] if bias is not None else []
        if self._quantised:
            values, scales = quantise(weight.T)
            operands = [graph.constant(f"{name}.int8", values), graph.constant(f"{name}.scale", scales), ""]
            return graph.add("DynamicQuantizeMatMul", [state, *operands, *biases], domain=CONTRIB)
        product = graph.add("MatMul", [state, graph.constant(f"{name}.weight", weight.T)])
        return graph.add("Add", [product, *biases]) if biases else product

    def _normalise(self, change: str, residual: str, name: str) -> str:
        graph = self._graph
        scale = graph.constant(f"{name}.weight", self._weights[f"{name}.weight"])
        bias = graph.constant(f"{name}.bias", self._weights[f"{name}.bias"])
        total = graph.add("Add", [change, residual])
        return graph.add("LayerNormalization", [total, scale, bias], axis=-1, epsilon=self._shape.epsilon)


def quantise(weight: Array) -> tuple[Array, Array]:
    """Symmetric int8 with one scale per column: `weight` is about `values * scales`.

    Args:
        weight: float32 [inputs, outputs].

    Returns:
        `values` int8 [inputs, outputs] in -127..127 and `scales` float32 [outputs].
    """
    peak = np.abs(weight).max(axis=0)
    scales = np.where(peak > 0, peak / INT8_MAX, 1.0).astype(np.float32)
    return np.rint(weight / scales).clip(-INT8_MAX, INT8_MAX).astype(np.int8), scales
