"""The level meters `documents` and `storage_bytes`: always what the active documents are, to the byte.

A version's size is that of `knowledge.document_versions`; `knowledge.documents` shows that of the newest
event. Windows are locked after everything else: whoever waits for them waits for the end of a transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid5

from footnote.quota import Meter, Settlement, Used
from footnote.stores.postgres.database import Cursor
from footnote.stores.postgres.fenced_holds import settle_fenced
from footnote.stores.postgres.quota import adjust_within

FEATURE = "ingestion"

_ACTIVE_SIZE = """
    SELECT v.size_bytes
      FROM knowledge.documents d
      JOIN knowledge.document_versions v
        ON v.organization_id = d.organization_id AND v.document_id = d.document_id
       AND v.version = d.active_version
     WHERE d.organization_id = %(organization_id)s AND d.document_id = %(document_id)s
       AND d.deleted_at IS NULL
"""
_SIZE = """
    SELECT size_bytes FROM knowledge.document_versions
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND version = %(version)s
"""


async def levels_of(cursor: Cursor, names: Mapping[str, Any], size: int) -> dict[Meter, int]:
    """How the levels change when the document gets an active version of `size` bytes."""
    await cursor.execute(_ACTIVE_SIZE, names)
    row = await cursor.fetchone()
    if row is None:
        return {Meter.DOCUMENTS: 1, Meter.STORAGE_BYTES: size}
    return {Meter.DOCUMENTS: 0, Meter.STORAGE_BYTES: size - row["size_bytes"]}


async def charge_version(
    cursor: Cursor, names: Mapping[str, Any], levels: Mapping[Meter, int], charge: Settlement | None
) -> None:
    """Records, in the transaction that activates a version, what it changes and what reading it used.

    Args:
        cursor: Of the transaction, which does nothing else after it.
        names: `organization_id`, `document_id` and `version`.
        levels: See `levels_of`.
        charge: What is settled; `None` for a version that nothing was reserved for.
    """
    if charge is None:
        event_id = uuid5(names["document_id"], f"{names['version']}:activated")
        await adjust_within(cursor, event_id, FEATURE, levels)
        return
    used = (*(Used(meter, units) for meter, units in levels.items()), *charge.used)
    await settle_fenced(cursor, replace(charge, used=used))


async def give_back_version(cursor: Cursor, names: Mapping[str, Any], version: int) -> None:
    """Records, in the transaction that hides a document, that its active version is not stored any more.

    A version is hidden once at most, so that its number makes the event's id.
    """
    await cursor.execute(_SIZE, {**names, "version": version})
    row = await cursor.fetchone()
    assert row is not None
    event_id = uuid5(names["document_id"], f"{version}:hidden")
    levels = {Meter.DOCUMENTS: -1, Meter.STORAGE_BYTES: -row["size_bytes"]}
    await adjust_within(cursor, event_id, FEATURE, levels)
