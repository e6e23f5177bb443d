"""One question's way through: history, search, passages, generation, citations, storage.

`ChatOrchestrator.stream` is an async generator of typed events; transports only serialise them. Nothing is
left to run after it ends: Lambda freezes the process with the response.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from footnote.chat.caching import AnswerCache, AskedQuestion, Hit, Lookup
from footnote.chat.caching.replay import again, replay
from footnote.chat.context import at_both_ends, pack
from footnote.chat.draft import UNGROUNDED, AnswerBasis, AnswerDraft
from footnote.chat.events import Done, Event, Retrieval, Usage
from footnote.chat.generators import Generators
from footnote.chat.models import MESSAGE_CHARACTERS, Answer, ChatQuestion, Message, NewTurn
from footnote.chat.passages import PackedPassage
from footnote.chat.ports import ConversationStore, PassageRetriever
from footnote.chat.provenance.recording import Trail, grounds_of
from footnote.knowledge import QueryRewriter, contextual_query, stand_alone
from footnote.knowledge import Retrieval as SearchResult
from footnote.models import (
    Embedder,
    GenerationDelta,
    GenerationRequest,
    Generator,
    PromptPassage,
    Turn,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest
from footnote.platform.ids import new_id
from footnote.platform.settings import ChatSettings

_TITLE_CHARACTERS = 60
_CITATION = re.compile(r"\s?\[\d{1,3}\]")
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

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer:
        """The whole answer at once; same errors as `stream`."""
        done: Answer | None = None
        async for event in self.stream(context, question):
            if isinstance(event, Done):
                done = event.answer
        assert done is not None  # `stream` ends with `Done` or raises
        return done

    async def stream(
        self, context: OrganizationContext, question: ChatQuestion
    ) -> AsyncGenerator[Event, None]:
        """The answer as events, the last one `Done`.

        The turn is stored before `Done`. If the consumer leaves earlier (closes the generator, or is
        cancelled), what it had been given is stored as interrupted.

        Raises:
            InvalidRequest: The message is empty or too long.
            NotFound: The session is not this member's.
            ServiceUnavailable: A store or every generator failed; nothing was stored.
        """
        _validate(question)
        asked = await self._asked(context, question)
        visit = nullcontext(Lookup())
        arrived = self._clock.monotonic()
        async with self._answers.visit(context, _as_cached(asked)) if self._answers else visit as lookup:
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
        answer = answer.told(self._notice)
        await _uninterrupted(self._store(asked, answer))
        for event in replay(hit, answer):
            yield event
        yield Usage(0, 0)
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
                await _uninterrupted(self._store(asked, answer.told(self._notice)))
            raise
        answer = draft.answer(self._elapsed_ms(asked))
        told = answer.told(self._notice)
        await _uninterrupted(self._store(asked, told))
        await lookup.keep(answer, grounds)
        yield Usage(draft.usage.input_tokens, draft.usage.output_tokens)
        yield Done(told)

    async def _asked(self, context: OrganizationContext, question: ChatQuestion) -> _Asked:
        at, started = self._clock.now(), self._clock.monotonic()
        trail = Trail(self._clock)
        limit = 2 * self._settings.history_turns
        if question.session_id is None:
            return _Asked(context, question, new_id(), question.history[-limit:], at, started, trail)
        with trail.measure("history"):
            messages = await self._conversations.history(context, question.session_id, limit)
        history = tuple(map(_turn, messages))
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
        async for event in _drafted(generator, request, draft):
            yield event
        if draft.is_groundless:
            for restart in draft.restart(UNGROUNDED):
                yield restart
            async for event in _drafted(self._generators.extractive, request, draft):
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
            session_title=_title(asked.question.message) if is_new else None,
            question_id=new_id(),
            question=asked.question.message,
            asked_at=asked.at,
            answer_id=answer.message_id,
            answer=answer.text,
            sources=[source.as_json() for source in answer.sources],
            metadata=answer.metadata.as_json(),
            provenance=asked.trail.record(asked.context, asked.question, answer),
        )
        await self._conversations.append_turn(asked.context, turn)

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


def _validate(question: ChatQuestion) -> None:
    if not question.message.strip():
        raise InvalidRequest("The message is empty.")
    if len(question.message) > MESSAGE_CHARACTERS:
        raise InvalidRequest(f"The message is longer than {MESSAGE_CHARACTERS} characters.")
    if question.session_id is not None and question.history:
        raise InvalidRequest("Send either a session or the history of a conversation that you keep yourself.")


def _as_cached(asked: _Asked) -> AskedQuestion:
    question = asked.question
    alone = stand_alone(question.message, asked.history)
    return AskedQuestion(
        text=question.message,
        filters=question.filters,
        enable_rag=question.enable_rag,
        max_tokens=question.max_tokens,
        temperature=question.temperature,
        depends_on_history=alone.depends or alone.conversation is not None,
        has_history=bool(asked.history),
        use_cache=question.use_cache,
    )


def _turn(message: Message) -> Turn:
    """Without its citation numbers, which counted the passages of another question."""
    return Turn(message.actor, _CITATION.sub("", message.text))


def _retrieval_event(basis: AnswerBasis, found: SearchResult) -> Retrieval:
    return Retrieval(
        session_id=basis.session_id,
        message_id=basis.message_id,
        strategy=basis.strategy,
        degraded=basis.degraded,
        passages=len(basis.passages),
        timings_ms=found.timings_ms,
    )


def _title(message: str) -> str:
    """The session's title: the first message on one line, shortened between two words."""
    line = " ".join(message.split())
    if len(line) <= _TITLE_CHARACTERS:
        return line
    head, _, _ = line[:_TITLE_CHARACTERS].rpartition(" ")
    return f"{head or line[: _TITLE_CHARACTERS - 1]}…"


async def _uninterrupted(work: Coroutine[None, None, None]) -> None:
    """Lets a short piece of work end even if its caller is cancelled meanwhile: whole or not at all."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
