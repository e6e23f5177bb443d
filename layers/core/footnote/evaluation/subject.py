"""The product under evaluation: it searches and answers as for a member, and leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.chat import Answer, ChatQuestion, Message, NewTurn, PassageRetriever, Session
from footnote.knowledge import QueryRewriter, Retrieval, SearchFilters, contextual_query
from footnote.models import Embedder, Turn
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound


class Answers(Protocol):
    """`footnote.chat.orchestrator.ChatOrchestrator`, made with `Unrecorded` conversations."""

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer: ...


class ProductSubject:
    """A `Subject` made of the product's own services.

    Args:
        retriever: Search, without caches.
        chat: Answers, without caches and conversations.
        embedder: For cosines, and for follow-up questions.
        rewriter: Words follow-ups anew; none where rules alone do.
        search_limit: Passages that a search returns.
        history_turns: Earlier exchanges that a follow-up is understood by.
    """

    def __init__(
        self,
        *,
        retriever: PassageRetriever,
        chat: Answers,
        embedder: Embedder,
        rewriter: QueryRewriter | None,
        search_limit: int,
        history_turns: int,
    ) -> None:
        self._retriever = retriever
        self._chat = chat
        self._embedder = embedder
        self._rewriter = rewriter
        self._search_limit = search_limit
        self._history = 2 * history_turns

    async def search(self, context: OrganizationContext, query: str, history: Sequence[Turn]) -> Retrieval:
        """See `Subject.search`."""
        asked = await contextual_query(
            query,
            tuple(history)[-self._history :] if self._history else (),
            self._embedder,
            context=context,
            rewriter=self._rewriter,
        )
        return await self._retriever.retrieve(
            context,
            asked,
            filters=SearchFilters(),
            limit=self._search_limit,
            strategy="auto",
        )

    async def answer(self, context: OrganizationContext, question: ChatQuestion) -> Answer:
        """See `Subject.answer`."""
        return await self._chat.answer(context, question)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """See `Subject.embed`."""
        return await self._embedder.embed_queries(texts)


class Unrecorded:
    """A `ConversationStore` that keeps nothing: turns of an evaluation are no conversation of anybody."""

    async def append_turn(self, context: OrganizationContext, turn: NewTurn) -> None:
        """Keeps nothing."""

    async def session(self, context: OrganizationContext, session_id: UUID) -> Session:  # noqa: ARG002 - the port's
        raise _nothing_kept()

    async def history(
        self,
        context: OrganizationContext,  # noqa: ARG002 - the port's
        session_id: UUID,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> list[Message]:
        raise _nothing_kept()

    async def sessions(
        self,
        context: OrganizationContext,  # noqa: ARG002 - the port's
        *,
        before: tuple[datetime, UUID] | None,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> list[Session]:
        return []

    async def messages(
        self,
        context: OrganizationContext,  # noqa: ARG002 - the port's
        session_id: UUID,  # noqa: ARG002
        *,
        after: int,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> list[Message]:
        raise _nothing_kept()

    async def delete(self, context: OrganizationContext, session_id: UUID) -> None:  # noqa: ARG002 - the port's
        raise _nothing_kept()


def _nothing_kept() -> NotFound:
    return NotFound("An evaluation keeps no conversations.")
