"""What a query names: quotations, codes, dates, numbers, acronyms and names, each with its exact span."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from footnote.knowledge.analysis.models import Entity, EntityKind
from footnote.knowledge.analysis.vocabulary import COMMANDS, MONTHS, NAME_LINKS, UNITS
from footnote.knowledge.language import function_words

_UNIT = "|".join(sorted(map(re.escape, UNITS), key=len, reverse=True))
_FILE_ENDINGS = (
    "py|js|ts|java|cpp|go|rs|rb|sh|sql|json|ya?ml|xml|csv|toml|ini|conf|log|pdf|docx?|xlsx?|pptx?|html?|md|txt"
    "|exe|dll"
)
# With a word that has to be a month, which is looked up: there are many.
_DATED = re.compile(
    r"""
      \b\d{1,2}(?:st|nd|rd|th|\.|º)?\ (?:of\ |de\ )?(?P<after>[^\W\d_]{3,13})\b(?:,?\ (?:de\ )?\d{4}\b)?
    | \b(?P<before>[^\W\d_]{3,13})\ (?:\d{1,2}(?:st|nd|rd|th)?\b(?:,?\ \d{4}\b)?|(?:de\ )?\d{4}\b)
    """,
    re.VERBOSE,
)
# In order of precedence: what a former one took, a later one leaves. Every repetition is bounded or over
# characters that cannot begin what follows it, so that the time grows with the length alone.
_PATTERNS: tuple[tuple[EntityKind, re.Pattern[str]], ...] = (
    (
        "quotation",
        re.compile(
            r'"[^"\n]{2,200}"|“[^“”\n]{2,200}”|„[^„“”\n]{2,200}[“”]|«[^«»\n]{2,200}»|「[^「」\n]{1,200}」|『[^『』\n]{1,200}』'
        ),
    ),
    (
        "code",
        re.compile(
            r"""
              `[^`\n]{1,200}`
            | \bhttps?://[^\s<>"”]{1,500} | \bwww\.[^\s<>"”]{1,500}
            | (?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}
            """,
            re.VERBOSE | re.ASCII,
        ),
    ),
    ("date", _DATED),
    (
        "date",
        re.compile(
            r"""
              \b\d{4}-\d{2}-\d{2}\b
            | (?<![\w./])\d{1,2}(?:\.\d{1,2}\.|/\d{1,2}/(?=\d{4}|\d\d\b))(?:\d{4}|(?<=/)\d{2})(?![\w/]|\.\d)
            | (?<!\d)\d{4}[年년](?:\ ?\d{1,2}[月월](?:\ ?\d{1,2}[日일])?)?
            | \bQ[1-4]\ \d{4}\b
            | (?<![\w.:])\d{1,2}:\d{2}(?::\d{2})?(?:\ ?[ap]\.?m\b\.?)?(?![\w:])
            | (?<![\w.,$€£-])(?:1[5-9]|20)\d{2}s?\b(?![.,]\d)
            """,
            re.VERBOSE | re.IGNORECASE,
        ),
    ),
    (
        "code",
        re.compile(
            rf"""
              (?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?![\w.])
            | \b[A-Za-z_][\w.]{{0,60}}(?:::[A-Za-z_]\w{{0,60}}){{1,6}} (?:\(\))?
            | \b[A-Za-z_][\w.]{{0,60}}\(\)
            | \b[A-Za-z0-9]{{1,40}}(?:_[A-Za-z0-9]{{1,40}}){{1,8}}\b
            | \b[a-z]{{1,30}}(?:[A-Z][a-z]{{1,30}}){{1,6}}\b
            | \b[\w-]{{1,60}}\.(?:{_FILE_ENDINGS})\b
            | \b[vV]\d{{1,4}}(?:\.\d{{1,5}}){{0,4}}\b
            | (?<![\w.,])\d{{1,5}}(?:\.\d{{1,5}}){{2,4}}(?![\w.])
            | \b[A-Z][A-Za-z]{{0,9}}[-/]\d[\d.]{{0,12}}(?<=\d)(?:[-/][A-Za-z0-9]{{1,12}}){{0,3}}\b
            | \b[A-Z]{{1,6}}\d{{1,8}}[A-Z]?\b
            | \b0x[0-9a-fA-F]{{1,16}}\b
            """,
            re.VERBOSE | re.ASCII,
        ),
    ),
    (
        "number",
        re.compile(
            rf"""
              (?<![\w.,])[$€£¥]\ ?\d[\d.,]{{0,20}}(?<=\d)(?:\ ?(?:k|m|bn|million|billion)\b)?
            | (?<![\w.,])\d(?:[\d.,'’]{{0,20}}\d)?
              (?:[\ \u00a0]?(?:(?:{_UNIT})(?!\w)|[%‰€£$円元]|°[CF]?))?(?!\d)
            """,
            re.VERBOSE,
        ),
    ),
    ("acronym", re.compile(r"\b[A-ZÀ-ÖØ-ÞА-Я](?:&?[A-ZÀ-ÖØ-ÞА-Я]){1,7}(?:s\b|\b)|\b(?:[A-Z]\.){2,6}")),
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_DIGIT = re.compile(r"\d")
_WITH_DIGITS = frozenset({"date", "number"})
_SENTENCE_END = re.compile(r"[.!?:;…\n][\s\"“”„«»'‘’()\[\]*-]*$")
_TITLE_CASE = 0.7
_TITLE_WORDS = 5
_MOST = 64  # entities of one query
_MAX_NAME_WORDS = 6
_ABBREVIATED = 2  # letters: "J. K. Rowling", "Dr. No"
_NAMED_CHARACTERS = 600  # looked through for names
# Every noun has a capital there, so that one capital says nothing.
_CAPITAL_NOUNS = frozenset({"de"})


def entities(query: str, language: str) -> tuple[Entity, ...]:
    """What is named in `query`, in order of appearance, not overlapping.

    Args:
        query: Any text.
        language: ISO 639-1 code or `und`; where nouns have capitals, one alone makes no name.
    """
    taken: list[Entity] = []
    covered = bytearray(len(query))
    shouted = query.isupper()
    has_digits = _DIGIT.search(query) is not None
    for kind, pattern in _PATTERNS:
        if (shouted and kind == "acronym") or (not has_digits and kind in _WITH_DIGITS):
            continue
        for match in pattern.finditer(query):
            start, end = match.span()
            if any(covered[start:end]) or not _is_date(match):
                continue
            if len(taken) == _MOST:
                break
            covered[start:end] = b"\x01" * (end - start)
            taken.append(Entity(kind, match[0], start, end))
    if not shouted:
        taken += _names(query, covered, language)
    return tuple(sorted(taken, key=lambda entity: entity.start))


def _is_date(match: re.Match[str]) -> bool:
    """Whether the word in a date is a month; true for everything else."""
    if match.re is not _DATED:
        return True
    return (match["after"] or match["before"]).lower() in MONTHS


def _names(query: str, covered: bytearray, language: str) -> Iterator[Entity]:
    """Runs of words with capitals; the first word of a sentence counts only before another one."""
    words = [word for word in _WORD.finditer(query[:_NAMED_CHARACTERS]) if not covered[word.start()]]
    capitals = [_is_capital(word[0]) for word in words]
    if not any(capitals):
        return
    if len(words) >= _TITLE_WORDS and sum(capitals) >= _TITLE_CASE * len(words):
        return  # a title, where capitals say nothing
    at = 0
    while at < len(words):
        end = _run(query, words, capitals, at)
        if end > at:
            yield from _name(query, words[at:end], language)
        at = max(end, at + 1)


def _run(query: str, words: list[re.Match[str]], capitals: list[bool], at: int) -> int:
    """Behind the last word of the run that begins with word `at`; `at` itself if none does."""
    if not capitals[at]:
        return at
    end = at + 1
    while end < len(words) and end - at < _MAX_NAME_WORDS:
        step = end
        while step < len(words) and step - end < 2 and words[step][0] in NAME_LINKS:
            step += 1
        if step >= len(words) or not capitals[step] or not _adjacent(query, words[end - 1 : step + 1]):
            break
        end = step + 1
    return end


def _adjacent(query: str, words: list[re.Match[str]]) -> bool:
    return all(
        (between := query[before.end() : after.start()]) in {" ", "-", "'", "’"}
        or (between == ". " and len(before[0]) <= _ABBREVIATED)
        for before, after in pairwise(words)
    )


def _name(query: str, run: list[re.Match[str]], language: str) -> Iterator[Entity]:
    """The run without what only has a capital because a sentence begins."""
    common = function_words(language)
    if _begins_sentence(query, run[0].start()) and (len(run) == 1 or _is_common(run[0][0], common)):
        run = run[1:]
    while run and (_is_common(run[0][0], common) or run[0][0] in NAME_LINKS):
        run = run[1:]
    if not run or (len(run) == 1 and (language in _CAPITAL_NOUNS or len(run[0][0]) < 2)):
        return
    start, end = run[0].start(), run[-1].end()
    yield Entity("name", query[start:end], start, end)


def _begins_sentence(query: str, start: int) -> bool:
    before = query[max(0, start - 12) : start]
    return not query[:start].strip(" \t\"“”„«»'‘’()[]*-¿¡") or _SENTENCE_END.search(before) is not None


def _is_capital(word: str) -> bool:
    return word[0].isupper() and (len(word) == 1 or not word.isupper())


def _is_common(word: str, common: frozenset[str]) -> bool:
    lowered = word.casefold()
    return lowered in common or lowered in COMMANDS or lowered in _ENGLISH


_ENGLISH = function_words("en")
