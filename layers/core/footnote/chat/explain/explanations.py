"""The use case: explaining an answer to the member who got it, or to who may look into everybody's."""

from __future__ import annotations

from uuid import UUID

from footnote.chat.explain.assembly import assemble
from footnote.chat.explain.models import Explanation
from footnote.chat.provenance import Place, ProvenanceStore
from footnote.platform.context import OrganizationContext

AUDIT = "chat:audit"
"""Permission to explain the answers of other members of the organization."""


class Explanations:
    """Explains stored answers.

    Args:
        store: The records.
    """

    def __init__(self, store: ProvenanceStore) -> None:
        self._store = store

    async def explain(self, context: OrganizationContext, message_id: UUID) -> Explanation:
        """How an answer came about, and whether it still holds.

        Raises:
            NotFound: There is no such answer for this member, or it has no record; the message says which.
        """
        stored = await self._store.read(context, message_id, of_any_member=AUDIT in context.permissions)
        record = stored.record.body
        origin_id = record["cache"]["origin"]
        origin = await self._store.origin(context, UUID(origin_id)) if origin_id else None
        documents = [UUID(one["document_id"]) for one in record["documents"]]
        places = [
            Place(one["chunk_id"], UUID(one["document_id"]), one["sha256"]) for one in record["passages"]
        ]
        return assemble(stored, await self._store.current(context, documents, places), origin)
