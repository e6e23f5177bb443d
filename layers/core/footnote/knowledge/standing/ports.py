"""What the explanation of a search needs of a store."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from footnote.knowledge.filters import SearchFilters, TextConstraints
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.knowledge.standing.models import DocumentStanding
from footnote.platform.context import OrganizationContext


class StandingStore(Protocol):
    """Looks a document up in a search. Exact, and slower than a search: every chunk is ranked."""

    async def standing(
        self,
        context: OrganizationContext,
        document_id: UUID,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        *,
        filters: SearchFilters,
        constraints: TextConstraints,
        limit: int,
    ) -> DocumentStanding:
        """Where the document stands, in one consistent view.

        Args:
            context: Whose documents.
            document_id: The document.
            lexical: The words, or `None` if only meaning was searched.
            dense: The vector, or `None` if only words were searched.
            filters: Of the search.
            constraints: Of the search.
            limit: How many of its chunks to return.

        Raises:
            ServiceUnavailable: The store failed, or the organization is too large to be ranked in time.
        """
        ...
