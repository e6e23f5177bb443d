"""The parts of a question that asks several things, and which of them the passages speak of.

A part is told to be missing only where no passage holds the words that are its own: what is said in other
words is not found so, but nothing is denied that stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from footnote.knowledge import TermAnalysis

_MOST_PARTS = 4
_MISSING_BELOW = 0.34
"""Share, by rarity, of a part's own terms; a passage that holds less does not speak of the part."""

_AND = r"(?:and|or|as well as|und|oder|sowie|et|ou|y|o|e|ed|en)"
_WITH = r"(?:with|to|mit|avec|con|com|met|vs\.?|versus)"
_ASKS = (
    r"(?:who|whom|whose|what|when|where|why|how|which|wer|wen|wem|was|wann|wo|woher|wohin|warum|wieso|wie|"
    r"welche[rsnm]?|qui|que|quoi|quand|où|pourquoi|comment|combien|quel(?:le)?s?|quién(?:es)?|qué|cuándo|"
    r"dónde|por qué|cómo|cuánt[oa]s?|cuál(?:es)?|chi|che cosa|cosa|quando|dove|perché|come|quant[oaie]|"
    r"qual[ei]|quem|o que|onde|por que|como|quant[oa]s?|qual|quais|wie|wat|wanneer|waar|waarom|hoe|welke?|"
    r"hoeveel)"
)
_SECOND = re.compile(
    rf"(?:,|;)?\s+{_AND}\s+(?=(?:(?:in|at|on|by|from|to|for|with|since)\s+)?{_ASKS}\b)", re.IGNORECASE
)
_WORD = re.compile(r"\w")
_MARK = re.compile(r"(?<=[?？؟])\s*")
_COMPARES = re.compile(
    r"\b(?:difference|compare|comparison|versus|vs|better|both|unterschied|vergleiche?n?|beide|différence|"
    r"comparez?|comparer|diferencia|comparar?|ambos|ambas|differenza|confronta|entrambi|diferença|"
    r"verschil|vergelijk|allebei)\b",
    re.IGNORECASE,
)
_NAME = r"(?:[A-ZÀ-ÖØ-ÞА-Я0-9][\w’'.-]*)(?:\s+[A-ZÀ-ÖØ-ÞА-Я0-9][\w’'.-]*)*"
_TWO_NAMES = re.compile(rf"(?<=\s)(?P<first>{_NAME})\s+{_AND}\s+(?P<second>{_NAME})")
_TWO_THINGS = re.compile(
    r"\b(?:between|zwischen|entre|tra|fra|tussen|compare|vergleiche|compar\w+|confronta|vergelijk|both)\s+"
    rf"(?P<first>.+?)\s+(?:{_AND}|{_WITH})\s+(?P<second>.+)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class AskedParts:
    """What the passages speak of, of a question that asks several things.

    Attributes:
        missing: Parts that no passage speaks of.
        missing_terms: Their own terms.
        wanted: Own terms of each other part: the answer has to speak of them.
        spoken_of: The text of the other parts; empty where none is missing.
    """

    missing: tuple[str, ...] = ()
    missing_terms: frozenset[str] = frozenset()
    wanted: tuple[frozenset[str], ...] = ()
    spoken_of: str = ""


def question_parts(question: str) -> tuple[str, ...]:
    """The things a question asks, in its own words and order; none for a question that asks one thing."""
    line = " ".join(question.split())
    asked = [piece.strip() for piece in _MARK.split(line) if piece.strip(" ?？؟.!")]
    parts = [part for piece in asked for part in _SECOND.split(piece)]
    if len(parts) < 2:
        parts = _compared(line)
    cleaned = [part.strip(" ,;.?？؟!¿") for part in parts]
    found = tuple(part for part in dict.fromkeys(cleaned) if _WORD.search(part))
    return found if 2 <= len(found) <= _MOST_PARTS else ()


def _compared(line: str) -> list[str]:
    """The two things of a comparison, or two names that something is asked about."""
    plain = line.rstrip(" ?？؟.!")
    found = _TWO_NAMES.search(plain)
    if found is None and _COMPARES.search(plain):
        found = _TWO_THINGS.search(plain)
    return [found["first"], found["second"]] if found else []


def asked_parts(
    parts: Sequence[str], analysis: TermAnalysis, passages: Sequence[frozenset[str]]
) -> AskedParts:
    """Which parts the passages speak of.

    Args:
        parts: The parts.
        analysis: Its last terms are those of the parts, in order.
        passages: Terms of each passage.
    """
    if not parts:
        return AskedParts()
    own = own_terms(analysis.terms[-len(parts) :])
    gone = [is_missing(terms, passages, analysis.idf) for terms in own]
    if all(gone):
        return AskedParts()  # whether anything answers is decided for the whole
    rated = list(zip(parts, own, gone, strict=True))
    return AskedParts(
        missing=tuple(part for part, _, is_gone in rated if is_gone),
        missing_terms=frozenset().union(*(terms for _, terms, is_gone in rated if is_gone)),
        wanted=tuple(terms for _, terms, is_gone in rated if terms and not is_gone),
        spoken_of=" ".join(part for part, _, is_gone in rated if not is_gone) if any(gone) else "",
    )


def own_terms(terms: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """Of each part the terms that no other part has."""
    return [
        one.difference(*(other for number, other in enumerate(terms) if number != index))
        for index, one in enumerate(terms)
    ]


def share(own: frozenset[str], held: frozenset[str], idf: Mapping[str, float]) -> float:
    """Share, by rarity, of a part's own terms that a text holds; 1 for a part without any."""
    total = sum(idf.get(term, 0.0) for term in own)
    return sum(idf.get(term, 0.0) for term in own & held) / total if total else 1.0


def is_missing(own: frozenset[str], passages: Sequence[frozenset[str]], idf: Mapping[str, float]) -> bool:
    """Whether no passage speaks of a part."""
    return all(share(own, held, idf) < _MISSING_BELOW for held in passages)
