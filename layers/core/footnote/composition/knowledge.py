"""Documents and search."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.caching import Caching

if TYPE_CHECKING:
    from footnote.knowledge import CachingRetriever, FeatureRanker, QueryRewriter, Retriever
    from footnote.knowledge.documents import Documents
    from footnote.knowledge.ingestion import Ingestion
    from footnote.knowledge.standing import DocumentExplainer
    from footnote.knowledge.sweeping import Sweeper
    from footnote.models import Embedder
    from footnote.stores.postgres.search import PostgresSearchStore
    from footnote.stores.postgres.vector_indexes import PostgresVectorIndexes
    from footnote.stores.s3.objects import S3ObjectStore


class Knowledge(Caching):
    """Services of knowledge."""

    @cached_property
    def objects(self) -> S3ObjectStore:
        from footnote.stores.s3.objects import S3ObjectStore

        return S3ObjectStore(self.settings.storage, self.clock)

    @cached_property
    def documents(self) -> Documents:
        from footnote.knowledge.documents import Documents
        from footnote.stores.postgres.documents import PostgresDocumentStore

        return Documents(PostgresDocumentStore(self.database), self.objects, self.settings.ingestion)

    @cached_property
    def ingestion(self) -> Ingestion:
        from footnote.knowledge.chunking import chunk
        from footnote.knowledge.ingestion import Ingestion
        from footnote.knowledge.joining import JoiningEmbedder
        from footnote.knowledge.parsing import parse
        from footnote.stores.postgres.ingestion import PostgresIngestionStore

        settings = self.settings
        return Ingestion(
            store=PostgresIngestionStore(self.database, settings.ingestion, settings.retrieval),
            objects=self.objects,
            embedder=JoiningEmbedder(self.embedder, settings.embedding.batch_size),
            parse=parse,
            chunk=chunk,
            charges=self.charges,
            settings=settings.ingestion,
            bucket=settings.storage.bucket,
        )

    @cached_property
    def vector_indexes(self) -> PostgresVectorIndexes:
        """For `indexer`: the process signs in to Postgres as `footnote_indexer`."""
        from footnote.stores.postgres.vector_indexes import PostgresVectorIndexes

        return PostgresVectorIndexes(self.database, self.settings.retrieval)

    @cached_property
    def sweeper(self) -> Sweeper:
        """For `sweeper`: the process signs in to Postgres as `footnote_jobs`."""
        from footnote.knowledge.sweeping import Sweeper
        from footnote.stores.postgres.housekeeping import PostgresHousekeeping

        return Sweeper(PostgresHousekeeping(self.database), self.objects, self.settings.ingestion)

    @cached_property
    def search_store(self) -> PostgresSearchStore:
        from footnote.stores.postgres.search import PostgresSearchStore

        return PostgresSearchStore(self.database, self.settings.retrieval)

    @cached_property
    def uncached_retriever(self) -> Retriever:
        return self._retriever(self.embedder)

    @cached_property
    def retriever(self) -> CachingRetriever | Retriever:
        """Search, remembering where the settings say so."""
        from footnote.knowledge import CachingRetriever

        caches = self.settings.caches
        if not caches.enabled or not (caches.embedding or caches.search):
            return self.uncached_retriever
        return CachingRetriever(
            self._retriever,
            embedder=self.embedder,
            embeddings=self.embeddings if caches.embedding else None,
            cache=self.cache if caches.search else None,
            states=self.cache_states,
            clock=self.clock,
            settings_digest=self._settings_digest,
            ttl_s=caches.search_ttl_s,
        )

    @cached_property
    def document_explainer(self) -> DocumentExplainer:
        from footnote.knowledge.standing import DocumentExplainer
        from footnote.stores.postgres.standing import PostgresStandingStore

        settings = self.settings.retrieval
        store = PostgresStandingStore(self.database, settings)
        return DocumentExplainer(self.uncached_retriever, store, self.embedder, settings)

    @cached_property
    def ranker(self) -> FeatureRanker | None:
        """The learned ranker, unless the settings leave ranking to fusion alone."""
        if self.settings.retrieval.rerank == "off":
            return None
        from footnote.knowledge import FeatureRanker, load_ensemble

        return FeatureRanker(load_ensemble())

    @cached_property
    def query_rewriter(self) -> QueryRewriter | None:
        """Words follow-ups anew by the configured model; `None` without one, and where that is off."""
        from footnote.knowledge import ModelQueryRewriter

        settings, model = self.settings.retrieval, self.language_model
        if model is None or not settings.rewrite_with_model:
            return None
        return ModelQueryRewriter(model, settings.rewrite_timeout_s)

    def _retriever(self, embedder: Embedder) -> Retriever:
        from footnote.knowledge import Retriever

        return Retriever(
            self.search_store,
            embedder,
            self.settings.retrieval,
            self.clock,
            ranker=self.ranker,
            reranker=self.reranker,
        )
