"""Reading what is searchable."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from footnote.knowledge.models import Candidate, Passage, SearchFilters, TermAnalysis, TextConstraints
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.models import EmbeddingModel, SentenceScore
from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """Words to be searched for.

    Attributes:
        text: The words.
        language: ISO 639-1 code, or `und`.
        expansions: Further words and their weights; a word's part of BM25 counts its weight times. Words that
            stand in `text` already are not counted again.
    """

    text: str
    language: str
    expansions: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A unit vector to be searched for; only vectors of the very same model are compared with it."""

    vector: Sequence[float]
    model: EmbeddingModel


class SearchSnapshot(Protocol):
    """One consistent view of an organization's active chunks: every read sees the same versions."""

    async def corpus_version(self) -> int:
        """Changes with every switch of a document's version."""
        ...

    async def candidates(
        self,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        filters: SearchFilters,
        limit: int,
        *,
        constraints: TextConstraints = TextConstraints(),  # noqa: B008 - frozen
    ) -> list[Candidate]:
        """The best `limit` chunks by BM25 and the nearest `limit` by cosine, each chunk once.

        Filters and constraints apply before anything is ranked, and no leg gives fewer chunks than there are:
        `limit`, or all that are allowed (and, for BM25, have a word in common with the query). A chunk that
        one leg found carries its score of the other leg as well: exact BM25 (0 without a common word) and
        exact cosine.

        Args:
            lexical: The words, or `None` to leave that leg out.
            dense: The vector, or `None` to leave that leg out.
            filters: Documents that count.
            limit: Chunks per leg.
            constraints: What the words of a chunk must or must not be, in both legs.
        """
        ...

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """The chunks themselves."""
        ...

    async def evidence(
        self, query: LexicalQuery, chunk_ids: Sequence[int], leaders: Sequence[int]
    ) -> RankingEvidence:
        """What ranking looks at.

        Args:
            query: Its words; expansions do not count.
            chunk_ids: Candidates, each with a vector.
            leaders: Those that the candidates are compared with, best first.
        """
        ...

    async def neighbours(self, chunk_ids: Sequence[int], distance: int) -> list[tuple[int, int]]:
        """Pairs of one of `chunk_ids` and a chunk of its document at most `distance` places away."""
        ...

    async def sentence_cosines(
        self, chunk_ids: Sequence[int], vectors: Sequence[DenseQuery]
    ) -> dict[int, tuple[SentenceScore, ...]]:
        """Cosines of the chunks' sentences, in order of their places, with each of `vectors`.

        A chunk without sentence vectors of that model is not among them.

        Args:
            chunk_ids: The chunks.
            vectors: All of one model; a sentence's `cosines` are in their order.
        """
        ...


class SearchStore(Protocol):
    """Reading."""

    def snapshot(self, context: OrganizationContext) -> AbstractAsyncContextManager[SearchSnapshot]:
        """Opens a consistent view."""
        ...

    async def analyze(
        self, context: OrganizationContext, texts: Sequence[str], language: str
    ) -> TermAnalysis:
        """Lexemes of `texts` (the first is the query) with the corpus's idf of the query's."""
        ...
