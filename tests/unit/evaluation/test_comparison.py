"""Paired comparison and the gate."""

import random

import pytest

from footnote.evaluation import Condition, QuestionResult, compare, judge, parse_conditions
from footnote.platform.errors import InvalidRequest


def results(values, metric="ndcg@10", **options):
    return [
        QuestionResult(str(number), f"Question {number}?", {}, {metric: value}, False, **options)
        for number, value in enumerate(values)
    ]


def test_differences_are_paired_by_question():
    a, b = results([0.2, 0.5, 1.0, 0.0]), results([0.4, 0.5, 0.5, 1.0])
    (found,) = compare(a, list(reversed(b)), ("old", "new")).differences
    assert (found.a, found.b, found.difference) == (0.425, 0.6, 0.175)
    assert (found.wins, found.losses, found.ties, found.n) == (2, 1, 1, 4)
    assert found.low < 0.175 < found.high
    assert found.p_value == found.p_adjusted == 0.75  # 6 of the 8 sign patterns are as far from zero


def test_questions_of_one_side_only_are_left_out():
    comparison = compare(results([1.0, 1.0, 1.0]), results([0.0]))
    assert (comparison.paired, comparison.unpaired) == (1, 2)
    assert comparison.differences[0].n == 1
    assert compare([], results([1.0])).differences == ()


def test_a_metric_that_one_side_does_not_tell_is_left_out():
    a = results([1.0, 0.0])
    b = [a[0], QuestionResult("1", "?", {}, {"map": 1.0}, False)]
    assert [(each.metric, each.n) for each in compare(a, b).differences] == [("ndcg@10", 1)]


def test_lower_is_better_turns_wins_around():
    a, b = (results(values, "abstention_answerable") for values in ([1.0, 0.0], [0.0, 0.0]))
    (found,) = compare(a, b).differences
    assert (found.wins, found.losses) == (1, 0)


def test_the_ten_questions_that_changed_most_come_first():
    drawn = random.Random(2)
    after = [drawn.random() for _ in range(30)]
    changes = compare(results([0.5] * 30), results(after)).changes
    totals = [abs(change.total) for change in changes]
    assert len(changes) == 10
    assert totals == sorted(totals, reverse=True)
    assert totals[0] == pytest.approx(max(abs(value - 0.5) for value in after), abs=1e-4)
    assert compare(results([0.5]), results([0.5])).changes == ()


def test_minimum_and_maximum_bound_the_mean():
    candidate = results([0.4, 0.6])
    assert judge([Condition("ndcg@10", minimum=0.5)], candidate).passed
    verdict = judge([Condition("ndcg@10", minimum=0.51), Condition("ndcg@10", maximum=0.6)], candidate)
    assert not verdict.passed
    assert verdict.reasons == ("ndcg@10 is 0.5000; at least 0.51 is asked for.",)
    assert not judge([Condition("faithfulness", minimum=0)], candidate).passed  # it was not measured


def test_non_inferiority_needs_the_whole_interval_above_the_margin():
    drawn = random.Random(4)
    before = [drawn.random() for _ in range(200)]
    slightly_worse = [value - 0.01 + drawn.gauss(0, 0.05) for value in before]
    wide, narrow = (Condition("ndcg@10", maximum_drop=margin) for margin in (0.03, 0.005))
    assert judge([wide], results(slightly_worse), results(before)).passed
    refused = judge([narrow], results(slightly_worse), results(before))
    assert not refused.passed
    assert "95 % interval" in refused.reasons[0]


def test_a_few_questions_cannot_show_that_nothing_was_lost():
    drop = [Condition("ndcg@10", maximum_drop=0.1)]
    assert judge(drop, results([1.0] * 20), results([1.0] * 20)).passed
    refused = judge(drop, results([1.0] * 19), results([1.0] * 19))
    assert refused.reasons == ("ndcg@10: 19 questions in common; at least 20 are needed.",)


def test_non_inferiority_where_lower_is_better():
    before = results([0.0] * 95 + [1.0] * 5, "abstention_answerable")
    after = results([0.0] * 50 + [1.0] * 50, "abstention_answerable")
    drop = [Condition("abstention_answerable", maximum_drop=0.05)]
    assert not judge(drop, after, before).passed
    assert judge(drop, before, after).passed
    assert judge(drop, before, before).passed


def test_a_drop_without_a_baseline_fails():
    verdict = judge([Condition("ndcg@10", maximum_drop=0.1)], results([1.0]))
    assert verdict.reasons == ("ndcg@10 may drop by 0.1, but there is no baseline.",)
    other = [QuestionResult("other", "?", {}, {"ndcg@10": 1.0}, False)]
    assert not judge([Condition("ndcg@10", maximum_drop=0.1)], results([1.0]), other).passed


def test_overall_and_latency_can_be_asked_for():
    candidate = results([0.8] * 20, search_ms=40.0)
    assert judge(
        [Condition("overall", minimum=0.8), Condition("search_p95_ms", maximum=50)], candidate
    ).passed
    assert not judge([Condition("search_p95_ms", maximum=30)], candidate).passed
    assert not judge([Condition("answer_p95_ms", maximum=30)], candidate).passed


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (None, "table"),
        ({}, "table"),
        ({"ndcg": {"minimum": 1}}, "no metric 'ndcg'"),
        ({"map": 0.5}, "'map' needs a table"),
        ({"map": {"least": 0.5}}, "no bound 'least'"),
        ({"map": {"minimum": "much"}}, "'minimum' is not a number"),
        ({"map": {"minimum": True}}, "'minimum' is not a number"),
        ({"map": {}}, "'map' needs one of"),
        ({"overall": {"maximum_drop": 0.1}}, "takes no 'maximum_drop'"),
        ({"map": {"maximum_drop": -0.1}}, "below 0"),
    ],
)
def test_wrong_thresholds_are_named(data, named):
    with pytest.raises(InvalidRequest, match=named):
        parse_conditions(data)


def test_thresholds_are_read():
    assert parse_conditions({"ndcg@10": {"minimum": 1, "maximum_drop": 0.01}}) == (
        Condition("ndcg@10", minimum=1.0, maximum_drop=0.01),
    )
