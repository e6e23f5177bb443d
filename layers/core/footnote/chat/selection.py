"""Which sentences become the answer, and in what order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.chat.evidence import Scored, TermCoverage
from footnote.chat.extent import extent, leaned_on
from footnote.chat.reading import Sentence

_NEAR = 0.88
"""A second sentence must come this near to the best one. Half of the answers are one sentence then."""
_ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Piece:
    """One cited part of an answer: a span of passage `number`."""

    number: int
    start: int
    end: int


def select(
    ranked: Sequence[Scored],
    sentences: Sequence[Sentence],
    coverage: TermCoverage,
    limit: int,
    *,
    wanted: Sequence[frozenset[str]] = (),
) -> list[Piece]:
    """The answer's pieces in reading order, the best sentence's passage first.

    Args:
        ranked: Candidates, best first, at least one.
        sentences: Every sentence of every passage, in reading order.
        coverage: Terms of the sentences.
        limit: How many candidates at most, besides one for each part of the question that these leave out.
        wanted: Terms of the parts of the question.
    """
    chosen = _chosen(ranked, coverage, limit)
    for terms in wanted:
        if not any(terms & coverage.terms(sentence) for sentence in chosen):
            chosen += [one.sentence for one in ranked if terms & coverage.terms(one.sentence)][:1]
    places = {(sentence.number, sentence.index): sentence for sentence in sentences}
    order = {number: rank for rank, number in enumerate(dict.fromkeys(one.number for one in chosen))}
    pieces: list[Piece] = []
    for sentence in sorted(chosen, key=lambda one: (order[one.number], one.index)):
        for part in (*leaned_on(sentence, places), sentence):
            start, end = extent(part, places, coverage)
            piece = Piece(part.number, start, end)
            if not any(_overlap(piece, other) for other in pieces):
                pieces.append(piece)
    return pieces


def _chosen(ranked: Sequence[Scored], coverage: TermCoverage, limit: int) -> list[Sentence]:
    best = ranked[0]
    chosen = [best.sentence]
    for candidate in ranked[1:]:
        if len(chosen) >= limit:
            break
        if candidate.score < _NEAR * best.score:
            break
        if not any(_alike(coverage.terms(candidate.sentence), coverage.terms(other)) for other in chosen):
            chosen.append(candidate.sentence)
    return chosen


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Near-duplicates by Jaccard similarity of their terms."""
    union = one | other
    return not union or len(one & other) / len(union) >= _ALIKE


def _overlap(one: Piece, other: Piece) -> bool:
    return one.number == other.number and one.start < other.end and other.start < one.end
