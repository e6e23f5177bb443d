"""Bodies of the search route."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from footnote.knowledge import Passage, Retrieval, RetrievedPassage, Strategy
from footnote.knowledge.excerpts import excerpt
from footnote.knowledge.requests import FilterRequest, Text, TurnRequest
from footnote.platform.fields import Flag, Whole
from footnote.platform.http import RequestModel

MAX_QUERY_CHARACTERS = 2000


class SearchRequest(RequestModel):
    """What to look for."""

    query: Annotated[Text, Field(min_length=1, max_length=MAX_QUERY_CHARACTERS)] = Field(
        examples=["How are documents cut into chunks?"]
    )
    limit: Whole = Field(default=10, ge=1, le=50)
    strategy: Strategy = Field(default="auto", description="`auto` lets Footnote choose.")
    filters: FilterRequest = FilterRequest()
    cache: Flag = Field(default=True, description="Whether cached results will do.")
    history: list[TurnRequest] = Field(
        default=[], max_length=50, description="Earlier turns, oldest first, if the query follows up on them."
    )


class ExplainRequest(RequestModel):
    """A search, and the document that it should have found."""

    query: Annotated[Text, Field(min_length=1, max_length=MAX_QUERY_CHARACTERS)] = Field(
        examples=["How are documents cut into chunks?"]
    )
    document_id: UUID
    limit: Whole | None = Field(default=10, ge=1, le=50, description="`null`: as many as the question needs.")
    strategy: Strategy = "auto"
    filters: FilterRequest = FilterRequest()
    history: list[TurnRequest] = Field(default=[], max_length=50, description="As in `POST /search`.")


class ResultLocation(BaseModel):
    """Where in the document: pages, slides or sheets `from` to `to`, counted from 1."""

    kind: str
    from_: int | None = Field(serialization_alias="from")
    to: int | None
    label: str | None

    @classmethod
    def of(cls, passage: Passage) -> Self | None:
        if passage.unit_kind is None:
            return None
        return cls(
            kind=passage.unit_kind, from_=passage.unit_from, to=passage.unit_to, label=passage.unit_label
        )


class ResultSpan(BaseModel):
    """Half-open character range in the document's text."""

    start: int
    end: int


class ResultScores(BaseModel):
    """What the score is made of; `null` where a leg did not run or did not list the passage."""

    cosine: float | None
    bm25: float | None
    dense_rank: int | None
    lexical_rank: int | None


class SearchResult(BaseModel):
    """One passage."""

    document_id: UUID
    chunk_id: int
    title: str
    filename: str
    version: int
    text: str
    excerpt: str
    location: ResultLocation | None
    page: int | None = Field(description="The first page, for documents that have pages.")
    heading_path: list[str]
    span: ResultSpan
    score: float
    scores: ResultScores

    @classmethod
    def of(cls, found: RetrievedPassage, query: str) -> Self:
        passage = found.passage
        return cls(
            document_id=passage.document_id,
            chunk_id=passage.chunk_id,
            title=passage.title,
            filename=passage.filename,
            version=passage.version,
            text=passage.text,
            excerpt=excerpt(passage.text, query),
            location=ResultLocation.of(passage),
            page=passage.unit_from if passage.unit_kind == "page" else None,
            heading_path=list(passage.heading_path),
            span=ResultSpan(start=passage.start, end=passage.end),
            score=found.score,
            scores=ResultScores(
                cosine=found.cosine,
                bm25=found.bm25,
                dense_rank=found.dense_rank,
                lexical_rank=found.lexical_rank,
            ),
        )


class SearchResponse(BaseModel):
    """Passages, best first. `strategy` is what really ran; `degraded` says why, if it is less than asked."""

    results: list[SearchResult]
    strategy: Literal["hybrid", "lexical", "vector"]
    degraded: str | None
    took_ms: float
    cached: bool = Field(description="Whether these results were found before, over the same documents.")
    corpus_version: int = Field(description="Changes whenever the organization's documents change.")

    @classmethod
    def of(cls, retrieval: Retrieval, query: str, took_ms: float) -> Self:
        return cls.model_validate(
            {
                "results": [SearchResult.of(found, query) for found in retrieval.passages],
                "strategy": retrieval.strategy,
                "degraded": retrieval.degraded,
                "took_ms": round(took_ms, 2),
                "cached": retrieval.cache is not None,
                "corpus_version": retrieval.corpus_version,
            }
        )
