"""The one composition root: settings -> ports filled with adapters.

Everything is lazy: a driver is imported when the first request needs it, so that a function pays only for
what it uses. One container lives as long as the process.
"""

from __future__ import annotations

import os
from functools import cached_property, lru_cache, partial
from typing import TYPE_CHECKING

from footnote.platform.clock import Clock, SystemClock
from footnote.platform.errors import InvalidRequest
from footnote.platform.logging import get_logger
from footnote.platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from footnote.chat.caching import AnswerCache
    from footnote.chat.explain import Explanations
    from footnote.chat.extractive import ExtractiveAnswerer
    from footnote.chat.generators import Generators
    from footnote.chat.orchestrator import ChatOrchestrator
    from footnote.evaluation import Subject
    from footnote.evaluation.evaluations import GoldenSets, Runs
    from footnote.evaluation.evaluator import Evaluator
    from footnote.evaluation.gates import Gates
    from footnote.identity.accounts import Accounts
    from footnote.identity.authentication import Authentication
    from footnote.identity.authorization import Authorizer
    from footnote.knowledge import CachingRetriever, FeatureRanker, QueryRewriter, Retriever
    from footnote.knowledge.documents import Documents
    from footnote.knowledge.ingestion import Ingestion
    from footnote.knowledge.standing import DocumentExplainer
    from footnote.knowledge.sweeping import Sweeper
    from footnote.models import Embedder, EmbeddingCache, Generator, Reranker
    from footnote.models.providers.probe import GenerationProbe
    from footnote.operations import Health
    from footnote.platform.caching import CacheStates, TieredCache
    from footnote.platform.context import OrganizationContext
    from footnote.platform.overrides import LiveOverrides, Overrides, Value
    from footnote.stores.postgres.conversations import PostgresConversationStore
    from footnote.stores.postgres.database import Database
    from footnote.stores.postgres.evaluation_gates import PostgresGateStore
    from footnote.stores.postgres.evaluation_runs import PostgresRunStore
    from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore
    from footnote.stores.postgres.search import PostgresSearchStore
    from footnote.stores.postgres.vector_indexes import PostgresVectorIndexes
    from footnote.stores.redis.connection import RedisConnection
    from footnote.stores.redis.revocations import RedisRevocations
    from footnote.stores.s3.objects import S3ObjectStore
    from footnote.stores.s3.probe import StorageProbe
    from footnote.stores.secrets.extension import SecretReader

logger = get_logger("composition")

_VARIANTS = 32  # configurations of organizations that are kept at the same time


class Container:
    """All services of one process.

    Args:
        settings: The process's settings.
        clock: Time; tests set their own.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self._variants: dict[tuple[tuple[str, Value], ...], Container] = {}

    @cached_property
    def secrets(self) -> SecretReader:
        from footnote.stores.secrets.extension import SecretReader

        return SecretReader(self.settings.secrets)

    @cached_property
    def database(self) -> Database:
        from footnote.stores.postgres.database import Database

        return Database(self.settings.postgres, self.secrets)

    @cached_property
    def redis(self) -> RedisConnection:
        from footnote.stores.redis.connection import RedisConnection

        return RedisConnection(self.settings.redis, self.secrets, self.clock)

    @cached_property
    def revocations(self) -> RedisRevocations:
        from footnote.stores.redis.revocations import RedisRevocations

        return RedisRevocations(self.redis)

    @cached_property
    def authentication(self) -> Authentication:
        """For `auth`: the process signs in to Postgres as `footnote_auth`."""
        from footnote.identity.access_tokens import AccessTokenIssuer
        from footnote.identity.authentication import Authentication
        from footnote.identity.keys import CurrentKeys, parse_signing_keys
        from footnote.identity.passwords import Passwords
        from footnote.stores.postgres.identity import PostgresIdentityStore

        settings = self.settings.identity
        return Authentication(
            settings,
            store=PostgresIdentityStore(self.database),
            revocations=self.revocations,
            keys=CurrentKeys(self.secrets, settings.signing_secret, parse_signing_keys),
            issuer=AccessTokenIssuer(settings, self.clock),
            passwords=Passwords(settings),
        )

    @cached_property
    def authorizer(self) -> Authorizer:
        from footnote.identity.access_tokens import AccessTokenVerifier
        from footnote.identity.authorization import Authorizer
        from footnote.identity.keys import CurrentKeys, parse_verification_keys

        settings = self.settings.identity
        return Authorizer(
            AccessTokenVerifier(settings),
            CurrentKeys(self.secrets, settings.verification_secret, parse_verification_keys),
            self.revocations,
        )

    @cached_property
    def accounts(self) -> Accounts:
        from footnote.identity.accounts import Accounts
        from footnote.stores.postgres.identity import PostgresAccountStore

        return Accounts(PostgresAccountStore(self.database))

    @cached_property
    def health(self) -> Health:
        """Checks of all dependencies."""
        from footnote.operations import Check, Health
        from footnote.platform.errors import ServiceUnavailable

        async def redis() -> None:
            try:
                await self.redis.ping()
            except ServiceUnavailable:
                # Its limits are so short that the other checks of a cold process alone can exceed them.
                await self.redis.ping()

        async def embed() -> None:
            await self.embedder.embed_queries(["ready"])

        checks = [
            Check("postgres", self.database.ping, limit_s=1.0),
            Check("redis", redis, limit_s=1.0, is_critical=False),
            Check("storage", self.storage_probe.ping, limit_s=2.0),
            Check("embedding_model", embed, limit_s=2.0, failed="not ready"),
            Check("generation_model", self.generation_probe.ping, limit_s=2.0, failed="not ready"),
        ]
        if self.reranker is not None:
            rerank = partial(self.reranker.score, "ready", ["ready"])
            checks.append(
                Check("reranking_model", rerank, limit_s=2.0, is_critical=False, failed="not ready")
            )
        return Health(checks, self.clock)

    @cached_property
    def storage_probe(self) -> StorageProbe:
        from footnote.stores.s3.probe import StorageProbe

        return StorageProbe(self.settings.storage)

    @cached_property
    def generation_probe(self) -> GenerationProbe:
        from footnote.models.providers.probe import GenerationProbe

        return GenerationProbe(self.settings.generation, self.secrets)

    @cached_property
    def embedder(self) -> Embedder:
        from footnote.models.providers.sagemaker import SageMakerEmbedder

        region = os.environ.get("AWS_REGION", self.settings.storage.region)
        return SageMakerEmbedder(self.settings.embedding, region)

    @cached_property
    def reranker(self) -> Reranker | None:
        """The cross-encoder of the settings; `None` without one."""
        settings = self.settings.reranking
        if not settings.endpoint_name:
            return None
        from footnote.models.providers.sagemaker import SageMakerReranker

        region = os.environ.get("AWS_REGION", self.settings.storage.region)
        return SageMakerReranker(settings, region, self.clock)

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

    @cached_property
    def ranker(self) -> FeatureRanker | None:
        """The learned ranker, unless the settings leave ranking to fusion alone."""
        if self.settings.retrieval.rerank == "off":
            return None
        from footnote.knowledge import FeatureRanker, load_ensemble

        return FeatureRanker(load_ensemble())

    @cached_property
    def cache(self) -> TieredCache:
        """Memory, Redis and store."""
        from footnote.platform.caching import CacheStatistics, MemoryTier, TieredCache
        from footnote.stores.postgres.cache import PostgresCacheTier

        caches = self.settings.caches
        redis = None
        if caches.redis:
            from footnote.stores.redis.cache import RedisCacheTier

            redis = RedisCacheTier(self.redis)
        return TieredCache(
            memory=MemoryTier(self.clock, max_entries=caches.memory_entries, max_bytes=caches.memory_bytes),
            redis=redis,
            store=PostgresCacheTier(self.database) if caches.store else None,
            statistics=CacheStatistics(self.clock, interval_s=caches.metrics_s),
            max_value_bytes=caches.max_value_bytes,
        )

    @cached_property
    def cache_states(self) -> CacheStates:
        """What is valid now; ends the generation of what is not."""
        from footnote.platform.caching import CacheStates
        from footnote.stores.postgres.cache import PostgresGenerations

        generations = PostgresGenerations(self.database)
        return CacheStates(generations, self.cache, self.clock, keep_s=self.settings.caches.state_keep_s)

    @cached_property
    def embeddings(self) -> EmbeddingCache:
        from footnote.models import EmbeddingCache

        caches = self.settings.caches
        return EmbeddingCache(
            self.embedder,
            self.cache,
            self.cache_states,
            self.clock,
            revision_check_s=caches.revision_check_s,
            ttl_s=caches.embedding_ttl_s,
        )

    @cached_property
    def answers(self) -> AnswerCache | None:
        """Cached answers; `None` where that is off."""
        from footnote.chat.caching import AnswerCache
        from footnote.models.prompts import PROMPT_VERSION
        from footnote.stores.postgres.cached_questions import PostgresQuestionIndex

        caches = self.settings.caches
        if not (caches.enabled and caches.answers):
            return None
        index = PostgresQuestionIndex(self.database, caches.semantic_questions) if caches.semantic else None
        return AnswerCache(
            self.cache,
            self.cache_states,
            embedder=self.embedder,
            embeddings=self.embeddings if caches.embedding else None,
            index=index,
            clock=self.clock,
            settings=caches,
            planned_model=self.generators.grounded.name,
            basis={"prompt": PROMPT_VERSION, "settings": self._settings_digest},
        )

    @cached_property
    def _settings_digest(self) -> str:
        """In cache keys: all that shapes results and answers but is not named there, settings and code."""
        from footnote import __version__
        from footnote.platform.caching import digest

        settings = self.settings
        shaping = ("retrieval", "chat", "generation", "embedding", "reranking")
        sections = {name: getattr(settings, name).model_dump() for name in shaping}
        return digest({"version": __version__} | sections)

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
    def conversations(self) -> PostgresConversationStore:
        from footnote.stores.postgres.conversations import PostgresConversationStore

        return PostgresConversationStore(self.database)

    @cached_property
    def explanations(self) -> Explanations:
        from footnote.chat.explain import Explanations
        from footnote.stores.postgres.provenance import PostgresProvenanceStore

        return Explanations(PostgresProvenanceStore(self.database))

    @cached_property
    def extractive(self) -> ExtractiveAnswerer:
        from footnote.chat.extractive import ExtractiveAnswerer

        return ExtractiveAnswerer(
            self.embedder, self.search_store, threshold=self.settings.chat.abstain_below
        )

    @cached_property
    def generators(self) -> Generators:
        """The configured model with the extractive answerer behind it, or that one alone."""
        from footnote.chat.generators import Generators, NoGenerator

        model = self.language_model
        if model is None:
            return Generators(grounded=self.extractive, extractive=self.extractive, free=NoGenerator())
        from footnote.models import FallbackGenerator

        grounded = FallbackGenerator((model, self.extractive), self.clock)
        return Generators(grounded=grounded, extractive=self.extractive, free=model)

    @cached_property
    def language_model(self) -> Generator | None:
        """The generation server of the settings; none without one."""
        settings = self.settings.generation
        if settings.base_url is None:
            return None
        from footnote.models.providers.openai import OpenAIGenerator

        key = partial(self.secrets.get, settings.api_key_secret) if settings.api_key_secret else None
        return OpenAIGenerator(settings, key)

    @cached_property
    def query_rewriter(self) -> QueryRewriter | None:
        """Words follow-ups anew by the configured model; `None` without one, and where that is off."""
        from footnote.knowledge import ModelQueryRewriter

        settings, model = self.settings.retrieval, self.language_model
        if model is None or not settings.rewrite_with_model:
            return None
        return ModelQueryRewriter(model, settings.rewrite_timeout_s)

    @cached_property
    def chat(self) -> ChatOrchestrator:
        from footnote.chat.orchestrator import ChatOrchestrator
        from footnote.models.prompts import PROMPT_VERSION

        return ChatOrchestrator(
            retriever=self.retriever,
            conversations=self.conversations,
            embedder=self.embedder,
            generators=self.generators,
            clock=self.clock,
            settings=self.settings.chat,
            prompt_version=PROMPT_VERSION,
            rewriter=self.query_rewriter,
            answers=self.answers,
            uncached=self.uncached_retriever,
            settings_digest=self._settings_digest,
        )

    @cached_property
    def golden_set_store(self) -> PostgresGoldenSetStore:
        from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore

        return PostgresGoldenSetStore(self.database)

    @cached_property
    def run_store(self) -> PostgresRunStore:
        from footnote.stores.postgres.evaluation_runs import PostgresRunStore

        return PostgresRunStore(self.database)

    @cached_property
    def gate_store(self) -> PostgresGateStore:
        from footnote.stores.postgres.evaluation_gates import PostgresGateStore

        return PostgresGateStore(self.database)

    @cached_property
    def golden_sets(self) -> GoldenSets:
        from footnote.evaluation.evaluations import GoldenSets

        return GoldenSets(self.golden_set_store, self.settings)

    @cached_property
    def evaluation_runs(self) -> Runs:
        from footnote.evaluation.evaluations import Runs

        return Runs(self.run_store, self.settings)

    @cached_property
    def gates(self) -> Gates:
        from footnote.evaluation.gates import Gates

        return Gates(self.gate_store, self.evaluation_runs, self.settings, self.clock)

    @cached_property
    def evaluator(self) -> Evaluator:
        """For `evaluator`: works runs off."""
        from footnote.evaluation.evaluator import Evaluator

        return Evaluator(self.run_store, self.evaluation_subject, self.settings.evaluation, self.clock)

    def evaluation_subject(self, overrides: Overrides) -> Subject:
        """The product under other settings: without caches, and without conversations that are kept."""
        from footnote.evaluation.subject import ProductSubject, Unrecorded
        from footnote.platform.overrides import merged

        settings = merged(self.settings, overrides)
        caches = settings.caches.model_copy(update={"enabled": False})
        other = self.derived(settings.model_copy(update={"caches": caches}))
        other.__dict__["conversations"] = Unrecorded()
        return ProductSubject(
            retriever=other.uncached_retriever,
            chat=other.chat,
            embedder=other.embedder,
            rewriter=other.query_rewriter,
            search_limit=settings.evaluation.search_limit,
            history_turns=settings.chat.history_turns,
        )

    @cached_property
    def live_overrides(self) -> LiveOverrides:
        """Settings that went live in an organization."""
        from footnote.platform.overrides import LiveOverrides
        from footnote.stores.postgres.active_overrides import PostgresActiveOverrides

        return LiveOverrides(PostgresActiveOverrides(self.database), self.clock)

    async def of_organization(self, context: OrganizationContext) -> Container:
        """The services under the settings that are in force in the context's organization."""
        overrides = await self.live_overrides.of(context)
        if not overrides:
            return self
        key = tuple(sorted(overrides.items()))
        if key not in self._variants:
            self._variants[key] = self._variant(overrides)
            if len(self._variants) > _VARIANTS:
                self._variants.pop(next(iter(self._variants)))
        return self._variants[key]

    def _variant(self, overrides: Overrides) -> Container:
        from footnote.platform.overrides import merged

        try:
            other = self.derived(merged(self.settings, overrides))
        except InvalidRequest:
            # The deployment does not know a setting any more that it knew when it went live.
            logger.exception("settings of an organization cannot be applied")
            return self
        if self.settings.caches.enabled:
            # Their keys tell settings apart, so that one cache does for all.
            other.__dict__ |= {"cache": self.cache, "cache_states": self.cache_states}
        return other

    def derived(self, settings: Settings) -> Container:
        """The services of this process under other settings, over the same connections."""
        other = Container(settings, self.clock)
        other.__dict__ |= {"secrets": self.secrets, "database": self.database, "embedder": self.embedder}
        return other


@lru_cache(maxsize=1)
def container() -> Container:
    """The process's container."""
    return Container(load_settings())
