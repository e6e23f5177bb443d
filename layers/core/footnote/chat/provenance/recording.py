"""How an answer's record is put together, from what the orchestrator knows when it stores the turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.chat.draft import AnswerBasis
from footnote.chat.models import Answer, ChatQuestion, Source
from footnote.chat.passages import PackedPassage
from footnote.chat.provenance.canonical import canonical, plain, sha256
from footnote.chat.provenance.models import RECORD_SCHEMA, Grounds, ProvenanceRecord, SuppliedPassage
from footnote.knowledge import (
    CandidateTrace,
    Passage,
    Retrieval,
    RetrievalTrace,
    SearchFilters,
    StandAloneQuery,
)
from footnote.models import Embedder, EmbeddingModel, PromptPassage
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable

MAX_CANDIDATES = 100
"""So many candidates are recorded, by final rank."""

_CANDIDATE_FIELDS = tuple(one.name for one in fields(CandidateTrace))
_DENSE = frozenset({"hybrid", "vector"})
_SCORE_DIGITS = 6


class Trail:
    """Collects, while an answer is made, what its record will say.

    Args:
        clock: Time.

    Attributes:
        query: What was searched for; `None` where nothing was searched just now.
        found: What search gave, likewise.
        grounds: What the answer can rest on; `None` for a cached answer that kept none.
        timings_ms: Milliseconds by stage, in the order in which they began.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.query: StandAloneQuery | None = None
        self.found: Retrieval | None = None
        self.grounds: Grounds | None = None
        self.timings_ms: dict[str, float] = {}

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Adds the time of the block to the stage's, however the block ends."""
        started = self._clock.monotonic()
        try:
            yield
        finally:
            self.add(stage, started)

    def add(self, stage: str, since: float) -> None:
        """Adds the time from a moment of the monotonic clock to now to the stage's."""
        spent = self.timings_ms.get(stage, 0.0) + 1000 * (self._clock.monotonic() - since)
        self.timings_ms[stage] = round(spent, 3)

    def record(
        self, context: OrganizationContext, question: ChatQuestion, answer: Answer
    ) -> ProvenanceRecord:
        """The record of an answer that is about to be stored: complete, interrupted or repeated."""
        return _record(context, question, answer, self, self._clock.now())


async def grounds_of(
    basis: AnswerBasis,
    found: Retrieval,
    embedder: Embedder,
    *,
    order: Sequence[PromptPassage],
    settings_digest: str,
) -> Grounds:
    """What an answer can rest on.

    Args:
        basis: What it is written from.
        found: The search behind it.
        embedder: Asked for its identity if vectors were compared; it is known by then.
        order: The passages as they stand in the prompt.
        settings_digest: Stands for everything configured that shapes results and answers.
    """
    embedding = None
    if found.strategy in _DENSE:
        with suppress(ModelUnavailable):
            embedding = await embedder.model()
    return Grounds(
        message_id=basis.message_id,
        passages=supplied(basis.passages),
        order=tuple(one.number for one in order),
        embedding=embedding,
        reranker=found.trace.reranker if found.trace else None,
        planned_model=basis.model,
        corpus_version=found.corpus_version,
        settings=settings_digest,
        search_cache=found.cache,
    )


def supplied(packed: Sequence[PackedPassage]) -> tuple[SuppliedPassage, ...]:
    """The chunks of a context as they are recorded; joined neighbours share a number."""
    return tuple(_supplied(one, part.passage) for one in packed for part in (one.parts or (one.retrieved,)))


def _supplied(packed: PackedPassage, passage: Passage) -> SuppliedPassage:
    end = packed.retrieved.passage.start + len(packed.prompt.text)
    return SuppliedPassage(
        number=packed.prompt.number,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        version=passage.version,
        ordinal=passage.ordinal,
        title=passage.title,
        filename=passage.filename,
        unit_kind=passage.unit_kind,
        unit_from=passage.unit_from,
        unit_to=passage.unit_to,
        unit_label=passage.unit_label,
        heading_path=passage.heading_path,
        start=passage.start,
        end=passage.end,
        supplied=max(0, min(passage.end, end) - passage.start),
        sha256=sha256(passage.text),
    )


def set_filters(filters: SearchFilters) -> dict[str, Any]:
    """The filters that are set, as data."""
    return {name: value for name, value in plain(filters).items() if value}


def _record(
    context: OrganizationContext, question: ChatQuestion, answer: Answer, trail: Trail, created_at: datetime
) -> ProvenanceRecord:
    user_id = context.acting_user()
    grounds = trail.grounds or Grounds(answer.message_id)
    body = {
        "schema": RECORD_SCHEMA,
        "organization_id": context.organization_id,
        "message_id": answer.message_id,
        "session_id": answer.session_id,
        "user_id": user_id,
        "created_at": created_at,
        "question": question.message,
        "query": _query(trail.query),
        "filters": set_filters(question.filters),
        "answer": {"sha256": sha256(answer.text), "metadata": answer.metadata.as_json()},
        "documents": _documents(grounds, answer),
        "passages": grounds.passages,
        "order": grounds.order,
        "citations": _citations(answer),
        "models": {
            "embedding": _embedding(grounds.embedding),
            "reranker": grounds.reranker,
            "generation": {"planned": grounds.planned_model, "used": answer.metadata.model_used},
            "prompt_version": answer.metadata.prompt_version,
        },
        "fallbacks": _fallbacks(trail, grounds, answer),
        "cache": {
            "answer": answer.metadata.cache,
            "search": grounds.search_cache,
            "origin": _origin(grounds, answer),
        },
        "settings": grounds.settings,
        "corpus_version": grounds.corpus_version,
        "timings_ms": {**trail.timings_ms, "total": float(answer.metadata.response_time_ms)},
        "search_timings_ms": trail.found.timings_ms if trail.found else {},
        "retrieval": _retrieval(trail.found.trace if trail.found else None),
    }
    return ProvenanceRecord(
        context.organization_id, answer.message_id, answer.session_id, user_id, created_at, canonical(body)
    )


def _query(query: StandAloneQuery | None) -> dict[str, Any] | None:
    if query is None:
        return None
    return {
        "text": query.text,
        "depends": query.depends,
        "reason": query.reason,
        "referents": query.referents,
        "rewritten_by": query.rewritten_by,
    }


def _documents(grounds: Grounds, answer: Answer) -> list[dict[str, Any]]:
    """Documents in the version that was read: those of the context and those that are cited."""
    found: dict[tuple[UUID, int], tuple[str, str]] = {}
    read: tuple[SuppliedPassage | Source, ...] = (*grounds.passages, *answer.sources)
    for one in read:
        found.setdefault((one.document_id, one.version), (one.title, one.filename))
    return [
        {"document_id": document_id, "version": version, "title": title, "filename": filename}
        for (document_id, version), (title, filename) in found.items()
    ]


def _citations(answer: Answer) -> list[dict[str, Any]]:
    return [
        {
            "number": source.number,
            "document_id": source.document_id,
            "version": source.version,
            "start": piece.start,
            "end": piece.end,
            "text": piece.text,
        }
        for source in answer.sources
        for piece in source.evidence
    ]


def _embedding(model: EmbeddingModel | None) -> dict[str, str] | None:
    return None if model is None else {"name": model.name, "revision": model.revision}


def _origin(grounds: Grounds, answer: Answer) -> UUID | None:
    """The message whose answer is repeated."""
    return grounds.message_id if grounds.message_id != answer.message_id else None


def _fallbacks(trail: Trail, grounds: Grounds, answer: Answer) -> list[dict[str, str]]:
    events = []
    if trail.found and trail.found.degraded:
        events.append({"stage": "search", "reason": trail.found.degraded})
    planned, used = grounds.planned_model, answer.metadata.model_used
    if trail.grounds is not None and planned != used:
        searched = trail.found.degraded if trail.found else None
        why = (answer.metadata.degraded or "").removeprefix(searched or "").strip()
        told = f"{planned} was asked first, {used} answered."
        events.append({"stage": "generation", "reason": f"{told} {why}".strip()})
    return events


def _retrieval(trace: RetrievalTrace | None) -> dict[str, Any] | None:
    """The trace, its candidates as rows of a table: names are not repeated."""
    if trace is None:
        return None
    kept = trace.candidates[:MAX_CANDIDATES]
    return {
        "analysis": trace.analysis,
        "filters": set_filters(trace.filters),
        "settings": trace.settings,
        "reranker": trace.reranker,
        "total": len(trace.candidates),
        "candidates": {
            "fields": _CANDIDATE_FIELDS,
            "rows": [[_rounded(getattr(one, name)) for name in _CANDIDATE_FIELDS] for one in kept],
        },
    }


def _rounded(value: object) -> Any:
    if isinstance(value, float):
        return round(value, _SCORE_DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return plain(value)
