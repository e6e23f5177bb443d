"""Answers, kept: by the exact question, and by a near one that a second check finds to ask the same.

The key holds everything an answer depends on: organization, access, corpus version, embedding model,
generation model, prompt, filters, settings and question. So a cached answer never needs to be checked against
its sources: had one of them changed, or its title, the corpus version would be another.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from footnote.chat.caching.policy import AskedQuestion, may_keep, may_look_up
from footnote.chat.caching.ports import CachedQuestion, NearQuestion, QuestionIndex
from footnote.chat.caching.questions import exact_form
from footnote.chat.caching.sameness import compare
from footnote.chat.models import Answer, AnswerMetadata, CachePath, Source
from footnote.chat.provenance.models import Grounds
from footnote.models import Embedder, EmbeddingCache
from footnote.platform.caching import (
    RESPONSE,
    CacheKey,
    CacheState,
    CacheStates,
    Found,
    JsonCodec,
    Kind,
    TieredCache,
    access_of,
    digest,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.settings import CacheSettings

SEMANTIC = "semantic"
"""The semantic cache's name in statistics."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """What is kept of an answer.

    Attributes:
        question: The question in its exact form.
        passages: How many passages it could rest on.
        answered_at: When it was written.
        grounds: What it could rest on, for the records of the messages it is given to again.
    """

    question: str
    text: str
    sources: tuple[Source, ...]
    metadata: AnswerMetadata
    passages: int
    answered_at: datetime
    grounds: Grounds | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A cached answer and the way it was found."""

    answer: CachedAnswer
    path: CachePath


class Lookup:
    """One question's visit to the cache.

    Attributes:
        hit: What was found.
    """

    def __init__(self, hit: Hit | None = None) -> None:
        self.hit = hit

    async def keep(self, answer: Answer, grounds: Grounds) -> None:
        """Offers an answer that had to be written; kept if the policy allows it.

        Args:
            answer: Complete and stored.
            grounds: What it could rest on, in the documents that were really searched.
        """


class AnswerCache:
    """Looks up and keeps answers.

    Args:
        cache: Where answers are kept.
        states: Corpus version and generations.
        embedder: Whose revision is a part of the key.
        embeddings: Gives questions their vectors.
        index: Cached questions by meaning; `None` where the semantic cache is off.
        clock: Time.
        settings: Terms, threshold, limits.
        planned_model: Who is asked to write first.
        basis: Everything else that an answer depends on: prompt version, settings, code.
    """

    def __init__(
        self,
        cache: TieredCache,
        states: CacheStates,
        *,
        embedder: Embedder,
        embeddings: EmbeddingCache | None,
        index: QuestionIndex | None,
        clock: Clock,
        settings: CacheSettings,
        planned_model: str,
        basis: dict[str, str],
    ) -> None:
        self._cache = cache
        self._states = states
        self._embedder = embedder
        self._embeddings = embeddings
        self._index = index
        self._clock = clock
        self._settings = settings
        self._planned_model = planned_model
        self._basis = basis
        self._kind: Kind = replace(RESPONSE, ttl_s=settings.answer_ttl_s)
        self._codec = JsonCodec(CachedAnswer)
        self._writing: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def visit(self, context: OrganizationContext, question: AskedQuestion) -> AsyncIterator[Lookup]:
        """Looks a question up. While the block runs without a hit, the same question waits for its answer.

        No error of a cache comes out of this; without a cache, or where one may not be used, nothing is
        found.
        """
        asked = await self._asked(context, question) if may_look_up(question) else None
        if asked is None:
            yield Lookup()
            return
        hit = await self._find(asked)
        if hit is not None:
            yield Lookup(hit)
            return
        async with self._alone(asked) as late:
            yield Lookup(late) if late else _Visit(self, asked)

    async def _asked(self, context: OrganizationContext, question: AskedQuestion) -> _Asked | None:
        """`None` where what the key needs cannot be known."""
        state = await self._states.current(context)
        if state is None:
            return None
        try:
            model = await self._embedder.model()
        except ModelUnavailable:
            return None
        parts: dict[str, Any] = {
            **self._basis,
            "shape": self._codec.fingerprint,
            "access": access_of(context),
            "embedding": asdict(model),
            "generation": self._planned_model,
            "filters": asdict(question.filters),
            "max_tokens": question.max_tokens,
            "temperature": None if self._planned_model == "extractive" else question.temperature,
        }
        return _Asked(context, question, exact_form(question.text), parts, state)

    async def _find(self, asked: _Asked) -> Hit | None:
        found = await self._cache.get(asked.context, self._kind, self._key(asked), self._codec)
        if found is not None:
            return self._hit(found, "exact", 1.0)
        if self._index is None:
            return None
        try:
            asked.vector = await self._vector(asked)
            return await self._find_near(asked, self._index)
        except (ModelUnavailable, ServiceUnavailable):
            self._cache.statistics.count(SEMANTIC, "none", "unavailable")
            return None

    async def _find_near(self, asked: _Asked, index: QuestionIndex) -> Hit | None:
        assert asked.vector is not None
        scope = asked.scope(asked.state.corpus_version)
        nearest = await index.nearest(asked.context, scope, asked.vector, self._settings.semantic_candidates)
        for near in nearest:
            if near.similarity < self._settings.semantic_threshold:
                break
            if not compare(asked.form, near.text).same:
                self._cache.statistics.count(SEMANTIC, "none", "rejected")
                continue
            hit = await self._take(asked, near)
            if hit is not None:
                self._cache.statistics.count(SEMANTIC, "none", "hits")
                return hit
            await index.remove(asked.context, scope, near.entry)
        self._cache.statistics.count(SEMANTIC, "none", "misses")
        return None

    async def _take(self, asked: _Asked, near: NearQuestion) -> Hit | None:
        key = replace(self._key(asked), digest=near.entry)
        found = await self._cache.get(asked.context, self._kind, key, self._codec)
        return None if found is None else self._hit(found, "semantic", near.similarity)

    def _hit(self, found: Found[CachedAnswer], way: str, similarity: float) -> Hit:
        age_s = max(0.0, (self._clock.now() - found.value.answered_at).total_seconds())
        path = CachePath(way, found.tier, round(similarity, 4), round(age_s, 1))
        return Hit(found.value, path)

    async def _vector(self, asked: _Asked) -> list[float]:
        if self._embeddings is not None:
            return await self._embeddings.vector(asked.context, asked.question.text)
        return (await self._embedder.embed_queries([asked.question.text]))[0]

    @asynccontextmanager
    async def _alone(self, asked: _Asked) -> AsyncIterator[Hit | None]:
        """Waits for the same question that is being answered just now, for its answer if it was kept."""
        place = f"{asked.context.organization_id}:{self._key(asked).name}"
        ended = self._writing.get(place)
        if ended is not None:
            self._cache.statistics.count(self._kind.name, "none", "stampede_waits")
            try:
                async with asyncio.timeout(self._settings.wait_s):
                    await ended.wait()
            except TimeoutError:
                yield None
                return
            found = await self._cache.get(asked.context, self._kind, self._key(asked), self._codec)
            if found is not None:
                yield self._hit(found, "exact", 1.0)
                return
        mine = asyncio.Event()
        self._writing[place] = mine
        try:
            yield None
        finally:
            mine.set()
            if self._writing.get(place) is mine:
                del self._writing[place]

    async def keep(self, asked: _Asked, answer: Answer, grounds: Grounds) -> None:
        """See `Lookup.keep`."""
        question, settings = asked.question, self._settings
        if not may_keep(
            question, answer, planned_model=self._planned_model, max_temperature=settings.max_temperature
        ):
            return
        now = self._clock.now()
        cached = CachedAnswer(
            question=asked.form,
            text=answer.text,
            sources=answer.sources,
            metadata=answer.metadata,
            passages=answer.metadata.passages_considered,
            answered_at=now,
            grounds=grounds,
        )
        key = self._key(asked, grounds.corpus_version)
        await self._cache.set(asked.context, self._kind, key, cached, self._codec)
        if self._index is None or asked.vector is None:
            return
        listed = CachedQuestion(asked.form, key.digest, now)
        try:
            await self._index.add(
                asked.context,
                asked.scope(grounds.corpus_version),
                listed,
                asked.vector,
                settings.answer_ttl_s,
            )
        except ServiceUnavailable:
            self._cache.statistics.count(SEMANTIC, "none", "unavailable")

    def _key(self, asked: _Asked, corpus_version: int | None = None) -> CacheKey:
        version = asked.state.corpus_version if corpus_version is None else corpus_version
        return CacheKey(
            asked.context.organization_id,
            self._kind.name,
            digest({"scope": asked.scope(version), "question": asked.form}),
            asked.state.generation(self._kind.name),
            self._kind.version,
        )


@dataclass(slots=True)
class _Asked:
    """A question with everything its key is made of."""

    context: OrganizationContext
    question: AskedQuestion
    form: str
    parts: dict[str, Any]
    state: CacheState
    vector: list[float] | None = None

    def scope(self, corpus_version: int) -> str:
        """Digest of all that an answer depends on but its question; another generation is another scope."""
        generation = self.state.generation(RESPONSE.name)
        return digest(self.parts | {"corpus_version": corpus_version, "generation_number": generation})


class _Visit(Lookup):
    """A question without a hit."""

    def __init__(self, cache: AnswerCache, asked: _Asked) -> None:
        super().__init__()
        self._cache = cache
        self._asked = asked

    async def keep(self, answer: Answer, grounds: Grounds) -> None:
        await self._cache.keep(self._asked, answer, grounds)
