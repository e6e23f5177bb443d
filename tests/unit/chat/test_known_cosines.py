"""Cosines that come with a passage find the sentences they belong to."""

import pytest

from footnote.chat.evidence import Scored, with_known_cosines
from footnote.chat.reading import split_passage
from footnote.knowledge import sentence_spans
from footnote.models import PromptPassage, SentenceScore

TEXT = "The ferry leaves at nine. It takes an hour. Tickets are sold on board."
ROW = "Name: Inc. of Farol. Founded early; Town: Lisbon; Since: 1912"


def passage(text, cosines, number=1):
    """A passage whose first sentences have cosines."""
    spans = sentence_spans(text)[: len(cosines)]
    scores = tuple(SentenceScore(*span, own) for span, own in zip(spans, cosines, strict=True))
    return PromptPassage(number, "Title", text, 0.5, sentences=scores)


def known(*passages, in_conversation=False):
    scored = [Scored(sentence, 0.5, 0.1) for each in passages for sentence in split_passage(each)]
    found = with_known_cosines(scored, passages, in_conversation=in_conversation)
    assert [one.sentence for one in found] == [one.sentence for one in scored]
    return [(one.cosine, one.topic_cosine) for one in found]


def test_each_sentence_has_its_own():
    other = passage("Another text. It is short.", [(0.4,), (0.5,)], number=2)
    assert known(passage(TEXT, [(0.1,), (0.2,), (0.3,)]), other) == [
        (0.1, 0.1), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4), (0.5, 0.5),
    ]  # fmt: skip


def test_what_came_without_has_none():
    assert known(passage(TEXT, [(0.1,), (0.2,)]))[2] == (None, None)
    assert known(passage(TEXT, [])) == [(None, None)] * 3


def test_the_parts_of_a_table_row_give_it_their_best():
    parts = len(sentence_spans(ROW))
    assert parts > 1
    assert len(split_passage(passage(ROW, []))) == 1
    cosines = [(0.1 * part,) for part in range(parts)]
    best = pytest.approx(0.1 * (parts - 1))
    assert known(passage(ROW, cosines)) == [(best, best)]


def test_a_span_across_sentences_is_nobodys():
    across = PromptPassage(1, "Title", TEXT, 0.5, sentences=(SentenceScore(5, 30, (0.9,)),))
    assert known(across) == [(None, None)] * 3


def test_in_a_conversation_the_topic_is_the_better_of_both():
    both = passage(TEXT, [(0.1, 0.6), (0.5, 0.2), (-0.2, -0.1)])
    assert known(both, in_conversation=True) == [(0.1, 0.6), (0.5, 0.5), (-0.2, -0.1)]
    assert known(both) == [(0.1, 0.1), (0.5, 0.5), (-0.2, -0.2)]


def test_in_a_conversation_one_cosine_is_not_enough():
    assert known(passage(TEXT, [(0.1,)] * 3), in_conversation=True) == [(None, None)] * 3
