"""ONNX Runtime on CPUs: one pair a run, one core a run, as many runs at once as there are cores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from footnote.platform.serving.revision import files_revision
from functions.reranking.backends import Description, Pair, Scored, default_window, sigmoid
from functions.reranking.pairs import TOKENIZER, PairTokenizer
from functions.reranking.settings import RerankingServerSettings

GRAPHS = ("model.onnx", "onnx/model.onnx")
INPUTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Inputs a graph may have, and where a tokenised pair keeps them."""
WARM_UP = Pair("warm up", "A first run allocates what later runs use.")


class OnnxBackend:
    """Any cross-encoder exported to ONNX, with its tokenizer.

    With one pair a run there is no padding, and a score never depends on its neighbours, also where a
    quantised graph scales its activations by the range of the whole input.

    Args:
        settings: Where the model is.
    """

    batch_size = 1

    def __init__(self, settings: RerankingServerSettings) -> None:
        directory = settings.model_directory
        graph, tokenizer = find_graph(directory, settings.graph), directory / TOKENIZER
        window = settings.window or default_window(directory)
        self.description = Description(
            model=settings.model_name or directory.resolve().name,
            revision=files_revision(f"onnx {window}", directory, [graph, tokenizer]),
            window=window,
        )
        self.concurrency = settings.cores()
        self._tokenizer = PairTokenizer(tokenizer, window)
        self._session = open_session(graph)
        self._inputs = [(each.name, INPUTS[each.name]) for each in self._session.get_inputs()]
        self.score([WARM_UP])

    def score(self, pairs: Sequence[Pair]) -> list[Scored]:
        return [self._score(pair) for pair in pairs]

    def _score(self, pair: Pair) -> Scored:
        pieces = self._tokenizer.encode(pair.query, pair.passage)
        given = {name: _row(getattr(pieces.encoding, place)) for name, place in self._inputs}
        logits = self._session.run(None, given)[0]
        if logits.size != 1:
            raise ValueError(f"the model gives {logits.size} numbers for a pair; a cross-encoder gives one")
        return Scored(sigmoid(logits.item()), pieces.tokens, pieces.truncated)


def find_graph(directory: Path, graph: str = "") -> Path:
    """The graph of a model directory, which has a tokenizer as well.

    Args:
        directory: The model directory.
        graph: Path of the graph in it; the usual places are searched when empty.

    Raises:
        FileNotFoundError: One of the two is missing; the message names it.
    """
    places = [directory / place for place in ((graph,) if graph else GRAPHS)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise FileNotFoundError(
            f"no {graph or ' or '.join(GRAPHS)} in {directory}; export the cross-encoder to ONNX"
            " (inputs input_ids, attention_mask, token_type_ids; output logits [n, 1]), or name its graph in"
            " RERANKING_GRAPH"
        )
    if not (directory / TOKENIZER).is_file():
        raise FileNotFoundError(f"no {TOKENIZER} in {directory}; it belongs to the model")
    return found


def open_session(graph: Path) -> onnxruntime.InferenceSession:
    """A session whose runs stay in the calling thread; safe to use from several threads.

    An exported graph is made of plain operators, so ONNX Runtime's own fusions are on.

    Raises:
        ValueError: The graph is not a cross-encoder's; the message says what is wrong with it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    if "input_ids" not in names or set(names) - set(INPUTS):
        raise ValueError(f"{graph} has the inputs {', '.join(names)}; known are {', '.join(INPUTS)}")
    shape = session.get_outputs()[0].shape
    if len(shape) > 2 or (len(shape) == 2 and isinstance(shape[1], int) and shape[1] != 1):
        raise ValueError(
            f"{graph} gives {shape} for a batch of pairs; a cross-encoder gives one score a pair"
        )
    return session


def _row(numbers: Sequence[int]) -> npt.NDArray[np.int64]:
    return np.asarray(numbers, dtype=np.int64)[np.newaxis]
