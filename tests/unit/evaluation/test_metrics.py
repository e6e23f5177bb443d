"""The metrics against values worked out by hand, and the reader of evaluation sets."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.evaluation import (
    average_precision,
    load_dataset,
    ndcg,
    precision,
    recall,
    reciprocal_rank,
    success,
)
from footnote.platform.errors import InvalidRequest


def test_ndcg_of_a_hand_worked_ranking():
    relevance = {"a": 2, "b": 1, "c": 1}
    dcg = 1 / math.log2(2) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["b", "x", "a"], relevance, 10) == pytest.approx(dcg / ideal)


def test_depth_cuts_the_ranking():
    relevance = {"a": 1, "b": 1}
    ranking = ["x", "a", "y", "b"]
    assert recall(ranking, relevance, 3) == 0.5
    assert reciprocal_rank(ranking, relevance, 10) == 0.5
    assert reciprocal_rank(ranking, relevance, 1) == 0.0
    assert success(ranking, relevance, 1) == 0.0
    assert success(ranking, relevance, 2) == 1.0


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True),
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 3)),
)
def test_metrics_stay_within_bounds(ranking, relevance):
    for metric in (ndcg, precision, recall, reciprocal_rank, success):
        assert 0.0 <= metric(ranking, relevance, 5) <= 1.0
    perfect = sorted(relevance, key=relevance.get, reverse=True)
    if any(relevance.values()):
        assert ndcg(perfect, relevance, 10) == pytest.approx(1.0)


def test_precision_and_average_precision_of_a_hand_worked_ranking():
    relevance = {"a": 1, "b": 2, "c": 1}
    ranking = ["a", "x", "b", "y"]
    assert precision(ranking, relevance, 2) == 0.5
    assert precision(ranking, relevance, 5) == 0.4  # ranks that are missing count
    assert average_precision(ranking, relevance) == pytest.approx((1 / 1 + 2 / 3 + 0) / 3)
    assert average_precision(ranking, {}) == 0.0


def _write(directory, corpus, queries, qrels):
    (directory / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in corpus))
    (directory / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in queries))
    (directory / "qrels.tsv").write_text(qrels)


def test_a_set_is_read_with_history_and_judgements(tmp_path):
    turn = {"speaker": "agent", "text": "Hello"}
    _write(
        tmp_path,
        [{"id": "d", "title": "T", "text": "x"}],
        [{"id": "q", "text": "?", "history": [turn], "answers": ["x"]}, {"id": "r", "text": "!"}],
        "query_id\tdoc_id\trel\nq\td\t2\n",
    )
    dataset = load_dataset(tmp_path, limit=1)
    assert [query.id for query in dataset.queries] == ["q"]
    assert dataset.queries[0].history == (("assistant", "Hello"),)
    assert dataset.queries[0].relevance == {"d": 2}


def test_a_malformed_line_is_named(tmp_path):
    _write(tmp_path, [{"id": "d", "title": "T"}], [], "query_id\tdoc_id\trel\n")
    with pytest.raises(InvalidRequest, match=r"corpus\.jsonl, line 1: no 'text'"):
        load_dataset(tmp_path)
    with pytest.raises(InvalidRequest, match="missing"):
        load_dataset(tmp_path / "nowhere")
