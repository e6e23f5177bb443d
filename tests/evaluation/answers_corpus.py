"""Puts evaluation sets into organizations of a throw-away database, by the product's own chunker, model and
stores, without files and functions between them.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from footnote.evaluation import CorpusRow
from footnote.knowledge import (
    Block,
    FeatureRanker,
    ParsedDocument,
    RetrievedPassage,
    Retriever,
    load_ensemble,
)
from footnote.knowledge.chunking import chunk
from footnote.models import EmbeddingModel, PassageVectors
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import ChatSettings, IngestionSettings, RetrievalSettings
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.ingestion import PostgresIngestionStore
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.corpus import Indexed, activate
from tests.support.embedding import InProcessEmbedder
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster


class RememberingEmbedder:
    """The real model; a text is embedded once, however many organizations hold it."""

    def __init__(self) -> None:
        self._model = InProcessEmbedder()
        self._known: dict[str, list[float]] = {}
        self._passages: dict[tuple[str, tuple[tuple[int, int], ...]], PassageVectors] = {}

    async def model(self) -> EmbeddingModel:
        return await self._model.model()

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        unknown = list(dict.fromkeys(text for text in texts if text not in self._known))
        if unknown:
            vectors = await self._model.embed_queries(unknown)
            self._known |= dict(zip(unknown, vectors, strict=True))
        return [self._known[text] for text in texts]

    embed_passages = embed_queries

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        keys = [(text, tuple(of_text)) for text, of_text in zip(texts, spans, strict=True)]
        unknown = list(dict.fromkeys(key for key in keys if key not in self._passages))
        if unknown:
            found = await self._model.embed_passages_with_sentences(
                [text for text, _ in unknown], [of_text for _, of_text in unknown]
            )
            self._passages |= dict(zip(unknown, found, strict=True))
        return [self._passages[key] for key in keys]


@dataclass(frozen=True)
class Corpus:
    """An organization that holds some rows; `rows` are their ids by document."""

    context: OrganizationContext
    rows: dict[UUID, str]


class Bench:
    """Search and stores on one throw-away database."""

    def __init__(self, test_database: TestDatabase, database: Database) -> None:
        self.embedder = RememberingEmbedder()
        self.search = PostgresSearchStore(database, RetrievalSettings())
        self.retriever = self.retriever_with(RetrievalSettings(), FeatureRanker(load_ensemble()))
        self.settings = ChatSettings()
        self._test_database = test_database
        self._ingestion = PostgresIngestionStore(database, IngestionSettings(), RetrievalSettings())

    @property
    def dsn(self) -> str:
        """Of the throw-away database, as its superuser."""
        return self._test_database.superuser_dsn

    def retriever_with(self, settings: RetrievalSettings, ranker: FeatureRanker | None) -> Retriever:
        """The product's search with other settings or another ranker."""
        return Retriever(self.search, self.embedder, settings, SystemClock(), ranker=ranker)

    async def index(self, rows: Iterable[CorpusRow]) -> Corpus:
        """A new organization with these documents."""
        context = new_organization(self._test_database)
        found: dict[UUID, str] = {}
        for row in rows:
            document = _parsed(row)
            drafts = chunk(document, IngestionSettings())
            if drafts:
                vectors = await self.embedder.embed_passages_with_sentences(
                    [draft.embedding_text for draft in drafts], [draft.embedded_sentences for draft in drafts]
                )
                indexed = Indexed(document.title, document.text, document.language, drafts, vectors)
                found[await activate(self._ingestion, await self.embedder.model(), context, indexed)] = row.id
        return Corpus(context, found)

    async def passages(self, corpus: Corpus, question: str) -> tuple[RetrievedPassage, ...]:
        """What a question finds, as the orchestrator asks for it."""
        found = await self.retriever.retrieve(corpus.context, question, limit=self.settings.passages)
        return found.passages


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A bench on a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="footnote-evaluation-") as directory:
        Path(directory).chmod(0o755)
        with running_cluster(Path(directory)) as cluster, cluster.migrated_database() as test_database:
            database = open_database(test_database)
            try:
                yield Bench(test_database, database)
            finally:
                await database.close()


def _parsed(row: CorpusRow) -> ParsedDocument:
    blocks: list[Block] = []
    at = 0
    for line in row.text.split("\n"):
        if line.strip():
            blocks.append(Block(at, at + len(line), "paragraph"))
        at += len(line) + 1
    return ParsedDocument(row.text, tuple(blocks), row.title or row.id, language="en")
