"""Documents put into an organization's index through the real stores, without files and parsers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from footnote.knowledge import ChunkDraft, ObjectEvent, StagedVersion, sentence_spans
from footnote.models import Embedder, EmbeddingModel, PassageVectors
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.ingestion import PostgresIngestionStore


@dataclass(frozen=True)
class Text:
    """A document; each of `chunks` is one chunk, and they stand one below the other."""

    title: str
    chunks: Sequence[str]
    language: str = "en"
    unit_kind: str | None = None


FIRST_PAGE = (
    "The lighthouse of Farol was built in 1912 by Tomas Duarte. It is forty metres high. Its keeper is Ines "
    "Duarte, who came to the island in 1998."
)
SECOND_PAGE = (
    "The island has two harbours. Ships land at the northern one, which is free of ice all winter. The "
    "southern harbour belongs to the fishermen."
)
FAROL = Text("Farol", [FIRST_PAGE, SECOND_PAGE], unit_kind="page")
BAKERY = Text(
    "Bakery",
    ["The bakery opens at six in the morning. It sells bread made of rye. Prices rose by a tenth in 2021."],
)


async def index(
    database: Database, embedder: Embedder, context: OrganizationContext, *documents: Text
) -> list[UUID]:
    """Makes the documents searchable; their ids."""
    store = PostgresIngestionStore(database, IngestionSettings(), RetrievalSettings())
    return [await _index_one(store, embedder, context, document) for document in documents]


@dataclass(frozen=True)
class Indexed:
    """A document that is cut and embedded."""

    title: str
    text: str
    language: str
    drafts: Sequence[ChunkDraft]
    vectors: Sequence[PassageVectors]
    unit_kind: str | None = None


async def activate(
    store: PostgresIngestionStore, model: EmbeddingModel, context: OrganizationContext, document: Indexed
) -> UUID:
    """Makes a document searchable as ingestion does; its id."""
    prefix = f"organizations/{context.organization_id}/"
    size = len(document.text)
    event = ObjectEvent("documents", f"{prefix}{new_id()}.txt", True, new_id().hex, None, None, size)
    job = await store.claim(context, event, prefix)
    assert job is not None
    units = len(document.drafts) if document.unit_kind else 0
    version = StagedVersion(
        title=document.title,
        language=document.language,
        sha256=hashlib.sha256(f"{job.document_id}{document.text}".encode()).hexdigest(),
        format="txt",
        size=size,
        unit_kind=document.unit_kind,
        units_total=units,
        units_read=units,
        characters=size,
        chunk_count=len(document.drafts),
        warnings=(),
        model=model,
    )
    await store.activate(context, job, version, document.drafts, document.vectors)
    return job.document_id


async def _index_one(
    store: PostgresIngestionStore, embedder: Embedder, context: OrganizationContext, document: Text
) -> UUID:
    drafts = _drafts(document)
    vectors = await embedder.embed_passages_with_sentences(
        [draft.embedding_text for draft in drafts], [draft.embedded_sentences for draft in drafts]
    )
    text = "\n".join(document.chunks)
    indexed = Indexed(document.title, text, document.language, drafts, vectors, document.unit_kind)
    return await activate(store, await embedder.model(), context, indexed)


def _drafts(document: Text) -> list[ChunkDraft]:
    drafts: list[ChunkDraft] = []
    start = 0
    for ordinal, chunk in enumerate(document.chunks):
        unit = ordinal + 1 if document.unit_kind else None
        drafts.append(
            ChunkDraft(
                ordinal=ordinal,
                start=start,
                end=start + len(chunk),
                text=chunk,
                embedding_text=f"{document.title}. {chunk}",
                token_count=max(1, len(chunk.split())),
                sentences=tuple(sentence_spans(chunk)),
                unit_from=unit,
                unit_to=unit,
            )
        )
        start += len(chunk) + 1
    return drafts
