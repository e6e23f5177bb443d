"""A small world around ingestion: bucket in memory, embedder that counts words, the real everything else."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import zlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from footnote.knowledge.chunking import chunk
from footnote.knowledge.documents import Documents
from footnote.knowledge.ingestion import Ingestion
from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing import parse
from footnote.knowledge.ports import ObjectEvent, ObjectGone, ObjectTooLarge, StoredObject, UploadTicket
from footnote.knowledge.retrieval import Retriever
from footnote.knowledge.tokens import count_many
from footnote.models import EmbeddingModel, PassageVectors, report_usage
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.documents import PostgresDocumentStore
from footnote.stores.postgres.ingestion import PostgresIngestionStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.charging import charges_of

BUCKET = "documents"
DIMENSION = 384
MODEL = EmbeddingModel("hashing", "1", DIMENSION)


def word_vector(text: str) -> list[float]:
    """Words hashed into a unit vector: texts with the same words are near each other."""
    values = [0.0] * DIMENSION
    for word in re.findall(r"\w+", text.casefold()):
        values[zlib.crc32(word.encode()) % DIMENSION] += 1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values] if any(values) else [1.0] + [0.0] * (DIMENSION - 1)


class HashingEmbedder:
    """`footnote.models.Embedder`, deterministic. `is_down` makes every call fail.

    It reports the word pieces of passages as the model's own endpoint counts them.
    """

    def __init__(self) -> None:
        self.is_down = False
        self.embedded: list[str] = []

    async def model(self) -> EmbeddingModel:
        return MODEL

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        if self.is_down:
            raise ModelUnavailable("down")
        return [word_vector(text) for text in texts]

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = await self.embed_queries(texts)
        self.embedded += texts
        if texts:
            report_usage("embedding_tokens", MODEL.name, sum(count_many(texts)) + 2 * len(texts))
        return vectors

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        vectors = await self.embed_passages(texts)
        return [
            PassageVectors(vector, [word_vector(text[start:end]) for start, end in of_text])
            for text, of_text, vector in zip(texts, spans, vectors, strict=True)
        ]


@dataclass
class Bucket:
    """`footnote.knowledge.ports.ObjectStore` that keeps all versions, and makes the events S3 would send."""

    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    is_down: bool = False
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def put(self, key: str, content: bytes) -> ObjectEvent:
        number = next(self._numbers)
        version = f"v{number}"
        self.objects[key, version] = content
        self.current[key] = version
        return ObjectEvent(BUCKET, key, True, f"{number:016X}", version, "etag", len(content))

    def remove(self, key: str) -> ObjectEvent:
        number = next(self._numbers)
        self.current.pop(key, None)
        return ObjectEvent(BUCKET, key, False, f"{number:016X}", f"v{number}", None, 0, delete_marker=True)

    def remove_version(self, key: str, version: str) -> ObjectEvent:
        """Takes one version away for good, the newest one or an older one."""
        number = next(self._numbers)
        self.objects.pop((key, version), None)
        if self.current.get(key) == version:
            del self.current[key]
        return ObjectEvent(BUCKET, key, False, f"{number:016X}", version, None, 0)

    def presign_put(self, key: str, content_type: str, content_length: int | None) -> UploadTicket:
        headers = {"content-type": content_type}
        expires_at = datetime.now(UTC) + timedelta(minutes=15)
        return UploadTicket("PUT", f"memory://{key}", headers, expires_at)

    async def download(self, item: StoredObject, target: Path, max_bytes: int) -> str:
        if self.is_down:
            raise ServiceUnavailable("down")
        content = self.objects.get((item.key, item.version_id or self.current.get(item.key, "")))
        if content is None:
            raise ObjectGone
        if len(content) > max_bytes:
            raise ObjectTooLarge
        target.write_bytes(content)
        return hashlib.sha256(content).hexdigest()

    async def delete(self, item: StoredObject) -> None:
        if self.is_down:
            raise ServiceUnavailable("down")
        self.objects.pop((item.key, item.version_id), None)
        if self.current.get(item.key) == item.version_id:
            del self.current[item.key]


@dataclass
class World:
    """One process's ingestion, documents and search for one database."""

    database: Database
    bucket: Bucket = field(default_factory=Bucket)
    embedder: HashingEmbedder = field(default_factory=HashingEmbedder)
    settings: IngestionSettings = field(default_factory=lambda: IngestionSettings(lease_s=1))
    parse: Callable[[Path, str, IngestionSettings], Awaitable[ParsedDocument]] = parse
    plan: str = "enterprise"

    def __post_init__(self) -> None:
        self.store = PostgresIngestionStore(self.database, self.settings, RetrievalSettings())
        self.quota = PostgresQuotaStore(self.database, self.plan)
        self.search = PostgresSearchStore(self.database, RetrievalSettings())
        self.documents = Documents(PostgresDocumentStore(self.database), self.bucket, self.settings)
        self.retriever = Retriever(self.search, self.embedder, RetrievalSettings(), SystemClock())
        self.ingestion = self.make_ingestion()

    def make_ingestion(self, *, quota: Any = None, **replaced: Any) -> Ingestion:
        parts: dict[str, Any] = {
            "store": self.store,
            "objects": self.bucket,
            "embedder": self.embedder,
            "parse": self.parse,
            "chunk": chunk,
            "charges": charges_of(self.database, store=quota or self.quota),
            "settings": self.settings,
            "bucket": BUCKET,
        }
        return Ingestion(**{**parts, **replaced})

    def key(self, context: OrganizationContext, name: str) -> str:
        """The key of a drop."""
        return f"organizations/{context.organization_id}/{name}"

    async def drop(self, context: OrganizationContext, name: str, text: str) -> ObjectEvent:
        """Puts a file and ingests it."""
        event = self.bucket.put(self.key(context, name), text.encode())
        await self.ingestion.ingest(event)
        return event

    async def listed(self, context: OrganizationContext, **query: Any) -> dict[str, Any]:
        """Documents by file name."""
        found, _ = await self.documents.page(context, limit=200, **query)
        return {document.filename: document for document in found}

    async def found(self, context: OrganizationContext, query: str, **options: Any) -> list[str]:
        """Texts of the passages that are found."""
        retrieval = await self.retriever.retrieve(context, query, **options)
        return [found.passage.text for found in retrieval.passages]
