"""The BM25 index: which words a text has, and the postings and statistics of the active versions.

Statistics (chunks, total length, document frequencies) are exact: they change only in the transaction that
switches or removes a version, under a lock of the organization's row in `knowledge.corpora`. The index itself
is written by functions in the database (migration 0004), which also say how it is laid out.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.knowledge.language import without_function_words
from footnote.knowledge.lexical import lexical_form
from footnote.stores.postgres.database import Cursor

# Languages whose words PostgreSQL knows how to reduce to their stems. Every text is analysed as English too:
# names, numbers and quotations are shared, and a short query's language is often guessed wrong.
CONFIGURATIONS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian",
    "ne": "nepali", "nl": "dutch", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian",
    "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
OWN_ANALYSIS = (*CONFIGURATIONS, "cs", "pl", "vi")
"""Languages whose texts are analysed in a way of their own: stemmed, or without their function words."""

# Words of both analyses, told apart by a label, each with all of its positions, so that phrases match in
# either. A word that both find counts once, with its English frequency (knowledge.term_frequency).
LEXEMES = """
    CASE WHEN {0}.configuration IS NULL THEN {0}.plain
         ELSE {0}.plain || setweight(to_tsvector({0}.configuration::regconfig, {0}.native), 'C') END"""


def analysis(text: str, language: str) -> dict[str, str | None]:
    """What the database analyses: `common` as English, `native` with `configuration` if that is not null."""
    configuration = CONFIGURATIONS.get(language)
    native = lexical_form(text, fold_accents=False) if configuration else None
    common = lexical_form(without_function_words(text, language))
    return {"common": common, "native": native, "configuration": configuration}


_LOCK = "SELECT FROM knowledge.corpora WHERE organization_id = %(organization_id)s FOR UPDATE"
_CREATE = (
    "INSERT INTO knowledge.corpora (organization_id) VALUES (%(organization_id)s) ON CONFLICT DO NOTHING"
)


async def lock_corpus(cursor: Cursor, organization_id: UUID) -> None:
    """Makes this transaction the only one that changes the organization's index.

    Every transaction that locks several kinds of rows takes them in this order, so that none waits for the
    other: corpora, documents, object states, versions.
    """
    names = {"organization_id": organization_id}
    await cursor.execute(_LOCK, names)
    if await cursor.fetchone() is None:
        await cursor.execute(_CREATE, names)
        await cursor.execute(_LOCK, names)


_CHUNKS = """ARRAY(
    SELECT chunk_id FROM knowledge.chunks
     WHERE organization_id = %(organization_id)s
       AND document_id = %(document_id)s AND version = %(version)s)"""
_ADD = f"SELECT knowledge.index_chunks(%(organization_id)s, {_CHUNKS}, %(k1)s, %(b)s)"
_REMOVE = f"SELECT knowledge.unindex_chunks(%(organization_id)s, {_CHUNKS})"


async def add_version(
    cursor: Cursor, organization_id: UUID, document_id: UUID, version: int, *, k1: float, b: float
) -> None:
    """Indexes the stored chunks of a version. The caller holds the corpus's lock."""
    await cursor.execute(_ADD, {**_names(organization_id, document_id, version), "k1": k1, "b": b})


async def remove_version(cursor: Cursor, organization_id: UUID, document_id: UUID, version: int) -> None:
    """Takes an indexed version out of the index. The caller holds the corpus's lock."""
    await cursor.execute(_REMOVE, _names(organization_id, document_id, version))


def _names(organization_id: UUID, document_id: UUID, version: int) -> dict[str, Any]:
    return {"organization_id": organization_id, "document_id": document_id, "version": version}
