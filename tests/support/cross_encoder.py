"""A tiny cross-encoder with random weights: a BERT with a pooler and one logit, as the model hubs have them.

Its directory holds the Hugging Face layout (`config.json`, `model.safetensors`, tokenizer) and the graph of
plain operators that an export makes of it, so that every backend can load the same model.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import NodeProto, TensorProto, helper, numpy_helper, save_model

from functions.embedding.model.source import installed_source

SEED = 20_260_711
OPSET, IR_VERSION = 20, 10
Weights = dict[str, npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Shape:
    """Size of the model; `labels` is 1 for a cross-encoder."""

    layers: int = 2
    hidden: int = 32
    heads: int = 4
    inner: int = 64
    positions: int = 64
    labels: int = 1


def build_cross_encoder(directory: Path, shape: Shape | None = None) -> Path:
    """Writes the model into a new directory."""
    shape = shape or Shape()
    directory.mkdir(parents=True)
    tokenizer = installed_source().tokenizer
    shutil.copyfile(tokenizer, directory / "tokenizer.json")
    vocabulary = len(json.loads(tokenizer.read_text())["model"]["vocab"])
    weights = random_weights(shape, vocabulary)
    save_model(_Graph(shape, weights).build(), directory / "model.onnx")
    _write_hub_files(directory, shape, weights, vocabulary)
    return directory


def random_weights(shape: Shape, vocabulary: int) -> Weights:
    """All tensors by the names that `BertForSequenceClassification` gives them; the same at every call."""
    random = np.random.default_rng(SEED)

    def tensor(*size: int, scale: float = 0.6) -> npt.NDArray[np.float32]:
        return ((random.random(size) - 0.5) * 2 * scale).astype(np.float32)

    hidden, inner = shape.hidden, shape.inner
    weights = {
        "bert.embeddings.word_embeddings.weight": tensor(vocabulary, hidden),
        "bert.embeddings.position_embeddings.weight": tensor(shape.positions, hidden),
        "bert.embeddings.token_type_embeddings.weight": tensor(2, hidden),
    }
    linear = {"bert.pooler.dense": (hidden, hidden), "classifier": (shape.labels, hidden)}
    norms = ["bert.embeddings.LayerNorm"]
    for layer in range(shape.layers):
        prefix = f"bert.encoder.layer.{layer}"
        linear |= {f"{prefix}.attention.self.{part}": (hidden, hidden) for part in ("query", "key", "value")}
        linear |= {
            f"{prefix}.attention.output.dense": (hidden, hidden),
            f"{prefix}.intermediate.dense": (inner, hidden),
            f"{prefix}.output.dense": (hidden, inner),
        }
        norms += [f"{prefix}.attention.output.LayerNorm", f"{prefix}.output.LayerNorm"]
    for name, size in linear.items():
        weights |= {f"{name}.weight": tensor(*size), f"{name}.bias": tensor(size[0], scale=0.1)}
    for name in norms:
        weights |= {
            f"{name}.weight": 1 + tensor(hidden, scale=0.1),
            f"{name}.bias": tensor(hidden, scale=0.1),
        }
    return weights


def _write_hub_files(directory: Path, shape: Shape, weights: Weights, vocabulary: int) -> None:
    from safetensors.numpy import save_file

    save_file(weights, directory / "model.safetensors", {"format": "pt"})
    config = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": shape.positions,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "type_vocab_size": 2,
        "vocab_size": vocabulary,
        "id2label": {str(label): f"LABEL_{label}" for label in range(shape.labels)},
        "label2id": {f"LABEL_{label}": label for label in range(shape.labels)},
    }
    (directory / "config.json").write_text(json.dumps(config))
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "sep", "pad", "unk", "mask")}
    tokenizer = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": True,
        "model_max_length": shape.positions,
    }
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer | special))


class _Graph:
    """Collects the nodes of the model."""

    def __init__(self, shape: Shape, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._shape = shape
        self._weights = weights
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []

    def build(self) -> Any:
        state = self._embeddings()
        mask = self._mask()
        for layer in range(self._shape.layers):
            state = self._layer(state, mask, f"bert.encoder.layer.{layer}")
        first = self._add("Gather", state, self._constant(np.array(0, np.int64)), axis=1)
        pooled = self._add("Tanh", self._linear(first, "bert.pooler.dense"))
        logits = self._add("Identity", self._linear(pooled, "classifier"), output="logits")
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ]
        outputs = [helper.make_tensor_value_info(logits, TensorProto.FLOAT, ["batch", self._shape.labels])]
        graph = helper.make_graph(self._nodes, "cross-encoder", inputs, outputs, self._constants)
        opsets = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def _embeddings(self) -> str:
        words, positions, segments = (
            self._constant(self._weights[f"bert.embeddings.{kind}_embeddings.weight"])
            for kind in ("word", "position", "token_type")
        )
        zero, one, two = (self._constant(np.array([number], np.int64)) for number in (0, 1, 2))
        length = self._add("Slice", self._add("Shape", "input_ids"), one, two)
        total = self._add("Gather", words, "input_ids")
        total = self._add("Add", total, self._add("Gather", segments, "token_type_ids"))
        total = self._add("Add", total, self._add("Slice", positions, zero, length))
        return self._norm(total, "bert.embeddings.LayerNorm")

    def _mask(self) -> str:
        """0 for what is read, a large negative number for padding; [batch, 1, 1, pieces]."""
        read = self._add("Cast", "attention_mask", to=TensorProto.FLOAT)
        absent = self._add("Sub", self._constant(np.array(1, np.float32)), read)
        large = self._add("Mul", absent, self._constant(np.array(-1e9, np.float32)))
        return self._add("Unsqueeze", large, self._constant(np.array([1, 2], np.int64)))

    def _layer(self, state: str, mask: str, prefix: str) -> str:
        attended = self._attention(state, mask, f"{prefix}.attention.self")
        mixed = self._add("Add", self._linear(attended, f"{prefix}.attention.output.dense"), state)
        state = self._norm(mixed, f"{prefix}.attention.output.LayerNorm")
        wide = self._add("Gelu", self._linear(state, f"{prefix}.intermediate.dense"))
        narrow = self._add("Add", self._linear(wide, f"{prefix}.output.dense"), state)
        return self._norm(narrow, f"{prefix}.output.LayerNorm")

    def _attention(self, state: str, mask: str, prefix: str) -> str:
        size = self._shape.hidden // self._shape.heads
        parted = self._constant(np.array([0, 0, self._shape.heads, size], np.int64))
        query, key, value = (
            self._add(
                "Transpose", self._add("Reshape", self._linear(state, f"{prefix}.{part}"), parted), perm=order
            )
            for part, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        root = self._constant(np.array(size**0.5, np.float32))
        scores = self._add("Div", self._add("MatMul", query, key), root)
        shares = self._add("Softmax", self._add("Add", scores, mask), axis=-1)
        heads = self._add("Transpose", self._add("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self._add("Reshape", heads, self._constant(np.array([0, 0, self._shape.hidden], np.int64)))

    def _linear(self, state: str, name: str) -> str:
        weight = self._constant(np.ascontiguousarray(self._weights[f"{name}.weight"].T))
        bias = self._constant(self._weights[f"{name}.bias"])
        return self._add("Add", self._add("MatMul", state, weight), bias)

    def _norm(self, state: str, name: str) -> str:
        scale, bias = (self._constant(self._weights[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self._add("LayerNormalization", state, scale, bias, axis=-1, epsilon=1e-12)

    def _constant(self, values: npt.NDArray[Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(values, name))
        return name

    def _add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        name = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name
