"""Conversations and answers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.knowledge import Knowledge

if TYPE_CHECKING:
    from footnote.chat.caching import AnswerCache
    from footnote.chat.charging import AnswerCharges
    from footnote.chat.explain import Explanations
    from footnote.chat.extractive import ExtractiveAnswerer
    from footnote.chat.generators import Generators
    from footnote.chat.orchestrator import ChatOrchestrator
    from footnote.stores.postgres.conversations import PostgresConversationStore

# Questions, and sentences of passages and answers whose vectors are asked for.
_EMBEDDED_TEXTS = 96


class Chat(Knowledge):
    """Services of chat."""

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
    def answer_charges(self) -> AnswerCharges | None:
        """What answers are charged by; `None` in an evaluation, which charges by itself."""
        from footnote.chat.charging import AnswerCharges, AnswerLimits
        from footnote.knowledge.metering import rerank_calls

        settings = self.settings
        chat, generation = settings.chat, settings.generation
        limits = AnswerLimits(
            context_tokens=chat.context_tokens,
            token_factor=chat.context_token_factor,
            embedding_tokens=_EMBEDDED_TEXTS * settings.embedding.window_tokens,
            rerank_calls=rerank_calls(settings),
            compute_ms=round(1000 * chat.deadline_s) if generation.self_hosted else 0,
            rewrites=settings.retrieval.rewrite_with_model,
            deadline_s=chat.deadline_s,
        )
        return AnswerCharges(self.charges, limits)

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
            notice=self.notice,
            charges=self.answer_charges,
        )
