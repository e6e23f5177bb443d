"""Cached answers: found by the same question, or by one that asks the same in other words."""

from footnote.chat.caching.answers import AnswerCache, CachedAnswer, Hit, Lookup
from footnote.chat.caching.policy import AskedQuestion
from footnote.chat.caching.ports import CachedQuestion, NearQuestion, QuestionIndex
from footnote.chat.caching.questions import exact_form

__all__ = [
    "AnswerCache",
    "AskedQuestion",
    "CachedAnswer",
    "CachedQuestion",
    "Hit",
    "Lookup",
    "NearQuestion",
    "QuestionIndex",
    "exact_form",
]
