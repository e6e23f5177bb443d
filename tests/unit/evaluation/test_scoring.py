"""From observations to scores and figures."""

import json
from dataclasses import replace

import pytest

from footnote.evaluation import AnswerGiven, Cited, Observation, QuestionResult, Summary, score, summarise
from footnote.evaluation.confidence import confidence_of
from footnote.evaluation.scoring import RETRIEVAL_METRICS, grounded_share
from footnote.evaluation.summary import METRICS, OVERALL_WEIGHTS, latency, overall_score

ANSWER = AnswerGiven(
    text="The lighthouse was built in 1912. [1]",
    abstained=False,
    confidence=0.9,
    cited=(
        Cited(1, ("a", "twin of a"), ("The lighthouse of Farol was built in 1912.",)),
        Cited(2, ("x",), ("Nothing.",)),
    ),
    milliseconds=50.0,
    similarity=0.8,
    relevance=0.7,
    grounded=0.5,
)
ASKED = Observation(
    id="q1",
    text="When was the lighthouse built?",
    groups={"type": "factual", "turn": "first turn"},
    relevance={"a": 2, "b": 1, "c": 0},
    golden=("1912",),
    unanswerable=False,
    ranking=("a", "x", "b"),
    search_ms=10.0,
    answer=ANSWER,
)
REFUSED = replace(ANSWER, text="The documents do not say.", abstained=True, confidence=0.1, cited=())
UNANSWERABLE = replace(ASKED, id="q2", relevance={}, golden=(), unanswerable=True, ranking=("a",))


def test_a_question_is_scored_by_all_it_can_tell():
    result = score(ASKED)
    assert result.scores["precision@5"] == pytest.approx(2 / 5)
    assert result.scores["recall@5"] == result.scores["success@1"] == result.scores["mrr@10"] == 1.0
    assert result.scores["map"] == pytest.approx((1 + 2 / 3) / 2, abs=1e-6)
    assert result.scores["faithfulness"] == result.scores["answer_containment"] == 1.0
    assert result.scores["citation_precision"] == 0.5
    assert result.scores["citation_recall"] == 0.5
    assert result.scores["similarity_cosine"] == 0.8
    assert result.scores["abstention_answerable"] == 0.0
    assert result.scores["abstention_accuracy"] == 1.0
    assert "abstention_precision" not in result.scores
    assert result.expected == ("a", "b")


def test_a_refusal_of_an_answerable_question_says_nothing():
    scores = score(replace(ASKED, answer=REFUSED)).scores
    assert scores["abstention_answerable"] == 1.0
    assert scores["abstention_precision"] == scores["abstention_accuracy"] == 0.0
    assert scores["completeness"] == scores["similarity_f1"] == scores["citation_recall"] == 0.0
    of_answers_given = {"faithfulness", "fluency", "relevance", "similarity_cosine", "citation_precision"}
    assert not of_answers_given & scores.keys()


def test_an_unanswerable_question_is_right_when_it_is_refused():
    refused, answered = score(replace(UNANSWERABLE, answer=REFUSED)), score(UNANSWERABLE)
    assert (refused.scores["abstention_recall"], answered.scores["abstention_recall"]) == (1.0, 0.0)
    assert refused.scores["abstention_precision"] == 1.0
    assert not RETRIEVAL_METRICS.keys() & refused.scores.keys()
    assert "faithfulness" in answered.scores


def test_without_judgements_only_the_answer_itself_is_scored():
    answer = replace(ANSWER, similarity=None)
    scores = score(replace(ASKED, relevance={}, golden=(), answer=answer)).scores
    assert scores.keys() == {"faithfulness", "groundedness", "fluency", "relevance", "relevance_cosine"}
    assert (grounded_share(2, 1, 1), grounded_share(0, 0, 0)) == (0.5, None)


def test_results_are_kept_as_they_are():
    result = score(ASKED)
    assert QuestionResult.from_json(json.loads(json.dumps(result.as_json()))) == result
    assert set(result.scores) <= set(METRICS)


@pytest.fixture
def results():
    return [
        score(ASKED),
        score(replace(ASKED, id="q3", ranking=("x", "a"), search_ms=30.0)),
        score(replace(UNANSWERABLE, answer=replace(REFUSED, confidence=0.2))),
        score(replace(UNANSWERABLE, id="q4", groups={"type": "complex", "turn": "first turn"})),
    ]


def test_figures_are_means_over_the_questions_that_tell_them(results):
    summary = summarise(results)
    assert summary.metrics["success@1"].value == 0.5
    assert summary.metrics["success@1"].n == 2
    assert summary.metrics["abstention_accuracy"].value == 0.75
    assert summary.metrics["abstention_precision"].n == 1
    low, high = summary.metrics["success@1"].low, summary.metrics["success@1"].high
    assert 0 < low < 0.5 < high < 1  # Wilson's
    groups = {(group.aspect, group.name): group for group in summary.groups}
    assert groups["type", "complex"].questions == 1
    assert groups["type", "factual"].metrics["success@1"].n == 2
    assert "success@1" not in groups["type", "complex"].metrics
    assert summary.latency["search"].p50 == 10.0


def test_refusals_have_no_precision_where_none_could_be_right():
    refused = score(replace(ASKED, answer=REFUSED))
    assert "abstention_precision" not in summarise([refused]).metrics
    assert summarise([refused, score(UNANSWERABLE)]).metrics["abstention_precision"].value == 0.0


def test_the_overall_score_is_the_weighted_mean_of_what_is_told(results):
    means = {name: figure.value for name, figure in summarise(results).metrics.items()}
    expected = sum(weight * means[name] for name, weight in OVERALL_WEIGHTS.items())
    assert summarise(results).overall.value == pytest.approx(expected, abs=0.0002)
    assert sum(OVERALL_WEIGHTS.values()) == pytest.approx(1.0)
    only_search = [score(replace(ASKED, answer=None))]
    assert overall_score(only_search) == only_search[0].scores["ndcg@10"]
    assert overall_score([]) is None


def test_a_summary_is_kept_as_it_is(results):
    summary = summarise(results)
    assert Summary.from_json(json.loads(json.dumps(summary.as_json()))) == summary
    assert Summary.from_json(json.loads(json.dumps(summarise([]).as_json()))) == summarise([])


def test_confidence_separates_and_is_calibrated(results):
    confidence = confidence_of(results)
    assert confidence.auroc == pytest.approx((2 + 1) / 4)  # one of the unanswerable has .9 too: two ties
    assert confidence.unanswerable_at_95 == 0.5
    assert [(one.confidence, one.right, one.n) for one in confidence.calibration] == [
        (0.2, 0.0, 1),
        (0.9, 0.6667, 3),
    ]
    assert confidence.calibration_error == pytest.approx((0.2 + 3 * (0.9 - 2 / 3)) / 4, abs=1e-4)
    assert confidence.curve[0].answerable == confidence.curve[0].unanswerable == 1.0
    assert (confidence.curve[50].answerable, confidence.curve[50].unanswerable) == (1.0, 0.5)
    assert confidence_of([score(replace(ASKED, answer=None))]) is None


def test_the_histogram_holds_every_request():
    told = latency([1.0] * 90 + [2.0] * 9 + [500.0])
    assert sum(count for _, count in told.histogram) == 100
    assert told.histogram[-1][0] is None
    assert told.p50 == 1.0
    assert latency([5.0]).p99 == 5.0
