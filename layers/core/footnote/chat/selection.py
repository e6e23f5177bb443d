"""Which sentences become the answer, and in what order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.chat.evidence import Scored, Sentence, TermCoverage

# A second sentence must come this near to the best one; nearer still if it is from another passage.
_NEAR_SAME_PASSAGE = 0.8
_NEAR_OTHER_PASSAGE = 0.9
_ALIKE = 0.75
_LIST_CHARACTERS = 600
_LIST_ITEMS = 8

# A sentence that begins so leans on the one before it.
_LEANS = re.compile(
    r"\s*(it|its|they|their|them|this|that|these|those|he|she|his|her|such|both|however|therefore|thus|hence|"
    r"moreover|furthermore|also|instead|as a result|in addition|for example|for instance|then|"
    r"er|sie|es|dies\w*|deshalb|daher|jedoch|außerdem|il|elle|ils|elles|cela|cette|ainsi|cependant|"
    r"él|ella|ellos|ellas|esto|esta|este|además|sin embargo|por lo tanto|esso|essa|questo|questa|inoltre|"
    r"tuttavia|isso|isto|ele|ela|além disso|portanto|hij|zij|deze|dit|daarom|echter|"
    r"он|она|оно|они|это|однако|поэтому)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One cited part of an answer: a span of passage `number`."""

    number: int
    start: int
    end: int


def select(
    ranked: Sequence[Scored], sentences: Sequence[Sentence], coverage: TermCoverage, limit: int
) -> list[Piece]:
    """The answer's pieces in reading order, the best sentence's passage first.

    Args:
        ranked: Candidates, best first, at least one.
        sentences: Every sentence of every passage, in reading order.
        coverage: Terms of the sentences.
        limit: How many candidates at most.
    """
    chosen = _chosen(ranked, coverage, limit)
    by_place = {(sentence.number, sentence.index): sentence for sentence in sentences}
    order = {number: rank for rank, number in enumerate(dict.fromkeys(s.number for s in chosen))}
    pieces: list[Piece] = []
    for sentence in sorted(chosen, key=lambda s: (order[s.number], s.index)):
        for part in (*_leaned_on(sentence, by_place), sentence):
            piece = Piece(part.number, part.start, _list_end(part, by_place))
            if not any(_covers(other, piece) for other in pieces):
                pieces.append(piece)
    return pieces


def _chosen(ranked: Sequence[Scored], coverage: TermCoverage, limit: int) -> list[Sentence]:
    best = ranked[0]
    chosen = [best.sentence]
    for candidate in ranked[1:]:
        if len(chosen) >= limit:
            break
        same = candidate.sentence.number == best.sentence.number
        near = _NEAR_SAME_PASSAGE if same else _NEAR_OTHER_PASSAGE
        if candidate.score < near * best.score:
            continue
        if not any(_alike(coverage.terms(candidate.sentence), coverage.terms(other)) for other in chosen):
            chosen.append(candidate.sentence)
    return chosen


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Near-duplicates by Jaccard similarity of their terms."""
    union = one | other
    return not union or len(one & other) / len(union) >= _ALIKE


def _leaned_on(sentence: Sentence, by_place: dict[tuple[int, int], Sentence]) -> tuple[Sentence, ...]:
    before = by_place.get((sentence.number, sentence.index - 1))
    if before is None or before.is_label or _LEANS.match(sentence.text) is None:
        return ()
    return (before,)


def _list_end(sentence: Sentence, by_place: dict[tuple[int, int], Sentence]) -> int:
    """End of the list that a sentence with a colon at its end opens, else the sentence's own end."""
    end = sentence.end
    if not sentence.text.endswith((":", "：")):
        return end
    for step in range(1, _LIST_ITEMS + 1):
        item = by_place.get((sentence.number, sentence.index + step))
        if item is None or item.end - sentence.start > _LIST_CHARACTERS:
            break
        end = item.end
    return end


def _covers(outer: Piece, inner: Piece) -> bool:
    return outer.number == inner.number and outer.start <= inner.start and inner.end <= outer.end
