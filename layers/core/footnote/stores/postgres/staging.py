"""Chunks and vectors of a version that is not searched yet, and vectors of the chunks' sentences."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from footnote.knowledge.language import UNDETERMINED
from footnote.knowledge.models import ChunkDraft
from footnote.knowledge.ports import StagedVersion, Superseded
from footnote.models.ports import PassageVectors
from footnote.stores.postgres.claims import OPEN_STAGES
from footnote.stores.postgres.database import Cursor
from footnote.stores.postgres.lexical_index import LEXEMES, analysis
from footnote.stores.postgres.vectors import HalfVectors, HalfVectorsDumper

JOB = "organization_id = %(organization_id)s AND document_id = %(document_id)s AND version = %(version)s"
MINE = f"{JOB} AND fence = %(fence)s AND stage IN {OPEN_STAGES}"

_STORED = f"""
    SELECT ordinal, embedded_sha256, embedding_model_id
      FROM knowledge.chunks
      JOIN knowledge.chunk_vectors USING (organization_id, chunk_id, document_id, version)
     WHERE {JOB}
"""
_UNSTAGE = f"DELETE FROM knowledge.chunks WHERE {JOB}"
_STAGE = f"""
    WITH draft AS MATERIALIZED (
        SELECT r.*, to_tsvector('english', r.common) AS plain
          FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (
              ordinal int, text text, char_start int, char_end int, heading_path text[],
              unit_from int, unit_to int, unit_label text, token_count int, sha256 text, language text,
              common text, native text, configuration text,
              starts int[], ends int[], sentences_before int)
    ), mine AS (
        SELECT organization_id, document_id, version FROM knowledge.document_versions WHERE {MINE}
    ), stored AS (
        INSERT INTO knowledge.chunks (
            organization_id, document_id, version, ordinal, text, char_start, char_end, heading_path,
            unit_from, unit_to, unit_label, token_count, language, embedded_sha256, lexemes, lexical_length)
        SELECT m.organization_id, m.document_id, m.version, d.ordinal, d.text, d.char_start, d.char_end,
               d.heading_path, d.unit_from, d.unit_to, d.unit_label, d.token_count, d.language,
               decode(d.sha256, 'hex'), {LEXEMES.format("d")},
               (SELECT coalesce(sum(cardinality(w.positions)), 0) FROM unnest(d.plain) w)
          FROM draft d CROSS JOIN mine m
        ON CONFLICT (organization_id, document_id, version, ordinal) DO NOTHING
        RETURNING organization_id, document_id, version, chunk_id, ordinal
    ), embedded AS (
        INSERT INTO knowledge.chunk_vectors (
            organization_id, chunk_id, document_id, version, embedding_model_id, embedding)
        SELECT s.organization_id, s.chunk_id, s.document_id, s.version, %(model_id)s, e.vector
          FROM stored s
          JOIN unnest(%(ordinals)s::int[], %(vectors)s::halfvec[]) AS e (ordinal, vector) USING (ordinal)
    ), read AS (
        INSERT INTO knowledge.chunk_sentences (
            organization_id, chunk_id, embedding_model_id, starts, ends, vectors)
        SELECT s.organization_id, s.chunk_id, %(model_id)s, d.starts, d.ends,
               (%(sentences)s::halfvec[])[d.sentences_before + 1:d.sentences_before + cardinality(d.starts)]
          FROM stored s JOIN draft d USING (ordinal)
         WHERE cardinality(d.starts) > 0
    )
    SELECT (SELECT count(*) FROM stored) AS stored FROM mine
"""


async def stored_ordinals(cursor: Cursor, names: dict[str, Any], chunks: Sequence[ChunkDraft]) -> set[int]:
    """Which chunks an earlier attempt has staged just as they are now; if any differs, all are removed."""
    await cursor.execute(_STORED, names)
    stored = await cursor.fetchall()
    drafts = {chunk.ordinal: (_digest(chunk).digest(), names["model_id"]) for chunk in chunks}
    if all(
        drafts.get(row["ordinal"]) == (bytes(row["embedded_sha256"]), row["embedding_model_id"])
        for row in stored
    ):
        return {row["ordinal"] for row in stored}
    await unstage(cursor, names)
    return set()


async def unstage(cursor: Cursor, names: dict[str, Any]) -> None:
    """Removes all chunks of the job's version, and with them their vectors."""
    await cursor.execute(_UNSTAGE, names)


async def stage_chunks(
    cursor: Cursor,
    names: dict[str, Any],
    version: StagedVersion,
    chunks: Sequence[ChunkDraft],
    vectors: Sequence[PassageVectors],
) -> int:
    """Stores chunks with their vectors; how many were not there before.

    It locks nothing that another transaction waits for, so it may run before the corpus is locked. The fence
    is read, not held: what a worker stores after it lost its lease stays invisible and is purged.

    Raises:
        Superseded: The job is not this worker's any more.
        ValueError: A chunk has more or fewer sentences than vectors of them.
    """
    values = {
        **names,
        "rows": json.dumps(list(_rows(chunks, vectors, version.language)), ensure_ascii=False),
        "ordinals": [chunk.ordinal for chunk in chunks],
        "vectors": HalfVectors.of([one.vector for one in vectors]),
        "sentences": HalfVectors.of([sentence for one in vectors for sentence in one.sentences]),
    }
    cursor.adapters.register_dumper(HalfVectors, HalfVectorsDumper)
    await cursor.execute(_STAGE, values)
    row = await cursor.fetchone()
    if row is None:
        raise Superseded
    return int(row["stored"])


def _rows(
    chunks: Sequence[ChunkDraft], vectors: Sequence[PassageVectors], language: str
) -> Iterator[dict[str, Any]]:
    """All sentences' vectors are sent as one array: each row says where its own begin."""
    before = 0
    for chunk, one in zip(chunks, vectors, strict=True):
        if len(one.sentences) != len(chunk.sentences):
            raise ValueError(
                f"chunk {chunk.ordinal} has {len(chunk.sentences)} sentences and {len(one.sentences)} vectors"
            )
        yield _row(chunk, language) | {"sentences_before": before}
        before += len(one.sentences)


def _row(chunk: ChunkDraft, document_language: str) -> dict[str, Any]:
    language = document_language if chunk.language == UNDETERMINED else chunk.language
    return {
        "language": language,
        "ordinal": chunk.ordinal,
        "text": chunk.text,
        "char_start": chunk.start,
        "char_end": chunk.end,
        "heading_path": list(chunk.heading_path),
        "unit_from": chunk.unit_from,
        "unit_to": chunk.unit_to,
        "unit_label": chunk.unit_label,
        "token_count": chunk.token_count,
        "sha256": _digest(chunk).hexdigest(),
        "starts": [start for start, _ in chunk.sentences],
        "ends": [end for _, end in chunk.sentences],
        **analysis(chunk.embedding_text, language),
    }


def _digest(chunk: ChunkDraft) -> hashlib._Hash:
    return hashlib.sha256(f"{chunk.start}:{chunk.end}:{chunk.embedding_text}".encode())
