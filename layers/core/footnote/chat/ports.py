"""What conversations need of a store. One contract suite runs against each adapter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.chat.models import Message, NewTurn, Session
from footnote.knowledge import Retrieval, SearchFilters, StandAloneQuery, Strategy, TermAnalysis
from footnote.platform.context import OrganizationContext


class ConversationStore(Protocol):
    """Sessions and messages of the acting member; other members' sessions do not exist here.

    Every method raises `NotFound` for a session that is deleted, of another member or of another
    organization, and `ServiceUnavailable` if the store cannot be reached.
    """

    async def session(self, context: OrganizationContext, session_id: UUID) -> Session:
        """One session."""
        ...

    async def history(self, context: OrganizationContext, session_id: UUID, limit: int) -> list[Message]:
        """The last `limit` messages, oldest first."""
        ...

    async def append_turn(self, context: OrganizationContext, turn: NewTurn) -> None:
        """Stores question and answer in one transaction, after whatever the session holds by then.

        Positions count from 1 without gaps, whatever runs at the same time. A turn with a settlement is
        charged in the same transaction, so that there is none without the other.

        Raises:
            RequestInProgress: Another attempt at the same request has taken the turn's hold over. The turn is
                not stored; its cost is in the internal ledger.
        """
        ...

    async def sessions(
        self, context: OrganizationContext, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Session]:
        """Most recently used first; `before` is the (updated_at, id) of the last one of the page before."""
        ...

    async def messages(
        self, context: OrganizationContext, session_id: UUID, *, after: int, limit: int
    ) -> list[Message]:
        """Messages with a position above `after`, oldest first."""
        ...

    async def delete(self, context: OrganizationContext, session_id: UUID) -> None:
        """Makes a session invisible at once."""
        ...


class TermAnalyzer(Protocol):
    """The part of `knowledge.SearchStore` that reading needs."""

    async def analyze(
        self, context: OrganizationContext, texts: Sequence[str], language: str
    ) -> TermAnalysis:
        """Lexemes of `texts` (the first is the question) with the corpus's idf of the question's."""
        ...


class PassageRetriever(Protocol):
    """Search in an organization's documents: `knowledge.Retriever`."""

    async def retrieve(
        self,
        context: OrganizationContext,
        query: StandAloneQuery,
        *,
        filters: SearchFilters,
        limit: int | None,
        strategy: Strategy,
    ) -> Retrieval:
        """The best passages.

        Args:
            context: Whose documents.
            query: The message, made stand-alone.
            filters: Narrow the documents.
            limit: How many passages at most; as many as the question needs if `None`.
            strategy: `hybrid`, `lexical`, `vector`, or `auto` for what the question suggests.

        Raises:
            ServiceUnavailable: The store failed. Without the embedding model the result is lexical and
                says that it is degraded.
        """
        ...
