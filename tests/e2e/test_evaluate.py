"""`footnote evaluate` on a small set with everything that makes sets difficult."""

import json

import pytest

CORPUS = [
    {
        "id": "sea/1",
        "title": "Lighthouses",
        "text": "The lighthouse of Farol was built in 1912 by Ada Ferro.",
    },
    {
        "id": "sea/2",
        "title": "Lighthouses",
        "text": "The lighthouse of Farol was built in 1912 by Ada Ferro.",
    },
    {"id": "bread", "title": "", "text": "The bakery opens at six o'clock and sells rye bread."},
    {"id": "title only", "title": "Harbour regulations of Porto Novo", "text": "  "},
]
QUERIES = [
    {"id": "q1", "text": "When was the lighthouse of Farol built?", "answers": ["1912"]},
    {
        "id": "q2",
        "text": "Who built it?",
        "answers": ["Ada Ferro"],
        "history": [
            {"speaker": "user", "text": "When was the lighthouse of Farol built?"},
            {"speaker": "agent", "text": "The lighthouse of Farol was built in 1912."},
        ],
    },
    {"id": "q3", "text": "When does the bakery open?", "answers": ["six"]},
    {"id": "q4", "text": "Which enzyme splits lactose?", "answers": [], "unanswerable": True},
]
QRELS = "query_id\tdoc_id\trel\nq1\tsea/2\t1\nq2\tsea/1\t1\nq3\tbread\t1\n"


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, CORPUS)))
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, QUERIES)))
    (folder / "qrels.tsv").write_text(QRELS)
    return folder


def test_every_row_counts_and_the_figures_are_right(stack, dataset, tmp_path):
    out = tmp_path / "figures.json"
    told = stack.footnote("evaluate", str(dataset), "--json", str(out)).stdout
    data = json.loads(out.read_text())
    assert data["counts"] | {"chunks": 0} == {
        "documents": 4,
        "documents_failed": 0,
        "chunks": 0,
        "queries_judged": 3,
        "answers": 4,
        "unanswerable": 1,
    }
    assert data["metrics"]["success@1"] == 1.0
    assert data["metrics"]["answer_containment"] == 1.0
    assert data["metrics"]["citation_precision"] == 1.0
    assert data["metrics"]["abstention_unanswerable"] == 1.0
    assert set(data["strategies"]) == {"hybrid", "lexical", "vector"}
    assert "ndcg@10" in told


def test_bad_input_is_named(stack, dataset):
    (dataset / "queries.jsonl").write_text('{"id": "q1"}')
    result = stack.footnote("evaluate", str(dataset), check=False)
    assert result.returncode == 1
    assert "queries.jsonl, line 1: no 'text'" in result.stderr
    result = stack.footnote("evaluate", str(dataset), "--strategy", "magic", check=False)
    assert result.returncode == 1
    assert "magic" in result.stderr
