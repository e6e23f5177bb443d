"""HNSW indexes of large organizations: partial ones on the table of vectors, built while it is in use.

The process signs in as `footnote_indexer`, who owns that table and has no right to any other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from uuid import UUID

from footnote.knowledge.ports import IndexRound
from footnote.platform.logging import get_logger
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.database import Cursor, Database

logger = get_logger("indexer")

_PREFIX = "chunk_vectors_hnsw_"
# Held by the session: when the process that began a build is gone, the server goes on with it, and the lock
# holds as long.
_TURN = "SELECT pg_try_advisory_lock(hashtext('footnote.vector_indexes')) AS is_mine"
_WANTED = "SELECT * FROM indexing.wanted_indexes(%s, %s)"
_SET_READY = "SELECT indexing.set_ready(%s, %s::smallint, %s)"
_EXISTING = """
    SELECT c.relname AS name, i.indisvalid AND i.indisready AS is_valid
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE i.indrelid = 'knowledge.chunk_vectors'::regclass AND starts_with(c.relname, %s)
"""
# What pgvector indexes in half precision; longer vectors stay with the exact comparison.
_MAX_DIMENSION = 4_000
# Bytes of the graph in memory for each of a vector's m links; an estimate with reserve.
_BYTES_PER_LINK = 40


@dataclass(frozen=True, slots=True)
class _Wanted:
    organization_id: UUID
    embedding_model_id: int
    dimension: int
    vectors: int
    is_ready: bool

    @property
    def name(self) -> str:
        return index_name(self.organization_id, self.embedding_model_id)


def index_name(organization_id: UUID, embedding_model_id: int) -> str:
    """Name of an organization's index, in the schema `knowledge`."""
    return f"{_PREFIX}{organization_id.hex}_{int(embedding_model_id)}"


class PostgresVectorIndexes:
    """`footnote.knowledge.ports.VectorIndexes` on Postgres.

    Args:
        database: As `footnote_indexer`.
        settings: From how many vectors on an index is built, and how.
    """

    def __init__(self, database: Database, settings: RetrievalSettings) -> None:
        self._database = database
        self._settings = settings

    async def maintain(self, limit_s: float) -> IndexRound:
        """See `VectorIndexes.maintain`."""
        ends_at = time.monotonic() + limit_s
        async with self._database.session() as cursor:
            await cursor.execute(_TURN)
            turn = await cursor.fetchone()
            if turn is None or not turn["is_mine"]:
                return IndexRound(is_busy=True)
            await cursor.execute("SET statement_timeout = 0")
            wanted = await self._wanted(cursor)
            valid, dropped = await self._tidy(cursor, wanted)
            missing = [one for one in wanted if one.name not in valid and one.dimension <= _MAX_DIMENSION]
            built = 0
            for one in missing:
                if time.monotonic() > ends_at:
                    break
                await self._build(cursor, one)
                built += 1
            return IndexRound(built=built, dropped=dropped, waiting=len(missing) - built)

    async def _wanted(self, cursor: Cursor) -> list[_Wanted]:
        bounds = (self._settings.vector_index_from, self._settings.vector_index_until)
        await cursor.execute(_WANTED, bounds)
        return [_Wanted(**row) for row in await cursor.fetchall()]

    async def _tidy(self, cursor: Cursor, wanted: list[_Wanted]) -> tuple[set[str], int]:
        """Drops indexes that an interruption left half built and those not wanted; names of the good ones."""
        await cursor.execute(_EXISTING, (_PREFIX,))
        existing = {row["name"]: row["is_valid"] for row in await cursor.fetchall()}
        valid = {one.name for one in wanted if existing.get(one.name)}
        for one in wanted:
            if one.is_ready != (one.name in valid):
                await _set_ready(cursor, one, is_ready=not one.is_ready)
        gone = existing.keys() - valid
        for name in gone:
            await _run(cursor, f'DROP INDEX CONCURRENTLY IF EXISTS knowledge."{name}"')
            logger.info("vector index dropped", extra={"index": name})
        return valid, len(gone)

    async def _build(self, cursor: Cursor, one: _Wanted) -> None:
        settings = self._settings
        needed = one.vectors * (2 * one.dimension + _BYTES_PER_LINK * settings.hnsw_m) * 5 // 4
        memory_mb = min(settings.hnsw_build_memory_mb, max(64, needed // 2**20))
        await _run(cursor, f"SET maintenance_work_mem = '{memory_mb}MB'")
        await _run(cursor, f"SET max_parallel_maintenance_workers = {settings.hnsw_build_workers}")
        started = time.monotonic()
        await _run(
            cursor, create_statement(one.organization_id, one.embedding_model_id, one.dimension, settings)
        )
        await _set_ready(cursor, one, is_ready=True)
        seconds = round(time.monotonic() - started, 1)
        logger.info(
            "vector index built", extra={"index": one.name, "vectors": one.vectors, "seconds": seconds}
        )


def create_statement(
    organization_id: UUID, embedding_model_id: int, dimension: int, settings: RetrievalSettings
) -> str:
    """Builds an organization's index; only UUIDs and integers are written into it."""
    return f"""
        CREATE INDEX CONCURRENTLY {index_name(organization_id, embedding_model_id)} ON knowledge.chunk_vectors
         USING hnsw ((embedding::halfvec({int(dimension)})) halfvec_cosine_ops)
          WITH (m = {int(settings.hnsw_m)}, ef_construction = {int(settings.hnsw_ef_construction)})
         WHERE organization_id = '{UUID(str(organization_id))}'
           AND embedding_model_id = {int(embedding_model_id)}
    """


async def _set_ready(cursor: Cursor, one: _Wanted, *, is_ready: bool) -> None:
    await cursor.execute(_SET_READY, (one.organization_id, one.embedding_model_id, is_ready))


async def _run(cursor: Cursor, statement: str) -> None:
    await cursor.execute(statement.encode())
