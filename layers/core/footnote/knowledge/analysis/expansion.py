"""Words that are searched for besides those of the query, each for less than the word it stands beside.

Never for what is in quotation marks or is a code, and never what the query excludes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from footnote.knowledge.analysis.models import Entity, Expansion
from footnote.knowledge.analysis.synonyms import (
    ABBREVIATIONS,
    COMPOUNDS,
    NUMBERS,
    SPELLINGS,
    SYNONYMS,
    WORDS_IN_SMALL_LETTERS,
    Table,
)
from footnote.knowledge.language import UNDETERMINED

SPELLING_WEIGHT = 0.5
COMPOUND_WEIGHT = 0.5
ABBREVIATION_WEIGHT = 0.8
NUMBER_WEIGHT = 0.1
SYNONYM_WEIGHT = 0.2

_MOST = 12
_CHARACTERS = 600  # read for words to expand; a longer query has words enough
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_ISE = re.compile(
    r"^(?P<stem>\w{3,})(?P<middle>i[sz]|y[sz])(?P<ending>e|es|ed|ing|er|ers|ation|ations|able)$"
)
_NOT_ISE = """
    exercise surprise promise precise otherwise likewise advertise compromise enterprise expertise merchandise
    paradise premise revise supervise televise disguise franchise improvise comprise concise praise raise
    noise poise arise devise advise demise size prize seize horizon citizen
"""
_EXEMPT = frozenset(_NOT_ISE.split())


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    lowered: str


def expand(
    text: str, language: str, entities: tuple[Entity, ...], excluded: tuple[str, ...] = ()
) -> tuple[tuple[Expansion, ...], tuple[str, ...]]:
    """The words to be added, and for each the reason.

    Args:
        text: What is searched for.
        language: ISO 639-1 code; English tables are used for `und` too.
        entities: Quotations and codes among them are left as they are.
        excluded: Words and phrases that must not be added.
    """
    protected = {
        word.casefold()
        for entity in entities
        if entity.kind in {"quotation", "code"}
        for word in _WORD.findall(entity.text)
    }
    words = [_Word(word, word.casefold()) for word in _WORD.findall(text[:_CHARACTERS])]
    own = {word.lowered for word in words}
    barred = {word.casefold() for phrase in excluded for word in _WORD.findall(phrase)}
    expansions: list[Expansion] = []
    reasons: list[str] = []
    for term, added, weight, reason in _found(words, language, protected):
        new = tuple(
            one for one in added if not barred.intersection(one.split()) and not own.issuperset(one.split())
        )
        if new and len(expansions) < _MOST:
            own.update(word for one in new for word in one.split())
            expansions.append(Expansion(term, new, _each(weight, new)))
            reasons.append(f"{reason} of “{term}”.")
    return tuple(expansions), tuple(reasons)


def _each(weight: float, added: tuple[str, ...]) -> float:
    """A long form counts as a whole, so each of its words for its part; two decimals are enough."""
    return round(weight / max(len(one.split()) for one in added), 2)


def _found(
    words: list[_Word], language: str, protected: set[str]
) -> Iterator[tuple[str, tuple[str, ...], float, str]]:
    tables = _TABLES.get(language, _ENGLISH_TABLES if language == UNDETERMINED else _OTHER_TABLES)
    taken = 0
    for at, word in enumerate(words):
        if at < taken or word.lowered in protected:
            continue
        for table in tables:
            if run := _longest(table, words[at : at + table.longest], protected):
                taken = max(taken, at + len(run))
                key = " ".join(one.lowered for one in run)
                yield " ".join(one.text for one in run), table.terms[key], table.weight, table.reason
        yield from _variants(word, language)


def _longest(table: _Table, words: list[_Word], protected: set[str]) -> list[_Word]:
    """The most words from the first on that are one term of the table; none if they are not meant by it."""
    if words[0].lowered not in table.beginnings:
        return []
    for length in range(len(words), 0, -1):
        run = words[:length]
        lowered = [word.lowered for word in run]
        if " ".join(lowered) in table.terms and protected.isdisjoint(lowered):
            return run if _meant(run, table.reason) else []
    return []


def _meant(run: list[_Word], reason: str) -> bool:
    """An abbreviation that is a word in small letters is meant only in capitals."""
    word = run[0]
    return (
        len(run) > 1 or reason != _SHORT or word.lowered not in WORDS_IN_SMALL_LETTERS or word.text.isupper()
    )


def _variants(word: _Word, language: str) -> Iterator[tuple[str, tuple[str, ...], float, str]]:
    lowered = word.lowered
    if "-" in lowered:
        joined = lowered.replace("-", "")
        if joined.isalpha() and len(joined) > 3:
            yield word.text, (joined,), COMPOUND_WEIGHT, _JOINED
    if language not in {"en", UNDETERMINED} or lowered in _EXEMPT:
        return
    if (found := _ISE.match(lowered)) and f"{found['stem']}{found['middle']}e" not in _EXEMPT:
        other = "z" if found["middle"][1] == "s" else "s"
        yield (
            word.text,
            (f"{found['stem']}{found['middle'][0]}{other}{found['ending']}",),
            SPELLING_WEIGHT,
            _SPELLED,
        )


_SHORT = "The short or the long form"
_SAME = "A word of the same meaning"
_SPELLED = "The other spelling"
_JOINED = "The compound written otherwise"
_COUNTED = "The number in figures or in letters"


@dataclass(frozen=True, slots=True)
class _Table:
    terms: Table
    weight: float
    reason: str
    beginnings: frozenset[str]
    longest: int


def _table(terms: Table, weight: float, reason: str) -> _Table:
    beginnings = frozenset(term.split()[0] for term in terms)
    return _Table(terms, weight, reason, beginnings, max((len(term.split()) for term in terms), default=0))


def _of_language(language: str) -> tuple[_Table, ...]:
    kinds = (
        (ABBREVIATIONS, ABBREVIATION_WEIGHT, _SHORT),
        (NUMBERS, NUMBER_WEIGHT, _COUNTED),
        (SYNONYMS, SYNONYM_WEIGHT, _SAME),
    )
    return tuple(
        _table(tables[language], weight, reason) for tables, weight, reason in kinds if language in tables
    )


_ENGLISH_TABLES = (
    _table(SPELLINGS, SPELLING_WEIGHT, _SPELLED),
    _table(COMPOUNDS, COMPOUND_WEIGHT, _JOINED),
    *_of_language("en"),
)
# English abbreviations are used in every language.
_OTHER_TABLES = (
    _table(
        {term: added for term, added in ABBREVIATIONS["en"].items() if " " not in term},
        ABBREVIATION_WEIGHT,
        _SHORT,
    ),
)
_TABLES = {"en": _ENGLISH_TABLES} | {
    language: (*_of_language(language), *_OTHER_TABLES)
    for language in {*ABBREVIATIONS, *NUMBERS, *SYNONYMS} - {"en"}
}
