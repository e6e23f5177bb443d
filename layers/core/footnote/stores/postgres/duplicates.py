"""The same bytes twice are one document: a second object with them is tied to the first document."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.knowledge.ports import Superseded
from footnote.platform.errors import Conflict
from footnote.stores.postgres import lexical_index
from footnote.stores.postgres.claims import OPEN_STAGES
from footnote.stores.postgres.database import Cursor
from footnote.stores.postgres.document_levels import give_back_version
from footnote.stores.postgres.staging import MINE

_SAME_BYTES = """
    SELECT document_id FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND content_sha256 = %(sha256)s
       AND active_version IS NOT NULL AND deleted_at IS NULL
"""
_LOCK_BOTH = f"""
    SELECT d.document_id, d.active_version,
           EXISTS (SELECT FROM knowledge.document_versions v
                    WHERE v.organization_id = d.organization_id AND v.document_id = d.document_id
                      AND v.stage IN {OPEN_STAGES}) AS changing
      FROM knowledge.documents d
     WHERE d.organization_id = %(organization_id)s AND d.document_id IN (%(document_id)s, %(first_id)s)
       AND d.deleted_at IS NULL
     ORDER BY d.document_id FOR NO KEY UPDATE OF d
"""
_TIE = """
    UPDATE knowledge.object_states SET document_id = %(first_id)s, updated_at = now()
     WHERE organization_id = %(organization_id)s AND bucket = %(bucket)s AND key = %(key)s
"""
_END_JOB = f"""
    UPDATE knowledge.document_versions
       SET stage = 'purged', content_sha256 = %(sha256)s, superseded_at = now(), leased_until = now()
     WHERE {MINE}
"""
_SHOW_UNCHANGED = """
    UPDATE knowledge.documents SET status = 'completed', stage = 'active', updated_at = now()
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
"""
_SHOW_DUPLICATE = """
    UPDATE knowledge.documents
       SET status = 'duplicate', stage = 'purged', duplicate_of = %(first_id)s, active_version = NULL,
           updated_at = now()
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
"""
_END_ACTIVE = """
    UPDATE knowledge.document_versions SET stage = 'superseded', superseded_at = now()
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND stage = 'active'
"""


async def find_same_bytes(cursor: Cursor, names: dict[str, Any]) -> UUID | None:
    """The active document whose bytes have the digest `sha256`."""
    await cursor.execute(_SAME_BYTES, names)
    row = await cursor.fetchone()
    return row["document_id"] if row else None


async def tie(cursor: Cursor, names: dict[str, Any]) -> None:
    """Ends the job as one that changes nothing, or as a duplicate of the document `first_id`.

    The caller holds the corpus's lock and has found `first_id` under it.

    Raises:
        Superseded: The job is not this worker's any more.
        Conflict: The first document is being replaced; when that is done, it may have other bytes.
    """
    await cursor.execute(_LOCK_BOTH, names)
    found = {row["document_id"]: row for row in await cursor.fetchall()}
    own, first = found.get(names["document_id"]), found.get(names["first_id"])
    if own is None or first is None:
        raise Superseded
    if first is own:
        await cursor.execute(_SHOW_UNCHANGED, names)
    else:
        await _join(cursor, names, own, first)
    await cursor.execute(_END_JOB, names)
    if cursor.rowcount == 0:
        raise Superseded
    if first is not own and own["active_version"] is not None:
        # Its bytes are counted with the first document from now on.
        await give_back_version(cursor, names, own["active_version"])


async def _join(cursor: Cursor, names: dict[str, Any], own: dict[str, Any], first: dict[str, Any]) -> None:
    if first["changing"]:
        raise Conflict("The document with the same bytes is being replaced.", retry_after_s=2)
    await cursor.execute(_TIE, names)
    if own["active_version"] is not None:
        await lexical_index.remove_version(
            cursor, names["organization_id"], names["document_id"], own["active_version"]
        )
        await cursor.execute(_END_ACTIVE, names)
    await cursor.execute(_SHOW_DUPLICATE, names)
