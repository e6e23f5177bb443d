"""ONNX Runtime on CPUs: one text a run, one core a run, as many runs at once as there are cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from functions.embedding.backends import Description, Embedded, Item, Kind
from functions.embedding.model.manifest import GRAPH, TOKENIZER, read_manifest
from functions.embedding.pooling import pool_spans
from functions.embedding.tokenizer import WordPieces

WARM_UP = "A first run allocates what later runs use."


class OnnxBackend:
    """A model built by `functions.embedding.build`.

    int8 activations are scaled by the range of the whole input, so texts of one run would change each other's
    vectors; with one text a run equal texts have equal bytes. It is also the fastest way: no padding, and
    states that stay in the core's cache.

    Args:
        directory: The model directory.
        concurrency: Runs at the same time; one thread and one core each.
    """

    batch_size = 1

    def __init__(self, directory: Path, concurrency: int) -> None:
        manifest = read_manifest(directory)
        self.description = Description(
            manifest.model, manifest.revision, manifest.dimension, manifest.window, manifest.precision
        )
        self.concurrency = concurrency
        self._tokenizer = WordPieces(directory / TOKENIZER, manifest.window)
        self._session = open_session(directory / GRAPH)
        self._embedding, self._states = (output.name for output in self._session.get_outputs())
        self.embed([Item(WARM_UP)], "query")

    def embed(self, items: Sequence[Item], kind: Kind) -> list[Embedded]:  # noqa: ARG002 - no prefixes
        """The vectors; this model treats queries and passages alike."""
        return [self._embed(item) for item in items]

    def _embed(self, item: Item) -> Embedded:
        """States leave the session only for texts with spans: nobody else pays for them."""
        pieces = self._tokenizer.encode(item.text, with_offsets=bool(item.spans))
        inputs = {"input_ids": pieces.ids[np.newaxis]}
        if pieces.offsets is None:
            (embedding,) = self._session.run([self._embedding], inputs)
            return Embedded(embedding[0], pieces.tokens)
        embedding, states = self._session.run([self._embedding, self._states], inputs)
        spans = pool_spans(states[0], pieces.offsets, item.spans, embedding[0])
        return Embedded(embedding[0], pieces.tokens, spans)


def open_session(graph: Path) -> onnxruntime.InferenceSession:
    """A session whose runs stay in the calling thread; safe to use from several threads.

    ONNX Runtime's own fusions are off (BASIC): the graph is already written with the operators that measure
    fastest, and fusing further makes it slower.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
