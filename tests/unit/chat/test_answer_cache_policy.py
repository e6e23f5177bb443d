"""Which questions are looked up, and which answers are kept."""

from dataclasses import replace
from uuid import uuid4

import pytest

from footnote.chat.caching import AskedQuestion
from footnote.chat.caching.policy import may_keep, may_look_up
from footnote.chat.models import Answer, AnswerMetadata, Evidence, Source

SOURCE = Source(1, uuid4(), "A", "a.txt", 1, "text", None, (), (Evidence(0, 4, "text"),), 0.9)
METADATA = AnswerMetadata(
    tokens_used=10,
    response_time_ms=5,
    model_used="model",
    cached=False,
    confidence=0.9,
    abstained=False,
    strategy="hybrid",
    degraded=None,
    prompt_version="1",
    passages_considered=3,
    citations_removed=0,
    finish_reason="stop",
)
ANSWER = Answer(uuid4(), uuid4(), "text [1].", (SOURCE,), METADATA)
QUESTION = AskedQuestion("What is it?", temperature=0.7)


def kept(question=QUESTION, answer=ANSWER, model="model"):
    return may_keep(question, answer, planned_model=model, max_temperature=0.7)


def test_a_whole_cited_answer_is_kept():
    assert kept()


@pytest.mark.parametrize(
    "change",
    [
        {"abstained": True},
        {"degraded": "The model failed."},
        {"interrupted": True},
        {"finish_reason": "length"},
        {"model_used": "another"},
    ],
)
def test_no_other_answer_is(change):
    assert not kept(answer=replace(ANSWER, metadata=replace(METADATA, **change)))


def test_an_answer_without_sources_is_not_kept():
    assert not kept(answer=replace(ANSWER, sources=()))


@pytest.mark.parametrize(
    "change", [{"use_cache": False}, {"enable_rag": False}, {"depends_on_history": True}]
)
def test_what_may_not_be_looked_up_is_not_kept(change):
    question = replace(QUESTION, **change)
    assert not may_look_up(question)
    assert not kept(question)


def test_a_model_that_was_asked_for_variety_or_saw_a_conversation_is_not_repeated():
    assert not kept(replace(QUESTION, temperature=0.71))
    assert not kept(replace(QUESTION, has_history=True))
    assert may_look_up(replace(QUESTION, has_history=True))


def test_extractive_answers_know_neither_temperature_nor_conversation():
    answer = replace(ANSWER, metadata=replace(METADATA, model_used="extractive"))
    assert kept(replace(QUESTION, temperature=1.0, has_history=True), answer, "extractive")
