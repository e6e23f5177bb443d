"""One organization of some size, and many small ones: loaded, indexed, asked."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from uuid import UUID

import psycopg

from footnote.knowledge import SearchFilters
from footnote.platform.settings import PostgresSettings, RetrievalSettings
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.search import PostgresSearchStore
from footnote.stores.postgres.vector_indexes import PostgresVectorIndexes, index_name
from footnote.stores.secrets.extension import StaticSecrets
from tests.performance.scale.corpus import Material
from tests.performance.scale.loading import CATEGORIES, Loaded, Loader
from tests.performance.scale.measuring import ExactScan, Latency, Searches, SharedIndex, plain, recall
from tests.support.postgres import TestDatabase
from tests.support.recount import assert_statistics_are_exact

# Counting everything anew takes longer than the measurements themselves.
_RECOUNTED = 20_000
# The shared index is there to show what it loses, not how long it takes to build.
_SHARED = 100_000
_ASKED = 3
_TABLES = ("chunks", "chunk_vectors", "postings", "indexed_chunks", "lexicon", "documents")
_EMBEDDED = 20


class Bench:
    """Everything that is measured in one database.

    Args:
        database: Empty, with the newest schema.
        material: Passages and questions.
        settings: Of search and indexes.
    """

    def __init__(self, database: TestDatabase, material: Material, settings: RetrievalSettings) -> None:
        self._database = database
        self._material = material
        self._settings = settings
        self._connection = psycopg.connect(database.superuser_dsn, autocommit=True)
        self._loader = Loader(self._connection, material, settings)
        self._exact = ExactScan(self._connection, material)

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def single(self, number: int, size: int) -> dict[str, Any]:
        """One organization of `size` chunks."""
        print(f"one organization of {size:,} chunks", flush=True)
        before = self._sizes()
        loaded = self._loader.load(number, size)
        self._finish(loaded.seconds)
        organization_id = loaded.organization_id
        if size <= _RECOUNTED:
            assert_statistics_are_exact(self._database.superuser_dsn, organization_id)
        figures: dict[str, Any] = {
            "chunks": size,
            "seconds": loaded.seconds,
            "bytes": {name: after - before[name] for name, after in self._sizes().items()},
            "postings": self._postings(organization_id),
            "vector_index_bytes": self._index_bytes(organization_id),
            "exact_scan": plain(self._exact.latency(organization_id)),
        }
        figures |= asyncio.run(self._ask(organization_id))
        sharing = self._sharing_with(loaded)
        if len(sharing) > 1:
            truth = {organization_id: self._exact.nearest(organization_id)[None]}
            figures["shared_index"] = plain(
                SharedIndex(self._connection, self._material).measure(sharing, truth)
            )
        return figures

    def many(self, count: int, chunks: int) -> dict[str, Any]:
        """`count` organizations of `chunks` each; a few of them are asked."""
        print(f"{count:,} organizations of {chunks:,} chunks", flush=True)
        seconds: dict[str, float] = {"store": 0.0, "lexical index": 0.0}
        before = self._sizes()
        organizations: list[UUID] = []
        for place in range(count):
            loaded = self._loader.load(1_000_000 + place, chunks, quiet=True)
            organizations.append(loaded.organization_id)
            for name in seconds:
                seconds[name] += loaded.seconds[name]
            if (place + 1) % 100 == 0:
                print(f"  loaded {place + 1:,} of {count:,}", flush=True)
        self._finish(seconds)
        asked = organizations[:: max(1, count // _ASKED)][:_ASKED]
        answers = [asyncio.run(self._ask(organization_id)) for organization_id in asked]
        sharing = list(dict.fromkeys([*asked, *organizations]))[: max(1, _SHARED // chunks)]
        truth = {one: self._exact.nearest(one)[None] for one in asked if one in sharing}
        shared = SharedIndex(self._connection, self._material).measure(sharing, truth)
        return {
            "organizations": count,
            "chunks": chunks,
            "seconds": seconds,
            "bytes": {name: after - before[name] for name, after in self._sizes().items()},
            "asked": len(asked),
            "filters": answers[0]["filters"],
            "recall_lowest": min(one["filters"]["none"]["recall"] for one in answers),
            "hybrid_p95_highest": max(one["filters"]["none"]["hybrid"]["p95"] for one in answers),
            "shared_index": plain(shared) | {"organizations": len(sharing)},
        }

    def _finish(self, seconds: dict[str, float]) -> None:
        """What autovacuum and the indexer would do meanwhile."""
        started = time.perf_counter()
        self._connection.execute("VACUUM ANALYZE")
        seconds["vacuum"] = time.perf_counter() - started
        started = time.perf_counter()
        asyncio.run(self._build_indexes())
        seconds["vector index"] = time.perf_counter() - started

    async def _build_indexes(self) -> None:
        database = self._open("footnote_indexer")
        await PostgresVectorIndexes(database, self._settings).maintain(limit_s=24 * 3600)
        await database.close()

    async def _ask(self, organization_id: UUID) -> dict[str, Any]:
        database = self._open("footnote_app")
        searches = Searches(PostgresSearchStore(database, self._settings), self._material)
        filters: dict[str, Any] = {}
        truth = self._exact.nearest(organization_id, (None, *CATEGORIES))
        for category in (None, *CATEGORIES):
            chosen = SearchFilters(category=category)
            legs = await searches.legs(organization_id, chosen)
            found = await searches.nearest(organization_id, chosen)
            exact = truth[category]
            filters[category or "none"] = {
                **{name: plain(latency) for name, latency in legs.items()},
                "recall": recall(found, exact),
                "short": sum(len(one) < len(true) for one, true in zip(found, exact, strict=True)),
            }
        await database.close()
        return {"filters": filters, "embedding": plain(await self._embedding())}

    async def _embedding(self) -> Latency:
        """Of one question's embedding, which comes before every search."""
        seconds = []
        for question in self._material.questions[:_EMBEDDED]:
            started = time.perf_counter()
            await self._material.embed(question)
            seconds.append(time.perf_counter() - started)
        return Latency.of(seconds)

    def _sharing_with(self, loaded: Loaded) -> list[UUID]:
        """The organization and those that were loaded before, unless they are too large."""
        if loaded.chunks > _SHARED:
            return []
        rows = self._connection.execute(
            "SELECT organization_id FROM knowledge.corpora WHERE chunk_count <= %s AND organization_id <> %s",
            (_SHARED, loaded.organization_id),
        ).fetchall()
        return [loaded.organization_id, *(organization_id for (organization_id,) in rows)]

    def _open(self, role: str) -> Database:
        target = self._database
        settings = PostgresSettings(
            host=target.host,
            port=target.port,
            database=target.name,
            user=role,
            password_secret=role,
            statement_timeout_ms=60_000,
        )
        return Database(settings, StaticSecrets(target.passwords))

    def _sizes(self) -> dict[str, int]:
        rows = self._connection.execute(
            "SELECT relname, pg_table_size(c.oid) + coalesce((SELECT sum(pg_relation_size(i.indexrelid))"
            " FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
            " WHERE i.indrelid = c.oid AND x.relname NOT LIKE 'chunk_vectors_hnsw_%%'), 0)"
            " FROM pg_class c WHERE relnamespace = 'knowledge'::regnamespace AND relname = ANY(%s)",
            (list(_TABLES),),
        ).fetchall()
        return {name: int(size) for name, size in rows}

    def _postings(self, organization_id: UUID) -> int:
        """Distinct words of all chunks, added up."""
        row = self._connection.execute(
            "SELECT coalesce(sum(cardinality(term_ids)), 0) FROM knowledge.indexed_chunks"
            " WHERE organization_id = %s",
            (organization_id,),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _index_bytes(self, organization_id: UUID) -> int | None:
        row = self._connection.execute(
            "SELECT pg_relation_size(to_regclass(%s))",
            (f"knowledge.{index_name(organization_id, self._loader.model_id)}",),
        ).fetchone()
        return None if row is None or row[0] is None else int(row[0])
