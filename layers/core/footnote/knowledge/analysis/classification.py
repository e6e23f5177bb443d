"""The type of a query: keyword, factual, semantic or complex, by the rules of section 3.2."""

from __future__ import annotations

import re
from dataclasses import dataclass

from footnote.knowledge.analysis.models import Entity, QueryType
from footnote.knowledge.analysis.questions import matcher

KEYWORD_WORDS = 3
_LONG_QUESTION = 20
_CHARACTERS = 600  # read for what tells the type
_WHY_WORDS = 5
_QUESTION_MARK = re.compile("[?？؟]")
_ENDING_MARK = re.compile(r"\?(?=[\s\"”’»)]|$)|[？؟]")
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")
_CHARACTERS_PER_WORD = 2
_WORD = re.compile(r"\w+(?:['’./-]\w+)*")


@dataclass(frozen=True, slots=True)
class Classified:
    """A type with its reason, and how many words were counted."""

    type: QueryType
    reason: str
    words: int
    parts: int
    enumerates: bool


def classify(text: str, language: str, entities: tuple[Entity, ...]) -> Classified:
    """The type of a query without its operators.

    Args:
        text: What is searched for.
        language: ISO 639-1 code or `und`.
        entities: What the query names.
    """
    lowered = text[:_CHARACTERS].casefold()
    words = count_words(text)
    enumerates = matcher("enumeration", language).search(lowered) is not None
    parts = _parts(lowered, language)
    type_, reason = _type(lowered, language, words, parts, entities)
    return Classified(type_, reason, words, parts, enumerates and type_ is not QueryType.KEYWORD)


def count_words(text: str) -> int:
    """Words as a reader counts them; two characters of a script without spaces make one."""
    unspaced = len(_UNSPACED.findall(text))
    if not unspaced:
        return len(_WORD.findall(text))
    return len(_WORD.findall(_UNSPACED.sub(" ", text))) + -(-unspaced // _CHARACTERS_PER_WORD)


def _type(
    lowered: str, language: str, words: int, parts: int, entities: tuple[Entity, ...]
) -> tuple[QueryType, str]:
    asks = _asks(lowered, language)
    if words <= KEYWORD_WORDS and not asks:
        return QueryType.KEYWORD, f"It has no more than {KEYWORD_WORDS} words and no question mark."
    if reason := _complex(lowered, language, words, parts):
        return QueryType.COMPLEX, reason
    if found := matcher("factual", language).search(lowered):
        return QueryType.FACTUAL, f"It asks for a fact: “{found[0].strip()}”."
    named = sum(entity.kind in {"name", "code", "acronym"} for entity in entities)
    if named > 1 and not asks:
        return QueryType.COMPLEX, f"It brings {named} named things together."
    if words > _LONG_QUESTION and asks:
        return QueryType.COMPLEX, f"It is a question of {words} words."
    return QueryType.SEMANTIC, "It describes what it is about in its own words."


def _asks(lowered: str, language: str) -> bool:
    if _QUESTION_MARK.search(lowered):
        return True
    return bool(_UNSPACED.search(lowered) and matcher("question_word", language).search(lowered))


def _complex(lowered: str, language: str, words: int, parts: int) -> str | None:
    if found := matcher("comparison", language).search(lowered):
        return f"It compares: “{found[0].strip()}”."
    if parts > 1:
        return f"It asks {parts} things at once."
    found = matcher("reasoning", language).search(lowered)
    return f"It asks for reasons or effects: “{found[0].strip()}”." if found and words >= _WHY_WORDS else None


def _parts(lowered: str, language: str) -> int:
    marks = len(_ENDING_MARK.findall(lowered))
    return max(marks, 1) + (len(matcher("second_part", language).findall(lowered)) if marks < 2 else 0)
