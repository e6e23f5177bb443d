"""One question's way through: history, search, passages, generation, citations, storage.

`ChatOrchestrator.stream` is an async generator of typed events; transports only serialise them. Nothing is
left to run after it ends: Lambda freezes the process with the response.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from footnote.chat.context import pack
from footnote.chat.draft import AnswerBasis, AnswerDraft
from footnote.chat.events import Done, Event, Retrieval, Usage
from footnote.chat.generators import Generators
from footnote.chat.models import MESSAGE_CHARACTERS, Answer, ChatQuestion, Message, NewTurn
from footnote.chat.ports import ConversationStore, PassageRetriever
from footnote.knowledge import Retrieval as SearchResult
from footnote.knowledge import contextual_query
from footnote.models import Embedder, GenerationDelta, GenerationRequest, Generator, Turn
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
    ) -> None:
        self._retriever = retriever
        self._conversations = conversations
        self._embedder = embedder
        self._generators = generators
        self._clock = clock
        self._settings = settings
        self._prompt_version = prompt_version

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
        found = await self._search(asked)
        packed = pack(found.passages, self._settings.context_tokens)
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
        draft = AnswerDraft(basis, self._embedder)
        yield _retrieval_event(basis, found)
        try:
            async with aclosing(self._write(asked, generator, draft)) as written:
                async for event in written:
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            if draft.text:
                await _uninterrupted(
                    self._store(asked, draft.answer(self._elapsed_ms(asked), interrupted=True))
                )
            raise
        answer = draft.answer(self._elapsed_ms(asked))
        await _uninterrupted(self._store(asked, answer))
        yield Usage(draft.usage.input_tokens, draft.usage.output_tokens)
        yield Done(answer)

    async def _asked(self, context: OrganizationContext, question: ChatQuestion) -> _Asked:
        at, started = self._clock.now(), self._clock.monotonic()
        limit = 2 * self._settings.history_turns
        if question.session_id is None:
            return _Asked(context, question, new_id(), question.history[-limit:], at, started)
        messages = await self._conversations.history(context, question.session_id, limit)
        return _Asked(context, question, question.session_id, tuple(map(_turn, messages)), at, started)

    async def _search(self, asked: _Asked) -> SearchResult:
        if not asked.question.enable_rag:
            return _NOT_SEARCHED
        query, vector = await contextual_query(asked.question.message, asked.history, self._embedder)
        return await self._retriever.retrieve(
            asked.context,
            query,
            filters=asked.question.filters,
            limit=self._settings.passages,
            strategy="hybrid",
            vector=vector,
        )

    async def _write(
        self, asked: _Asked, generator: Generator, draft: AnswerDraft
    ) -> AsyncGenerator[Event, None]:
        question = asked.question
        request = GenerationRequest(
            context=asked.context,
            question=question.message,
            passages=tuple(packed.prompt for packed in draft.basis.passages),
            history=asked.history,
            max_tokens=question.max_tokens,
            temperature=question.temperature,
            timeout_s=max(0.0, self._settings.deadline_s - (self._clock.monotonic() - asked.started)),
        )
        async with aclosing(
            cast("AsyncGenerator[GenerationDelta, None]", generator.stream(request))
        ) as deltas:
            async for delta in deltas:
                async for event in draft.take(delta):
                    yield event
        async for event in draft.finish():
            yield event

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
        )
        await self._conversations.append_turn(asked.context, turn)

    def _elapsed_ms(self, asked: _Asked) -> int:
        return round(1000 * (self._clock.monotonic() - asked.started))


def _validate(question: ChatQuestion) -> None:
    if not question.message.strip():
        raise InvalidRequest("The message is empty.")
    if len(question.message) > MESSAGE_CHARACTERS:
        raise InvalidRequest(f"The message is longer than {MESSAGE_CHARACTERS} characters.")
    if question.session_id is not None and question.history:
        raise InvalidRequest("Send either a session or the history of a conversation that you keep yourself.")


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
