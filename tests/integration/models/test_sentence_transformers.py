"""The backend for GPUs, where torch is installed: it speaks for the same model."""

import json
from pathlib import Path

import numpy as np
import pytest

from footnote.knowledge import sentence_spans
from functions.embedding.backends import Item, load_backend
from functions.embedding.backends.onnx import OnnxBackend
from functions.embedding.build import build
from functions.embedding.model.source import installed_source
from functions.embedding.settings import EmbeddingServerSettings

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "embedding" / "reference.json"


def test_it_agrees_with_the_reference():
    settings = EmbeddingServerSettings(
        backend="sentence_transformers", model_directory=installed_source().directory
    )
    backend = load_backend(settings)
    assert (backend.description.dimension, backend.description.window) == (384, 256)
    assert len(backend.description.revision) == 64
    cases = json.loads(REFERENCE.read_text())["cases"]
    embedded = [
        one
        for start in range(0, len(cases), backend.batch_size)
        for one in backend.embed(
            [Item(case["text"]) for case in cases[start : start + backend.batch_size]], "passage"
        )
    ]
    expected = np.array([case["vector"] for case in cases], dtype=np.float32)
    limit = 1e-5 if backend.description.precision == "fp32" else 5e-3
    assert np.abs(np.stack([one.vector for one in embedded]) - expected).max() <= limit
    assert embedded[-1].tokens > 256
    assert embedded[4].tokens == 2


def test_vectors_of_spans_are_those_of_the_graph(tmp_path):
    """Texts of several lengths in one batch: states of padding count nowhere."""
    directory = installed_source().directory
    backend = load_backend(
        EmbeddingServerSettings(backend="sentence_transformers", model_directory=directory)
    )
    build(tmp_path / "fp32", "fp32")
    graph = OnnxBackend(tmp_path / "fp32", 1)
    story = "Ada moved to Farol in 1998. She keeps the lighthouse. The harbour is free of ice."
    items = [
        Item(story, sentence_spans(story)),
        Item("One.", [(0, 4)]),
        Item("", []),
        Item("observatory " * 300, [(0, 11), (3588, 3599)]),
    ]
    limit = 1e-5 if backend.description.precision == "fp32" else 5e-3
    for item, found in zip(items, backend.embed(items, "passage"), strict=True):
        (expected,) = graph.embed([item], "passage")
        assert np.abs(found.vector - expected.vector).max() <= limit
        assert found.tokens == expected.tokens
        if item.spans:
            assert np.abs(found.spans - expected.spans).max() <= limit
