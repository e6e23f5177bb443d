"""Answer metrics against values worked out by hand."""

import pytest

from footnote.evaluation.answers import (
    answer_contained,
    cited_sentences,
    completeness,
    faithfulness,
    fluency,
    question_coverage,
    token_f1,
    without_citations,
)


@pytest.mark.parametrize(
    ("answer", "golden", "expected"),
    [
        ("It was signed in the year 1648 [1].", ["1648"], True),
        ("The Peace of Westphalia", ["peace of westphalia"], True),
        ("16480 soldiers", ["1648"], False),
        ("concatenation", ["cat"], False),
        ("", ["x"], False),
        ("anything", ["the"], False),
    ],
)
def test_answer_contained_needs_whole_words(answer, golden, expected):
    assert answer_contained(answer, golden) is expected


def test_overlap_is_counted_in_words_without_citations():
    answer = "The lighthouse was built in 1912. [1]"  # lighthouse was built in 1912
    golden = ["built in 1912 by Tomas Duarte"]
    assert completeness(answer, golden) == pytest.approx(3 / 6)
    precision, recall = 3 / 5, 3 / 6
    assert token_f1(answer, golden) == pytest.approx(2 * precision * recall / (precision + recall))
    assert token_f1(answer, ["something else", "1912"]) == pytest.approx(2 * (1 / 5) / (1 / 5 + 1))
    assert completeness(answer, []) == token_f1("", ["x"]) == 0.0


def test_repeated_words_count_once_each():
    assert completeness("rye rye rye", ["rye bread rye"]) == pytest.approx(2 / 3)


def test_citations_after_the_full_stop_belong_to_the_sentence_before():
    found = cited_sentences("It was built in 1912. [1][2] Its keeper is Ines Duarte [3].")
    assert found == [("It was built in 1912.", (1, 2)), ("Its keeper is Ines Duarte.", (3,))]
    assert cited_sentences("[1]") == []


def test_the_number_of_a_list_is_no_sentence():
    found = cited_sentences("1. Log in to the console. [1]\n2. Open the registry. [2]")
    assert [(text.lstrip("12. "), numbers) for text, numbers in found] == [
        ("Log in to the console.", (1,)),
        ("Open the registry.", (2,)),
    ]
    assert cited_sentences("The year was this one: 1912. [1]")[0][1] == (1,)


def test_faithfulness_is_the_share_of_supported_sentences():
    evidence = {1: ("The lighthouse of Farol was built in 1912.",), 2: ("Bread is made of rye.",)}
    assert faithfulness("The lighthouse was built in 1912. [1]", evidence) == 1.0
    assert faithfulness("The lighthouse was built in 1921. [1]", evidence) == 0.0  # a wrong figure
    assert faithfulness("The lighthouse was built in 1912. [2]", evidence) == 0.0  # a wrong citation
    assert faithfulness("The lighthouse was built in 1912.", evidence) == 0.0  # no citation
    both = "The lighthouse was built in 1912 [1]. Whales sing at night [2]."
    assert faithfulness(both, evidence) == 0.5
    assert faithfulness("", evidence) is None


def test_question_coverage_compares_stems():
    assert question_coverage("When was the lighthouse built?", "The lighthouses were built [1].") == 1.0
    assert question_coverage("Where do ships land?", "Bread is made of rye.") == 0.0
    assert question_coverage("Who?", "Ines.") == 1.0


def test_fluency_is_form_alone():
    assert fluency("It is forty metres high. It is tall.") == 1.0
    assert fluency("It is tall. It is tall.") == 0.5
    assert fluency("and then the rest of") == 0.0
    assert fluency("") is None


def test_without_citations():
    assert without_citations("It opens at six [1][12]. Closed [on] Sundays [2].") == (
        "It opens at six. Closed [on] Sundays."
    )
