"""A question's words in their order, and those that name the form of a document."""

import pytest

from footnote.chat.evidence import TermCoverage, candidates
from footnote.chat.question_words import QuestionWords, names_a_form
from footnote.chat.reading import split_passage
from footnote.knowledge import TermAnalysis
from footnote.models import PromptPassage


def test_neighbouring_words_of_the_question_tell_two_rows_apart():
    words = QuestionWords("In the row where first is 6, what is the value of third?")
    assert words.pairs_in("first: 6; second: 0; third: -6") > words.pairs_in("first: 2; second: 4; third: 6")
    assert QuestionWords("Row?").pairs_in("Row") == 0.0


@pytest.mark.parametrize("term", ["row", "valu", "column", "tabl", "zeil", "documento", "ligne"])
def test_rows_and_pages_name_a_form(term):
    assert names_a_form(term)


@pytest.mark.parametrize("term", ["ro", "tab", "rowan", "lighthous", "doc", ""])
def test_other_words_do_not(term):
    assert not names_a_form(term)


@pytest.mark.parametrize(
    ("question", "asks"),
    [("Is it high?", True), ("Ist er hoch?", True), ("What is it?", False), ("Who is the keeper?", False)],
)
def test_questions_for_yes_or_no_are_known(question, asks):
    assert QuestionWords(question).asks_yes_or_no is asks


def read(question, terms, texts, sentences):
    passage = PromptPassage(1, "", "\n".join(texts), 0.5)
    found = split_passage(passage)
    idf = dict.fromkeys(terms, 1.0)
    analysis = TermAnalysis(
        (frozenset(terms), frozenset(terms), frozenset(), *map(frozenset, sentences)), idf
    )
    coverage = TermCoverage(analysis, [passage], found)
    return candidates(question, [passage], found, coverage), coverage


def test_a_sentence_that_only_repeats_the_question_falls_behind():
    texts = ["Galaxy Gaming, Inc.", "Its number is 000-30653."]
    terms = ["number", "galaxi", "game", "inc"]
    sentences = [["galaxi", "game", "inc"], ["number", "000-30653"]]
    ranked, _ = read("What is the number of Galaxy Gaming, Inc.?", terms, texts, sentences)
    assert [one.says_nothing_new for one in ranked] == [False, True]
    ranked, _ = read("Is it Galaxy Gaming, Inc.?", terms, texts, sentences)
    assert not any(one.says_nothing_new for one in ranked)


def test_what_a_question_calls_a_row_does_not_count_unless_a_passage_does_too():
    texts = ["first: 6; third: 2"]
    _, coverage = read("row first", ["row", "first"], texts, [["first", "6", "third", "2"]])
    assert coverage.missing() == 0.0
    _, coverage = read("row first", ["tower", "first"], texts, [["first", "6", "third", "2"]])
    assert coverage.missing() == 0.5
