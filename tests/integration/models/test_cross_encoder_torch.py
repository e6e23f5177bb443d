"""The backend for GPUs, where torch is installed: it speaks for the same model."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from functions.reranking.backends import Pair, load_backend
from functions.reranking.settings import RerankingServerSettings
from tests.support.cross_encoder import Shape, build_cross_encoder

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "reranking" / "reference.json"


def load(directory, backend="sentence_transformers"):
    return load_backend(RerankingServerSettings(model_directory=directory, backend=backend))


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return build_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def scored(backend, pairs):
    return [
        one
        for start in range(0, len(pairs), backend.batch_size)
        for one in backend.score(pairs[start : start + backend.batch_size])
    ]


def test_it_agrees_with_the_reference(directory):
    cases = json.loads(REFERENCE.read_text())["cases"]
    backend = load(directory)
    assert (backend.description.model, backend.description.window) == ("tiny", 64)
    assert len(backend.description.revision) == 64
    scores = [one.score for one in scored(backend, [Pair(case["query"], case["passage"]) for case in cases])]
    expected = [1 / (1 + math.exp(-case["logit"])) for case in cases]
    np.testing.assert_allclose(scores, expected, atol=1e-5 if backend.batch_size == 8 else 5e-3)


def test_long_pairs_are_cut_alike_by_both_backends(directory):
    pairs = [
        Pair("is it blue?", "Skies, unbelievably supercalifragilistic ones, " * 20),
        Pair("Is it Ünbelievable? " * 40, "Yes: " * 100),
        Pair("why", "sky " * 200),
        Pair("short", "and sweet"),
    ]
    torch_backend, onnx_backend = load(directory), load(directory, "onnx")
    ours, theirs = scored(torch_backend, pairs), scored(onnx_backend, pairs)
    assert [(one.tokens, one.truncated) for one in ours] == [(one.tokens, one.truncated) for one in theirs]
    limit = 1e-5 if torch_backend.batch_size == 8 else 5e-3
    np.testing.assert_allclose([one.score for one in ours], [one.score for one in theirs], atol=limit)


def test_a_classifier_with_several_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="3 scores for a pair"):
        load(build_cross_encoder(tmp_path / "nli", Shape(layers=1, labels=3)))
