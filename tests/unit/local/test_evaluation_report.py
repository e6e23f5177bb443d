"""The report of an evaluation, from outcomes made by hand."""

import json

import pytest

from footnote.evaluation import EvaluationQuery, QuestionResult
from local.evaluation import Report, render
from local.evaluation.corpus import Corpus
from local.evaluation.outcomes import AnswerOutcome, SearchOutcome


def _query(number, *, relevant="a", answers=("1912",), unanswerable=False):
    relevance = {} if unanswerable else {relevant: 1}
    return EvaluationQuery(str(number), "When was it built?", tuple(answers), unanswerable, (), relevance)


@pytest.fixture
def report():
    hit, miss, near = _query(1), _query(2, relevant="b"), _query(3, unanswerable=True)
    return Report(
        dataset="toy",
        corpus=Corpus(("e", "p"), {}, 2, ["x.txt: The file is empty."], 4, 2.0),
        searches={
            "hybrid": [SearchOutcome(hit, ["a", "b"], 10.0), SearchOutcome(miss, ["a", "b"], 30.0)],
            "lexical": [SearchOutcome(hit, ["a"], 1.0), SearchOutcome(miss, ["a"], 1.0)],
        },
        answers=[
            AnswerOutcome(
                hit, "It was built in 1912. [1]", False, 0.9, [["a"], ["b"]], 50.0,
                [(1, ("Built in 1912.",)), (2, ("Other.",))],
            ),
            AnswerOutcome(miss, "The documents do not say.", True, 0.1, [], 60.0),
            AnswerOutcome(near, "In 1998. [1]", False, 0.7, [["a"]], 70.0),
        ],
    )  # fmt: skip


def test_the_metrics_are_those_of_the_first_strategy(report):
    metrics = report.as_json()["metrics"]
    assert metrics["success@1"] == 0.5
    assert metrics["mrr@10"] == 0.75
    assert metrics["recall@5"] == 1.0
    assert metrics["map"] == 0.75
    assert report.as_json()["strategies"]["lexical"]["recall@5"] == 0.5


def test_answers_are_scored_by_what_a_set_can_tell(report):
    metrics = report.as_json()["metrics"]
    assert metrics["answer_containment"] == 0.5
    assert metrics["citation_precision"] == 0.5  # of the one answerable answer that cites: one of two
    assert metrics["citation_recall"] == 0.5
    assert metrics["faithfulness"] == 0.5  # nothing is known of what the other answer cites
    assert metrics["abstention_answerable"] == 0.5
    assert metrics["abstention_unanswerable"] == metrics["abstention_recall"] == 0.0


def test_the_figures_are_json_and_text(report):
    data = json.loads(json.dumps(report.as_json()))
    assert data["counts"]["documents_failed"] == 1
    assert data["ingestion"]["chunks_per_s"] == 2.0
    assert data["latency_ms"]["search_hybrid"]["p50"] == 20.0
    assert set(data["latency_ms"]["answer"]) == {"p50", "p95", "p99"}
    low, high = data["intervals"]["success@1"]
    assert low <= data["metrics"]["success@1"] <= high
    assert {group["aspect"] for group in data["groups"]} == {"type", "turn", "answerability"}
    assert [QuestionResult.from_json(each) for each in data["questions"]] == report.results
    text = render(report)
    assert "x.txt: The file is empty." in text
    assert "abstention_unanswerable" in text
    assert "answerability: unanswerable" in text
    assert "overall score" in text


def test_a_set_without_answers_has_no_answer_metrics(report):
    bare = Report("toy", report.corpus, report.searches, [])
    assert "answer_containment" not in bare.as_json()["metrics"]
    assert "faithfulness" not in render(bare)


def test_small_talk_without_judgements_is_no_measure():
    query = EvaluationQuery("4", "Thanks!", ("You are welcome.",), False, (), {})
    outcome = AnswerOutcome(query, "The documents do not say.", True, 0.1, [], 5.0)
    report = Report("toy", Corpus(("e", "p"), {}, 0, [], 0, 0.0), {"hybrid": []}, [outcome])
    assert report.metrics() == {}
    assert report.as_json()["counts"]["answers"] == 1
