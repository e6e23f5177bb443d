"""Why a document was not found: the first cause that applies, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from footnote.knowledge.models import DocumentStatus, Retrieval
from footnote.knowledge.standing.models import (
    Cause,
    Check,
    ChunkStanding,
    DocumentStanding,
    StandingDocument,
    Verdict,
)
from footnote.knowledge.trace import CandidateTrace, Outcome

_FAILURES = frozenset({DocumentStatus.FAILED, DocumentStatus.QUARANTINED})
_OUTCOMES = {
    Outcome.NEAR_DUPLICATE: Cause.NEAR_DUPLICATE,
    Outcome.TOO_SIMILAR: Cause.TOO_SIMILAR,
    Outcome.BELOW_CUT: Cause.BELOW_CUT,
    Outcome.BELOW_LIMIT: Cause.BELOW_LIMIT,
}
_OPERATORS = {
    "phrase": "the phrase {value!r} does not stand in it",
    "excluded": "every passage of it has {value!r}, which the query excludes",
    "title": "its title has not all of the words {value!r}",
    "filename": "its file's name does not have {value!r}",
}


@dataclass(frozen=True, slots=True)
class Pool:
    """How much a search looked at: chunks of each leg, and of both together that were ranked."""

    candidates: int
    ranked: int


def verdict(document_id: UUID, standing: DocumentStanding, found: Retrieval, pool: Pool) -> Verdict:
    """The verdict on a document.

    Args:
        document_id: The document.
        standing: What the store knows of it.
        found: The search.
        pool: How much the search looked at.
    """
    if standing.document is None:
        return Verdict(Cause.NOT_THERE, "There is no such document in this organization.")
    return (
        _unsearchable(standing.document)
        or _shut_out(standing)
        or _found(document_id, found)
        or _dropped(document_id, found)
        or _outside(standing.chunks, pool)
    )


def _unsearchable(document: StandingDocument) -> Verdict | None:
    if document.deleted_at is not None:
        return Verdict(Cause.DELETED, f"The document was deleted on {document.deleted_at:%Y-%m-%d}.")
    if document.active_version is not None:
        return None
    if document.duplicate_of is not None:
        words = (
            f"It has the same content as document {document.duplicate_of}, which is searched in its stead."
        )
        return Verdict(Cause.DUPLICATE, words)
    if document.status in _FAILURES:
        reason = document.failure_reason or "No reason was recorded."
        return Verdict(Cause.FAILED, f"The document could not be read: {reason}")
    return Verdict(Cause.NOT_PROCESSED, f"The document is not searchable yet; it is {document.stage}.")


def _shut_out(standing: DocumentStanding) -> Verdict | None:
    if standing.allowed:
        return None
    filters = [check for check in standing.checks if check.kind == "filter" and not check.chunks]
    if filters:
        named = " and ".join(f"{check.name} = {check.value}" for check in filters)
        return Verdict(Cause.FILTERED_OUT, f"The document does not fulfil the filter {named}.")
    operators = [check for check in standing.checks if check.kind == "operator"]
    failed = [check for check in operators if not check.chunks]
    if failed:
        words = "; ".join(map(_unfulfilled, failed))
        return Verdict(Cause.EXCLUDED, f"The query's operators shut the document out: {words}.")
    if operators:
        words = "Each of the query's operators fits some passage of the document, but no passage fits all."
        return Verdict(Cause.EXCLUDED, words)
    return Verdict(Cause.NOT_PROCESSED, "The document has no passages that can be searched.")


def _unfulfilled(check: Check) -> str:
    return _OPERATORS[check.name].format(value=check.value)


def _found(document_id: UUID, found: Retrieval) -> Verdict | None:
    for rank, one in enumerate(found.passages, start=1):
        if one.passage.document_id == document_id:
            words = f"The document was found: its best passage is number {rank} of {len(found.passages)}."
            return Verdict(Cause.FOUND, words, rank=rank, chunk_id=one.passage.chunk_id)
    return None


def _dropped(document_id: UUID, found: Retrieval) -> Verdict | None:
    """The best of its candidates tells; one that stays is in the result."""
    best = min(candidates_of(document_id, found), key=lambda one: one.final_rank, default=None)
    if best is None or best.outcome not in _OUTCOMES:
        return None
    words = f"Its best passage ranked {best.final_rank} and was left out: {best.reason}"
    return Verdict(_OUTCOMES[best.outcome], words, chunk_id=best.chunk_id)


def candidates_of(document_id: UUID, found: Retrieval) -> list[CandidateTrace]:
    """The candidates that are the document's."""
    candidates = found.trace.candidates if found.trace else ()
    return [one for one in candidates if one.document_id == document_id]


def _outside(chunks: Sequence[ChunkStanding], pool: Pool) -> Verdict:
    """No chunk was ranked: how far each leg was from it."""
    meaning = min(
        (one for one in chunks if one.dense_rank), key=lambda one: one.dense_rank or 0, default=None
    )
    words = min(
        (one for one in chunks if one.lexical_rank), key=lambda one: one.lexical_rank or 0, default=None
    )
    by_meaning = _by_meaning(chunks, meaning)
    looked = (
        f"Each way of searching looks at its best {pool.candidates}, and the best {pool.ranked} are ranked."
    )
    if words is None and any(one.bm25 is not None for one in chunks):
        told = f"No word of the query stands in the document, and {by_meaning}. {looked}"
        return Verdict(Cause.NO_COMMON_WORD, told, chunk_id=meaning.chunk_id if meaning else None)
    by_words = (
        f"by words its best passage ranks {words.lexical_rank} (BM25 {words.bm25:.2f})" if words else None
    )
    told = " and ".join(filter(None, (by_words, by_meaning)))
    best = words or meaning
    return Verdict(
        Cause.BELOW_CANDIDATES,
        f"It ranked below the candidates: {told}. {looked}",
        chunk_id=best.chunk_id if best else None,
    )


def _by_meaning(chunks: Sequence[ChunkStanding], best: ChunkStanding | None) -> str:
    if best is not None:
        return f"by meaning its best passage ranks {best.dense_rank} (cosine {best.cosine:.2f})"
    if any(one.cosine is not None for one in chunks):
        return "by meaning it has no rank"
    return "meaning was not compared"
