"""Puts an explanation together from a record, and from documents and passages as they are now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.chat.explain.models import (
    ExplainedCandidate,
    ExplainedDocument,
    ExplainedPassage,
    ExplainedSentence,
    Explanation,
    Integrity,
    Quotation,
    Search,
)
from footnote.chat.explain.standing import document_standing, passage_validity
from footnote.chat.provenance import CurrentState, ProvenanceRecord, StoredAnswer, verify

Record = dict[str, Any]


def assemble(stored: StoredAnswer, current: CurrentState, origin: ProvenanceRecord | None) -> Explanation:
    """The explanation of a stored answer.

    Args:
        stored: The record and the answer.
        current: The record's documents and passages as they are now.
        origin: The record of the answer that this one repeats from the cache; only how documents were ranked
            is taken from it, nothing of who asked and what.
    """
    record = stored.record.body
    passages = _passages(record, current)
    problems = verify(stored)
    return Explanation(
        message_id=stored.record.message_id,
        session_id=stored.record.session_id,
        asked_by=stored.record.user_id,
        recorded_at=stored.record.created_at,
        question=record["question"],
        answer=stored.answer,
        metadata=record["answer"]["metadata"],
        search=_search(record, origin.body if origin else None),
        candidates=_candidates(record, origin.body if origin else None, passages),
        passages=passages,
        order=tuple(record["order"]),
        documents=_documents(record, current),
        unplaced=_unplaced(record, passages),
        sentences=_sentences(record["answer"]["metadata"], stored.answer),
        models=record["models"],
        fallbacks=tuple(record["fallbacks"]),
        cache={name: record["cache"][name] for name in ("answer", "search")},
        settings_digest=record["settings"],
        corpus_version=record["corpus_version"],
        timings_ms=record["timings_ms"],
        integrity=Integrity(stored.digest, "sha256", not problems, problems),
    )


def _search(record: Record, origin: Record | None) -> Search | None:
    """`None` for an answer without a search.

    Of a repeated answer the ranking is shown, but not what was understood of the question behind it: that was
    another member's wording, perhaps.
    """
    metadata: Record = record["answer"]["metadata"]
    query: Record = record["query"] or {}
    if metadata["strategy"] == "none":
        return None
    retrieval: Record | None = record["retrieval"]
    repeated = retrieval is None and origin is not None
    if repeated and origin is not None:
        retrieval = {**(origin["retrieval"] or {}), "analysis": None}
    ranking: Record = retrieval or {}
    filters: Record = record["filters"]
    if not repeated and "filters" in ranking:
        filters = ranking["filters"]
    return Search(
        text=str(query.get("text", record["question"])),
        rewritten_by=query.get("rewritten_by"),
        depends=query.get("depends", False),
        reason=query.get("reason", ""),
        referents=tuple(query.get("referents", ())),
        understood=ranking.get("analysis"),
        filters=filters,
        strategy=metadata["strategy"],
        degraded=metadata["degraded"],
        settings=ranking.get("settings", {}),
        total=ranking.get("total", 0),
        repeated=repeated,
        timings_ms=record["search_timings_ms"],
    )


def _candidates(
    record: Record, origin: Record | None, passages: tuple[ExplainedPassage, ...]
) -> tuple[ExplainedCandidate, ...]:
    retrieval = record["retrieval"] or (origin or {}).get("retrieval")
    if retrieval is None:
        return ()
    table = retrieval["candidates"]
    numbers = {passage.chunk_id: passage.number for passage in passages}
    cited = {passage.chunk_id for passage in passages if passage.cited}
    rows = [dict(zip(table["fields"], row, strict=True)) for row in table["rows"]]
    return tuple(
        ExplainedCandidate(
            **{**row, "document_id": UUID(row["document_id"])},
            context_number=numbers.get(row["chunk_id"]),
            is_cited=row["chunk_id"] in cited,
        )
        for row in rows
    )


def _documents(record: Record, current: CurrentState) -> tuple[ExplainedDocument, ...]:
    found = []
    for document in record["documents"]:
        document_id = UUID(document["document_id"])
        now = current.documents.get(document_id)
        standing, note = document_standing(document["version"], now)
        found.append(
            ExplainedDocument(
                document_id=document_id,
                title=document["title"],
                filename=document["filename"],
                version=document["version"],
                current_version=now.active_version if now and now.deleted_at is None else None,
                standing=standing,
                note=note,
            )
        )
    return tuple(found)


def _passages(record: Record, current: CurrentState) -> tuple[ExplainedPassage, ...]:
    return tuple(_passage(one, record["citations"], current) for one in record["passages"])


def _passage(passage: Record, citations: list[Record], current: CurrentState) -> ExplainedPassage:
    document_id = UUID(passage["document_id"])
    now = current.passages.get(passage["chunk_id"])
    document = current.documents.get(document_id)
    validity, note = passage_validity(passage["version"], passage["sha256"], now, document)
    is_same = now is not None and now.sha256 == passage["sha256"]
    return ExplainedPassage(
        number=passage["number"],
        chunk_id=passage["chunk_id"],
        document_id=document_id,
        version=passage["version"],
        title=passage["title"],
        location=_location(passage),
        start=passage["start"],
        end=passage["end"],
        supplied=passage["supplied"],
        sha256=passage["sha256"],
        cited=tuple(_quotation(one) for one in citations if _is_of(one, passage)),
        text=now.text if now is not None and is_same else None,
        validity=validity,
        note=note,
    )


def _is_of(citation: Record, passage: Record) -> bool:
    same = all(citation[name] == passage[name] for name in ("number", "document_id", "version"))
    return bool(same and passage["start"] <= citation["start"] and citation["end"] <= passage["end"])


def _quotation(citation: Record) -> Quotation:
    return Quotation(citation["start"], citation["end"], citation["text"])


def _unplaced(record: Record, passages: tuple[ExplainedPassage, ...]) -> tuple[Quotation, ...]:
    """Cited spans of no recorded passage: of answers repeated from a cache that kept none."""
    placed = {quotation for passage in passages for quotation in passage.cited}
    return tuple(found for found in map(_quotation, record["citations"]) if found not in placed)


def _location(passage: Record) -> str:
    """Where a passage stands, for a person: `page 3, Installation > Windows`."""
    parts = []
    if passage["unit_kind"] and passage["unit_from"] is not None:
        first, last = passage["unit_from"], passage["unit_to"]
        parts.append(f"{passage['unit_kind']} {first}" + (f"-{last}" if last not in {None, first} else ""))
    parts += [passage["unit_label"]] if passage["unit_label"] else []
    parts += [" > ".join(passage["heading_path"])] if passage["heading_path"] else []
    return ", ".join(parts)


def _sentences(metadata: Record, answer: str) -> tuple[ExplainedSentence, ...]:
    """What the answer told of its sentences, one by one."""
    grounding: Record = metadata.get("grounding") or {}
    return tuple(
        ExplainedSentence(
            text=answer[one["start"] : one["end"]],
            verdict=one["verdict"],
            support=one["support"],
            number=one["number"],
        )
        for one in grounding.get("sentences", ())
    )
