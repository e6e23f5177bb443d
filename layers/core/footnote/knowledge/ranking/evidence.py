"""What is known of the best candidates beyond the scores that found them: the raw material of ranking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QueryTerm:
    """A lexeme of the query.

    Attributes:
        positions: Where it stands in the query, from 1.
        idf: `ln(1 + (N - df + .5) / (df + .5))` in the organization's corpus.
    """

    term: str
    positions: tuple[int, ...]
    idf: float


@dataclass(frozen=True, slots=True)
class ChunkEvidence:
    """One candidate.

    Attributes:
        length: Its lexemes with repetitions, title and headings included, as BM25 counts them.
        positions: Where each query term stands in it, ascending, by the term's number.
        leaders: Cosine of its vector with that of each leading candidate, in the leaders' order.
    """

    length: int
    positions: Mapping[int, Sequence[int]]
    leaders: Sequence[float]


@dataclass(frozen=True, slots=True)
class RankingEvidence:
    """Terms of the query, and of each candidate by chunk id what `ChunkEvidence` says."""

    terms: tuple[QueryTerm, ...]
    chunks: Mapping[int, ChunkEvidence]
