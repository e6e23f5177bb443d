"""One question's way through: history, search, passages, generation, citations, storage.

`ChatOrchestrator.stream` is an async generator of typed events; transports only serialise them. Nothing is
left to run after it ends: Lambda freezes the process with the response.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from uuid import UUID

from footnote.billing import KeptResponse
from footnote.chat.asking import as_cached, title_of, turn_of, validate
from footnote.chat.caching import AnswerCache, Hit, Lookup
from footnote.chat.caching.replay import again, replay
from footnote.chat.charging import AnswerCharge, AnswerCharges, suppressing_errors
from footnote.chat.context import at_both_ends, pack
from footnote.chat.draft import UNGROUNDED, AnswerBasis, AnswerDraft
from footnote.chat.events import Done, Event, Repeated, Retrieval, Usage
from footnote.chat.generators import Generators
from footnote.chat.models import Answer, ChatQuestion, NewTurn
from footnote.chat.passages import PackedPassage
from footnote.chat.ports import ConversationStore, PassageRetriever
from footnote.chat.provenance.recording import Trail, grounds_of
from footnote.knowledge import QueryRewriter, contextual_query
from footnote.knowledge import Retrieval as SearchResult
from footnote.models import (
    Embedder,
    GenerationDelta,
    GenerationRequest,
    Generator,
    PromptPassage,
    Turn,
    collected,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import ChatSettings
from footnote.platform.tasks import uninterrupted
from footnote.quota import Replayed

_NOT_SEARCHED = SearchResult(passages=(), strategy="none")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question with its conversation and the moment it arrived."""

    context: OrganizationContext
    question: ChatQuestion
    session_id: UUID
    history: tuple[Turn, ...]
    at: datetime
    started: float  # of the monotonic clock, seconds
    trail: Trail
    charge: AnswerCharge | None = None


class ChatOrchestrator:
    """Answers questions.

    Args:
        retriever: Search in the organization's documents.
        conversations: Sessions and messages.
        embedder: For follow-up questions and doubtful citations.
        generators: Who writes.
        clock: Time.
        settings: Passages, budget, history, deadline.
        prompt_version: Version of the prompt that generators are given; stored with each answer.
        rewriter: Words follow-up questions anew; none where rules alone do.
        answers: Cached answers; none where that is off.
        uncached: Search for questions that refuse caches; `retriever` by default.
        settings_digest: Stands for all settings and code that shape an answer; stored with each.
        notice: Told of every answer: what these services leave out; `None` if nothing.
        charges: What answers are charged by; `None` where nothing is charged, as in evaluations.
    """

    def __init__(
        self,
        *,
        retriever: PassageRetriever,
        conversations: ConversationStore,
        embedder: Embedder,
        generators: Generators,
        clock: Clock,
        settings: ChatSettings,
        prompt_version: str,
        rewriter: QueryRewriter | None = None,
        answers: AnswerCache | None = None,
        uncached: PassageRetriever | None = None,
        settings_digest: str = "",
        notice: str | None = None,
        charges: AnswerCharges | None = None,
    ) -> None:
        self._retriever = retriever
        self._answers = answers
        self._uncached = uncached or retriever
        self._conversations = conversations
        self._embedder = embedder
        self._generators = generators
        self._clock = clock
        self._settings = settings
        self._prompt_version = prompt_version
        self._rewriter = rewriter
        self._settings_digest = settings_digest
        self._notice = notice
        self._charges = charges

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer:
        """The whole answer at once; same errors as `stream`."""
        done: Answer | None = None
        async for event in self.stream(context, question):
            if isinstance(event, Done):
                done = event.answer
        assert done is not None  # `stream` ends with `Done` or raises
        return done

    async def stream(
        self, context: OrganizationContext, question: ChatQuestion, *, key: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """The answer as events, the last one `Done`; or `Repeated` alone.

        The turn is stored and charged, in one transaction, before `Done`. If the consumer leaves earlier
        (closes the generator, or is cancelled), what it had been given is stored as interrupted, and charged;
        if a model had been asked but nothing was given yet, what the model did is charged.

        Args:
            context: Who asks.
            question: What is asked.
            key: Under which the same request is answered once.

        Raises:
            InvalidRequest: The message is empty or too long.
            NotFound: The session is not this member's.
            ServiceUnavailable: A store or every generator failed; nothing was stored and nothing is charged.
            FootnoteError: See `quota.Admission.admit`.
        """
        validate(question)
        asked = await self._asked(context, question)
        if self._charges is None:
            async with aclosing(self._answered(asked)) as given:
                async for event in given:
                    yield event
            return
        model = self._generators.planned(enable_rag=question.enable_rag)
        charge = await self._charges.open(context, question, asked.history, model=model, key=key)
        if isinstance(charge, Replayed):
            yield Repeated(KeptResponse.of(charge).body)
            return
        asked = replace(asked, question=replace(question, max_tokens=charge.max_tokens), charge=charge)
        async with charge, aclosing(collected(self._answered(asked), charge.usage)) as given:
            async for event in given:
                yield event

    async def _answered(self, asked: _Asked) -> AsyncGenerator[Event, None]:
        visit = nullcontext(Lookup())
        arrived = self._clock.monotonic()
        cached = as_cached(asked.question, asked.history)
        async with self._answers.visit(asked.context, cached) if self._answers else visit as lookup:
            asked.trail.add("cache", arrived)
            events = self._repeat(asked, lookup.hit) if lookup.hit else self._write_anew(asked, lookup)
            async with aclosing(events) as given:
                async for event in given:
                    yield event

    async def _repeat(self, asked: _Asked, hit: Hit) -> AsyncGenerator[Event, None]:
        """The events of a cached answer, which is a turn of this conversation like any other.

        It is complete before its first event, and so it is stored before.
        """
        asked.trail.grounds = hit.answer.grounds
        elapsed_ms = self._elapsed_ms(asked)
        answer = again(hit, session_id=asked.session_id, message_id=new_id(), elapsed_ms=elapsed_ms)
        answer = self._told(asked, answer)
        await uninterrupted(self._store(asked, answer))
        for event in replay(hit, answer):
            yield event
        yield Usage(0, 0, cost=answer.metadata.cost)
        yield Done(answer)

    async def _write_anew(self, asked: _Asked, lookup: Lookup) -> AsyncGenerator[Event, None]:
        question = asked.question
        found = await self._search(asked)
        with asked.trail.measure("context"):
            packed = self._packed(found)
        generator = self._generators.choose(enable_rag=question.enable_rag, has_passages=bool(packed))
        basis = AnswerBasis(
            session_id=asked.session_id,
            message_id=new_id(),
            passages=packed,
            model=generator.name,
            strategy=found.strategy,
            degraded=found.degraded,
            prompt_version=self._prompt_version,
        )
        grounds = await grounds_of(
            basis,
            found,
            self._embedder,
            order=self._in_order(packed),
            settings_digest=self._settings_digest,
        )
        asked.trail.grounds = grounds
        draft = AnswerDraft(basis, self._embedder, unsupported=self._settings.unsupported)
        yield _retrieval_event(basis, found)
        try:
            with asked.trail.measure("write"):
                async with aclosing(self._write(asked, generator, draft)) as written:
                    async for event in written:
                        yield event
        except (asyncio.CancelledError, GeneratorExit):
            if draft.text:
                answer = draft.answer(self._elapsed_ms(asked), interrupted=True)
                with suppressing_errors("an interrupted answer could not be stored"):
                    await uninterrupted(self._store(asked, self._told(asked, answer)))
            raise
        answer = draft.answer(self._elapsed_ms(asked))
        told = self._told(asked, answer)
        await uninterrupted(self._store(asked, told))
        await lookup.keep(answer, grounds)
        yield self._usage(asked, draft, told)
        yield Done(told)

    async def _asked(self, context: OrganizationContext, question: ChatQuestion) -> _Asked:
        at, started = self._clock.now(), self._clock.monotonic()
        trail = Trail(self._clock)
        limit = 2 * self._settings.history_turns
        if question.session_id is None:
            return _Asked(context, question, new_id(), question.history[-limit:], at, started, trail)
        with trail.measure("history"):
            messages = await self._conversations.history(context, question.session_id, limit)
        history = tuple(map(turn_of, messages))
        return _Asked(context, question, question.session_id, history, at, started, trail)

    async def _search(self, asked: _Asked) -> SearchResult:
        if not asked.question.enable_rag:
            return _NOT_SEARCHED
        trail = asked.trail
        with trail.measure("understand"):
            trail.query = await contextual_query(
                asked.question.message,
                asked.history,
                self._embedder,
                context=asked.context,
                rewriter=self._rewriter,
            )
        retriever = self._retriever if asked.question.use_cache else self._uncached
        with trail.measure("search"):
            trail.found = await retriever.retrieve(
                asked.context,
                trail.query,
                filters=asked.question.filters,
                limit=self._settings.passages,
                strategy="auto",
            )
        return trail.found

    async def _write(
        self, asked: _Asked, generator: Generator, draft: AnswerDraft
    ) -> AsyncGenerator[Event, None]:
        question = asked.question
        request = GenerationRequest(
            context=asked.context,
            question=question.message,
            passages=self._in_order(draft.basis.passages),
            history=asked.history,
            max_tokens=question.max_tokens,
            temperature=question.temperature,
            timeout_s=max(0.0, self._settings.deadline_s - (self._clock.monotonic() - asked.started)),
        )
        async with aclosing(_drafted(generator, request, draft)) as events:
            async for event in events:
                yield event
        if draft.is_groundless:
            for restart in draft.restart(UNGROUNDED):
                yield restart
            async with aclosing(_drafted(self._generators.extractive, request, draft)) as events:
                async for event in events:
                    yield event

    def _packed(self, found: SearchResult) -> list[PackedPassage]:
        settings = self._settings
        return pack(found.passages, settings.context_tokens, token_factor=settings.context_token_factor)

    def _in_order(self, passages: Sequence[PackedPassage]) -> tuple[PromptPassage, ...]:
        prompts = tuple(packed.prompt for packed in passages)
        return at_both_ends(prompts) if self._settings.passage_order == "both_ends" else prompts

    async def _store(self, asked: _Asked, answer: Answer) -> None:
        is_new = asked.question.session_id is None
        turn = NewTurn(
            session_id=answer.session_id,
            session_title=title_of(asked.question.message) if is_new else None,
            question_id=new_id(),
            question=asked.question.message,
            asked_at=asked.at,
            answer_id=answer.message_id,
            answer=answer.text,
            sources=[source.as_json() for source in answer.sources],
            metadata=answer.metadata.as_json(),
            provenance=asked.trail.record(asked.context, asked.question, answer),
            settlement=asked.charge.settlement(answer) if asked.charge else None,
        )
        await self._conversations.append_turn(asked.context, turn)
        if asked.charge:
            asked.charge.settled()

    def _told(self, asked: _Asked, answer: Answer) -> Answer:
        """The answer with all that is told about it."""
        told = answer.told(self._notice)
        return asked.charge.told(told) if asked.charge else told

    def _usage(self, asked: _Asked, draft: AnswerDraft, answer: Answer) -> Usage:
        if asked.charge is None:
            used = draft.usage
            return Usage(used.input_tokens, used.output_tokens, used.cached_tokens)
        total = asked.charge.usage.total
        cost = answer.metadata.cost
        return Usage(total("input_tokens"), total("output_tokens"), total("cached_tokens"), cost)

    def _elapsed_ms(self, asked: _Asked) -> int:
        return round(1000 * (self._clock.monotonic() - asked.started))


async def _drafted(
    generator: Generator, request: GenerationRequest, draft: AnswerDraft
) -> AsyncGenerator[Event, None]:
    async with aclosing(cast("AsyncGenerator[GenerationDelta, None]", generator.stream(request))) as deltas:
        async for delta in deltas:
            async for event in draft.take(delta):
                yield event
    async for event in draft.finish():
        yield event


def _retrieval_event(basis: AnswerBasis, found: SearchResult) -> Retrieval:
    return Retrieval(
        session_id=basis.session_id,
        message_id=basis.message_id,
        strategy=basis.strategy,
        degraded=basis.degraded,
        passages=len(basis.passages),
        timings_ms=found.timings_ms,
    )
