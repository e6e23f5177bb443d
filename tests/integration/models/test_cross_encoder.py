"""A cross-encoder loaded from its directory: the scores of the reference, cut pairs, bad models."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save_model
from tokenizers import Tokenizer

from functions.embedding.model.source import installed_source
from functions.reranking.backends import Pair, load_backend, sigmoid
from functions.reranking.pairs import PairTokenizer
from functions.reranking.settings import RerankingServerSettings
from tests.support.cross_encoder import Shape, build_cross_encoder

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "reranking" / "reference.json"
WINDOW = 64


@pytest.fixture(scope="module")
def cases():
    """Pairs with the logits of sentence-transformers on torch."""
    return json.loads(REFERENCE.read_text())["cases"]


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return build_cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def load(directory, **settings):
    return load_backend(RerankingServerSettings(model_directory=directory, **settings))


def pairs(cases):
    return [Pair(case["query"], case["passage"]) for case in cases]


def test_scores_are_those_of_the_reference(directory, cases):
    scored = load(directory).score(pairs(cases))
    assert len(scored) == len(cases) >= 30
    expected = np.array([1 / (1 + math.exp(-case["logit"])) for case in cases])
    assert np.ptp(expected) > 0.3
    np.testing.assert_allclose([one.score for one in scored], expected, atol=1e-5)


def test_query_and_passage_are_told_apart(directory, cases):
    backend = load(directory)
    there = [one.score for one in backend.score(pairs(cases))]
    back = [one.score for one in backend.score([Pair(pair.passage, pair.query) for pair in pairs(cases)])]
    assert max(abs(one - other) for one, other in zip(there, back, strict=True)) > 0.1


def test_a_score_never_depends_on_its_neighbours(directory, cases):
    backend = load(directory)
    together = backend.score(pairs(cases))
    assert [backend.score([pair])[0] for pair in pairs(cases)] == together


@pytest.fixture(scope="module")
def tokenizers():
    """Ours, and the tokenizer's own way of cutting the second text only."""
    path = installed_source().tokenizer
    reference = Tokenizer.from_file(str(path))
    reference.no_padding()
    reference.enable_truncation(WINDOW, strategy="only_second")
    return PairTokenizer(path, WINDOW), reference


@pytest.mark.parametrize("words", [0, 1, 55, 58, 59, 60, 61, 62, 200])
def test_a_long_passage_is_cut_as_the_tokenizer_cuts_it(tokenizers, words):
    ours, reference = tokenizers
    query, passage = "is it blue ?", "sky " * words
    pieces, expected = ours.encode(query, passage), reference.encode(query, passage)
    assert pieces.encoding.ids == expected.ids
    assert pieces.encoding.type_ids == expected.type_ids
    assert pieces.encoding.attention_mask == [1] * len(expected.ids)
    assert pieces.tokens == 4 + words + 3
    assert pieces.truncated == (words > WINDOW - 7)


def test_a_long_query_leaves_half_of_the_window_to_the_passage(tokenizers):
    ours, _ = tokenizers
    long = ours.encode("is " * 100, "sky " * 100)
    assert (len(long.encoding.ids), long.tokens) == (WINDOW, 203)
    assert long.encoding.type_ids.count(1) == 31 + 1
    short_passage = ours.encode("is " * 100, "sky sky")
    assert short_passage.encoding.type_ids.count(1) == 2 + 1
    assert (len(short_passage.encoding.ids), short_passage.truncated) == (WINDOW, True)


def test_what_is_visible_makes_the_same_pieces(tokenizers):
    ours, _ = tokenizers
    for query, passage in [
        ("is it blue?", "Skies, unbelievably supercalifragilistic ones, " * 20),
        ("Is it Ünbelievable? " * 40, "Yes: " * 100),
        ("short", "and sweet"),
        ("", "sky " * 100),
        ("why " * 100, ""),
    ]:
        whole = ours.encode(query, passage)
        query_part, passage_part, tokens = ours.visible(query, passage)
        assert ours.encode(query_part, passage_part).encoding.ids == whole.encoding.ids
        assert tokens == whole.tokens
        assert query.startswith(query_part)
        assert passage.startswith(passage_part)


def test_cut_pairs_say_so_and_their_rest_does_not_count(directory):
    backend = load(directory)
    window = "sky " * (WINDOW - 4)
    exact, longer, other = backend.score(
        [Pair("why", window), Pair("why", window + "is blue"), Pair("why", window + "was it")]
    )
    assert (exact.tokens, exact.truncated) == (WINDOW, False)
    assert (longer.tokens, longer.truncated) == (WINDOW + 2, True)
    assert exact.score == longer.score == other.score


def test_the_window_is_that_of_the_model_or_the_settings(directory):
    assert load(directory).description.window == WINDOW
    assert load(directory, window=32).description.window == 32
    assert load(directory, window=32).score([Pair("why", "sky " * 40)])[0].truncated


def test_the_name_is_set_or_the_folders(directory):
    assert load(directory).description.model == "tiny"
    assert load(directory, model_name="our/reranker").description.model == "our/reranker"


def test_the_revision_follows_what_scores_depend_on(directory, tmp_path):
    revision = load(directory).description.revision
    copy = shutil.copytree(directory, tmp_path / "copy")
    assert load(copy).description.revision == revision
    assert load(copy, window=32).description.revision != revision
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["normalizer"]["lowercase"] = not tokenizer["normalizer"]["lowercase"]
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert load(copy).description.revision != revision


def test_the_graph_may_lie_where_hubs_keep_it(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    (copy / "onnx").mkdir()
    (copy / "model.onnx").rename(copy / "onnx" / "model.onnx")
    pair = Pair("why", "because")
    assert load(copy).score([pair]) == load(directory).score([pair])
    (copy / "onnx" / "model.onnx").rename(copy / "onnx" / "quantised.onnx")
    assert load(copy, graph="onnx/quantised.onnx").score([pair]) == load(directory).score([pair])


@pytest.mark.parametrize("missing", ["model.onnx", "tokenizer.json"])
def test_a_missing_file_is_named(directory, tmp_path, missing):
    copy = shutil.copytree(directory, tmp_path / "copy")
    (copy / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        load(copy)


def test_a_classifier_with_several_labels_is_refused(tmp_path):
    with pytest.raises(ValueError, match="one score a pair"):
        load(build_cross_encoder(tmp_path / "nli", Shape(layers=1, labels=3)))


def write_graph(directory, names, output, operator, **attributes):
    """A graph that makes numbers of its first input."""
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "pieces"]) for name in names]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, output)]
    nodes = [
        helper.make_node("Cast", [names[0]], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node(operator, ["numbers"], ["logits"], **attributes),
    ]
    graph = helper.make_graph(nodes, "numbers", inputs, outputs)
    opsets = [helper.make_opsetid("", 20)]
    save_model(helper.make_model(graph, opset_imports=opsets, ir_version=10), directory / "model.onnx")


@pytest.mark.parametrize(
    ("names", "output", "operator", "says"),
    [
        (["input_ids", "bbox"], [1, 1], "ReduceSum", "input_ids, bbox"),
        (["attention_mask"], [1, 1], "ReduceSum", "known are input_ids"),
        (["input_ids"], ["batch", "pieces"], "Identity", "a cross-encoder gives one"),
    ],
)
def test_a_graph_of_another_kind_is_refused(directory, tmp_path, names, output, operator, says):
    copy = shutil.copytree(directory, tmp_path / "copy")
    write_graph(copy, names, output, operator)
    with pytest.raises(ValueError, match=says):
        load(copy)


def test_a_graph_without_masks_and_segments_is_fed_what_it_knows(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    write_graph(copy, ["input_ids"], [1, 1], "ReduceMin", keepdims=1)
    assert load(copy).score([Pair("why", "because")])[0].score == pytest.approx(1.0)


def test_a_tokenizer_that_does_not_part_two_texts_is_refused(directory, tmp_path):
    copy = shutil.copytree(directory, tmp_path / "copy")
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer | {"post_processor": None}))
    with pytest.raises(ValueError, match="nothing between the two texts"):
        load(copy)


def test_the_sigmoid_is_exact_and_never_overflows():
    for logit in (-40.0, -11.2, -1.0, 0.0, 0.5, 11.2, 40.0):
        assert sigmoid(logit) == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-12)
    assert (sigmoid(-1e30), sigmoid(1e30)) == (0.0, 1.0)
    for logit in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match="the model gives"):
            sigmoid(logit)
