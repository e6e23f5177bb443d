"""Chunks put into a database by COPY, then indexed by the product's own functions."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid5

import numpy as np
import psycopg

from footnote.models import EmbeddingModel
from footnote.platform.settings import RetrievalSettings
from tests.performance.scale.corpus import Generated, Material, Vectors, generate

CHUNKS_PER_DOCUMENT = 5
# Share of the documents in each category.
CATEGORIES = {"one": 0.01, "ten": 0.10, "half": 0.50}
_NAMES = UUID("5f0e8f0a-4b5c-4f7e-9a38-5d1a3c1f6f60")
_BATCH = 10_000
_INDEXED_AT_ONCE = 5_000
_VACUUMED_EVERY = 5
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_COPY_END = struct.pack(">h", -1)


@dataclass
class Loaded:
    """An organization that is in the database, and how long each step took (seconds)."""

    organization_id: UUID
    chunks: int
    seconds: dict[str, float] = field(default_factory=dict)


class Loader:
    """Fills organizations.

    Args:
        connection: As superuser, in autocommit mode.
        material: What chunks are made of.
        settings: Parameters of BM25.
    """

    def __init__(
        self, connection: psycopg.Connection, material: Material, settings: RetrievalSettings
    ) -> None:
        self._connection = connection
        self._material = material
        self._settings = settings
        self._model_id = _register(connection, material.model)
        # Foreign keys hold by construction.
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "CREATE TEMPORARY TABLE raw (chunk_id bigint, document_id uuid, ordinal int, text text)"
        )

    @property
    def model_id(self) -> int:
        """The number of the embedding model."""
        return self._model_id

    def load(self, number: int, chunks: int, *, quiet: bool = False) -> Loaded:
        """Makes the organization `number` with so many chunks, all searchable."""
        loaded = Loaded(uuid5(_NAMES, str(number)), chunks)
        started = time.perf_counter()
        self._make_documents(loaded)
        for first in range(0, chunks, _BATCH):
            count = min(_BATCH, chunks - first)
            self._store(loaded, first, generate(self._material, first, count, number))
            if not quiet:
                _tell("stored", first + count, chunks, started)
        loaded.seconds["store"] = time.perf_counter() - started
        started = time.perf_counter()
        for done in self._index(loaded):
            if not quiet:
                _tell("indexed", done, chunks, started)
        loaded.seconds["lexical index"] = time.perf_counter() - started
        return loaded

    def _make_documents(self, loaded: Loaded) -> None:
        organization_id, documents = loaded.organization_id, -(-loaded.chunks // CHUNKS_PER_DOCUMENT)
        execute = self._connection.execute
        execute(
            "INSERT INTO core.organizations (organization_id, name, storage_prefix)"
            " VALUES (%s, 'measured', %s)",
            (organization_id, f"organizations/{organization_id}/"),
        )
        execute("INSERT INTO knowledge.corpora (organization_id) VALUES (%s)", (organization_id,))
        bounds = np.cumsum(list(CATEGORIES.values()))
        rng = np.random.default_rng(documents)
        categories = [*CATEGORIES, "rest"]
        with self._connection.cursor().copy(
            "COPY knowledge.documents (organization_id, document_id, title, filename, format, source, status,"
            " stage, category, language, active_version, last_version, chunk_count) FROM STDIN"
        ) as copy:
            for place, draw in enumerate(rng.random(documents)):
                category = categories[int(np.searchsorted(bounds, draw, side="right"))]
                count = min(CHUNKS_PER_DOCUMENT, loaded.chunks - place * CHUNKS_PER_DOCUMENT)
                document_id = document_name(organization_id, place)
                names = (
                    organization_id,
                    document_id,
                    f"Report {place}",
                    f"report-{place}.txt",
                    "txt",
                    "upload",
                )
                copy.write_row((*names, "completed", "active", category, "en", 1, 1, count))
        execute(
            "INSERT INTO knowledge.document_versions (organization_id, document_id, version, bucket, key,"
            " sequencer, stage, chunk_count, embedding_model_id)"
            " SELECT organization_id, document_id, 1, 'documents', filename, '', 'active', chunk_count, %s"
            " FROM knowledge.documents WHERE organization_id = %s",
            (self._model_id, organization_id),
        )

    def _store(self, loaded: Loaded, first: int, batch: Generated) -> None:
        organization_id = loaded.organization_id
        row = self._connection.execute(
            "SELECT setval(pg_get_serial_sequence('knowledge.chunks', 'chunk_id'), nextval("
            "pg_get_serial_sequence('knowledge.chunks', 'chunk_id')) + %s)",
            (len(batch.texts),),
        ).fetchone()
        assert row is not None
        ids = np.arange(row[0] - len(batch.texts), row[0])
        places = np.arange(first, first + len(batch.texts)) // CHUNKS_PER_DOCUMENT
        documents = [document_name(organization_id, int(place)) for place in places]
        with self._connection.cursor().copy("COPY raw FROM STDIN") as copy:
            for place, text in enumerate(batch.texts):
                ordinal = (first + place) % CHUNKS_PER_DOCUMENT
                copy.write_row((int(ids[place]), documents[place], ordinal, text))
        self._connection.execute(
            "INSERT INTO knowledge.chunks (organization_id, chunk_id, document_id, version, ordinal, text,"
            " char_start, char_end, token_count, language, embedded_sha256, lexemes, lexical_length)"
            " OVERRIDING SYSTEM VALUE"
            " SELECT %s, chunk_id, document_id, 1, ordinal, text, 0, length(text), 0, 'en', '', lexemes,"
            " (SELECT sum(cardinality(positions)) FROM unnest(lexemes))"
            " FROM (SELECT *, to_tsvector('english', text) AS lexemes FROM raw OFFSET 0) r",
            (organization_id,),
        )
        self._connection.execute("TRUNCATE raw")
        with self._connection.cursor().copy(
            "COPY knowledge.chunk_vectors (organization_id, chunk_id, document_id, version,"
            " embedding_model_id, embedding) FROM STDIN (FORMAT binary)"
        ) as copy:
            rows = _vector_rows(organization_id, ids, documents, self._model_id, batch.vectors)
            copy.write(_COPY_HEAD + rows + _COPY_END)

    def _index(self, loaded: Loaded) -> Iterator[int]:
        """Exact statistics and postings, by the function that activations use."""
        rows = self._connection.execute(
            "SELECT chunk_id FROM knowledge.chunks WHERE organization_id = %s ORDER BY chunk_id",
            (loaded.organization_id,),
        ).fetchall()
        ids = [chunk_id for (chunk_id,) in rows]
        for first in range(0, len(ids), _INDEXED_AT_ONCE):
            self._connection.execute(
                "SELECT knowledge.index_chunks(%s, %s, %s, %s)",
                (
                    loaded.organization_id,
                    ids[first : first + _INDEXED_AT_ONCE],
                    self._settings.bm25_k1,
                    self._settings.bm25_b,
                ),
            )
            if (first // _INDEXED_AT_ONCE + 1) % _VACUUMED_EVERY == 0:
                # As autovacuum would between documents.
                self._connection.execute("VACUUM knowledge.postings, knowledge.lexicon")
            yield min(first + _INDEXED_AT_ONCE, len(ids))


def document_name(organization_id: UUID, place: int) -> UUID:
    """The id of an organization's document; ids grow with the place, as the product's do with time."""
    return UUID(int=(place << 96) | (organization_id.int & (2**96 - 1)))


def _register(connection: psycopg.Connection, model: EmbeddingModel) -> int:
    row = connection.execute(
        "INSERT INTO knowledge.embedding_models (name, revision, dimension) VALUES (%s, %s, %s)"
        " ON CONFLICT (name, revision) DO UPDATE SET dimension = excluded.dimension"
        " RETURNING embedding_model_id",
        (model.name, model.revision, model.dimension),
    ).fetchone()
    assert row is not None
    return int(row[0])


def _vector_rows(
    organization_id: UUID,
    ids: np.ndarray[tuple[int], np.dtype[np.int64]],
    documents: list[UUID],
    model_id: int,
    vectors: Vectors,
) -> bytes:
    """Rows of COPY's binary format; all have the same length, so numpy writes them at once."""
    dimension = vectors.shape[1]
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    values = {
        "organization": ("V16", organization_id.bytes),
        "chunk": (">i8", ids),
        "document": ("V16", np.frombuffer(b"".join(one.bytes for one in documents), dtype="V16")),
        "version": (">i4", 1),
        "model": (">i2", model_id),
        "vector": (f"V{4 + 2 * dimension}", None),
    }
    for name, (kind, _) in values.items():
        layout += [(f"{name}_length", ">i4"), (name, kind)]
    rows = np.zeros(len(ids), dtype=layout)
    rows["fields"] = len(values)
    for name, (kind, value) in values.items():
        rows[f"{name}_length"] = np.dtype(kind).itemsize
        if name == "organization":
            rows[name] = np.frombuffer(organization_id.bytes, dtype="V16")[0]
        elif value is not None:
            rows[name] = value
    packed = np.zeros((len(ids), 4 + 2 * dimension), dtype=np.uint8)
    packed[:, :4] = np.frombuffer(struct.pack(">hh", dimension, 0), dtype=np.uint8)
    packed[:, 4:] = vectors.astype(">f2").view(np.uint8).reshape(len(ids), -1)
    rows["vector"] = packed.view(f"V{4 + 2 * dimension}").reshape(-1)
    return rows.tobytes()


def _tell(what: str, done: int, total: int, started: float) -> None:
    rate = done / max(time.perf_counter() - started, 1e-9)
    if total >= 10 * _BATCH or done == total:
        print(f"  {what} {done:,} of {total:,} chunks ({rate:,.0f}/s)", flush=True)
