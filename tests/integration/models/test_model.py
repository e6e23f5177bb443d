"""The built model: it agrees with the reference implementation, and a build is whole or not at all."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from functions.embedding.backends import Item
from functions.embedding.backends.onnx import OnnxBackend
from functions.embedding.build import build, main, revision
from functions.embedding.model import verify
from functions.embedding.model.graph import quantise
from functions.embedding.model.manifest import GRAPH, MANIFEST, TOKENIZER, read_manifest
from functions.embedding.model.source import ModelSource, installed_source
from functions.embedding.pooling import pool_spans
from functions.embedding.tokenizer import WordPieces

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "embedding" / "reference.json"


@pytest.fixture(scope="module")
def cases():
    """Texts of many kinds and languages with the vectors of sentence-transformers on torch."""
    return json.loads(REFERENCE.read_text())["cases"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A freshly built model of each precision."""
    place = tmp_path_factory.mktemp("models")
    for precision in ("fp32", "int8"):
        build(place / precision, precision)
    return place


def cosines(backend, cases):
    actual = np.stack([backend.embed([Item(case["text"])], "passage")[0].vector for case in cases])
    expected = np.array([case["vector"] for case in cases], dtype=np.float32)
    return (actual * expected).sum(axis=1), np.abs(actual - expected).max()


def test_fp32_equals_the_reference(models, cases):
    similar, difference = cosines(OnnxBackend(models / "fp32", 1), cases)
    assert len(cases) >= 40
    assert difference <= 1e-5
    assert similar.min() > 0.999999


def test_int8_is_near_the_reference(models, cases):
    similar, _ = cosines(OnnxBackend(models / "int8", 1), cases)
    assert similar.mean() >= 0.99
    with_letters = np.array([bool(re.search(r"[^\W\d_]", case["text"])) for case in cases])
    assert with_letters.sum() >= 40
    assert similar[with_letters].min() >= 0.98
    assert similar.min() >= 0.97  # a text of punctuation alone, or none


def test_int8_keeps_the_order_of_neighbours(models, cases):
    """What search needs of a vector: the nearest text stays the nearest."""
    backend = OnnxBackend(models / "int8", 1)
    mine = np.stack([backend.embed([Item(case["text"])], "passage")[0].vector for case in cases])
    reference = np.array([case["vector"] for case in cases], dtype=np.float32)
    for vectors in (mine, reference):
        np.fill_diagonal(similarity := vectors @ vectors.T, -1)
        if vectors is mine:
            nearest = similarity.argmax(axis=1)
    kept = similarity[np.arange(len(cases)), nearest] >= similarity.max(axis=1) - 0.03
    assert kept.mean() >= 0.95


def test_equal_texts_have_equal_bytes(models):
    backend = OnnxBackend(models / "int8", 1)
    text = "The observatory was built in 1887."
    alone = backend.embed([Item(text)], "query")[0].vector.tobytes()
    assert backend.embed([Item("x " * 400), Item(text), Item("a")], "passage")[1].vector.tobytes() == alone
    assert OnnxBackend(models / "int8", 2).embed([Item(text)], "query")[0].vector.tobytes() == alone


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_a_vector_is_the_mean_of_the_states_that_its_spans_are_pooled_from(models, precision):
    """Of all states, the special pieces' as well: what a vector has been, to the last bit, without them."""
    backend = OnnxBackend(models / precision, 1)
    text = "The observatory was built in 1887. It was renovated twice."
    pieces = backend._tokenizer.encode(text, with_offsets=True)
    states = backend._session.run([backend._states], {"input_ids": pieces.ids[np.newaxis]})[0]
    assert states.shape == (1, len(pieces.ids), 384)
    mean = states[0].mean(axis=0)
    (plain,), (spanned,) = (
        backend.embed([Item(text, spans)], "passage") for spans in ((), [(0, 34), (35, len(text))])
    )
    np.testing.assert_allclose(mean / np.linalg.norm(mean), plain.vector, atol=1e-6)
    assert plain.vector.tobytes() == spanned.vector.tobytes()
    assert plain.spans is None
    inside = (pieces.offsets[:, 1] > 0) & (pieces.offsets[:, 0] < 34)
    first = states[0][inside].mean(axis=0)
    np.testing.assert_allclose(spanned.spans[0], first / np.linalg.norm(first), atol=1e-6)


def test_pieces_on_a_border_belong_to_both_spans_and_special_ones_to_none():
    states = np.array([[9, 9], [1, 0], [0, 1], [0, 3], [9, 9]], dtype=np.float32)
    offsets = np.array([[0, 0], [0, 2], [2, 6], [7, 9], [0, 0]])
    whole = np.array([0.6, 0.8], dtype=np.float32)
    pooled = pool_spans(states, offsets, [(0, 2), (0, 4), (3, 9), (6, 7), (20, 30)], whole)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(pooled, [[1, 0], [half, half], [0, 1], whole, whole], atol=1e-6)


def test_states_as_an_output_make_no_other_model(models):
    """Vectors that are stored stay comparable: the revision is that of the graph without the output."""
    model = onnx.load(str(models / "int8" / GRAPH))
    assert (model.graph.output[0].name, len(model.graph.output)) == ("embedding", 2)
    del model.graph.output[1]
    assert revision(model, installed_source(), "int8") == read_manifest(models / "int8").revision


def test_long_texts_are_cut_at_the_window_and_say_so(models):
    backend = OnnxBackend(models / "int8", 1)
    window = "observatory " * 254
    exact, longer, other = backend.embed(
        [Item(window), Item(window + "built in 1887"), Item(window + "and closed")], "passage"
    )
    assert (exact.tokens, longer.tokens) == (256, 256 + 3)
    assert exact.vector.tobytes() == longer.vector.tobytes() == other.vector.tobytes()


def test_word_pieces_are_those_of_the_tokenizer_with_truncation():
    from tokenizers import Tokenizer

    path = installed_source().tokenizer
    ours, reference = WordPieces(path, 16), Tokenizer.from_file(str(path))
    reference.no_padding()
    reference.enable_truncation(16)
    for text in ("", "a", "Unbelievably long supercalifragilistic words " * 9, "x " * 14, "x " * 15):
        assert ours.encode(text).ids.tolist() == reference.encode(text).ids
        placed = ours.encode(text, with_offsets=True)
        assert placed.ids.tolist() == reference.encode(text).ids
        assert [tuple(pair) for pair in placed.offsets.tolist()] == reference.encode(text).offsets


def test_both_precisions_have_their_own_revision_and_builds_repeat(models, tmp_path):
    int8, fp32 = read_manifest(models / "int8"), read_manifest(models / "fp32")
    assert int8.revision != fp32.revision
    again = build(tmp_path / "again")
    assert again == int8


def test_the_directory_is_small_and_complete(models):
    assert {path.name for path in (models / "int8").iterdir()} == {GRAPH, TOKENIZER, MANIFEST}
    assert (models / "int8" / GRAPH).stat().st_size < 25_000_000


@pytest.mark.parametrize("name", [GRAPH, TOKENIZER])
@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_model_is_refused_and_built_again(models, tmp_path, name, damage, capsys):
    directory = tmp_path / "model"
    build(directory)
    if damage == "missing":
        (directory / name).unlink()
    else:
        content = bytearray((directory / name).read_bytes())
        content[len(content) // 2] ^= 1
        (directory / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} is damaged or missing"):
        OnnxBackend(directory, 1)
    assert main(["--output", str(directory)]) == 0
    assert "built" in capsys.readouterr().out
    assert read_manifest(directory) == read_manifest(models / "int8")


def test_what_is_built_is_left_alone(models, capsys):
    before = (models / "int8" / GRAPH).stat()
    assert main(["--output", str(models / "int8")]) == 0
    assert "already holds" in capsys.readouterr().out
    assert (models / "int8" / GRAPH).stat() == before


def test_another_precision_replaces_the_model(tmp_path):
    directory = tmp_path / "model"
    main(["--output", str(directory)])
    main(["--output", str(directory), "--precision", "fp32"])
    assert read_manifest(directory).precision == "fp32"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_foreign_directory_is_never_replaced(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["--output", str(tmp_path)]) == 1
    assert "not a model directory" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_model_that_disagrees_never_appears(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(verify, "MIN_COSINE", {"int8": 0.99999, "fp32": 0.99999})
    assert main(["--output", str(tmp_path / "model")]) == 1
    assert "does not agree with the reference" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_is_killed_leaves_the_former_model(tmp_path):
    """Killed at any time, the directory holds either no model or a whole one."""
    directory = tmp_path / "model"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "functions.embedding.build", "--output", str(directory)]
    for limit in (0.4, 0.7, 0.9, 1.1):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if directory.exists():
            read_manifest(directory)
            break
    assert main(["--output", str(directory)]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert len(OnnxBackend(directory, 1).embed([Item("a")], "query")[0].vector) == 384


def test_several_processes_build_once(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "functions.embedding.build", "--output", str(tmp_path / "model")]
    builders = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [builder.communicate(timeout=60)[0] for builder in builders]
    assert [builder.returncode for builder in builders] == [0, 0, 0]
    assert sorted(line.split()[0] == "built" for line in said) == [False, False, True]


def test_a_model_of_another_kind_is_refused(tmp_path):
    source = installed_source()
    for name in ("config.json", "sentence_bert_config.json"):
        (tmp_path / name).write_bytes((source.directory / name).read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_act": "relu"}))
    with pytest.raises(ValueError, match="hidden_act is 'relu'"):
        ModelSource("other", tmp_path).architecture()


def test_quantising_keeps_columns_within_half_a_step():
    weight = np.random.default_rng(7).normal(size=(64, 32)).astype(np.float32) * np.logspace(
        -3, 3, 32, dtype=np.float32
    )
    weight[:, 5] = 0
    values, scales = quantise(weight)
    assert (values.dtype, scales.dtype) == (np.int8, np.float32)
    assert (np.abs(values * scales - weight) <= scales * 0.5001).all()
    assert values.min() >= -127
    assert not values[:, 5].any()
